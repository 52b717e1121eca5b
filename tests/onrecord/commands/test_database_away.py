"""The database goes away under a running service, which is killed as well: what it answered is not lost."""

import fcntl
import os
import secrets
import signal
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
import requests
from sqlalchemy import text

from onrecord.initialise import initialise
from onrecord.installation import open_installation
from storage.rows import calls
from storage.rows.calls import Call
from tests.callflow.conftest import ACCOUNT, BASE, TOKEN, Clock, Delivery, PhoneCall, Twilio, connects, said
from tests.callflow.test_remembered_declines import REMEMBERED, TEXT
from tests.callflow.whole_calls import NOTICE
from tests.conftest import DIALECTS
from tests.databases import PostgresServer
from tests.onrecord.commands.people import phone_company
from tests.onrecord.commands.site import Site
from tests.onrecord.commands.test_serving import Served, kill, starting, until
from tests.processes import children

_PATIENCE_S = 120  # a busy machine takes its time to start two web servers


@dataclass
class Told:
    """A caller who has been asked, and the request that their 2 will be; both made by a service of the past."""

    twilio: Twilio
    call: PhoneCall
    refusal: Delivery


def asked(site: Site) -> Told:
    """Before `serve` starts, so that nobody waits for the disclosure to play."""
    site.environ |= {"PUBLIC_BASE_URL": BASE, "TWILIO_ACCOUNT_SID": ACCOUNT, "TWILIO_AUTH_TOKEN": TOKEN}
    (site.folder / "onrecord.toml").write_text(TEXT)
    with site.inside(), closing(open_installation(os.environ)) as installation:
        twilio = phone_company(installation, Clock(datetime.now(UTC) - timedelta(minutes=1)))
        call = twilio.dial(caller=f"+1512557{secrets.randbelow(10_000):04}")
        gather = call.to_the_question().find("Gather")
        assert gather is not None
        return Told(twilio, call, twilio.sign(gather.attrib["action"], call.pressed("2")))


def deliver(served: Served, delivery: Delivery) -> ET.Element:
    headers = {"X-Twilio-Signature": delivery.signature, "Content-Type": "application/x-www-form-urlencoded"}
    url = served.url("webhooks", delivery.path)
    answer = requests.post(url, data=delivery.body, headers=headers, timeout=15)
    assert answer.status_code == 200
    return ET.fromstring(answer.content)  # our own answer


@contextmanager
def serving(site: Site) -> Iterator[Served]:
    with starting(site) as served:
        until(served.is_ready, within_s=_PATIENCE_S)
        yield served


@contextmanager
def database_away(site: Site) -> Iterator[None]:
    """Somebody has the turn to write and does not pass it on; or Postgres is stopped: it refuses nothing, and says
    nothing.
    """
    if "DATABASE_URL" not in site.environ:
        with (site.folder / "var/onrecord.db.turn").open() as turn:
            fcntl.flock(turn, fcntl.LOCK_EX)
            yield
        return
    with closing(site.database()) as database, database.read() as connection:
        folder = Path(str(connection.scalar(text("SHOW data_directory"))))
    server = int((folder / "postmaster.pid").read_text().split()[0])
    stopped = [server]
    try:
        os.kill(server, signal.SIGSTOP)  # from now on it starts no other
        for process in children(server):
            with suppress(ProcessLookupError):  # one that had served its connection
                os.kill(process, signal.SIGSTOP)
                stopped.insert(0, process)
        yield
    finally:
        for process in stopped:
            os.kill(process, signal.SIGCONT)


@pytest.fixture(params=DIALECTS)
def site(request: pytest.FixtureRequest, postgres: PostgresServer, site: Site) -> Iterator[Site]:
    if request.param == "sqlite":
        yield site
        return
    with postgres.fresh_database() as url:
        site.environ["DATABASE_URL"] = url
        with site.inside():
            for _ in initialise(os.environ):
                pass
        yield site


def waiting(site: Site) -> list[Path]:
    return sorted((site.folder / "var/journal").glob("*.request"))


def row(site: Site, call: PhoneCall) -> Call:
    with closing(site.database()) as database, database.read() as connection:
        known = calls.peek_sid(connection, call.sid)
    assert known is not None
    return known


def assert_the_next_call_is_not_recorded(served: Served, told: Told) -> None:
    """On a line where staying on would be consent."""
    arrives = told.twilio.sign("/voice/answer", told.twilio.dial(NOTICE, told.call.caller).params())
    assert REMEMBERED in said(deliver(served, arrives))


def test_a_refusal_survives_a_web_process_that_is_killed_while_it_waits(site: Site) -> None:
    told = asked(site)
    with serving(site) as served:
        with database_away(site):
            answer = deliver(served, told.refusal)
            assert connects(answer)
            assert answer.find("Start") is None
            assert len(waiting(site)) == 1
            kill(served.workers())
            until(lambda: served.answers("webhooks"), within_s=_PATIENCE_S)
            assert connects(deliver(served, told.refusal))
        until(lambda: not waiting(site), within_s=_PATIENCE_S)
        assert row(site, told.call).outcome == "declined"
        assert_the_next_call_is_not_recorded(served, told)


def test_a_refusal_survives_the_whole_service_being_killed(site: Site) -> None:
    told = asked(site)
    with ExitStack() as away, serving(site) as served:
        away.enter_context(database_away(site))
        assert connects(deliver(served, told.refusal))
        os.killpg(served.process.pid, signal.SIGKILL)
        served.process.wait()
    assert len(waiting(site)) == 1
    with serving(site) as served:
        assert_the_next_call_is_not_recorded(served, told)
        assert row(site, told.call).outcome == "declined"
        assert waiting(site) == []


def test_readyz_tells_how_many_wait_and_since_when(site: Site) -> None:
    told = asked(site)
    with serving(site) as served:
        assert journal(served) == {"aside": 0, "is_full": False, "since": None, "unwritten": 0, "waiting": 0}
        with database_away(site):
            deliver(served, told.refusal)
            until(lambda: journal(served)["waiting"] == 1, within_s=_PATIENCE_S)
            since = journal(served)["since"]
            assert since is not None
            assert str(since).startswith(f"{datetime.now(UTC):%Y-%m-%d}")


def journal(served: Served) -> dict[str, object]:
    told: dict[str, object] = requests.get(served.url("webhooks", "/readyz"), timeout=5).json()["journal"]
    return told


def test_while_the_database_is_well_no_file_of_the_journal_is_opened(site: Site) -> None:
    """By the kernel's account: the folder's own times, and what processes have open, stay as they were."""
    told = asked(site)
    folder = site.folder / "var/journal"
    before = folder.stat()
    with serving(site) as served:
        assert not connects(deliver(served, told.twilio.sign("/voice/answer", told.twilio.dial().params())))
        assert connects(deliver(served, told.refusal))
        after = folder.stat()
        assert list(folder.iterdir()) == []
        assert (before.st_mtime_ns, before.st_ctime_ns) == (after.st_mtime_ns, after.st_ctime_ns)
        held = [str(link.readlink()) for one in served.workers() for link in Path(f"/proc/{one}/fd").iterdir()]
        assert [name for name in held if str(folder) in name] == []
