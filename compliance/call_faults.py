"""What does not hold of one call's events and of what is left of their personal fields: asked before any of it is shown
or given to somebody. `onrecord log verify` asks the same of the whole log.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, select

from evidence.disclosures import opens
from evidence.merkle import leaf_hash
from evidence.soundness import Line, Unsound, check_calls, check_disclosures, check_leaf, signed
from storage.database.tables import call, log_leaf
from storage.errors import Broken
from storage.log import checkpoints, consent_log
from storage.log.proofs import Prover


def faults_of(
    connection: Connection, call_id: str, leaves: Sequence[tuple[int, str]], bodies: Mapping[str, str], prover: Prover
) -> Iterator[str]:
    """In plain words; nothing where all of it holds. `bodies` are the disclosures that are filed under the call, by the
    digest that each is filed under.
    """
    told = [consent_log.read_event(index, leaf) for index, leaf in leaves]
    shown = [[body for digest, body in bodies.items() if digest in one.get("sd", {}).values()] for one in told]
    lines = [Line(index, leaf, one, some) for (index, leaf), one, some in zip(leaves, told, shown, strict=True)]
    yield from _faults_of_lines(connection, leaves, prover)
    yield from _found(check_calls, lines)
    counted = connection.scalar(select(call.c.events).where(call.c.id == call_id))
    if counted is not None and counted != len(lines):
        yield f"the log has {len(lines)} events of the call, whose row counts {counted}"
    if strangers := [one.index for one in lines if one.told.get("call") != call_id]:
        yield f"event {strangers[0]} is filed under the call, and is of another"
    committed = {digest for one in told for digest in one.get("sd", {}).values()}
    if added := sorted(bodies.keys() - committed):
        yield f"the disclosure {added[0]} is of none of the call's events: it was put there by somebody else"
    if not all(opens(body, digest) for digest, body in bodies.items()):
        yield "a personal field says something else than was committed to: it was altered"
    else:
        yield from _found(check_disclosures, lines)


def _faults_of_lines(connection: Connection, leaves: Sequence[tuple[int, str]], prover: Prover) -> Iterator[str]:
    """Against the newest checkpoint; of events that nobody has signed yet, against the hash that is kept of them."""
    known, size = prover.signed, prover.signed.size if prover.signed else 0
    if known is not None:
        yield from _found(signed, known.note, checkpoints.vkeys(connection))
    kept = dict(_unsigned_hashes(connection, size, leaves))
    for index, leaf in leaves:
        if known is not None and index < size:
            yield from _found(check_leaf, index, leaf, prover.tree.inclusion(index, size), known.checkpoint)
        elif leaf_hash(leaf.encode()) != kept.get(index):
            yield f"event {index} does not match its hash: its text was changed after it was logged"


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
