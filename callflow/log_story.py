"""One call in the consent log: its events as they are hashed, what is left of the personal fields, and how far it can
be trusted.
"""

import json
from collections.abc import Iterator

from sqlalchemy import Connection

from callflow.call_log import CallLog
from storage import anchors, checkpoints
from storage.calls import Call


def tell_log_of(connection: Connection, known: Call) -> Iterator[str]:
    log = CallLog.read(connection, known.id)
    for one in log.entries:
        yield f"{one.index} {one.line}"
        for name in sorted(one.public.get("sd", {})):
            value = json.dumps(one.private[name], ensure_ascii=False) if name in one.private else "(erased)"
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
