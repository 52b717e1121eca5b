"""The consent log in the database: append-only, in the caller's transaction, numbered without gaps.

The event row is the leaf. Its index is taken under the lock of the one-row head, so the order of the log is the order
of the commits, and an event exists exactly when the change it tells of does. The tree above the leaves is kept as one
hash for every full 256 children, which is all that is needed to know the root of a long log quickly; `verify` trusts
none of it and starts from the leaves.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, func, insert, select, update

from evidence.events import Event, Leaf, digest_of, write_leaf
from evidence.merkle import Frontier, leaf_hash
from storage.errors import Broken
from storage.prepared import Prepared
from storage.tables import disclosure, log_head, log_leaf, log_node

FAN_OUT = 256
_HEIGHT = 8  # 2**8 == FAN_OUT
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

    Durable when the caller's transaction is. Holds the head's lock until then, so let nothing slow come after it.
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
    for full in range(start // FAN_OUT, size // FAN_OUT):
        _close_subtree(connection, level=1, n=full)
    return start


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


def _close_subtree(connection: Connection, *, level: int, n: int) -> None:
    """Keep the root of the n-th full subtree of FAN_OUT**level leaves, and of what it completes above."""
    children = (
        select(log_leaf.c.hash)
        .where(log_leaf.c.idx.between(n * FAN_OUT, n * FAN_OUT + FAN_OUT - 1))
        .order_by(log_leaf.c.idx)
        if level == 1
        else select(log_node.c.hash)
        .where(log_node.c.lvl == level - 1, log_node.c.n.between(n * FAN_OUT, n * FAN_OUT + FAN_OUT - 1))
        .order_by(log_node.c.n)
    )
    frontier = Frontier()
    for digest in connection.scalars(children):
        frontier.push(digest)
    connection.execute(insert(log_node), {"lvl": level, "n": n, "hash": frontier.root()})
    if (n + 1) % FAN_OUT == 0:
        _close_subtree(connection, level=level + 1, n=n // FAN_OUT)


def size(connection: Connection) -> int:
    return int(connection.execute(select(log_head.c.size).where(log_head.c.id == 1)).scalar_one())


def root(connection: Connection) -> bytes:
    """The root of the whole log, from the kept subtrees and the leaves that no full subtree covers yet."""
    frontier = Frontier()
    covered = 0
    top = connection.scalar(select(func.max(log_node.c.lvl))) or 0
    for level in range(top, 0, -1):
        width = FAN_OUT**level
        nodes = select(log_node.c.hash).where(log_node.c.lvl == level, log_node.c.n >= covered // width)
        for digest in connection.scalars(nodes.order_by(log_node.c.n)):
            frontier.push(digest, height=_HEIGHT * level)
            covered += width
    for digest in connection.scalars(select(log_leaf.c.hash).where(log_leaf.c.idx >= covered).order_by(log_leaf.c.idx)):
        frontier.push(digest)
    return frontier.root()


@dataclass(frozen=True, slots=True)
class Verified:
    """The log's size and its root, computed again from the text of every leaf."""

    size: int
    root: bytes


def verify(connection: Connection, *, size_then: int | None = None) -> Verified:
    """Recompute everything from the leaves. Raises Broken, naming the first break.

    With `size_then` the result is the root that the log had when it was that long: who noted it then compares it now.
    """
    frontier, then = Frontier(), None
    expected: dict[str, int] = {}
    count = 0
    for index, leaf, digest, call_id, n in _leaves(connection):
        if count == size_then:
            then = frontier.root()
        if index != count:
            raise Broken(f"consent log: event {count} is missing; the next is {index}")
        _check(index, leaf, digest, call_id, n)
        if call_id is not None:
            if n != expected.get(call_id, 0):
                raise Broken(
                    f"consent log: event {index} of call {call_id} is number {n}, not {expected.get(call_id, 0)}"
                )
            expected[call_id] = n + 1
        frontier.push(digest)
        count += 1
    _check_disclosures(connection)
    if count != size(connection):
        raise Broken(f"consent log: the head says {size(connection)} events, there are {count}")
    if frontier.root() != root(connection):
        raise Broken("consent log: the kept subtrees do not match the leaves")
    if size_then is None or size_then == count:
        return Verified(count, frontier.root())
    if then is None:
        raise Broken(f"consent log: it has {count} events, and once had {size_then}")
    return Verified(size_then, then)


def read_event(index: int, leaf: str) -> dict[str, Any]:
    """What a leaf says. Raises Broken for one that nobody here has written."""
    try:
        told = json.loads(leaf)
    except (ValueError, RecursionError):
        told = None
    if not isinstance(told, dict):
        raise Broken(f"consent log: event {index} is no event")
    return told


def _check(index: int, leaf: str, digest: bytes, call_id: str | None, n: int | None) -> None:
    if leaf_hash(leaf.encode()) != digest:
        raise Broken(f"consent log: event {index} does not match its hash")
    told = read_event(index, leaf)
    if (told.get("call"), told.get("n")) != (call_id, n):
        raise Broken(f"consent log: event {index} is filed under another call or number than it says")


def _check_disclosures(connection: Connection) -> None:
    """What is left of the personal fields opens the commitments it is filed under."""
    for row in connection.execute(select(disclosure.c.digest, disclosure.c.body)):
        if digest_of(row.body) != row.digest:
            raise Broken(f"consent log: the disclosure {row.digest} says something else than was committed to")


def leaves(connection: Connection, start: int = 0) -> Iterator[str]:
    """The events from an index on, verbatim as they are hashed."""
    for _, leaf, *_ in _leaves(connection, start):
        yield leaf


def _leaves(connection: Connection, start: int = 0) -> Iterator[tuple[int, str, bytes, str | None, int]]:
    """Every leaf in order, read a page at a time."""
    columns = (log_leaf.c.idx, log_leaf.c.leaf, log_leaf.c.hash, log_leaf.c.call_id, log_leaf.c.n)
    page, last = select(*columns).order_by(log_leaf.c.idx).limit(_PAGE), start - 1
    while rows := connection.execute(page.where(log_leaf.c.idx > last)).all():
        for row in rows:
            yield row.idx, row.leaf, bytes(row.hash), row.call_id, row.n
        last = rows[-1].idx
