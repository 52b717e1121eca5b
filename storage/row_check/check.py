"""Checks the rows beside the log against its events, and both ways: a row without events is found as well as events
without their row.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, bindparam, case, func, select

from policies.derived import DerivedCall, Fields
from storage.database.engine import Views
from storage.database.pages import Paged, Place
from storage.database.prepared_statements import Prepared
from storage.database.tables import call, disclosure, log_leaf
from storage.log import consent_log
from storage.log.openings import value_of
from storage.row_check.claims import LoggedCall, digests_in
from storage.row_check.differences import Difference, differences
from storage.row_check.logged_calls import logged, made_of
from storage.row_check.rows_of_calls import rows_between
from storage.row_check.rows_of_no_call import Said, decline_differences, differences_of_no_call

_AT_ONCE = 200
_MINE: tuple[Any, Any] = (bindparam("first"), bindparam("last"))
_EVENTS = Prepared(
    select(log_leaf.c.call_id, log_leaf.c.idx, log_leaf.c.leaf)
    .where(log_leaf.c.call_id.between(*_MINE))
    .order_by(log_leaf.c.call_id, log_leaf.c.n)
)
_CLOSED = Prepared(select(disclosure.c.digest, disclosure.c.body).where(disclosure.c.call_id.between(*_MINE)))
_CALLS = select(call).order_by(call.c.id).limit(_AT_ONCE)
_HASHES = select(call.c.id, call.c.caller_hash)
_MOVED = Paged(select(log_leaf.c.idx, log_leaf.c.call_id), log_leaf.c.idx, at_once=_AT_ONCE)
# The page has every event, so that each takes as long, however few are looked for.
_BEGINNINGS = Paged(select(log_leaf.c.idx, case((log_leaf.c.n == 0, log_leaf.c.call_id))), log_leaf.c.idx, at_once=5000)

Progress = Callable[[int, int], object]


def of_call(connection: Connection, call_id: str, now: datetime | None = None) -> list[Difference]:
    """Where the rows of a call differ from its events. Raises Broken where the events are not as they were logged."""
    rows = connection.execute(select(call).where(call.c.id == call_id)).all()
    return list(_compared(connection, rows, {call_id: logged(connection, call_id)}, now)) if rows else []


def of_all(views: Views, now: datetime | None = None, *, progress: Progress = lambda *_: None) -> Iterator[Difference]:
    """Where any row differs from the events of a log that was verified before, some calls at a time: their rows and
    events are read in one view, and no view is open where a difference is told.

    `progress` is called with the number of calls done and the total. Raises Broken where events can't follow one
    another.
    """
    with views() as connection:
        done, total = 0, connection.scalar(select(func.count()).select_from(call)) or 0
        size = consent_log.size(connection)
    said: dict[str, Said] = {}
    last = ""
    while True:
        with views() as connection:
            rows = connection.execute(_CALLS.where(call.c.id > last)).all()
            found = list(_of_calls(connection, rows, said, now))
        yield from found
        done += len(rows)
        progress(done, max(done, total))
        if len(rows) < _AT_ONCE:
            break
        last = rows[-1].id
    for page in _BEGINNINGS.pages(views):
        yield from _without_row(views, [call_id for _, call_id in page if call_id])
    yield from differences_of_no_call(views)
    yield from _declines(views, said, size, now)


def _of_calls(
    connection: Connection, rows: Sequence[Row[Any]], said: dict[str, Said], now: datetime | None
) -> Iterator[Difference]:
    """`rows` are all calls from the first to the last of them; those on which a decline was said are added."""
    if not rows:
        return
    derived = _derived(connection, rows[0].id, rows[-1].id)
    hashes = {row.id: row.caller_hash for row in rows}
    said |= _saying(derived, hashes)
    yield from _compared(connection, rows, derived, now)


def _without_row(views: Views, call_ids: Sequence[str]) -> list[Difference]:
    """A row is as old as its call's first event, and stays."""
    with views() as connection:
        kept = {*connection.scalars(select(call.c.id).where(call.c.id.in_(call_ids)))}
    return [Difference(f"call {call_id}", "it has events and no row") for call_id in call_ids if call_id not in kept]


def _declines(views: Views, said: dict[str, Said], size: int, now: datetime | None) -> list[Difference]:
    """Calls that have gone on since the first was read, when the log had that size, are read again: the declines are
    compared with all calls as of one moment.
    """
    place: Place = (size - 1,)
    while True:
        with views() as connection:
            read = _MOVED.after(connection, place)
            ids = sorted({call_id for _, call_id in read.page if call_id})
            hashes = {row.id: row.caller_hash for row in connection.execute(_HASHES.where(call.c.id.in_(ids)))}
            said |= _saying({call_id: logged(connection, call_id) for call_id in ids}, hashes)
            if read.end is None:
                return list(decline_differences(connection, said, now))
        place = read.end


def _saying(derived: Mapping[str, DerivedCall], hashes: Mapping[str, str | None]) -> dict[str, Said]:
    """The calls on which a number declined, or took that back."""
    return {
        call_id: Said(of_call, hashes.get(call_id))
        for call_id, of_call in derived.items()
        if of_call.remembered or of_call.forgotten_at
    }


def _derived(connection: Connection, first: str, last: str) -> dict[str, DerivedCall]:
    events: defaultdict[str, list[Fields]] = defaultdict(list)
    for call_id, index, leaf in _EVENTS.all(connection, {"first": first, "last": last}):
        events[call_id].append(consent_log.read_event(index, leaf))
    return {call_id: made_of(call_id, some) for call_id, some in events.items()}


def _compared(
    connection: Connection, rows: Sequence[Row[Any]], derived: Mapping[str, DerivedCall], now: datetime | None
) -> Iterator[Difference]:
    """`rows` must be all calls from the first to the last of them."""
    mine = {"first": rows[0].id, "last": rows[-1].id}
    wanted = {digest for derived_call in derived.values() for digest in digests_in(derived_call)}
    openings = {digest: value_of(digest, body) for digest, body in _CLOSED.all(connection, mine) if digest in wanted}
    read = rows_between(connection, **mine)
    for row in rows:
        if row.id in derived:
            yield from differences(read(row), LoggedCall(row.id, derived[row.id], openings, now))
        else:
            yield Difference(f"call {row.id}", "it has a row and no events")
