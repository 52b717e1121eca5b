"""Permits as rows: only a permit allows a recording. A call has at most one, written by its decision."""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, bindparam, insert, select

from policies.consent import Outcome
from policies.purposes import Granted
from storage.database.prepared_statements import Prepared
from storage.database.tables import permit
from storage.row_check.differences import permit_differences
from storage.row_check.logged_calls import Contradicted, logged_permit


@dataclass(frozen=True, slots=True)
class Permit:
    """The right to record one call: the row that its decision wrote. Nothing else can start a recording."""

    call_id: str
    outcome: Outcome
    purposes: tuple[Granted, ...]
    retention: str
    retain_until: datetime
    decided_at: datetime


_GIVE = Prepared(insert(permit))
_ALONE, _LOST = "it has a permit, and no event gives one", "its permit is gone, which its events give"


class _Row(NamedTuple):
    """A row of `permit`."""

    call_id: str
    outcome: str
    purposes: str
    retention: str
    retain_until: datetime
    decided_at: datetime


_PERMIT = Prepared(
    select(*[permit.c[name] for name in _Row._fields]).where(permit.c.call_id == bindparam("id")), of_call="id"
)


def give(connection: Connection, given: Permit) -> Permit:
    """Write the permit that a decision gave. A call has one; a second is refused by its primary key."""
    _GIVE.hold(
        connection,
        {
            "call_id": given.call_id,
            "outcome": given.outcome,
            "purposes": json.dumps({granted.purpose: granted.until.isoformat() for granted in given.purposes}),
            "retention": given.retention,
            "retain_until": given.retain_until,
            "decided_at": given.decided_at,
        },
        call_id=given.call_id,
    )
    return given


def permit_of(connection: Connection, call_id: str) -> Permit | None:
    """The permit that the call's events give. Raises Contradicted where its row differs from them."""
    row, given = _kept(connection, call_id), logged_permit(connection, call_id)
    if (row is None) != (given is None):
        raise Contradicted(f"call {call_id}", _ALONE if given is None else _LOST)
    if row is not None and given is not None and (differs := next(permit_differences(row, given), "")):
        raise Contradicted(f"call {call_id}", differs)
    return of_row(row)


def kept_permit(connection: Connection, call_id: str) -> Permit | None:
    """The permit by its row alone, unchecked: for display only."""
    return of_row(_kept(connection, call_id))


def _kept(connection: Connection, call_id: str) -> _Row | None:
    row = _PERMIT.first(connection, {"id": call_id})
    return None if row is None else _Row(*row)


def of_row(row: Row[Any] | _Row | None) -> Permit | None:
    """The permit in a row of `permit`; None where there is no row."""
    if row is None:
        return None
    ends = json.loads(row.purposes).items()
    purposes = tuple(Granted(purpose, datetime.fromisoformat(until)) for purpose, until in ends)
    return Permit(**{**row._asdict(), "outcome": Outcome(row.outcome), "purposes": purposes})
