"""A consent that is withdrawn: durable first, then stopped, seen to be stopped, destroyed or kept, whatever dies."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any, cast

import pytest
from sqlalchemy import Connection

from policies.consent import Outcome
from policies.copies import CopyKind
from policies.lifecycle import CallState, RecordingEvent, RecordingState
from policies.rulebook.read import parse
from policies.rules import OnWithdrawal
from policies.withdrawal import Effect, WithdrawnBy
from storage.custody.access import Refusal, open_for_purpose
from storage.custody.withdraw import withdraw
from storage.custody.workshop import Workshop
from storage.errors import Refused, Unavailable
from storage.jobs.steps import Steps
from storage.row_check.check import of_all
from storage.rows import declines, holds, withdrawals, withdrawing
from storage.rows.calls import Call
from storage.rows.recordings import Recording
from storage.rows.withdrawing import Wish, Withdrawn
from tests.faults.interruptions import Died, Interruption, at_each_effect, die, nobody_answers
from tests.faults.phone_company import BY_REST
from tests.faults.premises import KEK, ONE_MACHINE, WAV, Patient, Premises, Remembered
from tests.policies.test_rulebook import GOOD

RULEBOOK = parse(GOOD)
DESTROY, KEEP = OnWithdrawal.DESTROY, OnWithdrawal.KEEP
BY_AGENT = Wish(WithdrawnBy.AGENT, "alice")
EITHER_SIDE = pytest.mark.parametrize("is_after", [False, True], ids=["before", "after"])
EITHER_EFFECT = pytest.mark.parametrize("on_recording", OnWithdrawal)


def withdrawn(premises: Premises, call: Call, wish: Wish = BY_AGENT) -> Withdrawn:
    return premises.write(
        lambda connection: withdrawing.withdraw(
            connection, premises.moment(), premises.row(connection, call), wish, RULEBOOK, premises.jobs
        )
    )


def carried_out(premises: Premises, call: Call) -> bool:
    with premises.shop.database.read() as connection:
        found = withdrawals.of(connection, call.id)
    return found is not None and found.carried_out_at is not None


def goes_on(premises: Premises) -> None:
    """A worker's life for a while."""
    for _ in range(3):
        premises.work()
        premises.clock.passes(seconds=6)
        premises.sweep()
        premises.work()


def recorded(premises: Premises) -> tuple[Call, Recording]:
    """A call in conversation, and its recording, which runs."""
    call = premises.call()
    sid = premises.company.start(call.call_sid, WAV)
    return call, premises.hears(call, sid, RecordingEvent.IN_PROGRESS)


def differences(premises: Premises) -> list[str]:
    return [str(found) for found in of_all(premises.shop.database.read, premises.clock.now)]


def runs(premises: Premises, sid: str) -> bool:
    return premises.company.tapes[sid].shown.status in {"in-progress", "paused"}


def types(premises: Premises, call: Call) -> list[str]:
    return [event["type"] for event in premises.story(call).events]


def heard(premises: Premises, recording: Recording) -> bool:
    """Whether a person who asks for its purpose gets the audio."""

    def ask(connection: Connection) -> bool:
        moment = premises.moment()
        store = premises.shop.store
        found = open_for_purpose(
            connection, moment, recording.id, "quality", store=store, key_encryption_key=KEK, actor="bob"
        )
        return not isinstance(found, Refusal)

    return premises.write(ask)


def test_an_agents_word_stops_and_destroys_the_recording_and_leaves_the_call(premises: Premises) -> None:
    call, recording = recorded(premises)
    assert withdrawn(premises, call).effect is Effect.ENDS
    goes_on(premises)
    premises.assert_gone(recording)
    assert types(premises, call).count("recording.stopped") == 1
    story = premises.story(call)
    assert (story.call.outcome, story.call.state, story.call.ended_at) == ("withdrawn", CallState.SUPPRESSED, None)
    assert premises.company.calls[call.call_sid].status == "in-progress"
    assert carried_out(premises, call)
    assert premises.incidents(call) == set()
    assert differences(premises) == []


def test_a_recording_that_is_kept_is_taken_in_up_to_then_and_heard_as_before(premises: Premises) -> None:
    call, recording = recorded(premises)
    assert withdrawn(premises, call, replace(BY_AGENT, on_recording=KEEP)).keeps
    premises.work()
    assert not runs(premises, recording.recording_sid)
    premises.hears(call, recording.recording_sid, RecordingEvent.COMPLETED, duration_s=3)
    goes_on(premises)
    premises.assert_kept(recording)
    assert heard(premises, recording)
    assert carried_out(premises, call)
    assert differences(premises) == []
    assert premises.incidents(call) == set()


