"""Taking a recording in: once, whole and verified, whatever happens at whatever moment, and Twilio's copy last."""

import hashlib
import json
from base64 import urlsafe_b64decode
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest
from sqlalchemy import select

from policies.lifecycle import RecordingState
from storage.audio.contract import AudioKey, AudioStore, StoredAudio
from storage.custody.destroy import destroy
from storage.custody.intake import intake
from storage.custody.sweep import tidy
from storage.custody.workshop import Workshop
from storage.database.tables import disclosure
from storage.errors import Broken, NotEnforced, Refused, Unavailable
from storage.jobs.steps import Steps
from storage.rows.recordings import Recording
from tests.faults.interruptions import Died, Interruption, at_each_effect, die, nobody_answers
from tests.faults.premises import ONE_MACHINE, WAV, Patient, Premises, Remembered
from tests.storage.wavs import quiet, wav_bytes

EITHER_SIDE = pytest.mark.parametrize("is_after", [False, True], ids=["before", "after"])


def taken_in(shop: Workshop, one: Recording, steps: Any = None) -> None:
    intake(shop, cast(Steps, steps or Patient()), one.id)


def interrupted(premises: Premises, *, is_after: bool) -> Iterator[tuple[Interruption, Recording]]:
    """A fresh recording each time, and where its intake is to be interrupted."""
    for interruption in at_each_effect(premises.stride, is_after=is_after, effects_min=8):
        yield interruption, premises.completed()


def test_a_completed_recording_is_stored_once_and_twilios_copy_goes(premises: Premises) -> None:
    one = premises.completed()
    premises.work()
    premises.assert_kept(one)
    known = premises.recording(one)
    assert known.retain_until is not None
    assert (known.retain_until - premises.clock.now).days == 90


@ONE_MACHINE
def test_the_hashes_of_the_audio_are_committed_to_in_private(premises: Premises) -> None:
    one = premises.stored()
    with premises.shop.database.read() as connection:
        bodies = [urlsafe_b64decode(body + "==") for body in connection.scalars(select(disclosure.c.body))]
    told = {name: value for _, name, value in map(json.loads, bodies)}
    assert told["audio_sha256"] == hashlib.sha256(WAV).hexdigest()
    assert told["audio_sha512"] == hashlib.sha512(WAV).hexdigest()
    (stored,) = (event for event in premises.story(one).events if event["type"] == "recording.stored")
    assert stored["sd"].keys() == {"audio_sha256", "audio_sha512", "object"}


@ONE_MACHINE
def test_what_reviewers_hear_is_kept_beside_the_master(premises: Premises) -> None:
    one = premises.completed()
    taken_in(replace(premises.shop, listening_copies=True), one)
    premises.assert_kept(one)
    assert len(list(premises.shop.store.list(""))) == 4


@ONE_MACHINE
def test_while_recordings_wait_one_is_stored_and_verified_without_a_copy_for_reviewers(premises: Premises) -> None:
    one = premises.completed()
    taken_in(replace(premises.shop, listening_copies=True, is_behind=lambda: True), one)
    premises.assert_kept(one)
    (stored,) = (event for event in premises.story(one).events if event["type"] == "recording.stored")
    assert stored["objects"] == ["master", "peaks", "levels"]


@EITHER_SIDE
@pytest.mark.parametrize("elsewhere", [False, True], ids=["there", "elsewhere"])
def test_an_intake_that_dies_anywhere_is_finished_by_another(
    premises: Premises, is_after: bool, elsewhere: bool
) -> None:
    for interruption, one in interrupted(premises, is_after=is_after):
        interruption.happens = die
        remembered = Remembered()
        try:
            taken_in(interruption.around(premises.shop), one, remembered)
        except Died:
            taken_in(premises.other_machine() if elsewhere else premises.shop, one, remembered)
        if elsewhere:
            tidy(premises.shop)
        premises.assert_kept(one)
        assert premises.incidents(one) == set()


@EITHER_SIDE
def test_an_answer_that_is_lost_anywhere_costs_nothing(premises: Premises, is_after: bool) -> None:
    for interruption, one in interrupted(premises, is_after=is_after):
        interruption.happens = nobody_answers
        taken_in(interruption.around(premises.shop), one)
        premises.assert_kept(one)


@EITHER_SIDE
@pytest.mark.parametrize("elsewhere", [False, True], ids=["there", "elsewhere"])
def test_of_two_attempts_at_once_one_wins_and_nothing_is_left_of_the_other(
    premises: Premises, is_after: bool, elsewhere: bool
) -> None:
    """The second runs from its beginning to its end while the first stands still."""
    for interruption, one in interrupted(premises, is_after=is_after):
        shop = premises.other_machine() if elsewhere else premises.shop
        interruption.happens = lambda shop=shop, one=one: taken_in(shop, one)  # type: ignore[misc]  # mypy and defaults
        taken_in(interruption.around(premises.shop), one)
        premises.assert_kept(one)


@ONE_MACHINE
def test_an_attempt_is_not_disturbed_by_the_download_of_another(premises: Premises) -> None:
    one, first = premises.completed(), Remembered(last="fetch")
    with pytest.raises(Died):
        taken_in(premises.shop, one, first)
    premises.company.half_way = [lambda: taken_in(premises.shop, one, first)]
    taken_in(premises.shop, one)
    premises.assert_kept(one)


@EITHER_SIDE
def test_an_attempt_that_comes_too_late_and_then_dies_leaves_nothing(premises: Premises, is_after: bool) -> None:
    """As a worker does that was silent for long: it finds that another has taken its place, and stops."""
    there = premises.other_machine()
    for interruption, one in interrupted(premises, is_after=is_after):
        interruption.happens = lambda one=one: taken_in(there, one)  # type: ignore[misc]  # mypy and defaults
        with pytest.raises(Died):
            taken_in(interruption.around(premises.shop), one, Remembered(last="store"))
        if interruption.is_over:
            return
        tidy(premises.shop)
        premises.assert_kept(one)


