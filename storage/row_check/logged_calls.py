"""Derives a call from its events, before a step that can't be undone: a row alone is not trusted for that."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, select

from evidence.merkle import leaf_hash
from evidence.merkle_proofs import root_by_inclusion
from policies.derivation import derive
from policies.derived import DerivedCall, DerivedPermit, Fields
from policies.lifecycle import ImpossibleTransition, RecordingState
from storage.database.prepared_statements import Prepared
from storage.database.tables import log_leaf
from storage.errors import Broken
from storage.log import checkpoints, consent_log
from storage.log.tree import KeptTree

_LOOK = "run `onrecord log verify`"
_EVENTS = Prepared(
    select(log_leaf.c.idx, log_leaf.c.leaf, log_leaf.c.hash, log_leaf.c.n)
    .where(log_leaf.c.call_id == bindparam("id"))
    .order_by(log_leaf.c.n),
    of_call="id",
)


@dataclass(frozen=True, slots=True)
class LoggedEvent:
    """An event as it was logged: its index, its line verbatim, and the fields in the line."""

    index: int
    leaf: str
    fields: Fields


class Contradicted(Broken):
    """A row differs from the events, so that nothing was done by it."""

    def __init__(self, about: str, what: str) -> None:
        super().__init__(f"{about}: {what}: nothing was done by it; {_LOOK}")


def logged(connection: Connection, call_id: str) -> DerivedCall:
    """The call as derived from its events. Raises Broken where they are not as they were logged."""
    return made_of(call_id, [event.fields for event in logged_events(connection, call_id)])


def made_of(call_id: str, events: list[Fields]) -> DerivedCall:
    try:
        return derive(events)
    except (ImpossibleTransition, KeyError, TypeError) as error:
        raise Broken(f"call {call_id}: its events can't follow one another: {error}; {_LOOK}") from error


def check_outcome(connection: Connection, call_id: str, said: str) -> None:
    """Raises Contradicted where a call's row has another outcome than its events."""
    outcome = logged(connection, call_id).outcome
    if said != outcome:
        raise Contradicted(f"call {call_id}", f"its row says {said}, and its events say {outcome}")


def check_stored(connection: Connection, call_id: str, recording_id: str) -> None:
    """Raises Contradicted unless an event says, as the row does, that the recording was stored here or condemned."""
    recording = logged(connection, call_id).recordings.get(recording_id)
    if recording is None or not (recording.objects or recording.state is RecordingState.CONDEMNED):
        raise Contradicted(f"recording {recording_id}", "its row says that it is stored here, and no event does")


def logged_permit(connection: Connection, call_id: str) -> DerivedPermit | None:
    """The permit that the call's events give; its event must be in the tree that was signed over it."""
    events = logged_events(connection, call_id)
    check_permit_signed(connection, events)
    return made_of(call_id, [event.fields for event in events]).permit


def logged_events(connection: Connection, call_id: str) -> list[LoggedEvent]:
    """The events of a call in their order. Raises Broken where they are not as they were logged."""
    events: list[LoggedEvent] = []
    for place, (index, leaf, kept, said_n) in enumerate(_EVENTS.all(connection, {"id": call_id})):
        event = consent_log.read_event(index, leaf)
        is_whole = leaf_hash(leaf.encode()) == bytes(kept) and isinstance(event.get("sd", {}), dict)
        if not is_whole or (event.get("call"), event.get("n"), said_n) != (call_id, place, place):
            raise Broken(f"consent log: event {index} of call {call_id} is not as it was logged; {_LOOK}")
        events.append(LoggedEvent(index, leaf, event))
    return events


def check_permit_signed(connection: Connection, events: Sequence[LoggedEvent]) -> None:
    """Checks that the event that gives the call's permit, if there is one, is in the tree that was signed over it.

    An event of the last minute may not have been signed yet. Raises Broken.
    """
    given = next((event for event in events if event.fields["type"] == "recording.permitted"), None)
    signed = checkpoints.first_covering(connection, given.index) if given else None
    if given is None or signed is None:
        return
    path = KeptTree.of(connection).inclusion(given.index, signed.size)
    if root_by_inclusion(given.index, signed.size, leaf_hash(given.leaf.encode()), path) != signed.checkpoint.root:
        raise Broken(f"consent log: event {given.index} is not among those that were signed; {_LOOK}")