@ONE_MACHINE
@EITHER_EFFECT
def test_the_events_say_by_whom_and_what_becomes_of_the_recording(
    premises: Premises, on_recording: OnWithdrawal
) -> None:
    call, _ = recorded(premises)
    withdrawn(premises, call, replace(BY_AGENT, on_recording=on_recording))
    [event] = [event for event in premises.story(call).events if event["type"] == "consent.withdrawn"]
    assert (event["by"], event["keeps"], event["ends_call"]) == ("agent", on_recording is KEEP, False)
    assert event["sd"].keys() == {"actor"}


@ONE_MACHINE
def test_two_buttons_at_once_withdraw_once(premises: Premises) -> None:
    call, recording = recorded(premises)
    effects = [withdrawn(premises, call).effect for _ in range(2)]
    assert effects == [Effect.ENDS, Effect.STANDS]
    goes_on(premises)
    premises.assert_gone(recording)
    assert types(premises, call).count("consent.withdrawn") == 1


@ONE_MACHINE
def test_a_recording_that_was_kept_can_still_be_destroyed_and_never_the_other_way(premises: Premises) -> None:
    recording = premises.stored()
    call = premises.owner(recording)
    assert withdrawn(premises, call, Wish(WithdrawnBy.REQUEST, "carol", KEEP)).keeps
    goes_on(premises)
    premises.assert_kept(recording)
    assert withdrawn(premises, call, Wish(WithdrawnBy.REQUEST, "carol", DESTROY)).effect is Effect.DESTROYS
    assert not carried_out(premises, call)
    assert withdrawn(premises, call, Wish(WithdrawnBy.REQUEST, "carol", KEEP)).effect is Effect.STANDS
    goes_on(premises)
    premises.assert_gone(recording)
    assert carried_out(premises, call)
    assert not heard(premises, recording)
    assert differences(premises) == []


def test_a_withdrawal_before_the_first_news_finds_the_recording_by_asking(premises: Premises) -> None:
    call = premises.call()
    sid = premises.company.start(call.call_sid, WAV)
    withdrawn(premises, call)
    goes_on(premises)
    [recording] = premises.story(call).recordings
    premises.assert_gone(recording)
    assert recording.recording_sid == sid
    assert premises.incidents(call) == set()
    assert carried_out(premises, call)


@ONE_MACHINE
def test_a_recording_that_begins_just_after_is_found_by_asking_again(premises: Premises) -> None:
    call = premises.call()
    withdrawn(premises, call)
    premises.work()
    assert not carried_out(premises, call)
    premises.clock.passes(seconds=1)
    sid = premises.company.start(call.call_sid, WAV)
    goes_on(premises)
    assert not premises.company.holds(sid)
    assert carried_out(premises, call)


@ONE_MACHINE
@pytest.mark.parametrize(("later_s", "is_kept"), [(-2, True), (0, True), (2, False)])
def test_of_a_kept_call_only_a_recording_that_began_before_is_kept(
    premises: Premises, later_s: int, is_kept: bool
) -> None:
    call = premises.call()
    premises.clock.passes(seconds=10)
    sid = premises.company.start(call.call_sid, WAV)
    tape = premises.company.tapes[sid]
    began_at = premises.company.now() + timedelta(seconds=later_s)
    tape.shown = replace(tape.shown, started_at=began_at)
    withdrawn(premises, call, replace(BY_AGENT, on_recording=KEEP))
    premises.work()
    recording = premises.hears(call, sid, RecordingEvent.COMPLETED, duration_s=3)
    goes_on(premises)
    if is_kept:
        premises.assert_kept(recording)
    else:
        premises.assert_gone(recording)
    assert premises.incidents(call) == set()
    assert differences(premises) == []


@ONE_MACHINE
def test_news_of_a_recording_of_a_kept_call_wait_until_it_is_clear_when_it_began(premises: Premises) -> None:
    call = premises.call()
    sid = premises.company.start(call.call_sid, WAV)
    withdrawn(premises, call, replace(BY_AGENT, on_recording=KEEP))
    recording = premises.hears(call, sid, RecordingEvent.IN_PROGRESS)
    assert premises.recording(recording).state is RecordingState.QUARANTINED
    premises.work()
    premises.hears(call, sid, RecordingEvent.COMPLETED, duration_s=3)
    goes_on(premises)
    premises.assert_kept(recording)
    assert premises.incidents(call) == set()


@ONE_MACHINE
def test_anothers_recording_of_a_kept_call_is_destroyed(premises: Premises) -> None:
    call, recording = recorded(premises)
    rogue = premises.company.start(call.call_sid, WAV, source=BY_REST)
    withdrawn(premises, call, replace(BY_AGENT, on_recording=KEEP))
    goes_on(premises)
    assert not runs(premises, rogue)
    assert not premises.company.holds(rogue)
    premises.hears(call, recording.recording_sid, RecordingEvent.COMPLETED, duration_s=3)
    goes_on(premises)
    premises.assert_kept(recording)


