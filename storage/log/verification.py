"""Computes the whole log again from the text of every event, trusting no hash that was kept of it."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, select

from evidence.checkpoints import Checkpoint
from evidence.event_times import EventTimes
from evidence.events import timestamp
from evidence.merkle import Frontier
from storage.database.prepared_statements import Prepared
from storage.database.tables import call, log_leaf, log_node
from storage.errors import Broken
from storage.log import consent_log
from storage.log import tree as log_tree
from storage.log.disclosure_verification import check_disclosures
from storage.log.event_reading import TAMPERED, Leaf, Reading, is_no_event, read_pages
from storage.log.text_verification import Named, check_texts

_PAGE = 1000
_EVENTS = Prepared(
    select(log_leaf.c.idx, log_leaf.c.leaf, log_leaf.c.hash, log_leaf.c.call_id, log_leaf.c.n)
    .where(log_leaf.c.idx > bindparam("after"))
    .order_by(log_leaf.c.idx)
    .limit(_PAGE)
)

Progress = Callable[[int, int], object]


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
    """The state of the pass over the leaves: the full subtrees of the lowest kept level, and the leaves since."""

    size: int = 0
    full: Frontier = field(default_factory=Frontier)
    rest: list[bytes] = field(default_factory=list)
    nodes: list[bytes] = field(default_factory=list)
    of_calls: dict[str, int] = field(default_factory=dict)
    committed: set[str] = field(default_factory=set)
    erased: set[str] = field(default_factory=set)
    named: Named = field(default_factory=Named)
    times: EventTimes = field(default_factory=EventTimes)

    def read(self, event: Mapping[str, Any]) -> None:
        """Collect the claims of an event that names a text or tells of an erasure."""
        if event["type"] == "privacy.erased":
            self.erased.add(event["call"])
        else:
            self.named.add(event)

    def add(self, digests: Sequence[bytes]) -> None:
        self.size += len(digests)
        hashes = [*self.rest, *digests]
        whole = len(hashes) - len(hashes) % log_tree.FAN_OUT
        self.rest = hashes[whole:]
        for root in log_tree.closed(hashes[:whole]):
            self.nodes.append(root)
            self.full.push(root, height=log_tree.HEIGHT)

    def root(self) -> bytes:
        frontier = self.full.copy()
        for digest in self.rest:
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
    for page, reading in read_pages(_pages(connection), size=total):
        count.committed |= reading.committed
        start, end = count.size, count.size + len(reading.hashes)
        while count.size < end:
            _see(count, watching)
            stops = [*(one.checkpoint.size for one in waiting[-1:]), *(one.size for one in watching[-1:])]
            _take(count, page, reading, start, min([end, *stops]))
            _reach(count, waiting)
        if reading.fault:
            raise Broken(reading.fault)
        progress(count.size, total)
    if waiting:
        raise Broken(_too_short(count.size, waiting[0]))
    if count.size != total:
        raise Broken(f"consent log: the head says {total} events, there are {count.size}: {TAMPERED}")
    _check_nodes(connection, count.nodes)
    _check_calls(connection, count.of_calls)
    check_texts(connection, count.named, check_disclosures(connection, count.committed, count.erased, count.named))
    return Verified(count.size, count.root(), len(held), tuple(count.times.in_words()))


def _take(count: _Count, page: Sequence[Leaf], reading: Reading, start: int, end: int) -> None:
    """Takes the events on to number `end`, of a page that begins with number `start`."""
    of_calls, times = count.of_calls, count.times
    for place in range(count.size - start, end - start):
        index, _, _, call_id, n = page[place]
        if call_id is not None:
            due = of_calls.get(call_id, 0)
            if n != due:
                raise Broken(f"consent log: event {index} of call {call_id} is number {n}, not {due}: one was left out")
            of_calls[call_id] = due + 1
        try:
            if place in reading.telling:
                count.read(reading.telling[place])
            ts = reading.times[place]
            if ts and ts != times.latest:
                times.add(index, ts, call_id)
        except (LookupError, TypeError, ValueError, AttributeError) as error:
            raise Broken(is_no_event(index)) from error
    count.add(reading.hashes[count.size - start : end - start])


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
            raise Broken(f"consent log: the kept subtrees of level {level} do not match the leaves: {TAMPERED}")
        nodes, level = log_tree.closed(nodes), level + 1
    if connection.execute(select(log_node.c.lvl).where(log_node.c.lvl >= level)).first():
        raise Broken(f"consent log: subtrees are kept that no events fill: {TAMPERED}")


def _check_calls(connection: Connection, logged: dict[str, int]) -> None:
    """No event of a call that we have is missing at its end, where no later number would show the gap."""
    for call_id, events in connection.execute(select(call.c.id, call.c.events)):
        if events != logged.get(call_id, 0):
            found = logged.get(call_id, 0)
            raise Broken(f"consent log: it has {found} events of call {call_id}, whose row counts {events}: {TAMPERED}")


def _pages(connection: Connection) -> Iterator[Sequence[Leaf]]:
    last = -1
    while rows := _EVENTS.all(connection, {"after": last}):
        yield rows
        last = rows[-1][0]
