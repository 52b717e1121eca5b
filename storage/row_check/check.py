"""Checks the rows beside the log against its events, and both ways: a row without events is found as well as events
without their row.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, bindparam, func, select

from policies.derived import DerivedCall, Fields
from storage.database.prepared_statements import Prepared
from storage.database.tables import call, disclosure, log_leaf
from storage.log import consent_log
from storage.log.openings import value_of
from storage.row_check.claims import LoggedCall, digests_in
from storage.row_check.differences import Difference, differences
from storage.row_check.logged_calls import logged, made_of
from storage.row_check.rows_of_calls import rows_between
from storage.row_check.rows_of_no_call import decline_differences, incident_differences

_AT_ONCE = 500
_MINE: tuple[Any, Any] = (bindparam("first"), bindparam("last"))
_EVENTS = Prepared(
    select(log_leaf.c.call_id, log_leaf.c.idx, log_leaf.c.leaf)
    .where(log_leaf.c.call_id.between(*_MINE))
    .order_by(log_leaf.c.call_id, log_leaf.c.n)
)
_CLOSED = Prepared(select(disclosure.c.digest, disclosure.c.body).where(disclosure.c.call_id.between(*_MINE)))
_WITHOUT_ROW = select(log_leaf.c.call_id).where(
    log_leaf.c.n == 0, ~select(call.c.id).where(call.c.id == log_leaf.c.call_id).exists()
)

Progress = Callable[[int, int], object]


def of_call(connection: Connection, call_id: str, now: datetime | None = None) -> list[Difference]:
    """Where the rows of a call differ from its events. Raises Broken where the events are not as they were logged."""
    rows = connection.execute(select(call).where(call.c.id == call_id)).all()
    return list(_compared(connection, rows, {call_id: logged(connection, call_id)}, now))


def of_all(
    connection: Connection, now: datetime | None = None, *, progress: Progress = lambda *_: None
) -> Iterator[Difference]:
    """Where any row differs from the events of a log that was verified before, some calls at a time.

    `progress` is called with the number of calls done and the total. Raises Broken where events can't follow one
    another.
    """
    done, total = 0, connection.scalar(select(func.count()).select_from(call)) or 0
    said: dict[str, DerivedCall] = {}
    for rows in _calls(connection):
        derived = _derived(connection, rows[0].id, rows[-1].id)
        said.update(
            {
                call_id: derived_call
                for call_id, derived_call in derived.items()
                if derived_call.remembered or derived_call.forgotten_at
            }
        )
        yield from _compared(connection, rows, derived, now)
        done += len(rows)
        progress(done, total)
    for call_id in connection.scalars(_WITHOUT_ROW):
        yield Difference(f"call {call_id}", "it has events and no row")
    yield from incident_differences(connection)
    yield from decline_differences(connection, said, now)


def _calls(connection: Connection) -> Iterator[Sequence[Row[Any]]]:
    page, last = select(call).order_by(call.c.id).limit(_AT_ONCE), ""
    while rows := connection.execute(page.where(call.c.id > last)).all():
        yield rows
        last = rows[-1].id


def _derived(connection: Connection, first: str, last: str) -> dict[str, DerivedCall]:
    events: defaultdict[str, list[Fields]] = defaultdict(list)
    for call_id, index, leaf in _EVENTS.all(connection, {"first": first, "last": last}):
        events[call_id].append(consent_log.read_event(index, leaf))
    return {call_id: made_of(call_id, some) for call_id, some in events.items()}


def _compared(
    connection: Connection, rows: Sequence[Row[Any]], derived: Mapping[str, DerivedCall], now: datetime | None
) -> Iterator[Difference]:
    """`rows` must be all calls from the first to the last of them."""
    if not rows:
        return
    mine = {"first": rows[0].id, "last": rows[-1].id}
    wanted = {digest for derived_call in derived.values() for digest in digests_in(derived_call)}
    openings = {digest: value_of(digest, body) for digest, body in _CLOSED.all(connection, mine) if digest in wanted}
    read = rows_between(connection, **mine)
    for row in rows:
        if row.id in derived:
            yield from differences(read(row), LoggedCall(row.id, derived[row.id], openings, now))
        else:
            yield Difference(f"call {row.id}", "it has a row and no events")
