"""The rows about calls, as they are read to be held against the events: all calls between two ids at once."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Row, bindparam, select

from storage.database.tables import (
    audio_object,
    legal_hold,
    pause,
    permit,
    provider_account,
    recording,
    recording_key,
    withdrawal,
)
from storage.row_check.differences import Rows

_MINE: tuple[Any, Any] = (bindparam("first"), bindparam("last"))
_OF_RECORDINGS = recording.c.call_id.between(*_MINE)
_PERMITS = select(permit).where(permit.c.call_id.between(*_MINE))
_RECORDINGS = select(recording).where(_OF_RECORDINGS)
_OBJECTS = select(audio_object).join(recording).where(_OF_RECORDINGS)
_KEYS = select(recording_key.c.recording_id).join(recording).where(_OF_RECORDINGS)
_HOLDS = select(legal_hold).where(legal_hold.c.call_id.between(*_MINE))
_WITHDRAWALS = select(withdrawal).where(withdrawal.c.call_id.between(*_MINE))
_PAUSES = select(pause).where(pause.c.call_id.between(*_MINE))
_ACCOUNTS = select(provider_account).where(provider_account.c.call_id.between(*_MINE))


def rows_between(connection: Connection, first: str, last: str) -> Callable[[Row[Any]], Rows]:
    """A function from the row of a call, whose id lies between these two, to all rows about that call."""
    mine = {"first": first, "last": last}
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