@EITHER_SIDE
@pytest.mark.parametrize("destroyed", ["at_once", "later"])
def test_of_a_recording_condemned_while_it_is_taken_in_nothing_remains(
    premises: Premises, is_after: bool, destroyed: str
) -> None:
    for interruption, one in interrupted(premises, is_after=is_after):

        def condemn(one: Recording = one) -> None:
            premises.condemn(one)
            if destroyed == "at_once":
                destroy(premises.shop, cast(Steps, Patient()), one.id)

        interruption.happens = condemn
        taken_in(interruption.around(premises.shop), one)
        if interruption.is_over:
            return
        premises.work()
        premises.assert_gone(one)
        assert "job_failed" not in premises.incidents(one)


@ONE_MACHINE
@pytest.mark.parametrize("trouble", ["media", "media half-way", "delete", "recording"])
def test_what_twilio_cannot_do_now_is_tried_again(premises: Premises, trouble: str) -> None:
    one = premises.completed()
    premises.company.trouble[trouble] = [Unavailable("429"), Unavailable("503")]
    premises.work()
    premises.assert_kept(one)


@ONE_MACHINE
def test_media_that_are_not_ready_yet_are_waited_for(premises: Premises) -> None:
    one = premises.completed()
    premises.company.tapes[one.recording_sid].refusals = 3
    premises.work()
    premises.assert_kept(one)


@ONE_MACHINE
def test_a_mono_recording_is_stored_as_it_is(premises: Premises) -> None:
    mono = wav_bytes(quiet(3))
    one = premises.completed(mono)
    premises.work()
    premises.assert_kept(one, mono)


class Faulty:
    """A store that fails in one way, on purpose."""

    def __init__(self, store: AudioStore, **instead: Callable[..., Any]) -> None:
        self._store, self._instead = store, instead

    def __getattr__(self, name: str) -> Any:
        return self._instead.get(name) or getattr(self._store, name)


def refuses(error: Exception) -> Callable[..., Any]:
    def put(*_: object, **__: object) -> StoredAudio:
        raise error

    return put


def altered(premises: Premises) -> Callable[..., bytes]:
    real = premises.shop.store

    def read(key: AudioKey, version_id: str, start: int, length: int) -> bytes:
        return real.read(key, version_id, start, length).replace(b"\x00", b"\x01")

    return read


def second_fails(premises: Premises) -> Callable[..., StoredAudio]:
    real, puts = premises.shop.store, []

    def put(key: AudioKey, source: Path, **named: Any) -> StoredAudio:
        puts.append(key)
        if len(puts) % 2 == 0:
            raise Unavailable("audio store: no room")
        return real.put(key, source, **named)

    return put


@pytest.mark.parametrize(
    "fault",
    [
        lambda premises: {"put": refuses(NotEnforced("the store dropped the checksum"))},
        lambda premises: {"put": refuses(Refused("the store refuses"))},
        lambda premises: {"put": refuses(Unavailable("the store is full"))},
        lambda premises: {"put": second_fails(premises)},
        lambda premises: {"read": altered(premises)},
    ],
    ids=["not enforced", "refused", "full", "full half-way", "altered when read back"],
)
def test_what_our_store_does_not_keep_stays_at_twilio_and_an_incident_says_why(
    premises: Premises, fault: Callable[[Premises], dict[str, Any]]
) -> None:
    one, store = premises.completed(), premises.shop.store
    broken = cast(AudioStore, Faulty(store, **fault(premises)))
    whole, premises.shop = premises.shop, replace(premises.shop, store=broken)
    premises.work()
    premises.shop = whole
    assert premises.recording(one).state is RecordingState.COMPLETED
    assert premises.company.holds(one.recording_sid)
    assert premises.incidents(one) == {"job_failed"}
    assert list(store.list("")) == [], "nothing is left of an attempt in vain"
    premises.clock.passes(hours=1)
    premises.sweep()  # once an hour it is tried again
    premises.work()
    premises.assert_kept(one)


@ONE_MACHINE
@pytest.mark.parametrize("at", [29, 60, -1], ids=["in its header", "in its samples", "at its end"])
def test_audio_that_the_spool_altered_is_not_kept_and_is_fetched_anew(premises: Premises, at: int) -> None:
    one, fetched = premises.completed(), Remembered(last="fetch")
    with pytest.raises(Died):
        taken_in(premises.shop, one, fetched)
    (master,) = premises.shop.spool.rglob("master.wav")
    altered = bytearray(master.read_bytes())
    altered[at] ^= 1
    master.write_bytes(altered)
    with pytest.raises(Broken, match="changed"):
        taken_in(premises.shop, one, replace(fetched, last=""))
    assert premises.company.holds(one.recording_sid)
    assert list(premises.shop.store.list("")) == []
    taken_in(premises.shop, one)
    premises.assert_kept(one)


@ONE_MACHINE
def test_the_incident_of_a_job_that_failed_names_call_and_recording_once(premises: Premises) -> None:
    one = premises.completed(b"nothing")
    for _ in range(3):
        premises.work()
        premises.clock.passes(hours=1)
        premises.sweep()
    failed = [incident for incident in premises.story(one).incidents if incident.kind == "job_failed"]
    assert [incident.about for incident in failed] == [f"intake:{one.id}"]
    assert one.id in failed[0].detail


@ONE_MACHINE
def test_an_intake_of_what_no_permit_covers_is_broken(premises: Premises) -> None:
    with pytest.raises(Broken):
        taken_in(premises.shop, replace(premises.completed(), id="0" * 32))
