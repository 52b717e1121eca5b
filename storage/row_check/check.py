"""Checks the rows beside the log against its events, and both ways: a row without events is found as well as events
without their row.
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
    pause,
    permit,
    provider_account,
    recording,
    recording_key,
    withdrawal,
)
from storage.log import consent_log
from storage.log.openings import value_of
from storage.row_check.claims import LoggedCall
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
_WITHDRAWALS = select(withdrawal).where(withdrawal.c.call_id.between(*_MINE))
_PAUSES = select(pause).where(pause.c.call_id.between(*_MINE))
_ACCOUNTS = select(provider_account).where(provider_account.c.call_id.between(*_MINE))
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
    wanted = {digest for derived_call in derived.values() for digest in _digests(derived_call)}
    openings = {digest: value_of(digest, body) for digest, body in _CLOSED.all(connection, mine) if digest in wanted}
    read = _read(connection, mine)
    for row in rows:
        if row.id in derived:
            yield from differences(read(row), LoggedCall(row.id, derived[row.id], openings, now))
        else:
            yield Difference(f"call {row.id}", "it has a row and no events")


def _digests(derived: DerivedCall) -> Iterator[str]:
    """The digests of the personal fields that a row holds too."""
    yield from (derived.received_by.get(name, "") for name in ("provider_call_id", "callee", "caller_hash"))
    yield derived.account_by
    for derived_recording in derived.recordings.values():
        yield from (derived_recording.sid_by, derived_recording.object_by, derived_recording.audio_by)
    if derived.withdrawal and derived.withdrawal.actor_by:
        yield derived.withdrawal.actor_by
    yield from (asked.actor_by for asked in derived.pauses.values())
    for hold in derived.holds.values():
        yield from (*hold.placed_by.values(), *hold.released_by.values())


def _read(connection: Connection, mine: Mapping[str, str]) -> Callable[[Row[Any]], Rows]:
    """A function from the row of a call to all rows about that call."""
    beside = (
        _by("call_id", connection.execute(query, mine))
        for query in (_PERMITS, _RECORDINGS, _HOLDS, _ACCOUNTS, _WITHDRAWALS, _PAUSES)
    )
    permits, found, held, accounts, withdrawals, paused = beside
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
            pauses=paused.get(row.id, ()),
            withdrawal=next(iter(withdrawals.get(row.id, ())), None),
        )

    return of


def _by(name: str, rows: Iterable[Row[Any]]) -> Mapping[str, Sequence[Row[Any]]]:
    """The rows grouped by the value of a column."""
    found: defaultdict[str, list[Row[Any]]] = defaultdict(list)
    for row in rows:
        found[getattr(row, name)].append(row)
    return found
