"""A recording that is paused and goes on: asked durably, confirmed by Twilio, and no way to record without consent."""

from collections.abc import Iterator
from datetime import timedelta
from typing import cast

import pytest

from policies.lifecycle import RecordingEvent
from policies.pausing import AtLimit, PauseEnd, Pausing
from storage.custody.pausing import pause, resume
from storage.errors import Refused, Unavailable
from storage.jobs.steps import Steps
from storage.rows import call_end, pauses, pausing
from storage.rows.calls import Call
from storage.rows.pauses import Pause
from storage.rows.recordings import RESUME, Recording
from tests.faults.interruptions import Died, Interruption, at_each_effect, die, nobody_answers
from tests.faults.premises import ONE_MACHINE, WAV, Patient, Premises, Remembered
from tests.faults.test_withdraw import BY_AGENT, DESTROY, KEEP, differences, goes_on, recorded, types, withdrawn

LIMIT = timedelta(minutes=5)
EITHER_SIDE = pytest.mark.parametrize("is_after", [False, True], ids=["before", "after"])


def paused(premises: Premises, call: Call, at_limit: AtLimit = AtLimit.STOP) -> Pause:
    rule = Pausing(LIMIT, at_limit)
    return premises.write(
        lambda connection: pausing.pause(
            connection, premises.moment(), premises.row(connection, call), rule, premises.jobs, actor="alice"
        )
    )


def resumed(premises: Premises, call: Call) -> None:
    premises.write(
        lambda connection: pausing.resume(
            connection, premises.moment(), premises.row(connection, call), premises.jobs, actor="alice"
        )
    )


def as_it_is(premises: Premises, asked: Pause) -> Pause:
    with premises.shop.database.read() as connection:
        found = pauses.by_id(connection, asked.id)
    assert found is not None
    return found


def status(premises: Premises, recording: Recording) -> str:
    return premises.company.tapes[recording.recording_sid].shown.status


def ends(premises: Premises, call: Call) -> None:
    premises.company.hang_up(call.call_sid)
    premises.write(
        lambda connection: call_end.end(
            connection, premises.moment(), premises.row(connection, call), status="completed", duration_s=30
        )
    )


def test_a_recording_is_paused_and_goes_on_and_the_log_has_the_seconds(premises: Premises) -> None:
    call, recording = recorded(premises)
    premises.clock.passes(seconds=12.4)
    asked = paused(premises, call)
    premises.work()
    assert status(premises, recording) == "paused"
    premises.clock.passes(seconds=20)
    resumed(premises, call)
    premises.work()
    assert status(premises, recording) == "in-progress"
    found = as_it_is(premises, asked)
    assert (found.how, found.recording_id) == (PauseEnd.RESUMED, recording.id)
    at = {event["type"]: event["at_ms"] for event in premises.story(call).events if "at_ms" in event}
    assert at["recording.paused"] == pytest.approx(12_400, abs=1000)
    assert at["recording.resumed"] == pytest.approx(32_400, abs=1000)
    assert differences(premises) == []
    assert premises.incidents(call) == set()


@ONE_MACHINE
def test_a_pause_before_the_first_news_begins_with_them(premises: Premises) -> None:
    call = premises.call()
    asked = paused(premises, call)
    premises.work()
    assert as_it_is(premises, asked).begun_at is None
    sid = premises.company.start(call.call_sid, WAV)
    recording = premises.hears(call, sid, RecordingEvent.IN_PROGRESS)
    premises.work()
    assert status(premises, recording) == "paused"


@ONE_MACHINE
def test_a_pause_of_a_call_that_is_never_recorded_was_never_begun(premises: Premises) -> None:
    call = premises.call()
    asked = paused(premises, call)
    premises.work()
    ends(premises, call)
    assert as_it_is(premises, asked).how == PauseEnd.NEVER_BEGUN
    assert differences(premises) == []


@ONE_MACHINE
def test_a_pause_ends_with_its_call(premises: Premises) -> None:
    call, _ = recorded(premises)
    asked = paused(premises, call)
    premises.work()
    ends(premises, call)
    assert as_it_is(premises, asked).how == PauseEnd.CALL_ENDED
    with pytest.raises(Refused, match="not paused"):
        resumed(premises, call)


@pytest.mark.parametrize(
    ("at_limit", "becomes", "how"),
    [
        (AtLimit.STOP, "stopped", PauseEnd.LIMIT),
        (AtLimit.RESUME, "in-progress", PauseEnd.LIMIT),
        (AtLimit.ALARM, "paused", ""),
    ],
)
def test_a_forgotten_pause_ends_as_the_rules_say_and_is_an_incident(
    premises: Premises, at_limit: AtLimit, becomes: str, how: str
) -> None:
    call, recording = recorded(premises)
    asked = paused(premises, call, at_limit)
    premises.work()
    premises.clock.passes(minutes=5, microseconds=-1)
    premises.sweep()
    premises.work()
    assert status(premises, recording) == "paused"
    assert premises.incidents(call) == set()
    premises.clock.passes(microseconds=1)
    premises.sweep()
    premises.work()
    assert status(premises, recording) == becomes
    assert as_it_is(premises, asked).how == how
    assert premises.incidents(call) == {"pause_forgotten"}
    assert types(premises, call).count("recording.resumed") == (at_limit is AtLimit.RESUME)
    assert types(premises, call).count("recording.stopped") == (at_limit is AtLimit.STOP)
    assert differences(premises) == []


