"""Incidents and remembered declines held against the events that tell of them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time
from typing import Any

from sqlalchemy import Connection, Row, select

from evidence.events import timestamp, without_names
from policies.derivation import derive_incidents
from policies.derived import DerivedCall, DerivedDecline, DerivedIncident
from policies.incidents import IncidentKind
from storage.database.tables import call, incident, log_leaf, remembered_decline
from storage.errors import Broken
from storage.log import consent_log
from storage.log.openings import opened
from storage.row_check import claims as row_claims
from storage.row_check.claims import UNTOLD, moment
from storage.row_check.differences import Difference, compared

_AT_ONCE = 5000
_TYPE = '"type":"incident.'


def incident_differences(connection: Connection) -> Iterator[Difference]:
    """One that is older than all that are told of in the log is from before they were."""
    known, told = {row.id: row for row in connection.execute(select(incident))}, _told(connection)
    openings = opened(connection, (digest for one in told.values() for digest in one.closed_by.values()))
    first_at = min((one.opened_at for one in told.values()), default="")
    for number in sorted(known.keys() | told.keys()):
        row, one, about = known.get(number), told.get(number), f"incident {number}"
        if row is not None and one is not None:
            yield from _incident(about, row, _as_kept(one, number), openings)
        elif row is None:
            yield Difference(about, "it has events and no row")
        elif first_at and timestamp(row.opened_at) >= first_at:
            yield Difference(about, "it has a row and no event")


def _told(connection: Connection) -> dict[int, DerivedIncident]:
    query = select(log_leaf.c.idx, log_leaf.c.leaf).where(log_leaf.c.call_id.is_(None), log_leaf.c.leaf.contains(_TYPE))
    events = [consent_log.read_event(row.idx, row.leaf) for row in connection.execute(query.order_by(log_leaf.c.idx))]
    try:
        return derive_incidents(events)
    except KeyError as error:
        raise Broken(f"consent log: an event closes an incident that none has opened: {error}") from error


def _as_kept(one: DerivedIncident, number: int) -> DerivedIncident:
    """A kind that there is not any more was replaced in the row (`v0008_kinds_of_incident`), and stays in the log."""
    return one if one.kind in {*IncidentKind} else replace(one, kind=IncidentKind.OTHER, about=f"incident {number}")


def _incident(about: str, row: Row[Any], one: DerivedIncident, openings: dict[str, Any]) -> Iterator[Difference]:
    expected = {name: claim(openings, one) for name, claim in row_claims.INCIDENT.items() if name != "about"}
    yield from compared(about, row, expected)
    if without_names(row.about) != one.about:
        yield Difference(about, "its row is about something else than its events")


@dataclass(frozen=True, slots=True)
class _No:
    """The last no of a number, and the call on which it was said."""

    call_id: str
    said: DerivedDecline


def decline_differences(
    connection: Connection, said: Mapping[str, DerivedCall], now: datetime | None
) -> Iterator[Difference]:
    """`said` are the calls on which a number declined, or took that back. A number is known by its keyed hash, and that
    of a call that was erased since by nothing.
    """
    due = _due(said, _hashes(connection, said))
    openings = opened(connection, (one.said.until_by for one in due.values()))
    for row in connection.execute(select(remembered_decline)):
        about, one = f"the remembered no of call {row.call_id}", due.pop(row.number_hash, None)
        if one is None:
            yield Difference(about, "it has a row, and no event of such a no still stands")
        else:
            yield from compared(about, row, _expected(one, openings))
    erased_at = max((_last_said(one) for one in said.values() if one.erased_at), default="")
    for one in due.values():
        if _holds(one.said, openings, now) and one.said.declined_at > erased_at:
            about, until = f"the remembered no of call {one.call_id}", one.said.until
            yield Difference(about, f"it is gone, and holds until {until}")


def _hashes(connection: Connection, said: Mapping[str, DerivedCall]) -> dict[str, str]:
    """The keyed hash of the number from which each of these calls came."""
    ids, found = list(said), {}
    for start in range(0, len(ids), _AT_ONCE):
        some = call.c.id.in_(ids[start : start + _AT_ONCE]) & call.c.caller_hash.is_not(None)
        found.update({row.id: row.caller_hash for row in connection.execute(_HASH.where(some))})
    return found


def _due(said: Mapping[str, DerivedCall], hashes: Mapping[str, str]) -> dict[str, _No]:
    """By hash: what was said last, where that was a no."""
    noes: dict[str, _No] = {}
    forgotten: dict[str, str] = {}
    for call_id, one in said.items():
        hashed = hashes.get(call_id)
        if hashed is None:
            continue
        forgotten[hashed] = max(forgotten.get(hashed, ""), one.forgotten_at or "")
        if one.remembered and (hashed not in noes or noes[hashed].said.declined_at < one.remembered.declined_at):
            noes[hashed] = _No(call_id, one.remembered)
    return {hashed: no for hashed, no in noes.items() if forgotten[hashed] <= no.said.declined_at}


def _expected(one: _No, openings: Mapping[str, Any]) -> dict[str, object]:
    until = openings.get(one.said.until_by)
    told = {"call_id": one.call_id, "declined_at": one.said.declined_at}
    return told | {"forget_at": moment(until) if until else UNTOLD}


def _holds(said: DerivedDecline, openings: Mapping[str, Any], now: datetime | None) -> bool:
    until = openings.get(said.until_by)
    ends = moment(until) if until else datetime.combine(date.fromisoformat(said.until), time(), UTC)
    return now is not None and ends is not None and ends > now


def _last_said(one: DerivedCall) -> str:
    return max(one.remembered.declined_at if one.remembered else "", one.forgotten_at or "")


_HASH = select(call.c.id, call.c.caller_hash)
