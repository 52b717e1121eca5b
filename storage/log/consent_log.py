"""The consent log in the database: append-only, in the caller's transaction, numbered without gaps.

The event row is the leaf. Its index is taken under the lock of the one-row head, so the order of the log is the order
of the commits, and an event exists exactly when the change that it records does. The tree above the leaves is kept as
one hash for every full 256 children, which is enough to compute the root of a long log quickly (`storage.log.tree`);
`storage.log.verification` trusts none of it and starts from the leaves.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, bindparam, insert, select, update

from evidence.events import Event, Leaf, write_leaf
from evidence.merkle import leaf_hash
from storage.database.prepared_statements import Prepared
from storage.database.tables import disclosure, log_head, log_leaf
from storage.errors import Broken
from storage.log.tree import KeptTree

if TYPE_CHECKING:
    from storage.moment import Moment

_PAGE = 1000
_MOVE_HEAD = Prepared(
    update(log_head)
    .where(log_head.c.id == 1)
    .values(size=log_head.c.size + bindparam("more"))
    .returning(log_head.c.size)
)
_INSERT_LEAF, _INSERT_DISCLOSURE = Prepared(insert(log_leaf)), Prepared(insert(disclosure))


def append(
    connection: Connection,
    events: Sequence[Event],
    *,
    call_id: str | None,
    first_n: int | None,
    at: datetime,
    random: Callable[[int], bytes],
) -> int:
    """Append events as the call's numbers `first_n`, `first_n + 1`, …; returns the index of the first.

    Durable when the caller's transaction is. Holds the head's lock until then, so do nothing slow after it.
    """
    lines = [
        write_leaf(event, call=call_id, n=None if first_n is None else first_n + k, at=at, random=random)
        for k, event in enumerate(events)
    ]
    head = _MOVE_HEAD.first(connection, {"more": len(lines)})
    if head is None:
        raise Broken("consent log: it has no head")
    (size,) = head
    start: int = size - len(lines)
    _insert(connection, lines, start=start, call_id=call_id, first_n=first_n)
    return start


def append_events(connection: Connection, moment: "Moment", *events: Event) -> None:
    """Append events that belong to no call."""
    append(connection, events, call_id=None, first_n=None, at=moment.at, random=moment.random)


def _insert(
    connection: Connection, leaves: Sequence[Leaf], *, start: int, call_id: str | None, first_n: int | None
) -> None:
    _INSERT_LEAF.run(
        connection,
        *(
            {
                "idx": start + k,
                "leaf": leaf.line,
                "hash": leaf_hash(leaf.line.encode()),
                "call_id": call_id,
                "n": None if first_n is None else first_n + k,
            }
            for k, leaf in enumerate(leaves)
        ),
    )
    opened = [
        {"digest": digest, "call_id": call_id, "body": body}
        for leaf in leaves
        for digest, body in leaf.disclosures.items()
    ]
    if opened:
        _INSERT_DISCLOSURE.run(connection, *opened)


def size(connection: Connection) -> int:
    return int(connection.execute(select(log_head.c.size).where(log_head.c.id == 1)).scalar_one())


def lock(connection: Connection) -> None:
    """No other transaction appends until this one ends, so all later reads see the same log."""
    connection.execute(select(log_head.c.size).where(log_head.c.id == 1).with_for_update())


def root(connection: Connection) -> bytes:
    """The root of the whole log, from the kept subtrees and the leaves that no full subtree covers yet."""
    return KeptTree(connection).root(size(connection))


def read_event(index: int, leaf: str) -> dict[str, Any]:
    """The event in a leaf. Raises Broken for a leaf that this program can't have written."""
    try:
        event = json.loads(leaf)
    except (ValueError, RecursionError):
        event = None
    if not isinstance(event, dict):
        raise Broken(f"consent log: event {index} is no event")
    return event


def of_call(connection: Connection, call_id: str) -> list[tuple[int, str]]:
    """A call's events in their order: index and line."""
    query = select(log_leaf.c.idx, log_leaf.c.leaf).where(log_leaf.c.call_id == call_id).order_by(log_leaf.c.n)
    return [(row.idx, row.leaf) for row in connection.execute(query)]


def events_of_call(connection: Connection, call_id: str) -> list[tuple[int, dict[str, Any]]]:
    """A call's events in their order: index and content. Raises Broken as `read_event` does."""
    return [(index, read_event(index, leaf)) for index, leaf in of_call(connection, call_id)]


def leaves(connection: Connection, start: int = 0) -> Iterator[str]:
    """The events from an index on, verbatim as they are hashed; read a page at a time."""
    return (leaf for _, leaf, _ in hashed_leaves(connection, start))


def hashed_leaves(connection: Connection, start: int = 0) -> Iterator[tuple[int, str, bytes]]:
    """The events from an index on: index, leaf, and the hash that is kept of it."""
    page = select(log_leaf.c.idx, log_leaf.c.leaf, log_leaf.c.hash).order_by(log_leaf.c.idx).limit(_PAGE)
    last = start - 1
    while rows := connection.execute(page.where(log_leaf.c.idx > last)).all():
        for row in rows:
            yield row.idx, row.leaf, bytes(row.hash)
        last = rows[-1].idx
