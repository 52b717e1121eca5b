"""Who declined is not asked again and not recorded, until the memory ends or they ask to be recorded, by key."""

import itertools
import json
import secrets
from dataclasses import dataclass

import pytest
from sqlalchemy import select

from storage.database.engine import Database
from storage.database.tables import remembered_decline
from tests.callflow.conftest import (
    RULEBOOK,
    Installation,
    PhoneCall,
    connects,
    install,
    said,
    starts_recording,
)
from tests.callflow.whole_calls import ASKS, LINES, MUST_RECORD, NEVER, NOTICE, OPT_IN, SILENCE_IS_CONSENT, talks

TEXT = RULEBOOK.read_text().replace('remember = "never"', 'remember = "P10D"')
DAY_S = 86_400.0
REMEMBERED = "asked before not to record calls from your number"
ASKING = (ASKS, NOTICE, SILENCE_IS_CONSENT, OPT_IN)


_numbers = itertools.count(int(secrets.token_hex(2), 16))


@dataclass
class Remembering(Installation):
    """An installation that remembers, and somebody whose number no other test has called from."""

    caller: str

    def dial(self, line: str = ASKS) -> PhoneCall:
        return self.twilio.dial(line, caller=self.caller)


@pytest.fixture
def remembering(used_database: Database) -> Remembering:
    made = install(used_database, TEXT)
    return Remembering(made.database, made.twilio, made.webhooks, caller=f"+1512555{next(_numbers) % 10000:04}")


def declined(remembering: Remembering) -> PhoneCall:
    return talks(remembering.dial(), "2")


@pytest.mark.parametrize("line", ASKING)
def test_who_declined_is_told_so_and_connected_unrecorded(line: str, remembering: Remembering) -> None:
    declined(remembering)
    call = remembering.dial(line)
    disclosure = call.arrives()
    assert REMEMBERED in said(disclosure)
    answer = call.presses(call.hears_the_disclosure(disclosure), "")
    assert connects(answer)
    assert not starts_recording(answer)
    known = remembering.call(call.sid)
    assert (known.outcome, known.reason) == ("not_asked", "remembered decline")


@pytest.mark.parametrize("line", ASKING)
@pytest.mark.parametrize("keys", ["0", "*", "12", "7"])
def test_only_the_key_1_takes_a_remembered_decline_back(line: str, keys: str, remembering: Remembering) -> None:
    declined(remembering)
    call = remembering.dial(line)
    assert not starts_recording(call.presses(call.to_the_question(), keys))
    assert remembering.call(call.sid).outcome == "not_asked"


def test_the_key_1_records_and_forgets(remembering: Remembering) -> None:
    declined(remembering)
    call = remembering.dial()
    assert starts_recording(call.presses(call.to_the_question(), "1"))
    assert remembering.call(call.sid).outcome == "consented"
    assert "decline.forgotten" in remembering.event_types(call.sid)
    after = remembering.dial()
    assert REMEMBERED not in said(after.arrives())


def test_declining_again_begins_the_memory_anew(remembering: Remembering) -> None:
    declined(remembering)
    remembering.twilio.clock.passes(8 * DAY_S)
    call = declined(remembering)
    assert remembering.call(call.sid).outcome == "declined"
    remembering.twilio.clock.passes(8 * DAY_S)
    assert REMEMBERED in said(remembering.dial().arrives())


def test_the_memory_ends_when_the_rulebook_says(remembering: Remembering) -> None:
    declined(remembering)
    remembering.twilio.clock.passes(9.9 * DAY_S)
    assert REMEMBERED in said(remembering.dial().arrives())
    remembering.twilio.clock.passes(0.2 * DAY_S)
    assert REMEMBERED not in said(remembering.dial().arrives())


def test_nobody_elses_number_is_remembered(remembering: Remembering) -> None:
    declined(remembering)
    assert REMEMBERED not in said(remembering.twilio.dial(caller="+15125550112").arrives())


@pytest.mark.parametrize("caller", ["anonymous", "", "+266696687", "sip:+15125550111@example.com", "client:alice"])
def test_what_is_no_callers_number_is_not_remembered(caller: str, remembering: Remembering) -> None:
    call = talks(remembering.twilio.dial(caller=caller), "2")
    assert remembering.call(call.sid).outcome == "declined"
    assert REMEMBERED not in said(remembering.twilio.dial(caller=caller).arrives())


def test_where_the_rulebook_says_never_nothing_is_remembered(installation: Installation) -> None:
    talks(installation.twilio.dial(), "2")
    assert REMEMBERED not in said(installation.twilio.dial().arrives())


def test_a_decline_is_honoured_no_more_once_the_rulebook_remembers_none(remembering: Remembering) -> None:
    declined(remembering)
    forgetful = install(remembering.database, RULEBOOK.read_text())
    call = forgetful.twilio.dial(caller=remembering.caller)
    assert REMEMBERED not in said(call.arrives())
    ruling = forgetful.events(call.sid)[0]["ruling"]
    assert isinstance(ruling, dict)
    assert (ruling["declined_before"], ruling["remembered_decline"]) == (False, False)


