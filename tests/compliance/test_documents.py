"""What is gathered of a call, on either database: the log's events, the rules it came in under, what is disclosed."""

from dataclasses import replace

import pytest

from compliance.documents import gather
from evidence.call_record import CallRecord
from storage.rows.calls import Call
from tests.callflow.conftest import CALLER, Installation
from tests.callflow.whole_calls import talks


def gathered(installation: Installation, known: Call, *disclosed: str) -> CallRecord:
    with installation.database.read() as connection:
        return gather(connection, known, disclosed=disclosed)


def test_the_answer_rests_on_events_of_the_log(installation: Installation) -> None:
    call = talks(installation.twilio.dial(), "9", "1")
    told = gathered(installation, installation.call(call.sid))
    assert [one.type for one in told.proofs] == [
        "disclosure.served",
        "disclosure.completed",
        "consent.choice",
        "consent.choice",
        "recording.permitted",
        "call.completed",
    ]
    assert [(press.digit, press.attempt, press.answer) for press in told.presses] == [
        ("9", 1, "repeat"),
        ("1", 2, "accepted"),
    ]
    assert (told.basis, [grant.purpose for grant in told.grants]) == ("express", ["quality"])
    assert told.decided_at == told.presses[-1].at


def test_more_than_one_key_is_not_told(installation: Installation) -> None:
    call = talks(installation.twilio.dial(line="+12125550105"), "4111111111111111", "1")
    told = gathered(installation, installation.call(call.sid))
    assert [press.digit for press in told.presses] == ["", "1"]


def test_silence_is_no_key(installation: Installation) -> None:
    call = talks(installation.twilio.dial(), "", "")
    told = gathered(installation, installation.call(call.sid))
    assert (told.outcome, list(told.presses)) == ("silent", [])


def test_rules_and_words_that_nobody_kept_are_not_made_up(installation: Installation) -> None:
    call = talks(installation.twilio.dial(), "2")
    known = replace(installation.call(call.sid), rules_sha256="0" * 64, wording_sha256="0" * 64)
    told = gathered(installation, known)
    assert told.business is None
    assert [notice.disclosure for notice in told.notices] == [""]


@pytest.mark.parametrize(
    ("caller", "told"),
    [(CALLER, CALLER), ("anonymous", ""), ("+266696687", ""), ("sip:anna@example.com", "sip:anna@example.com")],
)
def test_the_caller_is_told_where_asked_for_and_known(installation: Installation, caller: str, told: str) -> None:
    call = talks(installation.twilio.dial(caller=caller), "2")
    known = installation.call(call.sid)
    assert gathered(installation, known).caller == ""
    assert gathered(installation, known, "caller").caller == told


def test_a_withdrawn_call_was_decided_when_it_was_and_withdrawn_later(installation: Installation) -> None:
    call = talks(installation.twilio.dial(), "1")
    known = installation.call(call.sid)
    before = gathered(installation, known)
    assert known.ended_at is not None
    told = gathered(installation, replace(known, outcome="withdrawn", decided_at=known.ended_at))
    assert (told.decided_at, told.withdrawn_at) == (before.decided_at, known.ended_at)
