"""A call in the consent log as text: its events as they are hashed, the personal fields that are left, and how far the
log can be trusted.
"""

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from compliance.call_log import CallLog
from evidence.merkle import leaf_hash
from storage.database.engine import Views
from storage.log import anchors, checkpoints, consent_log
from storage.rows.calls import Call

_CHANGED = "event {} does not match its hash: its text was changed after it was logged"
_LOOK_EVERY_S = 0.5


def tell_all(views: Views, start: int, complain: Callable[[str], object]) -> Iterator[str]:
    """Every event from an index on, as it is hashed. `complain` is called for each that is not as it was logged."""
    for index, leaf, kept in consent_log.hashed_leaves(views, start):
        yield leaf
        if leaf_hash(leaf.encode()) != kept:
            complain(_CHANGED.format(index))
    with views() as connection:
        newest = checkpoints.newest(connection)
        goes_on = newest is None or checkpoints.continues(connection, newest.checkpoint)
    if newest and not goes_on:
        complain(f"the first {newest.size} events are not those that were signed: run `onrecord log verify`")


@dataclass(frozen=True, slots=True)
class TailEvent:
    """`line` is the event verbatim, as it is hashed."""

    index: int
    line: str

    def __str__(self) -> str:
        event = consent_log.read_event(self.index, self.line)
        about = f"  call {event['call']}" if event.get("call") else ""
        return f"{self.index:>7}  {event['ts'].replace('T', ' ').removesuffix('Z')}  {event['type']}{about}"


def last_events(views: Views, count: int, *, follow: bool, complain: Callable[[str], object]) -> Iterator[TailEvent]:
    """The log's last events, and with `follow` each that is appended, for ever. `complain` as in `tell_all`."""
    with views() as connection:
        at = max(consent_log.size(connection) - count, 0)
    while True:
        for index, leaf, kept in consent_log.hashed_leaves(views, at):
            if leaf_hash(leaf.encode()) != kept:
                complain(_CHANGED.format(index))
            yield TailEvent(index, leaf)
            at = index + 1
        if not follow:
            return
        time.sleep(_LOOK_EVERY_S)


def tell_log_of(connection: Connection, known: Call) -> Iterator[str]:
    log = CallLog.read(connection, known.id)
    for entry in log.entries:
        yield f"{entry.index} {entry.line}"
        for name in sorted(entry.public.get("sd", {})):
            value = json.dumps(entry.private[name], ensure_ascii=False) if name in entry.private else "(erased)"
            yield f"    {name}: {value}"
    yield from (f"WARNING: {fault}" for fault in log.faults)
    yield from _worth(connection, log.entries[-1].index if log.entries else 0)


def log_as_json(connection: Connection, known: Call) -> dict[str, Any]:
    """The same as JSON. `opened` holds the personal fields that are left, by name; an erased one is missing."""
    log = CallLog.read(connection, known.id)
    events = [
        {
            "index": entry.index,
            "event": entry.public,
            "opened": {name: entry.private[name] for name in sorted(entry.private)},
        }
        for entry in log.entries
    ]
    worth = [*_worth(connection, log.entries[-1].index if log.entries else 0)]
    return {"call": known.id, "events": events, "warnings": [str(fault) for fault in log.faults], "worth": worth}


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
