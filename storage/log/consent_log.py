"""The consent log in the database: append-only, in the caller's transaction, numbered without gaps.

The event row is the leaf. Its index is taken under the lock of the one-row head, so the order of the log is the order
of the commits, and an event exists exactly when the change that it records does. All processes take turns at that lock:
events are held back until the transaction has nothing else to do. Of the tree above the leaves, one hash is kept for
every full 16 children, which is enough to compute the root of a long log quickly (`storage.log.tree`);
`storage.log.verification` trusts none of it and starts from the leaves.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import BigInteger, Connection, bindparam, insert, select, update

from evidence.events import Event, write_leaf
from evidence.merkle import leaf_hash
from storage.database.engine import Views
from storage.database.held_back import Asked, hold_last
from storage.database.pages import Paged
from storage.database.prepared_statements import Prepared
from storage.database.tables import disclosure, log_head, log_leaf, log_node
from storage.errors import Broken
from storage.log.tree import KeptTree

if TYPE_CHECKING:
    from storage.moment import Moment

Row = Mapping[str, Any]

_LEAVES = Paged(select(log_leaf.c.idx, log_leaf.c.leaf, log_leaf.c.hash), log_leaf.c.idx)
_SIZE = select(log_head.c.size).where(log_head.c.id == 1)
_MOVE_HEAD = Prepared(update(log_head).where(log_head.c.id == 1).values(size=log_head.c.size + bindparam("more")))
_INSERT_LEAF = Prepared(
    insert(log_leaf)
    .inline()
    .values(
        {name: bindparam(name) for name in ("leaf", "hash", "call_id", "n")}
        | {"idx": _SIZE.scalar_subquery() - bindparam("from_end", type_=BigInteger)}
    )
)
_OPEN = Prepared(insert(disclosure))
_OF_CALL = Prepared(
    select(log_leaf.c.idx, log_leaf.c.leaf).where(log_leaf.c.call_id == bindparam("id")).order_by(log_leaf.c.n),
    of_call="id",
)
_TABLES = (log_head.name, log_leaf.name, log_node.name)


def append(
    connection: Connection,
    events: Sequence[Event],
    *,
    call_id: str | None,
    first_n: int | None,
    at: datetime,
    random: Callable[[int], bytes],
) -> None:
    """Append events as the call's numbers `first_n`, `first_n + 1`, …, durable when the caller's transaction is.

    They get their places at the end of it, or when it reads the log, and the head's lock is held from then on.
    """
    numbered = [(event, None if first_n is None else first_n + k) for k, event in enumerate(events)]
    leaves = [(write_leaf(event, call=call_id, n=n, at=at, random=random), n) for event, n in numbered]
    for leaf, _ in leaves:
        for digest, body in leaf.disclosures.items():
            _OPEN.hold(connection, {"digest": digest, "call_id": call_id, "body": body}, call_id=call_id)
    hold_last(connection, [_row(leaf.line, call_id, n) for leaf, n in leaves], _placed, _TABLES, call_id=call_id)


def append_events(connection: Connection, moment: "Moment", *events: Event) -> None:
    """Append events that belong to no call."""
    append(connection, events, call_id=None, first_n=None, at=moment.at, random=moment.random)


def _row(leaf: str, call_id: str | None, n: int | None) -> Row:
    """The row of an event, but for its place."""
    return {"leaf": leaf, "hash": leaf_hash(leaf.encode()), "call_id": call_id, "n": n}


def _placed(rows: list[Row]) -> Asked:
    """The head moves first, which locks it, and then each event gets a place below it; without a head there is none."""
    leaves: list[Row] = [{**row, "from_end": len(rows) - k} for k, row in enumerate(rows)]
    return [(_MOVE_HEAD, [{"more": len(rows)}]), (_INSERT_LEAF, leaves)]


def size(connection: Connection) -> int:
    return int(connection.execute(select(log_head.c.size).where(log_head.c.id == 1)).scalar_one())


def lock(connection: Connection) -> None:
    """No other transaction appends until this one ends, so all later reads see the same log."""
    connection.execute(select(log_head.c.size).where(log_head.c.id == 1).with_for_update())


def root(connection: Connection) -> bytes:
    """The root of the whole log, from the kept subtrees and the leaves that no full subtree covers yet."""
    return KeptTree.of(connection).root(size(connection))


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
    return [(index, leaf) for index, leaf in _OF_CALL.all(connection, {"id": call_id})]


def events_of_call(connection: Connection, call_id: str) -> list[tuple[int, dict[str, Any]]]:
    """A call's events in their order: index and content. Raises Broken as `read_event` does."""
    return [(index, read_event(index, leaf)) for index, leaf in of_call(connection, call_id)]


def leaves(connection: Connection, start: int = 0) -> Iterator[str]:
    """The events from an index on, in one view, verbatim as they are hashed; read a page at a time."""
    return (leaf for _, leaf, _ in hashed_leaves(lambda: nullcontext(connection), start))


def hashed_leaves(views: Views, start: int = 0) -> Iterator[tuple[int, str, bytes]]:
    """The events from an index on: index, leaf, and the hash that is kept of it. No view is open while one is used."""
    return ((index, leaf, digest) for page in _LEAVES.pages(views, (start - 1,)) for index, leaf, digest in page)
