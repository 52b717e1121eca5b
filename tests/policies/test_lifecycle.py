"""Both tables, cell by cell, against a matrix written out by hand (`.` stays, `x` is impossible)."""

from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.lifecycle import (
    CALL,
    RECORDING,
    CallEvent,
    CallState,
    ImpossibleTransition,
    RecordingEvent,
    RecordingState,
    after,
    first,
)

CALL_MATRIX = """
             sent_back  disclosure_completed asked_again permitted suppressed refused withdrawn  ended
disclosing   .          choosing             x           x         suppressed ending  suppressed ended
choosing     disclosing .                    .           recording suppressed ending  suppressed ended
recording    .          .                    .           .         x          ending  suppressed ended
suppressed   .          .                    .           x         .          ending  .          ended
ending       .          .                    .           x         x          .       .          ended
ended        .          .                    .           .         .          .       .          .
"""
RECORDING_MATRIX = """
            in_progress completed absent stored provider_copy_gone quarantined identified condemned destroyed
started     .           completed absent x      x                  quarantined .          condemned x
completed   .           .         .      stored x                  quarantined .          condemned x
stored      .           .         .      .      kept               .           .          condemned destroyed
kept        .           .         .      .      .                  .           .          condemned destroyed
absent      .           completed .      x      x                  .           .          condemned x
quarantined .           .         .      x      x                  .           started    condemned x
condemned   .           .         .      .      .                  .           .          .         destroyed
destroyed   .           .         .      x      .                  .           .          .         .
"""


def cells(matrix: str) -> dict[tuple[str, str], str]:
    header, *rows = (line.split() for line in matrix.strip().splitlines())
    return {(state, event): cell for state, *row in rows for event, cell in zip(header, row, strict=True)}


@pytest.mark.parametrize("state", CallState)
@pytest.mark.parametrize("event", CallEvent)
def test_a_call_moves_as_written(state: CallState, event: CallEvent) -> None:
    cell = cells(CALL_MATRIX)[state, event]
    if cell == "x":
        with pytest.raises(ImpossibleTransition):
            after(state, event)
    else:
        assert after(state, event) is (state if cell == "." else CallState(cell))


@pytest.mark.parametrize("state", RecordingState)
@pytest.mark.parametrize("event", RecordingEvent)
def test_a_recording_moves_as_written(state: RecordingState, event: RecordingEvent) -> None:
    cell = cells(RECORDING_MATRIX)[state, event]
    if cell == "x":
        with pytest.raises(ImpossibleTransition):
            after(state, event)
    else:
        assert after(state, event) is (state if cell == "." else RecordingState(cell))


def test_a_call_gets_to_recording_only_from_choosing_by_a_permit() -> None:
    ways_in = {
        (state, event)
        for state, row in CALL.items()
        for event, into in row.items()
        if into is CallState.RECORDING and state is not CallState.RECORDING
    }
    assert ways_in == {(CallState.CHOOSING, CallEvent.PERMITTED)}


@given(st.lists(st.sampled_from(CallEvent)))
def test_a_call_once_suppressed_is_never_recorded(events: list[CallEvent]) -> None:
    state = CallState.SUPPRESSED
    for event in events:
        try:
            state = after(state, event)
        except ImpossibleTransition:
            continue
        assert state in {CallState.SUPPRESSED, CallState.ENDING, CallState.ENDED}


@given(st.lists(st.sampled_from(RecordingEvent)))
def test_a_condemned_recording_leads_nowhere_but_to_destruction(events: list[RecordingEvent]) -> None:
    state = RecordingState.CONDEMNED
    for event in events:
        try:
            state = after(state, event)
        except ImpossibleTransition:
            continue
        assert state in {RecordingState.CONDEMNED, RecordingState.DESTROYED}


@pytest.mark.parametrize("state", RecordingState)
def test_twilios_news_and_our_verdict_are_never_impossible(state: RecordingState) -> None:
    unpredictable = {
        RecordingEvent.IN_PROGRESS,
        RecordingEvent.COMPLETED,
        RecordingEvent.ABSENT,
        RecordingEvent.QUARANTINED,
        RecordingEvent.IDENTIFIED,
        RecordingEvent.CONDEMNED,
    }
    assert unpredictable <= RECORDING[state].keys()


@pytest.mark.parametrize(
    "order", list(permutations([RecordingEvent.IN_PROGRESS, RecordingEvent.ABSENT, RecordingEvent.COMPLETED]))
)
def test_a_completed_recording_is_completed_in_whatever_order_the_news_came(
    order: tuple[RecordingEvent, ...],
) -> None:
    state = first(order[0])
    for event in order[1:]:
        state = after(state, event)
    assert state is RecordingState.COMPLETED


@pytest.mark.parametrize("event", [RecordingEvent.STORED, RecordingEvent.PROVIDER_COPY_GONE, RecordingEvent.DESTROYED])
def test_what_we_do_to_a_recording_cannot_be_the_first_news_of_it(event: RecordingEvent) -> None:
    with pytest.raises(ImpossibleTransition, match="cannot follow nothing"):
        first(event)


@given(st.lists(st.sampled_from(RecordingEvent)))
def test_a_quarantined_recording_is_stored_or_destroyed_only_after_a_verdict(events: list[RecordingEvent]) -> None:
    state = RecordingState.QUARANTINED
    for event in events:
        if event in {RecordingEvent.IDENTIFIED, RecordingEvent.CONDEMNED}:
            return
        try:
            state = after(state, event)
        except ImpossibleTransition:
            continue
        assert state is RecordingState.QUARANTINED


def test_a_recording_may_be_condemned_before_anything_else_is_known() -> None:
    assert first(RecordingEvent.CONDEMNED) is RecordingState.CONDEMNED
    assert first(RecordingEvent.QUARANTINED) is RecordingState.QUARANTINED


def test_twilios_copy_cannot_go_before_ours_is_stored() -> None:
    with pytest.raises(ImpossibleTransition, match="provider_copy_gone cannot follow completed"):
        after(RecordingState.COMPLETED, RecordingEvent.PROVIDER_COPY_GONE)