@ONE_MACHINE
def test_after_the_call_nothing_is_stopped_and_everything_goes(premises: Premises) -> None:
    recording = premises.stored()
    call = premises.owner(recording)
    withdrawn(premises, call, Wish(WithdrawnBy.REQUEST, "carol"))
    goes_on(premises)
    premises.assert_gone(recording)
    assert "recording.stopped" not in types(premises, call)
    assert carried_out(premises, call)


@ONE_MACHINE
def test_a_legal_hold_keeps_nothing_that_a_withdrawal_destroys(premises: Premises) -> None:
    recording = premises.stored()
    call = premises.owner(recording)
    premises.write(
        lambda connection: holds.place(
            connection, premises.moment(), premises.row(connection, call), reason="x", actor="bob"
        )
    )
    withdrawn(premises, call, Wish(WithdrawnBy.REQUEST, "carol", DESTROY))
    goes_on(premises)
    premises.assert_gone(recording)
    assert carried_out(premises, call)
    assert differences(premises) == []


@ONE_MACHINE
@pytest.mark.parametrize("outcome", [Outcome.DECLINED, Outcome.SILENT, None])
def test_without_a_consent_nothing_is_withdrawn(premises: Premises, outcome: Outcome | None) -> None:
    call = premises.call(outcome)
    effect = withdrawn(premises, call).effect
    assert effect is (Effect.DECLINES if outcome is None else Effect.NOTHING)
    assert premises.story(call).call.outcome == (outcome or "declined")
    assert premises.jobs.waiting(withdrawing.WITHDRAW) == []
    assert differences(premises) == []


@ONE_MACHINE
@pytest.mark.parametrize("outcome", [Outcome.CONSENTED, Outcome.SILENT, None])
@pytest.mark.parametrize("by", WithdrawnBy)
def test_a_no_in_the_call_is_remembered_and_a_request_is_not(
    premises: Premises, outcome: Outcome | None, by: WithdrawnBy
) -> None:
    call = premises.call(outcome, caller_hash="h" * 64)
    for _ in range(2):
        withdrawn(premises, call, Wish(by, "alice"))
    with premises.shop.database.read() as connection:
        found = declines.remembered(connection, "h" * 64, premises.clock.now)
    assert (found is not None) is (by is not WithdrawnBy.REQUEST)
    assert types(premises, call).count("decline.remembered") == (by is not WithdrawnBy.REQUEST)
    assert differences(premises) == []


@ONE_MACHINE
def test_a_withdrawal_that_twilio_holds_up_is_an_incident_that_closes_by_itself(premises: Premises) -> None:
    call, recording = recorded(premises)
    withdrawn(premises, call)
    premises.company.trouble["stop"] = [Unavailable("503")] * 40
    premises.work()
    premises.clock.passes(seconds=61)
    premises.sweep()
    assert "withdrawal_waits" in premises.incidents(call)
    premises.company.trouble.clear()
    premises.clock.passes(hours=1)
    goes_on(premises)
    premises.clock.passes(minutes=1)
    goes_on(premises)
    premises.assert_gone(recording)
    assert premises.incidents(call) == set()


@ONE_MACHINE
def test_a_withdrawal_that_no_job_moves_is_found(premises: Premises) -> None:
    call, recording = recorded(premises)
    withdrawn(premises, call)
    for job, _ in premises.jobs.waiting(withdrawing.WITHDRAW):
        premises.jobs.ended(job)
    goes_on(premises)
    premises.assert_gone(recording)
    assert carried_out(premises, call)


@ONE_MACHINE
def test_a_stop_that_is_refused_for_one_recording_holds_up_no_other(premises: Premises) -> None:
    call, first = recorded(premises)
    second = premises.company.start(call.call_sid, WAV, source=BY_REST)
    premises.hears(call, second, RecordingEvent.IN_PROGRESS, source=BY_REST)
    premises.company.trouble["stop"] = [Refused("403")]
    withdrawn(premises, call)
    with pytest.raises(Refused):
        withdraw(premises.shop, premises.jobs, cast(Steps, Patient()), call.id)
    assert sum(runs(premises, sid) for sid in (first.recording_sid, second)) == 1


