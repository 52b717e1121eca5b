"""One call in the consent log: its events as they are hashed, what is left of the personal fields, and how far it can
be trusted.
"""

import json
from base64 import urlsafe_b64decode
from collections.abc import Iterator
from typing import Any

from sqlalchemy import Connection, select

from storage import anchors, calls, checkpoints
from storage.tables import disclosure, log_leaf


def tell_log_of(connection: Connection, call_sid: str) -> Iterator[str] | None:
    """None where there is no such call."""
    known = calls.peek_sid(connection, call_sid)
    return None if known is None else _tell(connection, known.id)


def opened_fields(connection: Connection, call_id: str) -> dict[str, tuple[str, Any]]:
    """What is left of a call's personal fields: by digest, each one's name and value."""
    rows = connection.execute(select(disclosure.c.digest, disclosure.c.body).where(disclosure.c.call_id == call_id))
    return {row.digest: opened(row.body) for row in rows}


def opened(body: str) -> tuple[str, Any]:
    """The name and the value that a disclosure's body holds."""
    _, name, value = json.loads(urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    return name, value


def _tell(connection: Connection, call_id: str) -> Iterator[str]:
    left = opened_fields(connection, call_id)
    query = select(log_leaf.c.idx, log_leaf.c.leaf).where(log_leaf.c.call_id == call_id).order_by(log_leaf.c.n)
    last = 0
    for row in connection.execute(query):
        last = row.idx
        yield f"{row.idx} {row.leaf}"
        for name, digest in sorted(json.loads(row.leaf).get("sd", {}).items()):
            value = json.dumps(left[digest][1], ensure_ascii=False) if digest in left else "(erased)"
            yield f"    {name}: {value}"
    yield from _worth(connection, last)


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
