"""Only a permit starts a recording: every mode, every sequence of answers, and every key pressed too late."""

from itertools import product

import pytest

from callflow.forms import DIGITS_LENGTH_MAX
from storage.rows import permits
from tests.callflow.conftest import CALLER, URLS, Installation, PhoneCall, connects, read, said, starts_recording
from tests.callflow.whole_calls import LINES, MUST_RECORD, call_every_way
from tests.conftest import DIALECTS

KEYS = {"accepts": "1", "declines": "2", "is silent": "", "errs": "5", "asks again": "9"}
Sequence = tuple[str, ...]


def walk(call: PhoneCall, answers: Sequence) -> tuple[Sequence, bool, bool]:
    """How far the call took the answers, and whether it then starts a recording and connects."""
    heard, taken = call.arrives(), 0
    if heard.find("Redirect") is not None:
        heard = call.hears_the_disclosure(heard)
    for answer in answers:
        if heard.find("Gather") is None:
            break
        assert not starts_recording(heard)
        assert not connects(heard)
        heard = call.presses(heard, KEYS[answer])
        taken += 1
    return answers[:taken], starts_recording(heard), connects(heard)


def press_too_late(call: PhoneCall, call_id: str, prompts: int) -> bool:
    """Whether the accept key, pressed at the question that was never asked, starts a recording now."""
    return starts_recording(read(call.twilio.post(URLS.consent(call_id, prompts + 1), call.pressed("1"))))


# The rules know no database, so half of the lines on each are enough.
@pytest.mark.parametrize(
    ("line", "used_database"), list(zip(LINES, 3 * DIALECTS, strict=True)), indirect=["used_database"]
)
def test_a_recording_starts_exactly_where_a_permit_was_given(installation: Installation, line: str) -> None:
    walked: set[Sequence] = set()
    for answers in product(KEYS, repeat=4):
        if any(answers[:taken] in walked for taken in range(5)):
            continue
        call = installation.twilio.dial(line)
        taken, starts, connected = walk(call, answers)
        walked.add(taken)
        known = installation.call(call.sid)
        with installation.database.read() as connection:
            permit = permits.permit_of(connection, known.id)
        assert starts == (permit is not None) == (known.outcome in ("consented", "consented_by_staying")), taken
        assert connected or (line == MUST_RECORD and not starts), taken
        assert starts <= ("declines" not in taken), taken
        if not starts:
            assert not press_too_late(call, known.id, len(taken)), taken
        assert installation.call(call.sid).outcome == known.outcome
    assert len(walked) == (41 if len(walked) > 1 else 1)


def test_a_question_that_was_not_asked_yet_has_no_answer(installation: Installation) -> None:
    call = installation.twilio.dial()
    call.to_the_question()
    known = installation.call(call.sid)
    kept = installation.event_types(call.sid)
    for prompt in (2, 3, 4):
        assert not starts_recording(read(call.twilio.post(URLS.consent(known.id, prompt), call.pressed("1"))))
    assert (installation.call(call.sid).outcome, installation.event_types(call.sid)) == ("open", kept)


@pytest.mark.parametrize(
    "digits",
    ["11", "1\n", "1 ", "01", "１", "¹", "1#", "*1", "+1", "w1", "1w", "l", "I", "1" * 32, "1" * 5000, "A", "\x001"],
)
def test_only_the_accept_key_by_itself_accepts(installation: Installation, digits: str) -> None:
    call = installation.twilio.dial()
    assert not starts_recording(call.presses(call.to_the_question(), digits))
    is_asked_again = digits.isprintable() and len(digits) <= DIGITS_LENGTH_MAX
    assert installation.call(call.sid).outcome == ("open" if is_asked_again else "not_asked")


def test_no_answer_holds_anything_of_the_caller_or_anything_undefined(installation: Installation) -> None:
    twilio = installation.twilio
    for call in call_every_way(twilio, CALLER):
        known = installation.call(call.sid)
        for _, answer in twilio.sent:
            text = answer.data.decode()
            assert CALLER[1:] not in text
            assert call.sid not in text
            assert known.call_sid not in text
            assert not any(word in text for word in ("None", "ndefined", "{{", "}}", "<Say></Say>"))


def test_a_recorded_call_says_so_and_an_unrecorded_one_says_it_is_not(installation: Installation) -> None:
    recorded, declined = installation.twilio.dial(), installation.twilio.dial()
    assert "now being recorded" in said(recorded.presses(recorded.to_the_question(), "1"))
    answer = declined.presses(declined.to_the_question(), "2")
    assert "recorded" in said(answer)
    assert "now being recorded" not in said(answer)
    assert "not" in said(declined.agent_answers(answer))
