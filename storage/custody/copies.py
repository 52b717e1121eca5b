"""The copies that the provider makes of a call beside its recordings: looked for, deleted, and seen to be gone.

A copy that must go has a row and an event before it is deleted. Whether it must go is judged by the call's events,
since a deletion is final. While it can't be deleted an incident names the page on which a person can.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from policies.consent import RECORDING_OUTCOMES
from policies.copies import GIVEN_UP_WITH, PLACES, CopyKind, why_it_goes
from policies.derived import DerivedCall
from policies.incidents import IncidentKind
from policies.lifecycle import RecordingState
from storage.custody.workshop import Workshop
from storage.errors import Unavailable
from storage.jobs.steps import Steps
from storage.moment import Moment
from storage.provider import CopiesSeen, CopyDeletion, ProviderCopy, Sight
from storage.row_check.claims import moment as moment_of
from storage.row_check.logged_calls import logged
from storage.rows import calls, legs, provider_copies, recordings
from storage.rows.calls import Call
from storage.rows.incidents import raise_incident, resolve
from storage.rows.legs import LegKind
from storage.rows.provider_copies import CopyRow

# The less a look has shown, the later it stands here.
_BY_SIGHT = (Sight.NO_SERVICE, Sight.SEEN, Sight.FORBIDDEN)


@dataclass(frozen=True, slots=True)
class Looked:
    """A look for all copies of a call, and the copies among them that must go and were there at that moment.

    `listed` are the copies that must go by the provider's list of this look, whatever our rows say of them.
    """

    seen: tuple[CopiesSeen, ...]
    going: tuple[CopyRow, ...]
    listed: tuple[ProviderCopy, ...] = ()


def remove_copies(workshop: Workshop, steps: Steps, call_id: str) -> None:
    """The job *copies*. It does not wait for a host that is away, since that would hold up the jobs of other callers:
    `storage.custody.text_watch` asks for another one.
    """
    steps("copies", lambda: remove_what_goes(workshop, call_id))


def remove_what_goes(workshop: Workshop, call_id: str) -> None:
    with workshop.database.read() as connection:
        call = calls.peek(connection, call_id)
    if call is None or call.erased_at is not None:
        return
    try:
        looked = look_and_delete(workshop, call)
    except Unavailable:
        return

    workshop.database.write(lambda connection: tell_sights(connection, workshop.moment(), looked.seen))


def look_and_delete(workshop: Workshop, call: Call, *, condemned: str = "") -> Looked:
    """Look for the call's copies, and delete those that must go. Nothing is certain before another look has none.

    `condemned` is the id of a recording that must go although no event says so yet: its time is over.
    """
    seen = _look(workshop, call)
    noted: dict[ProviderCopy, CopyRow] = {}
    if any(each.copies for each in seen):
        noted = workshop.database.write(
            lambda connection: _note(connection, workshop.moment(), call.id, seen, condemned)
        )
    with workshop.database.read() as connection:
        open_rows = [row for row in provider_copies.of_call(connection, call.id) if row.gone_at is None]
    # A conversation may have several calls in it: its row is of the call that it was found for first.
    going = {row.id: row for row in (*noted.values(), *open_rows)}
    _delete(workshop, going.values())
    return Looked(seen, tuple(going.values()), tuple(noted))


def tell_sights(connection: Connection, moment: Moment, seen: Sequence[CopiesSeen]) -> None:
    """Open an incident about each kind of which no list can be read, and close those about the others."""
    kind = IncidentKind.COPIES_NOT_LOOKED_FOR
    resolve(connection, moment, kind, *(each.kind for each in seen if each.sight is not Sight.FORBIDDEN))
    for each in seen:
        if each.sight is Sight.FORBIDDEN:
            raise_incident(connection, moment, kind, about=each.kind, call_id=None, detail=unseen_words([each]))


def unseen_words(unseen: Iterable[CopiesSeen]) -> str:
    """The kinds that could not be looked for, in the words of an incident."""
    return "; ".join(f"{PLACES[seen.kind].name}s: {seen.answer}; see {PLACES[seen.kind].page}" for seen in unseen)


def _look(workshop: Workshop, call: Call) -> tuple[CopiesSeen, ...]:
    with workshop.database.read() as connection:
        made = [recording.recording_sid for recording in recordings.of_call(connection, call.id)]
        others = [leg.sid for leg in legs.of_call(connection, call.id) if leg.kind is LegKind.DIALLED]
    first, *more = made or [""]
    looks = [workshop.provider.copies_of(first, call.call_sid)]
    looks += [workshop.provider.copies_of(recording_sid, "") for recording_sid in more]
    looks += [workshop.provider.copies_of("", sid) for sid in others]
    return tuple(_together(kind, [seen for look in looks for seen in look if seen.kind is kind]) for kind in CopyKind)


def _together(kind: CopyKind, looks: Sequence[CopiesSeen]) -> CopiesSeen:
    """Several looks for copies of a kind as one, which got only as far as the worst of them."""
    worst = max(looks, key=lambda seen: _BY_SIGHT.index(seen.sight))
    found = tuple(dict.fromkeys(copy for seen in looks for copy in seen.copies))
    return CopiesSeen(kind, worst.sight, found, worst.answer)


def _note(
    connection: Connection, moment: Moment, call_id: str, seen: Iterable[CopiesSeen], condemned: str
) -> dict[ProviderCopy, CopyRow]:
    """The listed copies that must go, with their rows."""
    noted = {}
    for copy in (copy for each in seen for copy in each.copies):
        if row := note_what_goes(connection, moment, call_id, copy, condemned):
            noted[copy] = row
    return noted


def note_what_goes(
    connection: Connection, moment: Moment, call_id: str, copy: ProviderCopy, condemned: str = ""
) -> CopyRow | None:
    """The row of a copy that must go, noted and logged; None where it may stay, or its call is erased."""
    call = calls.by_id(connection, call_id)
    if call is None or call.erased_at is not None:
        return None
    made_of = recordings.peek_sid(connection, copy.recording_sid) if copy.recording_sid else None
    recording_id = made_of.id if made_of and made_of.call_id == call_id else None
    why = _why(logged(connection, call_id), recording_id, moment.at, condemned)
    if not why:
        return None
    kind = IncidentKind.COPY_WITHOUT_PERMIT
    if why != GIVEN_UP_WITH and not provider_copies.is_noted(connection, copy):  # what a person closed was about others
        detail = f"a {PLACES[copy.kind].name}: {why}"
        raise_incident(connection, moment, kind, about=call_id, call_id=call_id, detail=detail)
    return provider_copies.found(connection, moment, call, copy, recording_id=recording_id, why=why)


def _why(call: DerivedCall, recording_id: str | None, now: datetime, condemned: str) -> str:
    states = {name: recording.state for name, recording in call.recordings.items()}
    if condemned:
        states[condemned] = RecordingState.CONDEMNED
    purposes = None
    if call.permit is not None and call.outcome in RECORDING_OUTCOMES:
        purposes = {name for name, until in call.permit.usable_until.items() if (moment_of(until) or now) > now}
    return why_it_goes(purposes, [states[recording_id]] if recording_id in states else [*states.values()])


def _delete(workshop: Workshop, rows: Iterable[CopyRow]) -> None:
    """Delete each copy, whatever becomes of the others. Raises Unavailable in the end where it was raised for one."""
    away: Unavailable | None = None
    for row in rows:
        try:
            deletion = workshop.provider.delete_copy(ProviderCopy(row.kind, row.name))
        except Unavailable as error:
            away = error
            continue
        workshop.database.write(_settles(workshop, row, deletion))
    if away:
        raise away


def _settles(workshop: Workshop, row: CopyRow, deletion: CopyDeletion) -> Callable[[Connection], None]:
    def settle(connection: Connection) -> None:
        moment, call = workshop.moment(), calls.by_id(connection, row.call_id)
        if call is None or call.erased_at is not None:
            return
        if deletion.is_gone:
            provider_copies.gone(connection, moment, call, row)
            resolve(connection, moment, IncidentKind.COPY_REMAINS, row.id)
            return
        place = PLACES[row.kind]
        detail = f"{place.name}: {deletion.answer}; delete it on the page {place.page}"
        raise_incident(connection, moment, IncidentKind.COPY_REMAINS, about=row.id, call_id=call.id, detail=detail)

    return settle
