"""Consents that were withdrawn, as rows: by whom, when, with what effect, and whether that was seen to be carried out.

The row is written in the transaction of the event `consent.withdrawn`, which counts where they differ.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, insert, select, update

from policies.withdrawal import WithdrawnBy
from storage.database.tables import withdrawal
from storage.moment import Moment


@dataclass(frozen=True, slots=True)
class Withdrawal:
    """A row of `withdrawal`. `actor` is of the staff, empty for a caller; `keeps`: the recording up to then is kept.

    `asked_at` is later than `withdrawn_at` where a kept recording is to go after all. `carried_out_at` is None until
    nothing of the call was seen to run or to remain.
    """

    call_id: str
    withdrawn_at: datetime
    withdrawn_by: WithdrawnBy
    actor: str
    keeps: bool
    asked_at: datetime
    carried_out_at: datetime | None = None


_SELECT = select(*[withdrawal.c[name] for name in Withdrawal.__dataclass_fields__])


def add(connection: Connection, new: Withdrawal) -> None:
    row = {name: getattr(new, name) for name in Withdrawal.__dataclass_fields__}
    connection.execute(insert(withdrawal), {**row, "keeps": int(new.keeps)})


def keep_no_longer(connection: Connection, moment: Moment, call_id: str) -> None:
    """The recording that the withdrawal kept is to go: it is not carried out any more."""
    changed = {"keeps": 0, "asked_at": moment.at, "carried_out_at": None}
    connection.execute(update(withdrawal).where(withdrawal.c.call_id == call_id).values(changed))


def of(connection: Connection, call_id: str) -> Withdrawal | None:
    row = connection.execute(_SELECT.where(withdrawal.c.call_id == call_id)).first()
    if row is None:
        return None
    return Withdrawal(**{**row._asdict(), "withdrawn_by": WithdrawnBy(row.withdrawn_by), "keeps": bool(row.keeps)})


def not_carried_out(connection: Connection, *, limit: int) -> list[str]:
    """The calls whose withdrawal is not carried out yet, the longest asked for first."""
    still_open = select(withdrawal.c.call_id).where(withdrawal.c.carried_out_at.is_(None))
    return list(connection.scalars(still_open.order_by(withdrawal.c.asked_at).limit(limit)))


def carried_out(connection: Connection, moment: Moment, call_id: str) -> None:
    """Nothing of the call runs or remains at the provider. Fine where that was noted before."""
    open_of_call = (withdrawal.c.call_id == call_id) & withdrawal.c.carried_out_at.is_(None)
    connection.execute(update(withdrawal).where(open_of_call).values(carried_out_at=moment.at))