@ONE_MACHINE
def test_what_was_stopped_at_the_limit_is_kept_and_never_resumed(premises: Premises) -> None:
    call, recording = recorded(premises)
    paused(premises, call)
    premises.work()
    premises.clock.passes(minutes=6)
    premises.sweep()
    premises.work()
    with pytest.raises(Refused):
        resumed(premises, call)
    premises.hears(call, recording.recording_sid, RecordingEvent.COMPLETED, duration_s=3)
    premises.work()
    premises.assert_kept(recording)
    with pytest.raises(Refused, match="its recording has ended"):
        paused(premises, call)


@ONE_MACHINE
@pytest.mark.parametrize("on_recording", [DESTROY, KEEP])
def test_a_withdrawal_ends_a_pause_and_nothing_is_resumed(premises: Premises, on_recording: str) -> None:
    call, recording = recorded(premises)
    asked = paused(premises, call)
    premises.work()
    resumed(premises, call)
    withdrawn(premises, call, BY_AGENT)
    assert as_it_is(premises, asked).how == PauseEnd.WITHDRAWN
    goes_on(premises)
    premises.assert_gone(recording)
    assert "recording.resumed" not in types(premises, call)
    assert ("resume", recording.recording_sid) not in premises.company.asked
    with pytest.raises(Refused, match="not paused"):
        resumed(premises, call)


@ONE_MACHINE
def test_a_withdrawal_while_twilio_is_asked_to_go_on_is_not_outrun(premises: Premises) -> None:
    call, recording = recorded(premises)
    paused(premises, call)
    premises.work()
    resumed(premises, call)
    for interruption in [Interruption(1, lambda: None, is_after=True)]:
        interruption.happens = lambda: (withdrawn(premises, call), None)[1]
        asked = premises.jobs.waiting(RESUME)[0][1]
        resume(interruption.around(premises.shop), cast(Steps, Patient()), asked)
    assert status(premises, recording) not in {"in-progress", "paused"}


@ONE_MACHINE
def test_only_one_pause_is_open_and_only_what_is_recorded_is_paused(premises: Premises) -> None:
    call, _ = recorded(premises)
    paused(premises, call)
    with pytest.raises(Refused, match="paused already"):
        paused(premises, call)
    unasked = premises.call(None)
    with pytest.raises(Refused, match="not being recorded"):
        paused(premises, unasked)


@ONE_MACHINE
@EITHER_SIDE
def test_a_pause_that_is_taken_back_while_twilio_is_asked_is_undone(premises: Premises, is_after: bool) -> None:
    call, recording = recorded(premises)
    asked = paused(premises, call)

    def take_back() -> None:
        resumed(premises, call)
        resume(premises.shop, cast(Steps, Patient()), str(asked.id))

    interruption = Interruption(1, take_back, is_after)
    pause(interruption.around(premises.shop), cast(Steps, Patient()), str(asked.id))
    assert status(premises, recording) == "in-progress"
    assert as_it_is(premises, asked).how == PauseEnd.NEVER_BEGUN
    assert differences(premises) == []


@ONE_MACHINE
def test_a_pause_that_twilio_does_not_answer_is_tried_again(premises: Premises) -> None:
    call, recording = recorded(premises)
    asked = paused(premises, call)
    premises.company.trouble["pause"] = [Unavailable("503")] * 8
    premises.work()
    assert as_it_is(premises, asked).begun_at is None
    premises.clock.passes(minutes=1)
    premises.sweep()
    premises.work()
    assert status(premises, recording) == "paused"


@EITHER_SIDE
@pytest.mark.parametrize("happens", [die, nobody_answers])
def test_a_pause_and_its_end_are_finished_whatever_dies_or_is_lost(
    premises: Premises, happens: object, is_after: bool
) -> None:
    for interruption, call, recording in interrupted(premises, is_after=is_after):
        interruption.happens = happens  # type: ignore[assignment]  # one of the two
        asked = paused(premises, call)
        carried(interruption, premises, asked)
        assert status(premises, recording) == "paused"
        resumed(premises, call)
        carried(interruption, premises, asked)
        assert status(premises, recording) == "in-progress"
        assert as_it_is(premises, asked).how == PauseEnd.RESUMED
        for name in ("recording.paused", "recording.resumed", "pause.ended"):
            assert types(premises, call).count(name) == 1


def carried(interruption: Interruption, premises: Premises, asked: Pause) -> None:
    for job in (pause, resume):
        remembered = Remembered()
        try:
            job(interruption.around(premises.shop), cast(Steps, remembered), str(asked.id))
        except Died:
            job(premises.shop, cast(Steps, remembered), str(asked.id))


def interrupted(premises: Premises, *, is_after: bool) -> Iterator[tuple[Interruption, Call, Recording]]:
    for interruption in at_each_effect(1, is_after=is_after, effects_min=3):
        yield interruption, *recorded(premises)
