"""Legal holds, placed on a call or on all calls from a number, and released one by one."""

from collections.abc import Iterable

from sqlalchemy import Connection

from storage.database.engine import Database
from storage.errors import Refused
from storage.moment import Moment
from storage.rows import calls, holds
from storage.rows.calls import Call
from storage.rows.holds import Hold


def place(database: Database, call_ids: Iterable[str], *, reason: str, actor: str) -> list[tuple[str, int]]:
    """Hold all of the calls or none; returns each with the number of its hold."""
    moment = Moment.now()

    def place_all(connection: Connection) -> list[tuple[str, int]]:
        # Locked in one order, or two holds of the same calls could deadlock; before the log, or a call's step could.
        found = [_locked(connection, call_id) for call_id in sorted(call_ids)]
        return [(call.id, holds.place(connection, moment, call, reason=reason, actor=actor)) for call in found]

    return database.write(place_all)


def release(database: Database, hold_id: int, *, reason: str, actor: str) -> Hold:
    """Raises Refused where there is nothing to release."""
    moment = Moment.now()
    return database.write(lambda connection: holds.release(connection, moment, hold_id, reason=reason, actor=actor))


def _locked(connection: Connection, call_id: str) -> Call:
    call = calls.by_id(connection, call_id)
    if call is None:
        raise Refused(f"call {call_id}: there is no such call")
    return call
