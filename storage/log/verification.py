"""Computes the whole log again from the text of every event, trusting no hash that was kept of it."""

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
    """Oddities that are no proof of a change."""


@dataclass(slots=True)
class _Count:
    """The state of the pass over the leaves: full blocks, and the leaves since the last full block."""

    size: int = 0
    full: Frontier = field(default_factory=Frontier)
    block: list[bytes] = field(default_factory=list)
    nodes: list[bytes] = field(default_factory=list)
    of_calls: dict[str, int] = field(default_factory=dict)
    committed: set[str] = field(default_factory=set)
    erased: set[str] = field(default_factory=set)
    named: Named = field(default_factory=Named)
    times: EventTimes = field(default_factory=EventTimes)

    def read(self, index: int, event: Mapping[str, Any]) -> None:
        """Collect the event's claims that are compared with the rows beside the log."""
        if committed := event.get("sd"):
            self.committed.update(committed.values())
        kind, ts = event.get("type"), event.get("ts")
        if kind in NAMING:
            self.named.add(event)
        elif kind == "privacy.erased":
            self.erased.add(event["call"])
        if ts and ts != self.times.latest:
            self.times.add(index, ts, event.get("call"))

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
    """A witness or authority saw the first `size` events, at a time of its own clock."""

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
    """Recompute everything from the leaves, and hash the texts that they name. Raises Broken, naming the first break
    and its meaning.

    `held` are checkpoints found anywhere: each must match the log at that size. `seen` dates events: later events can't
    have been written before that time. `progress` is called with the number of events done and the total.
    """
    count, total = _Count(), consent_log.size(connection)
    waiting = sorted(held, key=lambda checkpoint: checkpoint.checkpoint.size)[::-1]
    watching = sorted(seen, key=lambda sighting: sighting.size)[::-1]
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
    event = _read(index, line)
    if (event.get("call"), event.get("n")) != (call_id, n):
        raise Broken(f"consent log: event {index} is filed under another call or number than it says: {_TAMPERED}")
    if call_id is not None:
        due = count.of_calls.get(call_id, 0)
        if n != due:
            raise Broken(f"consent log: event {index} of call {call_id} is number {n}, not {due}: one was left out")
        count.of_calls[call_id] = due + 1
    try:
        count.read(index, event)
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        raise Broken(f"consent log: event {index} is no event: {_TAMPERED}") from error
    count.add(digest)


def _read(index: int, line: str) -> Mapping[str, Any]:
    """As `consent_log.read_event`, and quicker for a valid event."""
    try:
        event, end = _DECODE(line)
    except (ValueError, RecursionError):
        event, end = None, 0
    return event if end == len(line) and isinstance(event, dict) else consent_log.read_event(index, line)


def _reach(count: _Count, waiting: list[Held]) -> None:
    while waiting and waiting[-1].checkpoint.size == count.size:
        held = waiting.pop()
        if held.checkpoint.root != count.root():
            raise Broken(
                f"consent log: its first {count.size} events are not those of the checkpoint {held.by}: they were "
                f"rewritten after it was signed"
            )


def _see(count: _Count, watching: list[Seen]) -> None:
    while watching and watching[-1].size <= count.size:
        sighting = watching.pop()
        count.times.seen(timestamp(sighting.at), sighting.by)


def _too_short(size: int, held: Held) -> str:
    return (
        f"consent log: it has {size} events, and {held.checkpoint.size} when the checkpoint {held.by} was signed: "
        f"events were removed, or an older copy of the database was restored"
    )


def _check_nodes(connection: Connection, nodes: list[bytes]) -> None:
    """Compares every kept hash, level by level, with the hash computed from the leaves. The newest subtrees may not be
    kept yet (`storage.log.tree_keeper`); before them, none may be missing.
    """
    level = 1
    while nodes:
        query = select(log_node.c.n, log_node.c.hash).where(log_node.c.lvl == level).order_by(log_node.c.n)
        kept = [(n, bytes(digest)) for n, digest in connection.execute(query)]
        if kept != list(enumerate(nodes[: len(kept)])):
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
    """Each personal field that is left must open the commitment it is filed under, and no erased field may be back."""
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
    """By the digest of each erased field, the message for its being there again."""
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
