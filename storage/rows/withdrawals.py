"""Consents that were withdrawn, as rows: by whom, when, with what effect, and whether that was seen to be carried out.

The row is written in the transaction of the event `consent.withdrawn`.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import Connection, insert, select, update

from storage.database.tables import withdrawal
from storage.moment import Moment


class WithdrawnBy(StrEnum):
    CALLER = "caller"  # by a key, during the call
    AGENT = "agent"  # on the caller's word, during the call
    REQUEST = "request"  # after the call, through compliance


@dataclass(frozen=True, slots=True)
class Withdrawal:
    """A row of `withdrawal`. `actor` is of the staff, empty for a caller; `keeps`: the recording up to then is kept.
    `carried_out_at` is None until nothing of the call was seen to run or to remain.
    """

    call_id: str
    withdrawn_at: datetime
    withdrawn_by: WithdrawnBy
    actor: str
    keeps: bool
    carried_out_at: datetime | None = None


_SELECT = select(*[withdrawal.c[name] for name in Withdrawal.__dataclass_fields__])


def add(connection: Connection, new: Withdrawal) -> None:
    row = {name: getattr(new, name) for name in Withdrawal.__dataclass_fields__}
    connection.execute(insert(withdrawal), {**row, "keeps": int(new.keeps)})


def of(connection: Connection, call_id: str) -> Withdrawal | None:
    row = connection.execute(_SELECT.where(withdrawal.c.call_id == call_id)).first()
    if row is None:
        return None
    return Withdrawal(**{**row._asdict(), "withdrawn_by": WithdrawnBy(row.withdrawn_by), "keeps": bool(row.keeps)})


def not_carried_out(connection: Connection, *, limit: int) -> list[str]:
    """The calls whose withdrawal is not carried out yet, the longest withdrawn first."""
    still_open = select(withdrawal.c.call_id).where(withdrawal.c.carried_out_at.is_(None))
    return list(connection.scalars(still_open.order_by(withdrawal.c.withdrawn_at).limit(limit)))


def carried_out(connection: Connection, moment: Moment, call_id: str) -> None:
    """Nothing of the call runs or remains at the provider. Fine where that was noted before."""
    open_of_call = (withdrawal.c.call_id == call_id) & withdrawal.c.carried_out_at.is_(None)
    connection.execute(update(withdrawal).where(open_of_call).values(carried_out_at=moment.at))
