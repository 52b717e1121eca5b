"""Which events an export is about."""

from bisect import bisect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, case, select

from storage.database.engine import Views
from storage.database.pages import Paged
from storage.database.tables import call, log_leaf
from storage.errors import Refused
from storage.log import consent_log
from storage.number_hash import number_hash
from storage.rows.callers import called_from

# Events that are no call's and speak about the log, or about what was in force.
_NAMING = ("log.named", "key.introduced", "key.rotated", "backup.restored")
_PUBLISHING = ("policy.published", "law.published", "prompt.published")
_AT_ONCE = 500
_DAILY = ("reconcile.done", "selftest.passed", "selftest.failed")


@dataclass(frozen=True, slots=True)
class Selection:
    """An empty selection is the whole log. `until` is exclusive. A call is named by Twilio's sid or by our id, the only
    name that an erased call has.
    """

    named: Sequence[str] = ()
    number: str = ""
    since: datetime | None = None
    until: datetime | None = None

    @property
    def is_everything(self) -> bool:
        return not (self.named or self.number or self.since or self.until)

    @property
    def scope(self) -> str:
        """For the log: the kind of the selection, and nothing that names a person."""
        if self.is_everything:
            return "all"
        return "call" if self.named else "number" if self.number else "dates"


def calls_of(connection: Connection, selection: Selection, number_key: bytes) -> list[str]:
    """The ids of the calls, by when they came in. Raises Refused for a name that no call has."""
    wanted: list[ColumnElement[bool]] = []
    if selection.named:
        is_named = call.c.call_sid.in_(selection.named) | call.c.id.in_(selection.named)
        rows = connection.execute(select(call.c.call_sid, call.c.id).where(is_named)).all()
        if {*selection.named} - {name for row in rows for name in row}:
            raise Refused("log export: there is no call with that sid or id")
        wanted.append(is_named)
    if selection.number:
        wanted.append(called_from(connection, selection.number, number_hash(number_key, selection.number)))
    if selection.since:
        wanted.append(call.c.received_at >= selection.since)
    if selection.until:
        wanted.append(call.c.received_at < selection.until)
    return list(connection.scalars(select(call.c.id).where(*wanted).order_by(call.c.received_at)))


def leaves_of(views: Views, call_ids: Sequence[str]) -> list[tuple[int, str]]:
    """Every event of these calls, in the log's order: index and line. With them come the log's own events that bear on
    them: its names and keys, the publishing of the texts they name, the daily checks around their days, and the last
    event before each call, which dates it.
    """
    found = _leaves(views, log_leaf.c.call_id, call_ids)
    events = {index: consent_log.read_event(index, leaf) for index, leaf in found.items()}
    named = {sha256 for event in events.values() for sha256 in hashes_in(event)}
    days = {event["ts"][:10] for event in events.values()}
    others: list[int] = []
    for index, leaf in ((index, leaf) for page in _OF_NO_CALL.pages(views) for index, leaf in page if leaf):
        event = consent_log.read_event(index, leaf)
        if event["type"] not in _PUBLISHING and not hashes_in(event):  # whose texts would have to come along
            others.append(index)
        if _bears_on(event, named, days):
            found[index] = leaf
    firsts = [index for index, event in events.items() if event.get("n") == 0]
    before = {others[place - 1] for first in firsts if (place := bisect(others, first))}
    return sorted((found | _leaves(views, log_leaf.c.idx, sorted(before))).items())


def _leaves(views: Views, column: ColumnElement[Any], wanted: Sequence[object]) -> dict[int, str]:
    found: dict[int, str] = {}
    for start in range(0, len(wanted), _AT_ONCE):
        some = column.in_(wanted[start : start + _AT_ONCE])
        with views() as connection:
            found |= {row.idx: row.leaf for row in connection.execute(_LEAF.where(some))}
    return found


def hashes_in(event: Mapping[str, Any]) -> set[str]:
    """The texts that an event names, by their SHA-256."""
    law = event.get("law")
    named = {event.get("prompt_sha256"), event.get("rules_sha256"), law.get("sha256") if law else None}
    return {sha256 for sha256 in named if sha256}


def _bears_on(event: Mapping[str, Any], named: set[str], days: set[str]) -> bool:
    if event["type"] in _DAILY:
        day = date.fromisoformat(event["ts"][:10])
        return bool({day.isoformat(), (day - timedelta(days=1)).isoformat()} & days)
    published = hashes_in(event) | {event.get("sha256")}
    return event["type"] in _NAMING or (event["type"] in _PUBLISHING and bool(published & named))


_LEAF = select(log_leaf.c.idx, log_leaf.c.leaf)
# The page has every event, so that each takes as long, however few are of no call.
_OF_NO_CALL = Paged(
    select(log_leaf.c.idx, case((log_leaf.c.call_id.is_(None), log_leaf.c.leaf))), log_leaf.c.idx, at_once=5000
)
