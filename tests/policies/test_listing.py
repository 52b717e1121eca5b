"""A call as the list shows it: its audio, its end, and where the caller is."""

from datetime import timedelta
from itertools import product

import pytest

from policies.consent import RECORDING_OUTCOMES, Outcome
from policies.lifecycle import RecordingState
from policies.listing import ListedAudio, ListedRecording, kept_until, listed_audio, place_of, recorded_s
from tests.conftest import NOON

LATER = NOON + timedelta(days=90)
CONSENTED, DECLINED = Outcome.CONSENTED, Outcome.DECLINED


def recording(state: RecordingState, *, permitted: bool = True) -> ListedRecording:
    return ListedRecording(state, permitted, duration_s=42, retain_until=LATER)


@pytest.mark.parametrize(
    ("state", "audio"),
    [
        (RecordingState.STARTED, ListedAudio.EXPECTED),
        (RecordingState.COMPLETED, ListedAudio.EXPECTED),
        (RecordingState.STORED, ListedAudio.KEPT),
        (RecordingState.KEPT, ListedAudio.KEPT),
        (RecordingState.ABSENT, ListedAudio.NONE),
        (RecordingState.QUARANTINED, ListedAudio.IN_DOUBT),
        (RecordingState.CONDEMNED, ListedAudio.CONDEMNED),
        (RecordingState.DESTROYED, ListedAudio.DESTROYED),
    ],
)
def test_the_permitted_recording_decides(state: RecordingState, audio: ListedAudio) -> None:
    another = recording(RecordingState.DESTROYED, permitted=False)
    assert listed_audio(CONSENTED, [another, recording(state)], is_in_doubt=False) is audio


@pytest.mark.parametrize("outcome", [*Outcome, "open"])
def test_a_call_without_a_recording_expects_one_only_where_it_is_permitted(outcome: str) -> None:
    expected = ListedAudio.EXPECTED if outcome in RECORDING_OUTCOMES else ListedAudio.NONE
    assert listed_audio(outcome, [], is_in_doubt=False) is expected


@pytest.mark.parametrize(
    ("state", "audio"),
    [
        (RecordingState.QUARANTINED, ListedAudio.IN_DOUBT),
        (RecordingState.CONDEMNED, ListedAudio.CONDEMNED),
        (RecordingState.DESTROYED, ListedAudio.DESTROYED),
        (RecordingState.ABSENT, ListedAudio.NONE),
    ],
)
def test_a_recording_without_a_permit_is_told_of_too(state: RecordingState, audio: ListedAudio) -> None:
    assert listed_audio(DECLINED, [recording(state, permitted=False)], is_in_doubt=False) is audio


def test_what_waits_to_be_destroyed_is_not_said_to_be_destroyed() -> None:
    made = [recording(state, permitted=False) for state in (RecordingState.DESTROYED, RecordingState.CONDEMNED)]
    assert listed_audio(DECLINED, made, is_in_doubt=False) is ListedAudio.CONDEMNED


def test_no_audio_counts_as_kept_while_it_is_in_doubt_whose_it_is() -> None:
    for state, doubted in product(RecordingState, (True, False)):
        made = [recording(state), recording(RecordingState.QUARANTINED, permitted=False)]
        assert listed_audio(CONSENTED, made, is_in_doubt=doubted) is ListedAudio.IN_DOUBT
    assert listed_audio(CONSENTED, [recording(RecordingState.KEPT)], is_in_doubt=True) is ListedAudio.IN_DOUBT
    assert listed_audio(CONSENTED, [recording(RecordingState.DESTROYED)], is_in_doubt=True) is ListedAudio.DESTROYED


@pytest.mark.parametrize("audio", ListedAudio)
def test_only_what_is_there_has_an_end(audio: ListedAudio) -> None:
    is_there = audio in (ListedAudio.EXPECTED, ListedAudio.KEPT, ListedAudio.IN_DOUBT)
    assert kept_until(audio, [recording(RecordingState.KEPT)], NOON) == (LATER if is_there else None)
    assert kept_until(audio, [], NOON) == (NOON if is_there else None)


def test_the_length_is_of_the_permitted_recording_and_stays_when_that_is_gone() -> None:
    assert recorded_s([recording(RecordingState.KEPT, permitted=False)]) is None
    assert recorded_s([recording(RecordingState.ABSENT)]) is None
    assert recorded_s([recording(RecordingState.DESTROYED)]) == 42


@pytest.mark.parametrize(
    ("ends", "place"),
    [
        (["caller US-TX", "agent US-CA", "recorder US"], "US-TX"),
        (["caller CA-PE", "caller CA-NS", "agent DE"], "CA-NS CA-PE"),
        (["caller ZZ", "agent DE"], ""),
        ([], ""),
    ],
)
def test_the_place_is_the_callers(ends: list[str], place: str) -> None:
    assert place_of(ends) == place
