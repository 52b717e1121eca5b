"""Keeps the list of calls up to date with the log, from where it came to last: the list costs no caller anything.

Reading and working out hold no lock. A short transaction then writes the rows together with how far the log is
taken account of, and only if nobody else came first; so it may be killed at any point, run twice, or by two workers.
"""

import logging
import time
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, delete, insert, select, update

from storage.database.engine import Database
from storage.database.tables import incident, listing_mark, log_leaf
from storage.errors import Broken
from storage.log import consent_log
from storage.rows import listing
from storage.rows.listing import Listed

log = logging.getLogger(__name__)

LOOK_EVERY_S = 0.5
EVENTS_AT_ONCE = 200  # of some 50 calls: writing them takes 5 ms on SQLite, where a caller's step may wait for it
_TURN_S = 0.5  # of work, then others have their turn: a list that is made anew takes many
_TELL_EVERY_S = 60.0
_FAR_BEHIND = 20_000


@dataclass(frozen=True, slots=True)
class Batch:
    """The rows that change with the log's events from number `start` to before `end`."""

    start: int
    end: int
    rows: tuple[Listed, ...]


def behind(connection: Connection) -> int:
    """How many of the log's events the list does not take account of yet."""
    return consent_log.size(connection) - (_marked(connection) or 0)


def as_of(connection: Connection) -> datetime | None:
    """The time of the first event that the list does not take account of yet; None where it is up to date."""
    leaf = connection.scalar(select(log_leaf.c.leaf).where(log_leaf.c.idx == (marked := _marked(connection) or 0)))
    return None if leaf is None else datetime.fromisoformat(consent_log.read_event(marked, leaf)["ts"])


def next_batch(connection: Connection, at_once: int = EVENTS_AT_ONCE) -> Batch | None:
    """Work out the rows for the next events of the log; None where there are none."""
    start, size = _marked(connection) or 0, consent_log.size(connection)
    if start >= size:
        return None
    end = min(size, start + at_once)
    call_ids = _calls_of(connection, start, end)
    there = listing.by_ids(connection, call_ids)
    changed = [row for row in listing.worked_out(connection, call_ids) if row != there.get(row.call_id)]
    return Batch(start, end, tuple(changed))


def apply(connection: Connection, batch: Batch) -> bool:
    """Write a batch. False, and nothing is written, where the list has gone on or begun anew since it was read."""
    if not _move_mark(connection, batch.start, batch.end):
        return False
    listing.save(connection, batch.rows)
    return True


def begin_anew(connection: Connection) -> None:
    """Have every row worked out again, from the log's first event on; until then the list stays as it is."""
    connection.execute(delete(listing_mark))


@dataclass
class Projection:
    """`told_at` is when it was last logged how far it is, on a clock of seconds."""

    database: Database
    at_once: int = EVENTS_AT_ONCE
    told_at: float = 0.0

    def look(self) -> None:
        """Go on until the list is up to date, or the turn is over."""
        late_at = time.monotonic() + _TURN_S
        while self.step() and time.monotonic() < late_at:
            pass

    def step(self) -> bool:
        """Take account of the next events. False where there are none, or somebody else has done so."""
        with self.database.read() as connection:
            batch, size = next_batch(connection, self.at_once), consent_log.size(connection)
        if batch is None:
            return False
        self._tell(batch, size)
        return self.database.write(lambda connection: apply(connection, batch))

    def _tell(self, batch: Batch, size: int) -> None:
        now_s = time.monotonic()
        if size - batch.start > _FAR_BEHIND and now_s >= self.told_at + _TELL_EVERY_S:
            self.told_at = now_s
            log.info("the list of calls is being made: %d of the log's %d events are in it", batch.start, size)


def _marked(connection: Connection) -> int | None:
    return connection.scalar(select(listing_mark.c.size))


def _move_mark(connection: Connection, start: int, end: int) -> bool:
    moved = update(listing_mark).where(listing_mark.c.size == start).values(size=end)
    if connection.execute(moved).rowcount == 1:
        return True
    if start > 0 or _marked(connection) is not None:
        return False
    connection.execute(insert(listing_mark).values(id=1, size=end))
    return True


def _calls_of(connection: Connection, start: int, end: int) -> set[str]:
    """The calls of these events, and those that the incidents among them are about."""
    these = (log_leaf.c.idx >= start) & (log_leaf.c.idx < end)
    own = select(log_leaf.c.call_id).where(these, log_leaf.c.call_id.is_not(None)).distinct()
    about = select(log_leaf.c.idx, log_leaf.c.leaf).where(
        these, log_leaf.c.call_id.is_(None), log_leaf.c.leaf.contains('"type":"incident.')
    )
    numbers = {_incident(row.idx, row.leaf) for row in connection.execute(about)} - {None}
    of_incidents = select(incident.c.call_id).where(incident.c.id.in_(numbers), incident.c.call_id.is_not(None))
    return {*connection.scalars(own), *(connection.scalars(of_incidents) if numbers else ())}


def _incident(index: int, leaf: str) -> int | None:
    """The number of the incident that an event of the system opens or closes; None for any other event."""
    try:
        event = consent_log.read_event(index, leaf)
    except Broken:  # somebody has changed it, which is another's to find
        return None
    return event["incident"] if event.get("type") in ("incident.opened", "incident.closed") else None
