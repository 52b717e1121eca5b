"""Other rules come in force while calls go on: each call is under one rulebook, from its first request to its last."""

import pytest
from sqlalchemy import select

from onrecord.adoption import take_in_force
from onrecord.installation import CheckedRules
from policies.rulebook.read import parse
from storage.database.engine import Database
from storage.database.tables import call as call_table
from storage.jobs.queue import create_job_tables
from tests.callflow.conftest import RULEBOOK, Installation, PhoneCall, connects, install, starts_recording
from tests.callflow.whole_calls import ASKS, talks

TEXAS, NEW = "+15125550111", "+12125550106"
ORDINARY = RULEBOOK.read_text()
STRICTER = ORDINARY.replace('consent = "auto"', 'consent = "opt_in"')
RENUMBERED = ORDINARY.replace(ASKS, NEW)


def takes_in_force(database: Database, text: str) -> None:
    take_in_force(database, CheckedRules(parse(text), text), actor="ann")


@pytest.fixture
def two(database: Database) -> tuple[Installation, Installation]:
    """Two web processes of one installation, which started under the same rules."""
    create_job_tables(database)
    takes_in_force(database, ORDINARY)
    return install(database), install(database)


def rules_of(installation: Installation, call: PhoneCall) -> set[object]:
    """The rulebook of the row, and every rulebook that an event of the call names."""
    named = {event["rules_sha256"] for event in installation.events(call.sid) if "rules_sha256" in event}
    query = select(call_table.c.rules_sha256).where(call_table.c.call_sid == call.sid)
    with installation.database.read() as connection:
        return named | {connection.scalar(query)}


def test_each_process_rules_its_next_call_by_the_rules_in_force(two: tuple[Installation, Installation]) -> None:
    takes_in_force(two[0].database, STRICTER)
    for process in two:
        call = talks(process.twilio.dial(caller=TEXAS))
        assert rules_of(process, call) == {parse(STRICTER).sha256}
        assert process.call(call.sid).mode == "opt_in"


def test_a_call_that_has_begun_goes_on_under_its_own_rules(two: tuple[Installation, Installation]) -> None:
    one, other = two
    asked = one.twilio.dial(caller=TEXAS)
    question = asked.hears_the_disclosure(asked.arrives())
    takes_in_force(one.database, STRICTER)
    talks(other.twilio.dial(caller=TEXAS))
    answer = asked.presses(question, "1")
    assert starts_recording(answer)
    asked.talks(answer)
    asked.ends()
    assert rules_of(one, asked) == {parse(ORDINARY).sha256}
    assert one.call(asked.sid).outcome == "consented"


def test_a_call_to_a_line_that_is_no_more_is_still_put_through_to_its_agents(
    two: tuple[Installation, Installation],
) -> None:
    """Also by a request that cannot be gone by."""
    one, _ = two
    asked = one.twilio.dial(ASKS, caller=TEXAS)
    question = asked.hears_the_disclosure(asked.arrives())
    takes_in_force(one.database, RENUMBERED.replace("+12125550199", "+12125550198"))
    talks(one.twilio.dial(NEW, caller=TEXAS))
    answer = asked.presses(question, "1" * 40)
    assert connects(answer)
    assert "+12125550199" in "".join(answer.itertext())
    assert rules_of(one, asked) == {parse(ORDINARY).sha256}


def test_a_new_line_is_answered_as_one_from_then_on(two: tuple[Installation, Installation]) -> None:
    takes_in_force(two[0].database, RENUMBERED)
    call = talks(two[1].twilio.dial(NEW, caller=TEXAS), "1")
    assert (two[1].call(call.sid).line, two[1].call(call.sid).outcome) == (NEW, "consented")
