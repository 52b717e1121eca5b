"""The rows beside the log held against its events: every row against what its events say, and both ways, so that a row
without events is found as well as events without their row.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, bindparam, func, select

from policies.derived import DerivedCall, Fields
from storage.database.prepared_statements import Prepared
from storage.database.tables import (
    audio_object,
    call,
    disclosure,
    legal_hold,
    log_leaf,
    permit,
    provider_account,
    recording,
    recording_key,
)
from storage.log import consent_log
from storage.log.openings import value_of
from storage.row_check.claims import Looked
from storage.row_check.differences import Difference, Rows, differences
from storage.row_check.logged_calls import logged, made_of
from storage.row_check.rows_of_no_call import decline_differences, incident_differences

_AT_ONCE = 500
_MINE: tuple[Any, Any] = (bindparam("first"), bindparam("last"))
_EVENTS = Prepared(
    select(log_leaf.c.call_id, log_leaf.c.idx, log_leaf.c.leaf)
    .where(log_leaf.c.call_id.between(*_MINE))
    .order_by(log_leaf.c.call_id, log_leaf.c.n)
)
_CLOSED = Prepared(select(disclosure.c.digest, disclosure.c.body).where(disclosure.c.call_id.between(*_MINE)))
_OF_RECORDINGS = recording.c.call_id.between(*_MINE)
_PERMITS = select(permit).where(permit.c.call_id.between(*_MINE))
_RECORDINGS = select(recording).where(_OF_RECORDINGS)
_OBJECTS = select(audio_object).join(recording).where(_OF_RECORDINGS)
_KEYS = select(recording_key.c.recording_id).join(recording).where(_OF_RECORDINGS)
_HOLDS = select(legal_hold).where(legal_hold.c.call_id.between(*_MINE))
_ACCOUNTS = select(provider_account).where(provider_account.c.call_id.between(*_MINE))
_WITHOUT_ROW = select(log_leaf.c.call_id).where(
    log_leaf.c.n == 0, ~select(call.c.id).where(call.c.id == log_leaf.c.call_id).exists()
)

Progress = Callable[[int, int], object]


def of_call(connection: Connection, call_id: str, now: datetime | None = None) -> list[Difference]:
    """Where the rows of one call differ from its events. Raises Broken where those are not as they were logged."""
    rows = connection.execute(select(call).where(call.c.id == call_id)).all()
    return list(_compared(connection, rows, {call_id: logged(connection, call_id)}, now))


def of_all(
    connection: Connection, now: datetime | None = None, *, progress: Progress = lambda *_: None
) -> Iterator[Difference]:
    """Where any row differs from the events of a log that is known to be whole, some calls at a time.

    `progress` is told how many calls are done, of how many. Raises Broken where events can't follow one another.
    """
    done, total = 0, connection.scalar(select(func.count()).select_from(call)) or 0
    said: dict[str, DerivedCall] = {}
    for rows in _calls(connection):
        told = _told(connection, rows[0].id, rows[-1].id)
        said.update({call_id: one for call_id, one in told.items() if one.remembered or one.forgotten_at})
        yield from _compared(connection, rows, told, now)
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


def _told(connection: Connection, first: str, last: str) -> dict[str, DerivedCall]:
    events: defaultdict[str, list[Fields]] = defaultdict(list)
    for call_id, index, leaf in _EVENTS.all(connection, {"first": first, "last": last}):
        events[call_id].append(consent_log.read_event(index, leaf))
    return {call_id: made_of(call_id, some) for call_id, some in events.items()}


def _compared(
    connection: Connection, rows: Sequence[Row[Any]], told: Mapping[str, DerivedCall], now: datetime | None
) -> Iterator[Difference]:
    """These are all calls from the first to the last of them."""
    if not rows:
        return
    mine = {"first": rows[0].id, "last": rows[-1].id}
    wanted = {digest for one in told.values() for digest in _digests(one)}
    openings = {digest: value_of(digest, body) for digest, body in _CLOSED.all(connection, mine) if digest in wanted}
    read = _read(connection, mine)
    for row in rows:
        if row.id in told:
            yield from differences(read(row), Looked(row.id, told[row.id], openings, now))
        else:
            yield Difference(f"call {row.id}", "it has a row and no events")


def _digests(told: DerivedCall) -> Iterator[str]:
    """Those of the private fields that a row says too."""
    yield from (told.received_by.get(name, "") for name in ("provider_call_id", "callee", "caller_hash"))
    yield told.account_by
    for one in told.recordings.values():
        yield from (one.sid_by, one.object_by, one.audio_by)
    for hold in told.holds.values():
        yield from (*hold.placed_by.values(), *hold.released_by.values())


def _read(connection: Connection, mine: Mapping[str, str]) -> Callable[[Row[Any]], Rows]:
    """All that lies beside the row of a call."""
    beside = (_by("call_id", connection.execute(one, mine)) for one in (_PERMITS, _RECORDINGS, _HOLDS, _ACCOUNTS))
    permits, found, held, accounts = beside
    objects = _by("recording_id", connection.execute(_OBJECTS, mine))
    keys = frozenset(connection.scalars(_KEYS, mine))

    def of(row: Row[Any]) -> Rows:
        return Rows(
            call=row,
            permit=next(iter(permits.get(row.id, ())), None),
            recordings=found.get(row.id, ()),
            objects=objects,
            keys=keys,
            holds=held.get(row.id, ()),
            account=next(iter(accounts.get(row.id, ())), None),
        )

    return of


def _by(name: str, rows: Iterable[Row[Any]]) -> Mapping[str, Sequence[Row[Any]]]:
    """The rows about each of these."""
    found: defaultdict[str, list[Row[Any]]] = defaultdict(list)
    for row in rows:
        found[getattr(row, name)].append(row)
    return found
