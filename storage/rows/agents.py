"""The agents who took calls, by the addresses of their phones: an agent finds their own calls by these rows."""

from sqlalchemy import Connection, bindparam, exists, insert, select

from storage.database.column_types import Instant
from storage.database.prepared_statements import Prepared
from storage.database.tables import call, taken_by
from storage.moment import Moment

_IS_NOTED = exists().where(taken_by.c.call_id == bindparam("of"), taken_by.c.address == bindparam("who"))
_TAKEN = select(call.c.id, bindparam("who", type_=taken_by.c.address.type), bindparam("at", type_=Instant()))
_NOTE = Prepared(
    insert(taken_by).from_select(
        ["call_id", "address", "taken_at", "received_at"],
        _TAKEN.add_columns(call.c.received_at).where(
            call.c.id == bindparam("of"), call.c.erased_at.is_(None), ~_IS_NOTED
        ),
    )
)


def note(connection: Connection, moment: Moment, call_id: str, address: str) -> bool:
    """Note that the agent at `address` answered a call. False where it is noted already, the call is erased, or there
    is no such call.
    """
    return _NOTE.run(connection, {"of": call_id, "who": address, "at": moment.at}) == 1


def addresses(connection: Connection, call_id: str) -> list[str]:
    """The addresses of the agents who took a call, in the order in which they answered."""
    mine = select(taken_by.c.address).where(taken_by.c.call_id == call_id)
    return list(connection.scalars(mine.order_by(taken_by.c.taken_at, taken_by.c.address)))
