"""Checks incidents, remembered declines and the rulebooks in force against their events."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time
from typing import Any

from sqlalchemy import Connection, Row, case, or_, select

from evidence.events import timestamp, without_names
from policies.derivation import derive_adoptions, derive_incidents
from policies.derived import DerivedCall, DerivedDecline, DerivedIncident
from policies.incidents import IncidentKind
from storage.database.engine import Views
from storage.database.pages import Paged, Place
from storage.database.tables import incident, log_leaf, remembered_decline, rules_adopted
from storage.errors import Broken
from storage.log import consent_log
from storage.log.openings import opened
from storage.row_check import claims as row_claims
from storage.row_check.claims import UNTOLD, moment
from storage.row_check.differences import Difference, compared

_TOLD = or_(log_leaf.c.leaf.contains('"type":"incident.'), log_leaf.c.leaf.contains('"type":"rules.adopted"'))
_IS_TOLD = log_leaf.c.call_id.is_(None) & _TOLD
# The page has every event, so that each takes as long, however few are told of here.
_EVENTS = Paged(select(log_leaf.c.idx, case((_IS_TOLD, log_leaf.c.leaf))), log_leaf.c.idx, at_once=5000)


def differences_of_no_call(views: Views) -> list[Difference]:
    """The rows are compared in the view in which the last events are read."""
    events: list[dict[str, Any]] = []
    place: Place = ()
    while True:
        with views() as connection:
            read = _EVENTS.after(connection, place)
            events += [consent_log.read_event(index, leaf) for index, leaf in read.page if leaf]
            if read.end is None:
                return [*_incidents(connection, events), *_adoptions(connection, events)]
        place = read.end


def _incidents(connection: Connection, events: Sequence[Mapping[str, Any]]) -> Iterator[Difference]:
    """An incident older than every logged incident is from before incidents were logged."""
    kept, derived = {row.id: row for row in connection.execute(select(incident))}, _derived(events)
    openings = opened(connection, (digest for by_events in derived.values() for digest in by_events.closed_by.values()))
    first_at = min((by_events.opened_at for by_events in derived.values()), default="")
    for number in sorted(kept.keys() | derived.keys()):
        row, by_events, about = kept.get(number), derived.get(number), f"incident {number}"
        if row is not None and by_events is not None:
            yield from _incident(about, row, _as_kept(by_events, number), openings)
        elif row is None:
            yield Difference(about, "it has events and no row")
        elif first_at and timestamp(row.opened_at) >= first_at:
            yield Difference(about, "it has a row and no event")


def _adoptions(connection: Connection, events: Sequence[Mapping[str, Any]]) -> Iterator[Difference]:
    kept, derived = {row.id: row for row in connection.execute(select(rules_adopted))}, derive_adoptions(events)
    openings = opened(connection, (digest for by_event in derived.values() for digest in by_event.adopted_by.values()))
    for number in sorted(kept.keys() | derived.keys()):
        row, by_event, about = kept.get(number), derived.get(number), f"adoption {number} of a rulebook"
        if row is not None and by_event is not None:
            claims = row_claims.ADOPTION.items()
            yield from compared(about, row, {name: claim(openings, by_event) for name, claim in claims})
        else:
            yield Difference(about, "it has a row and no event" if row is not None else "it has an event and no row")


def _derived(events: Sequence[Mapping[str, Any]]) -> dict[int, DerivedIncident]:
    try:
        return derive_incidents(events)
    except KeyError as error:
        raise Broken(f"consent log: an event closes an incident that none has opened: {error}") from error


def _as_kept(derived: DerivedIncident, number: int) -> DerivedIncident:
    """A retired kind of incident was replaced in the row (`v0008_kinds_of_incident`), and stays in the log."""
    return (
        derived
        if derived.kind in {*IncidentKind}
        else replace(derived, kind=IncidentKind.OTHER, about=f"incident {number}")
    )


def _incident(about: str, row: Row[Any], derived: DerivedIncident, openings: dict[str, Any]) -> Iterator[Difference]:
    expected = {name: claim(openings, derived) for name, claim in row_claims.INCIDENT.items() if name != "about"}
    yield from compared(about, row, expected)
    if without_names(row.about) != derived.about:
        yield Difference(about, "its row is about something else than its events")


@dataclass(frozen=True, slots=True)
class Said:
    """A call on which a number declined, or took that back. A number is identified by its keyed hash, which an erased
    call no longer has.
    """

    derived: DerivedCall
    number_hash: str | None


@dataclass(frozen=True, slots=True)
class _Decline:
    """The last decline of a number, and the call on which it was said."""

    call_id: str
    said: DerivedDecline


def decline_differences(connection: Connection, said: Mapping[str, Said], now: datetime | None) -> Iterator[Difference]:
    """`said` are all calls on which a number declined, or took that back, as they are in this view."""
    due = _due(said)
    openings = opened(connection, (decline.said.until_by for decline in due.values()))
    for row in connection.execute(select(remembered_decline)):
        about, decline = f"the remembered no of call {row.call_id}", due.pop(row.number_hash, None)
        if decline is None:
            yield Difference(about, "it has a row, and no event of such a no still stands")
        else:
            yield from compared(about, row, _expected(decline, openings))
    erased_at = max((_last_said(one.derived) for one in said.values() if one.derived.erased_at), default="")
    for decline in due.values():
        if _holds(decline.said, openings, now) and decline.said.declined_at > erased_at:
            about, until = f"the remembered no of call {decline.call_id}", decline.said.until
            yield Difference(about, f"it is gone, and holds until {until}")


def _due(said: Mapping[str, Said]) -> dict[str, _Decline]:
    """By hash: the last answer of each number, where that was a decline."""
    declines: dict[str, _Decline] = {}
    forgotten: dict[str, str] = {}
    for call_id, one in said.items():
        hashed, derived = one.number_hash, one.derived
        if hashed is None:
            continue
        forgotten[hashed] = max(forgotten.get(hashed, ""), derived.forgotten_at or "")
        if derived.remembered and (
            hashed not in declines or declines[hashed].said.declined_at < derived.remembered.declined_at
        ):
            declines[hashed] = _Decline(call_id, derived.remembered)
    return {hashed: decline for hashed, decline in declines.items() if forgotten[hashed] <= decline.said.declined_at}


def _expected(decline: _Decline, openings: Mapping[str, Any]) -> dict[str, object]:
    until = openings.get(decline.said.until_by)
    expected = {"call_id": decline.call_id, "declined_at": decline.said.declined_at}
    return expected | {"forget_at": moment(until) if until else UNTOLD}


def _holds(said: DerivedDecline, openings: Mapping[str, Any], now: datetime | None) -> bool:
    until = openings.get(said.until_by)
    ends = moment(until) if until else datetime.combine(date.fromisoformat(said.until), time(), UTC)
    return now is not None and ends is not None and ends > now


def _last_said(derived: DerivedCall) -> str:
    return max(derived.remembered.declined_at if derived.remembered else "", derived.forgotten_at or "")
