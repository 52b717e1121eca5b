"""Compares rows with events while the service runs, some calls at a time: a difference raises an incident.

The log decides: audio whose time is over by its events goes, whatever its row says.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, select

from policies.disposition import is_over
from policies.incidents import IncidentKind
from storage.custody.workshop import Workshop
from storage.database.tables import call
from storage.errors import Broken
from storage.moment import Moment
from storage.row_check.checked_call import checked
from storage.row_check.claims import moment as moment_of
from storage.row_check.differences import Difference
from storage.row_check.logged_calls import logged
from storage.rows.incidents import raise_incident
from storage.rows.recordings import EXPIRE, Jobs

_DETAIL_MAX = 3


def raise_contradiction(connection: Connection, moment: Moment, call_id: str, differs: Sequence[Difference]) -> None:
    detail = "; ".join(map(str, differs[:_DETAIL_MAX]))
    raise_incident(connection, moment, IncidentKind.ROWS_CONTRADICT_LOG, about=call_id, call_id=call_id, detail=detail)


@dataclass
class RowWatch:
    """Goes through all calls, `at_once` at each turn, then begins again. `last` is the last id it has checked."""

    workshop: Workshop
    jobs: Jobs
    at_once: int = 100
    last: str = ""

    def look(self) -> None:
        query = select(call.c.id).where(call.c.id > self.last).order_by(call.c.id).limit(self.at_once)
        with self.workshop.database.read() as connection:
            ids = list(connection.scalars(query))
            found = {call_id: contradictions(connection, call_id, self.workshop.now()) for call_id in ids}
        self.last = ids[-1] if len(ids) == self.at_once else ""
        for call_id, differs in found.items():
            if differs:
                self.workshop.database.write(lambda connection, call_id=call_id: self._settle(connection, call_id))  # type: ignore[misc]  # mypy and defaults

    def _settle(self, connection: Connection, call_id: str) -> None:
        """Compare once more under the lock, since the rows may have moved on; then raise the incident."""
        moment = self.workshop.moment()
        differs = contradictions(connection, call_id, moment.at)
        if not differs:
            return
        raise_contradiction(connection, moment, call_id, differs)
        for recording_id in _overdue(connection, call_id, moment.at):
            self.jobs.enqueue(connection, EXPIRE, f"{recording_id}:{moment.at:%Y%m%d%H}", recording_id)


def contradictions(connection: Connection, call_id: str, now: datetime | None = None) -> list[Difference]:
    """Differences between the rows of a call and its events, or the reason why the events can't be read."""
    known = checked(connection, call_id, now)
    return list(known.differs) if known else []


def _overdue(connection: Connection, call_id: str, now: datetime) -> list[str]:
    """Ids of recordings kept longer than their events allow."""
    try:
        by_events = logged(connection, call_id)
    except Broken:
        return []
    return [
        recording_id
        for recording_id, recording in by_events.recordings.items()
        if is_over(recording.state, moment_of(recording.retain_until), is_held=by_events.is_held, at=now)
    ]
