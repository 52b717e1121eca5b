"""Hashes and decodes the events of the log, a page at a time: of a long log in a second process, which gets the rows of
a page and gives back a `Reading`; nothing else passes. The first process takes pages over when the second falls behind.
"""

import json
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import Any

from evidence.merkle import leaf_hash
from storage.errors import Broken, Unavailable
from storage.log.consent_log import read_event
from storage.log.text_verification import NAMING

BESIDE_FROM = 100_000
"""Events: with fewer, to start a process takes longer than it saves."""
TAMPERED = "somebody changed the log, or the disk did"
_PAGES_AHEAD = 4
_PAGES_HELD = 100  # while the second process starts, for example
_TELLING = NAMING | {"privacy.erased"}
_DECODE = json.JSONDecoder().raw_decode

Leaf = tuple[int, str, bytes, str | None, int | None]


@dataclass(slots=True)
class Reading:
    """The events of a page up to its end, or to the first that is not as it was logged: that is the `fault`, in words.

    `times` are their dates, `committed` the digests of their personal fields, `telling` the events that name a text or
    tell of an erasure, by their place in the page.
    """

    hashes: list[bytes] = field(default_factory=list)
    times: list[Any] = field(default_factory=list)
    committed: set[str] = field(default_factory=set)
    telling: dict[int, Mapping[str, Any]] = field(default_factory=dict)
    fault: str = ""


def read_pages(pages: Iterable[Sequence[Leaf]], *, size: int) -> Iterator[tuple[Sequence[Leaf], Reading]]:
    """Each page of a log of `size` events, with what was read in it."""
    if size >= BESIDE_FROM:
        yield from _read_beside(pages)
    else:
        for page, first in _counted(pages):
            yield page, read_page(page, first)


def _read_beside(pages: Iterable[Sequence[Leaf]]) -> Iterator[tuple[Sequence[Leaf], Reading]]:
    ahead: deque[tuple[Sequence[Leaf], Future[Reading]]] = deque()
    with _second_process() as ask, ThreadPoolExecutor(1) as asking:
        try:
            for page, first in _counted(pages):
                is_behind = sum(not reading.done() for _, reading in ahead) >= _PAGES_AHEAD
                ahead.append((page, _read_here(page, first) if is_behind else asking.submit(ask, page, first)))
                while ahead and (ahead[0][1].done() or len(ahead) > _PAGES_HELD):
                    yield _eldest(ahead)
            while ahead:
                yield _eldest(ahead)
        finally:
            asking.shutdown(wait=False, cancel_futures=True)


@contextmanager
def _second_process() -> Iterator[Callable[[Sequence[Leaf], int], Reading]]:
    """A function that has a page read there. It raises Unavailable where the process is gone: the other end of the pipe
    is held by that process alone.
    """
    context = get_context("spawn")  # not forked: other threads of this process may hold locks
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(theirs,), daemon=True)
    process.start()
    theirs.close()

    def ask(page: Sequence[Leaf], first: int) -> Reading:
        try:
            ours.send((page, first))
            reading: Reading = ours.recv()
        except (EOFError, OSError) as error:
            raise Unavailable("consent log: the process that reads its events was ended") from error
        return reading

    try:
        yield ask
    finally:
        ours.close()
        process.join()


def _serve(pipe: "Connection[Reading, tuple[Sequence[Leaf], int]]") -> None:
    """Read pages until there is nobody to tell."""
    with suppress(EOFError, OSError):
        while True:
            pipe.send(read_page(*pipe.recv()))


def _read_here(page: Sequence[Leaf], first: int) -> Future[Reading]:
    reading: Future[Reading] = Future()
    reading.set_result(read_page(page, first))
    return reading


def _eldest(ahead: deque[tuple[Sequence[Leaf], Future[Reading]]]) -> tuple[Sequence[Leaf], Reading]:
    page, reading = ahead.popleft()
    return page, reading.result()


def _counted(pages: Iterable[Sequence[Leaf]]) -> Iterator[tuple[Sequence[Leaf], int]]:
    first = 0
    for page in pages:
        yield page, first
        first += len(page)


def read_page(page: Sequence[Leaf], first: int) -> Reading:
    """The events of a page that begins with event number `first`."""
    reading, due = Reading(), first
    hashes, times, committed = reading.hashes, reading.times, reading.committed
    try:
        for index, line, kept, call_id, n in page:
            if index != due:
                raise Broken(f"consent log: event {due} is missing, the next is {index}: it was deleted")
            digest = leaf_hash(line.encode())
            if digest != kept:
                raise Broken(_does_not_match(index))
            event = _decoded(index, line)
            about = event.get
            if about("call") != call_id or about("n") != n:
                raise Broken(_is_filed_elsewhere(index))
            if sealed := about("sd"):
                committed.update(sealed.values())
            if about("type") in _TELLING:
                reading.telling[due - first] = event
            hashes.append(digest)
            times.append(about("ts"))
            due += 1
    except Broken as error:
        reading.fault = str(error)
    except (TypeError, AttributeError):
        reading.fault = is_no_event(due)
    return reading


def _does_not_match(index: int) -> str:
    return f"consent log: event {index} does not match its hash: its text was changed after it was logged"


def _is_filed_elsewhere(index: int) -> str:
    return f"consent log: event {index} is filed under another call or number than it says: {TAMPERED}"


def is_no_event(index: int) -> str:
    return f"consent log: event {index} is no event: {TAMPERED}"


def _decoded(index: int, line: str) -> Mapping[str, Any]:
    """As `read_event`, and quicker for a valid event."""
    try:
        event, end = _DECODE(line)
    except (ValueError, RecursionError):
        event, end = None, 0
    return event if end == len(line) and isinstance(event, dict) else read_event(index, line)