@ONE_MACHINE
def test_the_answer_to_the_stop_is_logged_at_once_and_a_lost_answer_once_it_is_read(premises: Premises) -> None:
    """Where the answer shows nothing, since another request has stopped it, the recording is read."""
    call, recording = recorded(premises)
    other = premises.hears(call, premises.company.start(call.call_sid, WAV), RecordingEvent.IN_PROGRESS)
    premises.company.stop(call.call_sid, other.recording_sid)
    premises.company.trouble["recordings_of"] = [Unavailable("503")] * 40
    withdrawn(premises, call)
    premises.company.asked.clear()
    with pytest.raises(Unavailable):
        withdraw(premises.shop, premises.jobs, cast(Steps, Patient()), call.id)
    assert premises.company.asked[:3] == [
        ("stop", recording.recording_sid),
        ("stop", other.recording_sid),
        ("recording", other.recording_sid),
    ]
    assert premises.told(recording)[-1] == premises.told(other)[-1] == "recording.stopped"


@EITHER_SIDE
@EITHER_EFFECT
def test_a_withdrawal_that_dies_anywhere_is_finished_by_another(
    premises: Premises, on_recording: OnWithdrawal, is_after: bool
) -> None:
    for interruption, call, recording in interrupted(premises, on_recording, is_after=is_after):
        interruption.happens = die
        remembered = Remembered()
        try:
            carried(interruption.around(premises.shop), premises, call, remembered)
        except Died:
            carried(premises.shop, premises, call, remembered)
        assert_ended(premises, call, recording, on_recording)


@EITHER_SIDE
@EITHER_EFFECT
def test_an_answer_that_is_lost_anywhere_leaves_nothing_that_runs(
    premises: Premises, on_recording: OnWithdrawal, is_after: bool
) -> None:
    for interruption, call, recording in interrupted(premises, on_recording, is_after=is_after):
        interruption.happens = nobody_answers
        carried(interruption.around(premises.shop), premises, call)
        assert_ended(premises, call, recording, on_recording)


def carried(shop: Workshop, premises: Premises, call: Call, steps: Any = None) -> None:
    withdraw(shop, premises.jobs, cast(Steps, steps or Patient()), call.id)


def interrupted(
    premises: Premises, on_recording: OnWithdrawal, *, is_after: bool
) -> Iterator[tuple[Interruption, Call, Recording]]:
    """A withdrawal before its job, with another's recording beside ours of which nothing is known yet."""
    for interruption in at_each_effect(premises.stride, is_after=is_after, effects_min=4):
        call, recording = recorded(premises)
        premises.company.start(call.call_sid, WAV, source=BY_REST)
        withdrawn(premises, call, replace(BY_AGENT, on_recording=on_recording))
        yield interruption, call, recording


def assert_ended(premises: Premises, call: Call, recording: Recording, on_recording: OnWithdrawal) -> None:
    mine = [sid for sid, tape in premises.company.tapes.items() if tape.shown.call_sid == call.call_sid]
    assert not any(runs(premises, sid) for sid in mine)
    if on_recording is KEEP:
        premises.hears(call, recording.recording_sid, RecordingEvent.COMPLETED, duration_s=3)
    goes_on(premises)
    (premises.assert_kept if on_recording is KEEP else premises.assert_gone)(recording)
    assert premises.told(recording).count("recording.stopped") == 1
    assert carried_out(premises, call)


@ONE_MACHINE
@pytest.mark.parametrize("on_recording", OnWithdrawal)
@pytest.mark.parametrize("is_recorded", [True, False])
def test_a_text_that_was_agreed_to_goes_with_the_consent(
    premises: Premises, on_recording: OnWithdrawal, is_recorded: bool
) -> None:
    """Also one that no list of new texts has any more, and where the recording is kept, or was never known."""
    agreed = {"quality": timedelta(days=90), "transcription": timedelta(days=90)}
    call = premises.call(purposes=agreed)
    if is_recorded:
        recording_sid = premises.company.start(call.call_sid, WAV)
        premises.company.complete(recording_sid)
        premises.hears(call, recording_sid, RecordingEvent.COMPLETED, duration_s=3)
        premises.work()
    text = premises.company.make_copy(CopyKind.CONVERSATION, call_sid=call.call_sid)
    premises.clock.passes(days=2)
    withdrawn(premises, call, replace(BY_AGENT, on_recording=on_recording))
    goes_on(premises)
    assert not premises.company.has_copy(text)
    assert carried_out(premises, call)


@ONE_MACHINE
def test_a_withdrawal_is_not_carried_out_while_a_text_remains(premises: Premises) -> None:
    call, _ = recorded(premises)
    premises.company.make_copy(CopyKind.CONVERSATION, call_sid=call.call_sid)
    premises.company.keeps[CopyKind.CONVERSATION] = "answered 405"
    withdrawn(premises, call)
    goes_on(premises)
    assert not carried_out(premises, call)
    assert "copy_remains" in premises.incidents(call)
