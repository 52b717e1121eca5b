"""Permits as rows: the only thing that allows a recording. One for a call, written by the decision that settled it."""

import json
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, bindparam, insert, select

from policies.consent import Outcome
from policies.purposes import Granted
from storage.prepared import Prepared
from storage.tables import permit


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
_PERMIT = select(permit).where(permit.c.call_id == bindparam("id"))


def give(connection: Connection, given: Permit) -> Permit:
    """Write the permit that a decision gave. A call has one; a second is refused by its primary key."""
    _GIVE.run(
        connection,
        {
            "call_id": given.call_id,
            "outcome": given.outcome,
            "purposes": json.dumps({one.purpose: one.until.isoformat() for one in given.purposes}),
            "retention": given.retention,
            "retain_until": given.retain_until,
            "decided_at": given.decided_at,
        },
    )
    return given


def permit_of(connection: Connection, call_id: str) -> Permit | None:
    row = connection.execute(_PERMIT, {"id": call_id}).first()
    if row is None:
        return None
    ends = json.loads(row.purposes).items()
    purposes = tuple(Granted(purpose, datetime.fromisoformat(until)) for purpose, until in ends)
    return Permit(**{**row._asdict(), "outcome": Outcome(row.outcome), "purposes": purposes})
