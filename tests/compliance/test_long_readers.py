"""Readers of the whole log: no view of the database outlasts a page, and what goes on meanwhile is no false alarm."""

import json
import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path
from typing import Any, cast

import pytest
from pysqlite3 import dbapi2 as sqlite
from sqlalchemy import Connection, text

from compliance.anchors.anchor_file import AnchorFile
from compliance.anchors.verify import held_checkpoints
from compliance.bundle.export import export
from compliance.bundle.request import Request
from compliance.bundle.selection import Selection
from compliance.disclosable import EVERYTHING
from evidence.events import Event, digest_of
from onrecord.publish import InForce, publish_rules
from policies.rulebook.read import parse
from storage.custody import erasure
from storage.custody.erasure import Request as Erasure
from storage.custody.erasure import Traces
from storage.database.engine import Database
from storage.jobs.queue import JobQueue
from storage.log import consent_log
from storage.log.tree_keeper import close_subtrees
from storage.log.verification import verify
from storage.moment import Moment
from storage.row_check.check import of_all
from tests.callflow.conftest import NUMBER_KEY, RULEBOOK
from tests.callflow.whole_calls import talks
from tests.compliance.test_bundle_export import Office, checked, make_office, write
from tests.conftest import NOON

Act = Callable[[], object]
FILLED = 1100
REMEMBERING = RULEBOOK.read_text().replace('remember = "never"', 'remember = "P90D"')


@pytest.fixture
def office(database: Database, tmp_path: Path) -> Office:
    """With a log of more than a page, of whose events each has a disclosure."""
    made = make_office(database, tmp_path, REMEMBERING)
    tells(made, FILLED)
    close_subtrees(database)
    made.sids = [talks(made.installation.twilio.dial(), "1").sid for _ in range(10)]
    made.sids += [talks(made.installation.twilio.dial(caller=f"+1512556{n:04}"), "2").sid for n in range(10)]
    made.anchoring.sign()
    return made


def tells(office: Office, events: int = 1) -> None:
    moment = Moment(office.installation.twilio.clock(), os.urandom)
    happened = [Event("call.received", {}, {"caller": f"+1512555{n:04}"}) for n in range(events)]
    office.installation.database.write(lambda connection: consent_log.append_events(connection, moment, *happened))


@dataclass
class Between:
    """A database; `acts` happen before each of its views is opened, and where a reader says that it goes on."""

    database: Database
    acts: list[Act] = field(default_factory=list)
    opened: int = 0

    def happens(self, *_: object) -> None:
        for act in self.acts:
            act()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.database, name)

    @contextmanager
    def read(self) -> Iterator[Connection]:
        self.opened += 1
        self.happens()
        with self.database.read() as connection:
            yield connection


def is_read(office: Office) -> bool:
    """Whether a transaction keeps alive what is changed now."""
    tells(office)
    database = office.installation.database
    if database.dialect == "sqlite":
        with closing(sqlite.connect(str(database.engine.url.database), timeout=0)) as connection:
            (is_busy, *_) = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            return bool(is_busy)
    query = (  # of clients: the server's own vacuum comes by when it likes
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() "
        "AND backend_type = 'client backend' AND (xact_start IS NOT NULL OR backend_xmin IS NOT NULL)"
    )
    with database.read() as connection:
        return bool(connection.scalar(text(query)))


def verifies(_: Office, between: Between) -> None:
    verify(between.read, progress=between.happens)


def compares_rows(office: Office, between: Between) -> None:
    found = of_all(between.read, office.installation.twilio.clock.now, progress=between.happens)
    assert [str(difference) for difference in found] == []


def holds_checkpoints(office: Office, between: Between) -> None:
    assert held_checkpoints(between.read, AnchorFile(str(office.folder / "anchors.txt")))


def exports(office: Office, between: Between, selection: Selection) -> dict[str, bytes]:
    anchoring = replace(office.anchoring, database=cast(Database, between))
    request = Request(selection, frozenset({EVERYTHING}), (), actor="jane", operator="Email Customer Support")
    files = export(anchoring, request, NUMBER_KEY)
    assert checked(write(files, office.folder / "bundle"), office.vkey)
    return files


def exports_all(office: Office, between: Between) -> None:
    exports(office, between, Selection())


def exports_calls(office: Office, between: Between) -> None:
    """Of each call it has all that is personal, or nothing."""
    files = exports(office, between, Selection(since=NOON))
    opened = {digest_of(json.loads(line)["d"]) for line in files["disclosures.jsonl"].splitlines()}
    events = [json.loads(line) for line in files["events.jsonl"].splitlines()]
    naming = {event["call"] for event in events if event.get("sd", {}).get("caller") in opened and "call" in event}
    vcons = {name.split("/")[1][:32]: content for name, content in files.items() if name.endswith(".vcon.json")}
    assert {call_id for call_id, content in vcons.items() if b"+1512" in content} == naming
    assert naming


READERS = {
    "verification": verifies,
    "rows": compares_rows,
    "checkpoints": holds_checkpoints,
    "export of all": exports_all,
    "export of calls": exports_calls,
}


@pytest.mark.parametrize("reader", READERS)
def test_between_two_pages_nothing_is_kept_alive(office: Office, reader: str) -> None:
    database = office.installation.database
    found: list[bool] = []
    between = Between(database, [lambda: found.append(is_read(office))])
    READERS[reader](office, between)
    assert len(found) > 3
    assert not any(found)


def test_one_view_for_all_pages_keeps_everything_alive(office: Office) -> None:
    """The check itself."""
    database = office.installation.database
    found: list[bool] = []

    def views(connection: Connection) -> AbstractContextManager[Connection]:
        found.append(is_read(office))
        return nullcontext(connection)

    with database.read() as connection:
        connection.execute(text("SELECT size FROM log_head"))
        verify(lambda: views(connection))
    assert len(found) > 3
    assert all(found)


def lives_on(office: Office) -> list[Act]:
    """Between two pages somebody calls, rules are approved again, and an earlier call is erased."""
    database, twilio, numbers = office.installation.database, office.installation.twilio, count()
    going = reversed(office.sids)
    rules = InForce.of(parse(REMEMBERING), REMEMBERING, (), twilio.clock())

    def approves() -> None:
        day = f"2026-12-{next(numbers) % 30 + 1:02}"
        approved = tuple(replace(wording, approved_by="ann", approved_on=day) for wording in rules.wordings)
        again = replace(rules, wordings=approved)
        database.write(lambda connection: publish_rules(connection, Moment(twilio.clock(), os.urandom), again))

    def erases() -> None:
        if sid := next(going, ""):
            erase(office, sid)

    return [
        lambda: tells(office),
        lambda: talks(twilio.dial(caller=f"+1512555{next(numbers):04}"), "1"),
        lambda: talks(twilio.dial(caller=f"+1512555{next(numbers):04}"), "2"),
        approves,
        erases,
        lambda: close_subtrees(database),
    ]


def erase(office: Office, sid: str) -> None:
    installation = office.installation
    call_id, moment = installation.call(sid).id, Moment(installation.twilio.clock(), os.urandom)
    request = Erasure("gdpr-17", "ann", again=True)  # it waits for nothing
    jobs = JobQueue(installation.database)
    found = installation.database.write(lambda connection: erasure.erase(connection, moment, call_id, request, jobs))
    assert isinstance(found, Traces)
    assert found.fields


@pytest.mark.parametrize("reader", READERS)
def test_what_goes_on_between_two_pages_is_no_false_alarm(office: Office, reader: str) -> None:
    between = Between(office.installation.database, lives_on(office))
    READERS[reader](office, between)
    assert between.opened > 3