def test_a_line_that_must_record_asks_whoever_declined_elsewhere(remembering: Remembering) -> None:
    declined(remembering)
    call = remembering.dial(MUST_RECORD)
    assert REMEMBERED not in said(call.arrives())
    assert remembering.call(call.sid).mode == "must_record"


def test_agreeing_on_a_line_that_must_record_takes_no_decline_back(remembering: Remembering) -> None:
    """Who can't be connected otherwise has not changed their mind about the other lines."""
    declined(remembering)
    call = remembering.dial(MUST_RECORD)
    assert starts_recording(call.presses(call.to_the_question(), "1"))
    assert "decline.forgotten" not in remembering.event_types(call.sid)
    assert REMEMBERED in said(remembering.dial().arrives())


def test_a_refusal_on_a_line_that_must_record_is_about_that_line(remembering: Remembering) -> None:
    refused = remembering.dial(MUST_RECORD)
    refused.presses(refused.to_the_question(), "2")
    assert remembering.call(refused.sid).outcome == "declined"
    assert REMEMBERED not in said(remembering.dial().arrives())


def test_a_line_that_never_records_says_what_it_always_says(remembering: Remembering) -> None:
    declined(remembering)
    call = remembering.dial(NEVER)
    assert REMEMBERED not in said(call.arrives())
    assert remembering.call(call.sid).reason == "never-record line"


@pytest.mark.parametrize(("line", "answers"), [(NOTICE, []), (SILENCE_IS_CONSENT, ["", ""])])
def test_staying_on_is_no_consent_once_the_number_declined_elsewhere(
    line: str, answers: list[str], remembering: Remembering
) -> None:
    staying = remembering.dial(line)
    disclosure = staying.arrives()
    declined(remembering)  # on another call, while this one is under way
    answer = staying.hears_the_disclosure(disclosure)
    for keys in answers:
        answer = staying.presses(answer, keys)
    assert connects(answer)
    assert not starts_recording(answer)
    known = remembering.call(staying.sid)
    assert (known.outcome, known.reason) == ("not_asked", "remembered decline")
    assert "decline.remembered" not in remembering.event_types(staying.sid), "nobody said no on this call"


def test_pressing_1_is_consent_whatever_was_said_on_another_call(remembering: Remembering) -> None:
    asked = remembering.dial()
    disclosure = asked.arrives()
    declined(remembering)
    assert starts_recording(asked.presses(asked.hears_the_disclosure(disclosure), "1"))


def test_a_decline_delivered_again_is_remembered_once(remembering: Remembering) -> None:
    call = declined(remembering)
    (choice,) = [delivery for delivery, _ in remembering.twilio.sent if "/consent/" in delivery.path]
    remembering.twilio.clock.passes(3 * DAY_S)
    choice.to(remembering.twilio.app)
    with remembering.database.read() as connection:
        kept = connection.execute(select(remembered_decline)).all()
    known = remembering.call(call.sid)
    assert [(row.call_id, row.declined_at) for row in kept if row.call_id == known.id] == [(known.id, known.decided_at)]


def test_the_log_ties_no_two_calls_of_a_person_together(remembering: Remembering) -> None:
    first = declined(remembering)
    again = talks(remembering.dial(), "")
    told = json.dumps(remembering.events(again.sid))
    assert remembering.call(first.sid).id not in told
    received = remembering.events(again.sid)[0]
    assert dict(received["ruling"])["remembered_decline"] is True  # type: ignore[call-overload]  # JSON
    assert {"declined_on_call", "declined_at"} <= dict(received["sd"]).keys()  # type: ignore[call-overload]  # JSON


def test_every_line_of_these_tests_is_held_to_the_memory_or_exempt() -> None:
    assert {*ASKING, MUST_RECORD, NEVER} == set(LINES)


@pytest.mark.parametrize("line", [ASKS, SILENCE_IS_CONSENT, OPT_IN])
def test_a_no_to_being_asked_again_is_remembered_like_any_other(line: str, remembering: Remembering) -> None:
    call = remembering.dial(line)
    call.presses(call.to_the_question(), "1")
    call.presses(call.hears_the_disclosure(call.is_sent_back()), "2")
    assert "decline.remembered" in remembering.event_types(call.sid)
    assert REMEMBERED in said(remembering.dial(NOTICE).arrives())


def test_a_no_after_the_calls_end_is_remembered_like_any_other(remembering: Remembering) -> None:
    call = remembering.dial()
    question = call.to_the_question()
    call.ends()
    call.presses(question, "2")
    assert REMEMBERED in said(remembering.dial(NOTICE).arrives())


def test_silence_when_asked_again_ends_the_recording_and_is_not_remembered(remembering: Remembering) -> None:
    call = remembering.dial()
    call.presses(call.to_the_question(), "1")
    question = call.hears_the_disclosure(call.is_sent_back())
    call.presses(call.presses(question, ""), "")
    assert remembering.call(call.sid).outcome == "withdrawn"
    assert REMEMBERED not in said(remembering.dial().arrives())
