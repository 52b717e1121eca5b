"""The rows beside the log held against its events: every row against what its events say, and both ways, so that a row
without events is found as well as events without their row.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Table, select

from policies.derivation import DerivedLog
from policies.derived import DerivedCall
from storage.logged_calls import logged
from storage.openings import opened
from storage.row_claims import Looked
from storage.row_differences import Difference, Rows, differences
from storage.rows_of_no_call import decline_differences, incident_differences
from storage.tables import (
    audio_object,
    call,
    legal_hold,
    permit,
    provider_account,
    recording,
    recording_key,
)

_AT_ONCE = 500

Progress = Callable[[int, int], object]


def of_call(connection: Connection, call_id: str, now: datetime | None = None) -> list[Difference]:
    """Where the rows of one call differ from its events. Raises Broken where those are not as they were logged."""
    rows = connection.execute(select(call).where(call.c.id == call_id)).all()
    return list(_page(connection, rows, {call_id: logged(connection, call_id)}, now))


def of_all(
    connection: Connection, derived: DerivedLog, now: datetime | None = None, *, progress: Progress = lambda *_: None
) -> Iterator[Difference]:
    """Where any row differs from what `derived`, which is made of the whole log, says."""
    known: set[str] = set()
    for rows in _calls(connection):
        known.update(row.id for row in rows)
        yield from _page(connection, rows, derived.calls, now)
        progress(len(known), len(derived.calls))
    for call_id in derived.calls.keys() - known:
        yield Difference(f"call {call_id}", f"it has {derived.calls[call_id].events} events and no row")
    yield from incident_differences(connection, derived)
    yield from decline_differences(connection, derived, now)


def _calls(connection: Connection) -> Iterator[Sequence[Row[Any]]]:
    page, last = select(call).order_by(call.c.id).limit(_AT_ONCE), ""
    while rows := connection.execute(page.where(call.c.id > last)).all():
        yield rows
        last = rows[-1].id


def _page(
    connection: Connection, rows: Sequence[Row[Any]], told: Mapping[str, DerivedCall], now: datetime | None
) -> Iterator[Difference]:
    ids = [row.id for row in rows]
    read = _read(connection, rows)
    openings = opened(connection, (digest for one in ids if one in told for digest in _digests(told[one])))
    for call_id in ids:
        if call_id in told:
            yield from differences(read[call_id], Looked(call_id, told[call_id], openings, now))
        else:
            yield Difference(f"call {call_id}", "it has a row and no events")


def _digests(told: DerivedCall) -> Iterator[str]:
    """Those of the private fields that a row says too."""
    yield from (told.received_by.get(name, "") for name in ("provider_call_id", "callee", "caller_hash"))
    yield told.account_by
    for one in told.recordings.values():
        yield from (one.sid_by, one.object_by, one.audio_by)
    for hold in told.holds.values():
        yield from (*hold.placed_by.values(), *hold.released_by.values())


def _read(connection: Connection, rows: Sequence[Row[Any]]) -> dict[str, Rows]:
    ids = [row.id for row in rows]
    permits = _by(connection, permit, permit.c.call_id, ids)
    recordings = _by(connection, recording, recording.c.call_id, ids)
    names = [one.id for found in recordings.values() for one in found]
    objects = _by(connection, audio_object, audio_object.c.recording_id, names)
    keys = frozenset(_by(connection, recording_key, recording_key.c.recording_id, names))
    held = _by(connection, legal_hold, legal_hold.c.call_id, ids)
    accounts = _by(connection, provider_account, provider_account.c.call_id, ids)
    return {
        row.id: Rows(
            call=row,
            permit=next(iter(permits[row.id]), None),
            recordings=recordings[row.id],
            objects=objects,
            keys=keys,
            holds=held[row.id],
            account=next(iter(accounts[row.id]), None),
        )
        for row in rows
    }


def _by(
    connection: Connection, table: Table, column: ColumnElement[str], ids: Sequence[str]
) -> defaultdict[str, list[Row[Any]]]:
    """The rows about each of these."""
    found: defaultdict[str, list[Row[Any]]] = defaultdict(list)
    name = column.key or ""
    for row in connection.execute(select(table).where(column.in_(ids))):
        found[getattr(row, name)].append(row)
    return found
