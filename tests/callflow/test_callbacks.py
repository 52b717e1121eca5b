"""What Twilio reports comes in any order and any number of times; a recording that nobody permitted is destroyed."""

from collections.abc import Callable
from itertools import permutations

import pytest

from evidence.events import Event
from policies.consent import Outcome
from policies.lifecycle import CallEvent
from storage.moment import Moment
from storage.rows import calls
from tests.callflow.conftest import URLS, Installation, PhoneCall, Twilio, recording_url
from tests.conftest import NOON

FOUR = ("consent", "in-progress", "completed", "call")


def carry_out(installation: Installation, call: PhoneCall, order: tuple[str, ...]) -> None:
    question = call.to_the_question()
    for what in order:
        if what == "consent":
            call.presses(question, "1")
        elif what == "call":
            call.ends()
        else:
            call.recording(URLS.recording(installation.call(call.sid).id), what)


def was_permitted_in_time(order: tuple[str, ...]) -> bool:
    return order.index("consent") < min(order.index(other) for other in FOUR[1:])


@pytest.mark.parametrize("order", list(permutations(FOUR)), ids="-".join)
def test_in_any_order_only_a_recording_that_follows_consent_is_kept(
    installation: Installation, order: tuple[str, ...]
) -> None:
    call = installation.twilio.dial()
    carry_out(installation, call, order)
    (recording,) = installation.recordings(call.sid)
    kept = was_permitted_in_time(order)
    assert (recording.state, recording.permit is not None) == (("completed", True) if kept else ("condemned", False))
    assert installation.jobs().count(f"intake:{recording.id}") == kept
    assert installation.jobs().count(f"destroy:{recording.id}") == (not kept)
    assert installation.incidents(call.sid) == ([] if kept else ["recording_without_permit"])
    assert installation.call(call.sid).state == "ended"
    ended_first = order.index("call") < order.index("consent")
    assert installation.call(call.sid).outcome == ("hung_up_in_choice" if ended_first else "consented")


def test_whatever_comes_twice_in_whatever_order_happens_once(installation: Installation) -> None:
    for order in sorted(set(permutations(["in-progress", "completed", "completed", "call", "call"]))):
        call = installation.twilio.dial()
        carry_out(installation, call, ("consent", *order))
        (recording,) = installation.recordings(call.sid)
        assert (recording.state, recording.duration_s, recording.channels) == ("completed", 30, 2)
        assert installation.jobs().count(f"intake:{recording.id}") == 1
        told = installation.event_types(call.sid)
        assert told.count("recording.completed") == told.count("call.completed") == 1
        assert installation.incidents(call.sid) == []


@pytest.mark.parametrize("status", ["absent", "failed"])
def test_a_permitted_recording_that_twilio_did_not_make_is_an_incident_once(
    installation: Installation, status: str
) -> None:
    call = installation.twilio.dial()
    url = recording_url(call.presses(call.to_the_question(), "1"))
    for _ in range(2):
        call.recording(url, "in-progress")
        call.recording(url, status, ErrorCode="16101")
    (recording,) = installation.recordings(call.sid)
    assert recording.state == "absent"
    assert installation.incidents(call.sid) == ["recording_absent"]
    assert installation.event_types(call.sid)[-2:] == ["recording.started", "recording.absent"]


@pytest.mark.parametrize("status", ["absent", "failed"])
def test_audio_that_turns_up_after_all_is_not_lost(installation: Installation, status: str) -> None:
    for order in permutations([status, "completed"]):
        call = installation.twilio.dial()
        carry_out(installation, call, ("consent", *order))
        (recording,) = installation.recordings(call.sid)
        assert recording.state == "completed"
        assert installation.jobs().count(f"intake:{recording.id}") == 1


def declines(call: PhoneCall) -> None:
    call.presses(call.to_the_question(), "2")


def is_silent(call: PhoneCall) -> None:
    call.presses(call.presses(call.to_the_question(), ""), "")


def has_hung_up(call: PhoneCall) -> None:
    call.to_the_question()
    call.ends()


def is_still_listening(call: PhoneCall) -> None:
    call.arrives()


@pytest.mark.parametrize("caller", [declines, is_silent, has_hung_up, is_still_listening])
@pytest.mark.parametrize("news", ["in-progress", "completed", "absent"])
def test_a_recording_without_a_permit_of_its_own_is_condemned_at_its_first_news(
    installation: Installation, caller: Callable[[PhoneCall], None], news: str
) -> None:
    call = installation.twilio.dial()
    caller(call)
    known, foreign = installation.call(call.sid), "RE" + call.sid[:1:-1]
    for status in (news, "in-progress", "completed", "completed", "absent"):
        assert call.recording(URLS.recording(known.id), status, foreign).status_code == 204
    (condemned,) = [one for one in installation.recordings(call.sid) if one.recording_sid == foreign]
    assert (condemned.state, condemned.permit) == ("condemned", None)
    assert installation.incidents(call.sid) == ["recording_without_permit"]
    assert [job for job in installation.jobs() if condemned.id in job] == [f"destroy:{condemned.id}"]
    assert installation.event_types(call.sid).count("recording.condemned") == 1
    assert installation.call(call.sid).outcome == known.outcome


