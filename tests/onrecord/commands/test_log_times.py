"""Events that are dated otherwise than they stand in the log, as the operator and a stranger are told of them."""

import os
import runpy
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest

from evidence.events import Event
from onrecord.installation import open_installation
from policies.rulebook.read import parse
from storage.log import consent_log
from storage.moment import Moment
from tests.callflow.conftest import RULEBOOK, install
from tests.callflow.whole_calls import talks
from tests.onrecord.commands.site import Site
from tests.publishing import publish
from tests.source import HANDED_OUT, ROOT

VERIFIER = runpy.run_path(str(ROOT / HANDED_OUT))


def dated(site: Site, **ahead: float) -> None:
    """Something that the log tells of, by a clock that is off."""
    moment = Moment(datetime.now(UTC) + timedelta(**ahead), os.urandom)
    with closing(site.database()) as database:
        database.write(lambda connection: consent_log.append_events(connection, moment, Event("selftest.passed")))


def warnings(site: Site) -> list[str]:
    """What `log verify` says; none of it keeps the log from being what was signed."""
    ran = site.run("log", "verify")
    assert ran.code == 0, ran
    return [line for line in ran.out.splitlines() if line.startswith("WARNING: ")]


@pytest.mark.parametrize("chosen", ["call", "all"])
def test_a_call_that_is_dated_weeks_before_it_was_written_is_told_to_whoever_looks(site: Site, chosen: str) -> None:
    """The program in the bundle says so too, also of a bundle of that call alone."""
    with site.inside(), closing(open_installation(os.environ)) as opened:
        publish(opened.database, parse(RULEBOOK.read_text()), RULEBOOK.read_text())
        installation = install(opened.database)
        installation.twilio.clock.now = datetime.now(UTC) - timedelta(weeks=3)
        sid = talks(installation.twilio.dial(), "1").sid
        known = installation.call(sid)
    dated(site)
    (line,) = warnings(site)
    assert f" of call {known.id} is dated {known.received_at:%Y-%m-%d}T" in line
    assert "on they are as late as that again. A clock was wrong, or it was written later than it says" in line
    assert site.run("log", "export", *(("--call", sid) if chosen == "call" else ("--all",)), "-o", "case").code == 0
    told = list(VERIFIER["verify"](site.folder / "case", site.run("log", "keys").out.split(), [], []))
    (said,) = [line for line in told if " stands after event " in line]
    first, _, _ = said.partition(" stands after event ")
    assert f" of call {known.id}, dated {known.received_at:%Y-%m-%dT%H:%M:%S}" in first


def test_a_clock_that_was_ahead_and_is_right_again_is_told_once(site: Site) -> None:
    dated(site)
    dated(site, days=400)
    for _ in range(5):
        dated(site)
    (line,) = warnings(site)
    assert "A clock was wrong" in line
    assert "again" not in line


@pytest.mark.parametrize(("minutes", "count"), [(-9, 0), (-11, 1)])
def test_clocks_may_differ_by_some_minutes(site: Site, minutes: int, count: int) -> None:
    dated(site)
    dated(site, minutes=minutes)
    assert len(warnings(site)) == count
