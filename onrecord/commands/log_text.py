"""A call in the consent log as text: its events as they are hashed, the personal fields that are left, and how far the
log can be trusted.
"""

import json
from collections.abc import Callable, Iterator

from sqlalchemy import Connection

from compliance.call_log import CallLog
from evidence.merkle import leaf_hash
from storage.database.engine import Views
from storage.log import anchors, checkpoints, consent_log
from storage.rows.calls import Call


def tell_all(views: Views, start: int, complain: Callable[[str], object]) -> Iterator[str]:
    """Every event from an index on, as it is hashed. `complain` is called for each that is not as it was logged."""
    for index, leaf, kept in consent_log.hashed_leaves(views, start):
        yield leaf
        if leaf_hash(leaf.encode()) != kept:
            complain(f"event {index} does not match its hash: its text was changed after it was logged")
    with views() as connection:
        newest = checkpoints.newest(connection)
        goes_on = newest is None or checkpoints.continues(connection, newest.checkpoint)
    if newest and not goes_on:
        complain(f"the first {newest.size} events are not those that were signed: run `onrecord log verify`")


def tell_log_of(connection: Connection, known: Call) -> Iterator[str]:
    log = CallLog.read(connection, known.id)
    for entry in log.entries:
        yield f"{entry.index} {entry.line}"
        for name in sorted(entry.public.get("sd", {})):
            value = json.dumps(entry.private[name], ensure_ascii=False) if name in entry.private else "(erased)"
            yield f"    {name}: {value}"
    yield from (f"WARNING: {fault}" for fault in log.faults)
    yield from _worth(connection, log.entries[-1].index if log.entries else 0)


def _worth(connection: Connection, index: int) -> Iterator[str]:
    covering = checkpoints.first_covering(connection, index)
    if covering is None:
        yield "no checkpoint covers all of it yet: `onrecord log checkpoint` signs one"
        return
    yield f"all of it is in the checkpoint that was signed at {covering.signed_at:%Y-%m-%d %H:%M:%S} UTC"
    held = anchors.anchors_of(connection, from_size=index + 1)
    for anchor in {one.kind: one for one in held[::-1]}.values():
        yield f"held since {anchor.anchored_at:%Y-%m-%d %H:%M:%S} UTC by {anchor.kind}: {anchor.place}"
    yield str(anchors.level_of(connection, index + 1))
