"""Checks one call's events and their remaining personal fields before they are shown or handed out. `onrecord log
verify` does the same for the whole log.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, select

from evidence.checkpoints import Checkpoint
from evidence.disclosures import opens
from evidence.merkle import leaf_hash
from evidence.soundness import Line, Unsound, check_calls, check_disclosures, check_leaf, signed
from storage.database.tables import call, log_leaf
from storage.errors import Broken
from storage.log import checkpoints, consent_log
from storage.log.proofs import Prover
from storage.log.tree import KeptTree


def faults_of(
    connection: Connection, call_id: str, leaves: Sequence[tuple[int, str]], bodies: Mapping[str, str], prover: Prover
) -> Iterator[str]:
    """The faults in plain words; none where everything verifies. `bodies` are the disclosures that are filed under the
    call, by digest.
    """
    lines = [line_of(index, leaf, consent_log.read_event(index, leaf), bodies) for index, leaf in leaves]
    yield from _faults_of_lines(connection, leaves, prover)
    counted = connection.scalar(select(call.c.events).where(call.c.id == call_id))
    yield from faults_in(call_id, lines, bodies, counted)


def faults_in(call_id: str, lines: Sequence[Line], bodies: Mapping[str, str], counted: int | None) -> Iterator[str]:
    """The faults that show without the tree. `lines` have the disclosures of `bodies` that belong to each; `counted` is
    how many events the call's row counts, None where there is no row.
    """
    events = [line.told for line in lines]
    yield from _found(check_calls, lines)
    if counted is not None and counted != len(lines):
        yield f"the log has {len(lines)} events of the call, whose row counts {counted}"
    if strangers := [line.index for line in lines if line.told.get("call") != call_id]:
        yield f"event {strangers[0]} is filed under the call, and is of another"
    committed = {digest for event in events for digest in event.get("sd", {}).values()}
    if added := sorted(bodies.keys() - committed):
        yield f"the disclosure {added[0]} is of none of the call's events: it was put there by somebody else"
    if not all(opens(body, digest) for digest, body in bodies.items()):
        yield "a personal field says something else than was committed to: it was altered"
    else:
        yield from _found(check_disclosures, lines)


def line_of(index: int, leaf: str, event: Mapping[str, Any], bodies: Mapping[str, str]) -> Line:
    """The event with its disclosures among `bodies`."""
    committed = event.get("sd", {}).values()
    return Line(index, leaf, event, [bodies[digest] for digest in committed if digest in bodies])


def _faults_of_lines(connection: Connection, leaves: Sequence[tuple[int, str]], prover: Prover) -> Iterator[str]:
    """Checks events against the newest checkpoint; events that are not signed yet, against their kept hash."""
    newest, size = prover.signed, prover.signed.size if prover.signed else 0
    if newest is not None:
        yield from _found(signed, newest.note, checkpoints.vkeys(connection))
    kept = dict(_unsigned_hashes(connection, size, leaves))
    for index, leaf in leaves:
        if newest is not None and index < size:
            yield from _found(_check_signed, prover.tree, index, leaf, newest.checkpoint)
        elif leaf_hash(leaf.encode()) != kept.get(index):
            yield f"event {index} does not match its hash: its text was changed after it was logged"


def _check_signed(tree: KeptTree, index: int, leaf: str, checkpoint: Checkpoint) -> None:
    """Raises Broken also where no proof can be made, since a neighbour of the event is missing."""
    check_leaf(index, leaf, tree.inclusion(index, checkpoint.size), checkpoint)


def _unsigned_hashes(
    connection: Connection, size: int, leaves: Sequence[tuple[int, str]]
) -> Iterator[tuple[int, bytes]]:
    some = log_leaf.c.idx.in_([index for index, _ in leaves if index >= size])
    for row in connection.execute(select(log_leaf.c.idx, log_leaf.c.hash).where(some)):
        yield row.idx, bytes(row.hash)


def _found(check: Callable[..., object], *asked: Any) -> Iterator[str]:
    try:
        check(*asked)
    except (Unsound, Broken) as error:
        yield str(error)
