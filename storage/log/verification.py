"""The whole log computed again from the text of every event, trusting nothing that was worked out from it before."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select

from evidence.checkpoints import Checkpoint
from evidence.disclosures import erased_in
from evidence.event_times import EventTimes
from evidence.events import digest_of, timestamp
from evidence.merkle import Frontier, leaf_hash, root_of_perfect
from storage.database.tables import call, disclosure, log_leaf, log_node
from storage.errors import Broken
from storage.log import consent_log
from storage.log import tree as log_tree
from storage.log.text_verification import NAMING, Named, Opened, check_texts

_PAGE = 5000
_DECODE = json.JSONDecoder().raw_decode
_TAMPERED = "somebody changed the log, or the disk did"

Progress = Callable[[int, int], object]
Leaf = tuple[int, str, bytes, str | None, int | None]


@dataclass(frozen=True, slots=True)
class Held:
    """A checkpoint that must be true of the log, and in whose hands it was found."""

    checkpoint: Checkpoint
    by: str


@dataclass(frozen=True, slots=True)
class Verified:
    """The log's size and its root, computed again from the text of every leaf; and how many checkpoints hold."""

    size: int
    root: bytes
    checkpoints: int = 0
    warnings: tuple[str, ...] = ()
    """What is odd about it, and no proof that anything was changed."""


@dataclass(slots=True)
class _Count:
    """What the pass over the leaves has found so far: full blocks, and the leaves since the last of them."""

    size: int = 0
    full: Frontier = field(default_factory=Frontier)
    block: list[bytes] = field(default_factory=list)
    nodes: list[bytes] = field(default_factory=list)
    of_calls: dict[str, int] = field(default_factory=dict)
    committed: set[str] = field(default_factory=set)
    erased: set[str] = field(default_factory=set)
    named: Named = field(default_factory=Named)
    times: EventTimes = field(default_factory=EventTimes)

    def read(self, index: int, told: Mapping[str, Any]) -> None:
        """What the event says that is held against what lies beside the log."""
        if committed := told.get("sd"):
            self.committed.update(committed.values())
        kind, ts = told.get("type"), told.get("ts")
        if kind in NAMING:
            self.named.add(told)
        elif kind == "privacy.erased":
            self.erased.add(told["call"])
        if ts and ts != self.times.latest:
            self.times.add(index, ts, told.get("call"))

    def add(self, digest: bytes) -> None:
        self.size += 1
        self.block.append(digest)
        if len(self.block) == log_tree.FAN_OUT:
            self.nodes.append(root_of_perfect(self.block))
            self.full.push(self.nodes[-1], height=log_tree.HEIGHT)
            self.block.clear()

    def root(self) -> bytes:
        frontier = self.full.copy()
        for digest in self.block:
            frontier.push(digest)
        return frontier.root()


@dataclass(frozen=True, slots=True)
class Seen:
    """That somebody saw the first `size` events, at a time of their own clock."""

    size: int
    at: datetime
    by: str


def verify(
    connection: Connection,
    held: Sequence[Held] = (),
    *,
    seen: Sequence[Seen] = (),
    progress: Progress = lambda *_: None,
) -> Verified:
    """Recompute everything from the leaves, and hash again what they name. Raises Broken, naming the first break and
    what it means.

    `held` are checkpoints found anywhere: each must be what the log was at that size. What was `seen` dates events:
    those that came later can't have been written before. `progress` is told how many events are done, of how many.
    """
    count, total = _Count(), consent_log.size(connection)
    waiting = sorted(held, key=lambda one: one.checkpoint.size)[::-1]
    watching = sorted(seen, key=lambda one: one.size)[::-1]
    _reach(count, waiting)
    for page in _pages(connection):
        for leaf in page:
            if watching:
                _see(count, watching)
            _take(count, leaf)
            if waiting:
                _reach(count, waiting)
        progress(count.size, total)
    if waiting:
        raise Broken(_too_short(count.size, waiting[0]))
    if count.size != total:
        raise Broken(f"consent log: the head says {total} events, there are {count.size}: {_TAMPERED}")
    _check_nodes(connection, count.nodes)
    _check_calls(connection, count.of_calls)
    check_texts(connection, count.named, _check_disclosures(connection, count))
    return Verified(count.size, count.root(), len(held), tuple(count.times.in_words()))


def _take(count: _Count, leaf: Leaf) -> None:
    index, line, digest, call_id, n = leaf
    if index != count.size:
        raise Broken(f"consent log: event {count.size} is missing, the next is {index}: it was deleted")
    if leaf_hash(line.encode()) != digest:
        raise Broken(f"consent log: event {index} does not match its hash: its text was changed after it was logged")
    told = _read(index, line)
    if (told.get("call"), told.get("n")) != (call_id, n):
        raise Broken(f"consent log: event {index} is filed under another call or number than it says: {_TAMPERED}")
    if call_id is not None:
        due = count.of_calls.get(call_id, 0)
        if n != due:
            raise Broken(f"consent log: event {index} of call {call_id} is number {n}, not {due}: one was left out")
        count.of_calls[call_id] = due + 1
    try:
        count.read(index, told)
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        raise Broken(f"consent log: event {index} is no event: {_TAMPERED}") from error
    count.add(digest)


