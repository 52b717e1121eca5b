"""The log's events, each verified once, and read on as the log grows.

Other rows are held against the log as of the same moment, and a view that lasts as long as it takes to read a long log
would keep alive all that is changed meanwhile. So events are read in views of a page each, and every page of other rows
in a view that reads the newest events first (`FollowedLog.present`): the log is append-only, so events that were read
before need no second look.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from itertools import count
from typing import Any

from sqlalchemy import Connection, select

from evidence.checkpoints import Checkpoint
from evidence.event_times import EventTimes
from evidence.events import timestamp
from evidence.merkle import Frontier
from storage.database.engine import Views
from storage.database.pages import Page, Paged, Pages, Place
from storage.database.tables import log_leaf
from storage.errors import Broken
from storage.log import consent_log
from storage.log import tree as log_tree
from storage.log.event_reading import TAMPERED, Leaf, Reading, is_no_event, read_page, read_pages
from storage.log.text_verification import Named

_EVENTS = Paged(
    select(log_leaf.c.idx, log_leaf.c.leaf, log_leaf.c.hash, log_leaf.c.call_id, log_leaf.c.n), log_leaf.c.idx
)

Progress = Callable[[int, int], object]
Check = Callable[[Connection, Page], object]


@dataclass(frozen=True, slots=True)
class Held:
    """A checkpoint that must be true of the log, and in whose hands it was found."""

    checkpoint: Checkpoint
    by: str


@dataclass(frozen=True, slots=True)
class Seen:
    """A witness or authority saw the first `size` events, at a time of its own clock."""

    size: int
    at: datetime
    by: str


@dataclass(slots=True)
class FollowedLog:
    """The first `size` events: the full subtrees over them and the leaves since, and their claims.

    `waiting` are the checkpoints and `watching` the sightings of a greater size, the smallest last. `subtrees` are the
    roots of each level that is kept, the lowest first. `erased` are calls of newly read erasures: whoever takes account
    of them takes them out.
    """

    views: Views
    waiting: list[Held] = field(default_factory=list)
    watching: list[Seen] = field(default_factory=list)
    size: int = 0
    full: Frontier = field(default_factory=Frontier)
    rest: list[bytes] = field(default_factory=list)
    subtrees: list[list[bytes]] = field(default_factory=lambda: [[]])
    of_calls: dict[str, int] = field(default_factory=dict)
    committed: set[str] = field(default_factory=set)
    erased: set[str] = field(default_factory=set)
    named: Named = field(default_factory=Named)
    times: EventTimes = field(default_factory=EventTimes)

    @classmethod
    def through(cls, views: Views, held: Sequence[Held], seen: Sequence[Seen], progress: Progress) -> "FollowedLog":
        """The log read to its end, which must be true of these checkpoints. Raises Broken, naming the first break."""
        waiting = sorted(held, key=lambda checkpoint: checkpoint.checkpoint.size)[::-1]
        followed = cls(views, waiting, sorted(seen, key=lambda sighting: sighting.size)[::-1])
        with views() as connection:
            total = consent_log.size(connection)
        followed._reach()
        for page, reading in read_pages(_EVENTS.pages(views), size=total):
            followed._take(page, reading)
            progress(followed.size, max(followed.size, total))
        if waiting:
            raise Broken(_too_short(followed.size, waiting[0]))
        return followed

    @contextmanager
    def present(self) -> Iterator[Connection]:
        """A view of which every event is read and verified. Raises Broken, naming the first break."""
        while True:
            with self.views() as connection:
                read = _EVENTS.after(connection, (self.size - 1,))
                if read.end is None:
                    self._take(read.page, read_page(read.page, self.size))
                    self._require_end(connection)
                    yield connection
                    return
            self._take(read.page, read_page(read.page, self.size))

    def check_pages(self, pages: Pages, check: Check) -> None:
        """Calls `check` with each page of these rows, in a view of which every event is read."""
        place: Place | None = ()
        while place is not None:
            with self.present() as connection:
                read = pages.after(connection, place)
                check(connection, read.page)
            place = read.end

    def root(self) -> bytes:
        frontier = self.full.copy()
        for digest in self.rest:
            frontier.push(digest)
        return frontier.root()

    def _require_end(self, connection: Connection) -> None:
        said = consent_log.size(connection)
        if said != self.size:
            raise Broken(f"consent log: the head says {said} events, there are {self.size}: {TAMPERED}")

    def _take(self, page: Sequence[Leaf], reading: Reading) -> None:
        """The next page of events."""
        self.committed |= reading.committed
        start, end = self.size, self.size + len(reading.hashes)
        while self.size < end:
            self._see()
            stops = [*(one.checkpoint.size for one in self.waiting[-1:]), *(one.size for one in self.watching[-1:])]
            self._take_some(page, reading, start, min([end, *stops]))
            self._reach()
        if reading.fault:
            raise Broken(reading.fault)

    def _take_some(self, page: Sequence[Leaf], reading: Reading, start: int, end: int) -> None:
        """The events on to number `end`, of a page that begins with number `start`."""
        of_calls, times = self.of_calls, self.times
        for place in range(self.size - start, end - start):
            index, _, _, call_id, n = page[place]
            if call_id is not None:
                due = of_calls.get(call_id, 0)
                if n != due:
                    raise Broken(_left_out(index, call_id, n, due))
                of_calls[call_id] = due + 1
            try:
                if place in reading.telling:
                    self._hear(reading.telling[place])
                ts = reading.times[place]
                if ts and ts != times.latest:
                    times.add(index, ts, call_id)
            except (LookupError, TypeError, ValueError, AttributeError) as error:
                raise Broken(is_no_event(index)) from error
        self._add(reading.hashes[self.size - start : end - start])

    def _hear(self, event: Mapping[str, Any]) -> None:
        """An event that names a text or tells of an erasure."""
        if event["type"] == "privacy.erased":
            self.erased.add(event["call"])
        else:
            self.named.add(event)

    def _add(self, digests: Sequence[bytes]) -> None:
        self.size += len(digests)
        hashes = [*self.rest, *digests]
        whole = len(hashes) - len(hashes) % log_tree.FAN_OUT
        self.rest = hashes[whole:]
        for root in log_tree.closed(hashes[:whole]):
            self.subtrees[0].append(root)
            self.full.push(root, height=log_tree.HEIGHT)
        self._close()

    def _close(self) -> None:
        """The subtrees that are full by now, above the lowest level."""
        for level in count(1):
            below, done = self.subtrees[level - 1], len(self.subtrees[level]) if level < len(self.subtrees) else 0
            full = len(below) // log_tree.FAN_OUT
            if full == done:
                return
            if not done:
                self.subtrees.append([])
            self.subtrees[level] += log_tree.closed(below[done * log_tree.FAN_OUT : full * log_tree.FAN_OUT])

    def _reach(self) -> None:
        while self.waiting and self.waiting[-1].checkpoint.size == self.size:
            held = self.waiting.pop()
            if held.checkpoint.root != self.root():
                raise Broken(
                    f"consent log: its first {self.size} events are not those of the checkpoint {held.by}: they were "
                    f"rewritten after it was signed"
                )

    def _see(self) -> None:
        while self.watching and self.watching[-1].size <= self.size:
            sighting = self.watching.pop()
            self.times.seen(timestamp(sighting.at), sighting.by)


def _left_out(index: int, call_id: str, n: int | None, due: int) -> str:
    return f"consent log: event {index} of call {call_id} is number {n}, not {due}: one was left out"


def _too_short(size: int, held: Held) -> str:
    return (
        f"consent log: it has {size} events, and {held.checkpoint.size} when the checkpoint {held.by} was signed: "
        f"events were removed, or an older copy of the database was restored"
    )