def test_a_withdrawn_permit_covers_no_recording_that_is_heard_of_later(installation: Installation) -> None:
    call = installation.twilio.dial()
    url = recording_url(call.presses(call.to_the_question(), "1"))
    known = installation.call(call.sid)
    moment, reason = Moment(NOON, bytes), "the caller asked"
    told = [Event("consent.withdrawn", {"outcome": "withdrawn", "reason": reason})]
    installation.database.write(
        lambda connection: calls.settle(
            connection, moment, known, CallEvent.WITHDRAWN, events=told, outcome=Outcome.WITHDRAWN, reason=reason
        )
    )
    call.recording(url, "in-progress")
    (recording,) = installation.recordings(call.sid)
    assert recording.state == "condemned"
    assert f"destroy:{recording.id}" in installation.jobs()


@pytest.mark.parametrize("news", ["in-progress", "completed", "absent"])
def test_a_second_recording_that_reports_to_us_is_quarantined_for_a_person(
    installation: Installation, news: str
) -> None:
    """Only our own document names the address, so neither may be destroyed on a guess; the permit covers one."""
    call = installation.twilio.dial()
    url = recording_url(call.presses(call.to_the_question(), "1"))
    call.recording(url, "in-progress")
    second = "RE" + call.sid[:1:-1]
    for status in (news, "in-progress", "completed", "completed", "absent"):
        assert call.recording(url, status, second).status_code == 204
    other, ours = sorted(installation.recordings(call.sid), key=lambda one: one.recording_sid != second)
    assert (ours.state, ours.permit) == ("started", ours.call_id)
    assert (other.recording_sid, other.state, other.permit) == (second, "quarantined", None)
    assert [job for job in installation.jobs() if other.id in job] == []
    assert installation.incidents(call.sid) == ["recording_in_doubt"]


def two_recorded_calls(twilio: Twilio) -> list[tuple[PhoneCall, str]]:
    made = [twilio.dial(), twilio.dial()]
    return [(call, recording_url(call.presses(call.to_the_question(), "1"))) for call in made]


def test_news_of_one_call_sent_to_the_url_of_another_is_refused(
    installation: Installation, caplog: pytest.LogCaptureFixture
) -> None:
    (_, url), (theirs, _) = two_recorded_calls(installation.twilio)
    kept = installation.everything()
    for status in ("in-progress", "completed", "absent", "failed"):
        assert theirs.recording(url, status).status_code == 204
        assert "about another call" in caplog.text
    assert installation.everything() == kept


def test_a_recording_belongs_to_one_call_for_ever(installation: Installation) -> None:
    (ours, our_url), (theirs, their_url) = two_recorded_calls(installation.twilio)
    ours.recording(our_url, "in-progress")
    kept = installation.everything()
    for status in ("in-progress", "completed", "absent"):
        assert theirs.recording(their_url, status, "RE" + ours.sid[2:]).status_code == 204
    assert installation.everything() == kept


@pytest.mark.parametrize(
    "news",
    [
        {"RecordingStatus": ""},
        {"RecordingStatus": "COMPLETED"},
        {"RecordingStatus": "deleted"},
        {"RecordingSid": ""},
        {"RecordingSid": "RE" + "0" * 32 + "\n"},
        {"RecordingSid": "../RE" + "0" * 32},
        {"CallSid": ""},
    ],
)
def test_news_that_makes_no_sense_leaves_nothing(installation: Installation, news: dict[str, str]) -> None:
    call = installation.twilio.dial()
    url = recording_url(call.presses(call.to_the_question(), "1"))
    kept = installation.everything()
    assert installation.twilio.post(url, {**call.recorded("completed"), **news}).status_code == 204
    assert installation.everything() == kept


def test_what_is_only_told_besides_costs_no_recording(installation: Installation) -> None:
    for odd in ("", "-1", "x", "9" * 40, "1.5", "\x00"):
        call = installation.twilio.dial()
        url = recording_url(call.presses(call.to_the_question(), "1"))
        told = {"RecordingDuration": odd, "RecordingChannels": odd, "RecordingSource": "<b>", "ErrorCode": odd}
        assert call.recording(url, "completed", **told).status_code == 204
        (recording,) = installation.recordings(call.sid)
        assert (recording.state, recording.duration_s, recording.channels) == ("completed", None, None)


def test_a_call_nobody_answered_is_on_record_as_not_asked(installation: Installation) -> None:
    call = installation.twilio.dial()
    for status in ("ringing", "in-progress", "completed", "completed"):
        call.ends(status)
    known = installation.call(call.sid)
    assert (known.state, known.outcome, known.reason) == ("ended", "not_asked", "the service did not answer")
    assert installation.event_types(call.sid) == ["call.received", "recording.suppressed", "call.completed"]
    assert [verb.tag for verb in call.arrives()] == ["Dial"]


def test_the_progress_of_a_call_says_nothing_before_its_end(installation: Installation) -> None:
    call = installation.twilio.dial()
    call.to_the_question()
    kept = installation.everything()
    for status in ("queued", "initiated", "ringing", "in-progress", "a-word-of-tomorrow"):
        assert call.ends(status).status_code == 204
    assert installation.everything() == kept
