"""A call with its rows, its events and the differences between them, read once: to show a call, or to decide about it
by more than one of these.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, select

from policies.derived import DerivedCall
from storage.database.tables import call, disclosure
from storage.errors import Broken
from storage.log import consent_log
from storage.log.openings import value_of
from storage.row_check.claims import LoggedCall, digests_in
from storage.row_check.differences import Difference, Rows, differences
from storage.row_check.logged_calls import LoggedEvent, logged_events, made_of
from storage.row_check.rows_of_calls import rows_between

_STRANGE = "an event of it has a form that this program never wrote"


@dataclass(frozen=True, slots=True)
class CheckedCall:
    """`derived` is the call as its events make it; None where they are not as they were logged, or can't follow one
    another, which `differs` says then. `bodies` are the disclosures that are left, by digest.
    """

    rows: Rows
    events: Sequence[LoggedEvent]
    derived: DerivedCall | None
    bodies: Mapping[str, str]
    differs: Sequence[Difference]


def checked(connection: Connection, call_id: str, now: datetime | None = None) -> CheckedCall | None:
    """None where the call has no row. The number of queries does not depend on the call."""
    row = connection.execute(select(call).where(call.c.id == call_id)).first()
    if row is None:
        return None
    rows = rows_between(connection, call_id, call_id)(row)
    mine = select(disclosure.c.digest, disclosure.c.body).where(disclosure.c.call_id == call_id)
    bodies = {row.digest: row.body for row in connection.execute(mine)}
    try:
        events = logged_events(connection, call_id)
        derived = made_of(call_id, [event.fields for event in events])
        wanted = bodies.keys() & digests_in(derived)
        openings = {digest: value_of(digest, bodies[digest]) for digest in wanted}
        differs = list(differences(rows, LoggedCall(call_id, derived, openings, now)))
    except Broken as error:
        return _unbelieved(connection, rows, bodies, str(error))
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        return _unbelieved(connection, rows, bodies, f"{_STRANGE} ({type(error).__name__}): run `onrecord log verify`")
    return CheckedCall(rows, events, derived, bodies, differs)


def _unbelieved(connection: Connection, rows: Rows, bodies: Mapping[str, str], fault: str) -> CheckedCall:
    about = f"call {rows.call.id}"
    return CheckedCall(rows, _readable(connection, rows.call.id), None, bodies, [Difference(about, fault)])


def _readable(connection: Connection, call_id: str) -> list[LoggedEvent]:
    """The events as they lie in the table, so that a person can see what is wrong with them."""
    found = []
    for index, leaf in consent_log.of_call(connection, call_id):
        try:
            found.append(LoggedEvent(index, leaf, consent_log.read_event(index, leaf)))
        except Broken:
            continue
    return found
