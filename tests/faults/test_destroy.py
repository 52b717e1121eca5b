"""Destroying a recording: every copy, at Twilio and here, verified and certified; only what has to go, when it has."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any, cast

import pytest

from policies.consent import Outcome
from policies.copies import CopyKind
from policies.lifecycle import RecordingEvent, RecordingState
from storage.audio.contract import AudioKey, AudioStore
from storage.custody.destroy import destroy
from storage.custody.sweep import tidy
from storage.custody.workshop import Workshop
from storage.errors import Unavailable
from storage.jobs.steps import Steps
from storage.rows.recordings import Recording
from tests.faults.interruptions import Died, Interruption, at_each_effect, die, nobody_answers
from tests.faults.phone_company import BY_REST, OURS
from tests.faults.premises import ONE_MACHINE, WAV, Patient, Premises, Remembered

EITHER_SIDE = pytest.mark.parametrize("is_after", [False, True], ids=["before", "after"])


def destroyed(shop: Workshop, one: Recording, steps: Any = None) -> None:
    destroy(shop, cast(Steps, steps or Patient()), one.id)


def rogue(premises: Premises) -> Recording:
    """A recording of a caller who declined, still running."""
    owner = premises.call(Outcome.DECLINED)
    sid = premises.company.start(owner.call_sid, WAV)
    premises.company.tapes[sid].refusals = 1  # and when it is stopped, its file takes a while
    return premises.hears(owner, sid, RecordingEvent.IN_PROGRESS)


def withdrawn(premises: Premises) -> Recording:
    """One that is kept here, and that its caller no longer wants to exist."""
    one = premises.stored()
    premises.condemn(one)
    return one


def transcribed(premises: Premises) -> Recording:
    """A recording that its caller no longer wants to exist, of which and of whose call Twilio has texts."""
    one = premises.stored({"quality": timedelta(days=90), "transcription": timedelta(days=90)})
    premises.condemn(one)
    premises.company.make_copy(CopyKind.TRANSCRIPT, recording_sid=one.recording_sid)
    premises.company.make_copy(CopyKind.CONVERSATION, call_sid=premises.owner(one).call_sid)
    return one


MUST_GO = pytest.mark.parametrize("made", [rogue, withdrawn, transcribed])


@MUST_GO
def test_what_must_go_goes_everywhere(premises: Premises, made: Callable[[Premises], Recording]) -> None:
    one = made(premises)
    premises.work()
    premises.assert_gone(one)
    assert premises.incidents(one) == {"recording_without_permit"}


@MUST_GO
@EITHER_SIDE
def test_a_destruction_that_dies_anywhere_is_finished_by_another(
    premises: Premises, made: Callable[[Premises], Recording], is_after: bool
) -> None:
    for interruption, one in interrupted(premises, made, is_after=is_after):
        interruption.happens = die
        remembered = Remembered()
        try:
            destroyed(interruption.around(premises.shop), one, remembered)
        except Died:
            destroyed(premises.shop, one, remembered)
        premises.assert_gone(one)


@MUST_GO
@EITHER_SIDE
def test_an_answer_that_is_lost_anywhere_leaves_nothing_behind(
    premises: Premises, made: Callable[[Premises], Recording], is_after: bool
) -> None:
    for interruption, one in interrupted(premises, made, is_after=is_after):
        interruption.happens = nobody_answers
        destroyed(interruption.around(premises.shop), one)
        premises.assert_gone(one)


@EITHER_SIDE
def test_two_who_destroy_at_once_certify_it_once(premises: Premises, is_after: bool) -> None:
    for interruption, one in interrupted(premises, withdrawn, is_after=is_after):
        interruption.happens = lambda one=one: destroyed(premises.shop, one)  # type: ignore[misc]  # mypy and defaults
        destroyed(interruption.around(premises.shop), one)
        premises.assert_gone(one)


def interrupted(
    premises: Premises, made: Callable[[Premises], Recording], *, is_after: bool
) -> Iterator[tuple[Interruption, Recording]]:
    for interruption in at_each_effect(premises.stride, is_after=is_after, effects_min=4):
        yield interruption, made(premises)


@ONE_MACHINE
def test_a_running_recording_is_stopped_first_and_deleted_when_it_is_complete(premises: Premises) -> None:
    one = rogue(premises)
    premises.work()
    methods = [method for method, sid in premises.company.asked if sid == one.recording_sid]
    tried = ["copies_of", "delete", "recording"]
    assert methods == ["stop", *tried, *tried, "copies_of"]


@ONE_MACHINE
def test_a_deletion_that_twilio_only_claims_is_not_certified(premises: Premises) -> None:
    one = withdrawn(premises)
    premises.company.tapes[one.recording_sid].is_deleted = False
    premises.company.lies_about_deletion = True
    premises.work()
    assert premises.recording(one).state is RecordingState.CONDEMNED
    assert "job_failed" in premises.incidents(one)
    premises.company.lies_about_deletion = False
    premises.clock.passes(hours=1)
    premises.sweep()
    premises.work()
    premises.assert_gone(one)


@ONE_MACHINE
def test_a_deletion_that_our_store_only_claims_is_not_certified(premises: Premises) -> None:
    one, store = withdrawn(premises), premises.shop.store
    lying = cast(AudioStore, Lying(store))
    with pytest.raises(Unavailable):
        destroyed(replace(premises.shop, store=lying), one)
    assert premises.recording(one).state is RecordingState.CONDEMNED
    premises.work()
    premises.assert_gone(one)


class Lying:
    """A store that says it has deleted something and has not."""

    def __init__(self, store: AudioStore) -> None:
        self._store = store

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def delete(self, key: AudioKey) -> None: ...


def test_audio_lives_until_its_time_and_not_longer(premises: Premises) -> None:
    one = premises.stored()
    until = premises.recording(one).retain_until
    assert until is not None
    premises.clock.now = until - timedelta(microseconds=1)
    premises.sweep()
    premises.work()
    premises.assert_kept(one)
    premises.clock.now = until
    premises.sweep()
    premises.work()
    premises.assert_gone(one)
    [told] = [event for event in premises.story(one).events if event["type"] == "recording.destroyed"]
    assert told["rule"] == "retention"


def test_what_was_never_stored_lives_no_longer_at_twilio_for_that(premises: Premises) -> None:
    one = premises.completed()
    premises.company.trouble["media"] = [Unavailable("503")] * 1000
    premises.work()
    premises.clock.passes(days=89)
    premises.sweep()
    premises.work()
    assert premises.company.holds(one.recording_sid)
    premises.clock.passes(days=1)
    premises.sweep()
    premises.work()
    premises.assert_gone(one)
    [told] = [event for event in premises.story(one).events if event["type"] == "recording.destroyed"]
    assert told["rule"] == "retention"


@ONE_MACHINE
def test_a_recording_whose_time_has_not_come_survives_any_job(premises: Premises) -> None:
    one = premises.stored()
    destroyed(premises.shop, one)
    premises.assert_kept(one)


@ONE_MACHINE
def test_what_expires_while_twilio_is_away_is_certified_when_twilio_is_back(premises: Premises) -> None:
    one = premises.stored()
    premises.clock.passes(days=91)
    for asked in ("delete", "recording"):
        premises.company.trouble[asked] = [Unavailable("503")] * 10
    premises.sweep()
    premises.work()
    assert premises.recording(one).state is RecordingState.KEPT
    premises.company.trouble.clear()
    premises.clock.passes(hours=1)
    premises.sweep()
    premises.work()
    premises.assert_gone(one)


@ONE_MACHINE
def test_the_certificate_says_why(premises: Premises) -> None:
    for made, rule in ((rogue, "no permit"), (withdrawn, "withdrawn")):
        one = made(premises)
        premises.work()
        [told] = [event for event in premises.story(one).events if event["type"] == "recording.destroyed"]
        assert (told["rule"], told["where"]) == (rule, ["provider", "store", "key"])


@ONE_MACHINE
def test_what_lies_in_the_spool_goes_too_on_every_machine(premises: Premises) -> None:
    one = premises.completed()
    shops = [premises.shop, premises.other_machine()]
    for shop in shops:
        folder = shop.folder(one.id) / "attempt"
        folder.mkdir(parents=True)
        (folder / "master.wav").write_bytes(WAV)
    premises.condemn(one)
    destroyed(premises.shop, one)
    assert not premises.shop.folder(one.id).exists()
    tidy(shops[1])
    assert not shops[1].folder(one.id).exists()
    premises.assert_gone(one)


@ONE_MACHINE
def test_tidying_touches_nothing_that_is_not_ours(premises: Premises) -> None:
    one, spool = premises.completed(), premises.shop.spool
    for name in (one.id, "somebody's", "0" * 32):
        (spool / name).mkdir(parents=True)
    (spool / "a file").write_text("of somebody's")
    tidy(premises.shop)
    assert {path.name for path in spool.iterdir()} == {one.id, "somebody's", "a file"}


@ONE_MACHINE
def test_a_job_that_need_not_be_leaves_the_only_copy_at_twilio_alone(premises: Premises) -> None:
    one = premises.completed()
    destroyed(premises.shop, one)
    assert premises.company.holds(one.recording_sid)
    assert not {"stop", "delete"} & {method for method, _ in premises.company.asked}
    premises.work()
    premises.assert_kept(one)


@ONE_MACHINE
def test_the_certificate_of_another_applications_recording_says_that_no_permit_covered_it(premises: Premises) -> None:
    """Although the caller had agreed to ours, and the permit stands."""
    ours = premises.stored()
    sid = premises.company.start(premises.owner(ours).call_sid, WAV)
    premises.company.complete(sid)
    other = premises.hears(premises.owner(ours), sid, RecordingEvent.COMPLETED, source=BY_REST)
    premises.work()
    premises.assert_gone(other)
    premises.assert_kept(ours)
    [told] = [event for event in premises.story(ours).events if event["type"] == "recording.destroyed"]
    assert (told["recording"], told["rule"]) == (other.id, "no permit")


@ONE_MACHINE
def test_a_recording_is_condemned_once_and_the_event_says_which_whose_and_why(premises: Premises) -> None:
    one = premises.stored()
    for _ in range(2):
        premises.condemn(one)
    [told] = [event for event in premises.story(one).events if event["type"] == "recording.condemned"]
    assert (told["recording"], told["source"], told["why"]) == (one.id, OURS, "withdrawn")
    assert told["sd"].keys() == {"provider_recording_id"}
    [raised] = premises.story(one).incidents
    assert (raised.kind, raised.about) == ("recording_without_permit", one.id)