def _read(index: int, line: str) -> Mapping[str, Any]:
    """As `consent_log.read_event`, and quicker for what is an event."""
    try:
        told, end = _DECODE(line)
    except (ValueError, RecursionError):
        told, end = None, 0
    return told if end == len(line) and isinstance(told, dict) else consent_log.read_event(index, line)


def _reach(count: _Count, waiting: list[Held]) -> None:
    while waiting and waiting[-1].checkpoint.size == count.size:
        one = waiting.pop()
        if one.checkpoint.root != count.root():
            raise Broken(
                f"consent log: its first {count.size} events are not those of the checkpoint {one.by}: they were "
                f"rewritten after it was signed"
            )


def _see(count: _Count, watching: list[Seen]) -> None:
    while watching and watching[-1].size <= count.size:
        one = watching.pop()
        count.times.seen(timestamp(one.at), one.by)


def _too_short(size: int, one: Held) -> str:
    return (
        f"consent log: it has {size} events, and {one.checkpoint.size} when the checkpoint {one.by} was signed: events "
        f"were removed, or an older copy of the database was restored"
    )


def _check_nodes(connection: Connection, nodes: list[bytes]) -> None:
    """Every kept hash, level by level, against those that the leaves give."""
    level = 1
    while nodes:
        kept = connection.scalars(select(log_node.c.hash).where(log_node.c.lvl == level).order_by(log_node.c.n))
        if list(map(bytes, kept)) != nodes:
            raise Broken(f"consent log: the kept subtrees of level {level} do not match the leaves: {_TAMPERED}")
        nodes, level = _parents(nodes), level + 1
    if connection.execute(select(log_node.c.lvl).where(log_node.c.lvl >= level)).first():
        raise Broken(f"consent log: subtrees are kept that no events fill: {_TAMPERED}")


def _parents(nodes: list[bytes]) -> list[bytes]:
    width = log_tree.FAN_OUT
    return [root_of_perfect(nodes[start : start + width]) for start in range(0, len(nodes) - width + 1, width)]


def _check_calls(connection: Connection, logged: dict[str, int]) -> None:
    """No event of a call that we have is missing at its end, where no later number would show the gap."""
    for call_id, events in connection.execute(select(call.c.id, call.c.events)):
        if events != logged.get(call_id, 0):
            found = logged.get(call_id, 0)
            raise Broken(
                f"consent log: it has {found} events of call {call_id}, whose row counts {events}: {_TAMPERED}"
            )


def _check_disclosures(connection: Connection, count: _Count) -> Opened:
    """What is left of the personal fields opens the commitments it is filed under, and nothing erased is back."""
    opened, gone, committed = Opened(), _gone(connection, count.erased), count.committed
    hashes = count.named.answers.keys() | count.named.audio.keys()
    for digest, body in connection.execute(select(disclosure.c.digest, disclosure.c.body)):
        if digest_of(body) != digest:
            raise Broken(f"consent log: the disclosure {digest} says something else than was committed to")
        if digest not in committed:
            raise Broken(f"consent log: the disclosure {digest} is of no event: it was put there by somebody else")
        if digest in gone:
            raise Broken(gone[digest])
        if digest in hashes:
            opened.add(count.named, digest, body)
    return opened


def _gone(connection: Connection, erased: Iterable[str]) -> dict[str, str]:
    """By the digest of each field that was erased, what it means that it can be opened."""
    found: dict[str, str] = {}
    for call_id in erased:
        fields = erased_in(event for _, event in consent_log.events_of_call(connection, call_id))
        found |= {digest: came_back(call_id, name) for digest, name in fields.items()}
    return found


def came_back(call_id: str, name: str) -> str:
    return (
        f"consent log: {name} of call {call_id} was erased, as its events say, and is here again: `onrecord "
        f"reapply-erasures` erases it again; a restored backup may have brought it back, or somebody did"
    )


def _pages(connection: Connection) -> Iterator[Sequence[Leaf]]:
    columns = (log_leaf.c.idx, log_leaf.c.leaf, log_leaf.c.hash, log_leaf.c.call_id, log_leaf.c.n)
    query, last = select(*columns).order_by(log_leaf.c.idx).limit(_PAGE), -1
    while rows := connection.execute(query.where(log_leaf.c.idx > last)).all():
        yield rows
        last = rows[-1][0]
