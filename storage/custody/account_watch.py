"""Finds every recording of the provider's account: one list for all calls, whichever leg or conference is recorded.

Callbacks get lost, and other programs and settings start recordings of which none comes. Each listed recording is tied
to a call of ours (`storage.custody.owners`), or is a stranger's. Only where the list says something that our rows do
not is a call's row locked and written.
"""

import logging
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial

from sqlalchemy import Connection

from policies.attribution import FOREIGN_SOURCES, UNTIMED, Times
from policies.incidents import IncidentKind
from policies.tying import Stranger, Tied, Undecided
from storage.custody.failures import note_not_understood
from storage.custody.owners import Owners
from storage.custody.workshop import Workshop
from storage.errors import Broken, Refused, Unavailable
from storage.moment import Moment
from storage.provider import ClocksApart, Listed, ProviderCall, ProviderRecording
from storage.rows import calls, legs, news, permits, provider_accounts, recordings, strangers
from storage.rows.calls import Call
from storage.rows.incidents import raise_incident
from storage.rows.legs import LegKind
from storage.rows.recordings import Jobs

log = logging.getLogger(__name__)

LOOK_EVERY_S = 5.0
_PAGE = 1000
_WHOLE_EVERY = timedelta(hours=1)
_OVERLAP = timedelta(minutes=10)
_CALL_MAX = timedelta(hours=25)  # a recording that is still moving is not older
_POSTPONED = timedelta(minutes=1)
_RESOLUTION = timedelta(seconds=1)  # of Twilio's times

Rows = Mapping[str, ProviderRecording]
"""Listed recordings, by their sids. A list may show a row on two of its pages."""


@dataclass
class Position:
    """How far the account's list has been read. A process that is new lists all of it."""

    whole_at: datetime | None = None
    whole_rows: int = 0
    reached: datetime | None = None


@dataclass
class Found:
    """The recordings of one look: by our id of the call that each belongs to, strangers', and others."""

    of_calls: dict[str, list[ProviderRecording]] = field(default_factory=lambda: defaultdict(list))
    legs: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    strangers: list[str] = field(default_factory=list)
    not_tied: list[str] = field(default_factory=list)
    open: dict[str, ProviderRecording] = field(default_factory=dict)


@dataclass
class AccountWatch:
    """Several workers may call `look` at once. `lines` are the numbers of the rulebook.

    `open` are the recordings of which it is not decided whose they are; `rests` are calls that could not be settled,
    with the time of their next turn.
    """

    workshop: Workshop
    jobs: Jobs
    lines: frozenset[str]
    position: Position = field(default_factory=Position)
    open: dict[str, ProviderRecording] = field(default_factory=dict)
    rests: dict[str, datetime] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.owners = Owners(self.workshop, self.lines)

    def follow(self, lines: frozenset[str]) -> None:
        """Look for calls to these lines from now on."""
        self.lines = self.owners.lines = lines

    def look(self) -> None:
        """List the account's recordings once, and take in what is new. A call that fails holds up no other."""
        began = self.workshop.now()
        since = self._since(began)
        listed = self.workshop.provider.recordings_since(since)
        self._advance(began, listed, is_whole=since is None)
        rows = {**self.open, **{row.recording_sid: row for row in reversed(listed.rows)}}
        found = self._found(rows, began)
        self.open = found.open
        self._note(found, listed.unread)
        for call_id, of_call in found.of_calls.items():
            if self.rests.get(call_id, began) <= began:
                self._settle(call_id, of_call, found.legs.get(call_id, set()))

    def _since(self, began: datetime) -> datetime | None:
        """From when on recordings are listed, by the provider's clock; None: all of them."""
        at = self.position
        if at.whole_at is None or at.reached is None or at.whole_rows <= _PAGE:
            return None
        if not timedelta(0) <= began - at.whole_at < _WHOLE_EVERY:  # negative: our clock was set back
            return None
        apart = self.workshop.provider.clocks_apart()
        reached = at.reached - (apart.most if apart else timedelta(0))
        with self.workshop.database.read() as connection:
            oldest = recordings.oldest_moving(connection, began - _CALL_MAX)
        return min(reached, oldest or reached) - _OVERLAP

    def _advance(self, began: datetime, listed: Listed[ProviderRecording], *, is_whole: bool) -> None:
        self.position.reached = began
        if is_whole:
            self.position.whole_at, self.position.whole_rows = began, len(listed) + listed.unread

    def _found(self, rows: Rows, began: datetime) -> Found:
        """Sort the recordings; those about which the list says nothing new are left out."""
        found, unknown = Found(), []
        news_of: set[str] = set()
        old: list[tuple[str, ProviderRecording]] = []
        sids = list(rows)
        for page in (sids[start : start + _PAGE] for start in range(0, len(sids), _PAGE)):
            with self.workshop.database.read() as connection:
                ours = recordings.with_sids(connection, page)
                others = [sid for sid in page if sid not in ours]
                seen = self._believed(connection, rows, strangers.seen(connection, others) if others else {})
            for sid, (recording, call_sid) in ours.items():
                old.append((recording.call_id, rows[sid]))
                if news.is_news(recording, call_sid, rows[sid], listed_at=began):
                    news_of.add(recording.call_id)
            found.strangers += [sid for sid, seen_at in seen.items() if strangers.is_due(seen_at, began)]
            unknown += [rows[sid] for sid in others if sid not in seen]
        self._tie(unknown, found, began)
        for call_id, row in old:  # a call's recordings are judged together
            if call_id in news_of or call_id in found.of_calls:
                found.of_calls[call_id].append(row)
        return found

    def _believed(self, connection: Connection, rows: Rows, seen: Mapping[str, datetime]) -> Mapping[str, datetime]:
        """The noted strangers, but for those that are listed under a call or conference of ours: a row alone hides
        nothing from the call that it is of.
        """
        named = {sid: {rows[sid].call_sid, rows[sid].conference_sid} - {""} for sid in seen}
        every = set[str]().union(*named.values())
        ours = {*calls.ids_of(connection, every), *legs.calls_of(connection, every)} if every else set()
        return {sid: seen_at for sid, seen_at in seen.items() if not named[sid] & ours}

    def _tie(self, unknown: Sequence[ProviderRecording], found: Found, began: datetime) -> None:
        for row, verdict in self.owners.of(unknown, began):
            match verdict:
                case Tied(call_id, of_call):
                    found.of_calls[call_id].append(row)
                    found.legs[call_id] |= {*of_call, *([row.conference_sid] if row.conference_sid else [])}
                case Stranger(is_certain):
                    found.strangers.append(row.recording_sid)
                    if not is_certain:
                        found.not_tied.append(row.recording_sid)
                case Undecided():
                    found.open[row.recording_sid] = row

    def _note(self, found: Found, unread: int) -> None:
        if not (found.strangers or unread):
            return
        moment = self.workshop.moment()

        def note(connection: Connection) -> None:
            strangers.note(connection, moment, found.strangers)
            strangers.forget(connection, moment.at)
            for sid in found.not_tied:
                detail = f"nothing shows whose recording {sid} is: it may be of a call to one of the lines"
                raise_incident(
                    connection, moment, IncidentKind.RECORDING_NOT_TIED, about=sid, call_id=None, detail=detail
                )
            if unread:
                kind = IncidentKind.LIST_NOT_UNDERSTOOD
                detail = f"{unread} rows of Twilio's list of recordings make no sense; the others were taken in"
                raise_incident(connection, moment, kind, about="recordings", call_id=None, detail=detail)

        self.workshop.database.write(note)

    def _settle(self, call_id: str, listed: Sequence[ProviderRecording], of_call: set[str]) -> None:
        try:
            at_provider, broken = self._at_provider(call_id, listed)
            apart = self.workshop.provider.clocks_apart()
            self.workshop.database.write(partial(self._take_in, call_id, listed, of_call, at_provider, apart))
            if broken:
                raise broken
        except (Unavailable, Refused, Broken) as error:
            log.warning("call %s: its recordings could not be taken in: %s", call_id, error)
            self._put_off(call_id, error)
        else:
            self.rests.pop(call_id, None)

    def _take_in(
        self,
        call_id: str,
        listed: Sequence[ProviderRecording],
        of_call: Iterable[str],
        at_provider: ProviderCall | None,
        apart: ClocksApart | None,
        connection: Connection,
    ) -> None:
        moment, call = self.workshop.moment(), calls.by_id(connection, call_id)
        if call is None or call.erased_at:
            return
        for sid in sorted(of_call):
            kind = LegKind.CONFERENCE if sid.startswith("CF") else LegKind.DIALLED
            legs.tie(connection, moment, call.id, sid, kind)
        _tell_misplaced(connection, moment, call, listed)
        news.take_in(connection, moment, call, listed, self.jobs, _times(connection, call, at_provider, apart))

    def _at_provider(
        self, call_id: str, listed: Sequence[ProviderRecording]
    ) -> tuple[ProviderCall | None, Broken | None]:
        """The provider's account of a call, where a recording may be ours and only its time can show it.

        The call's recordings are taken in even where that account makes no sense.
        """
        with self.workshop.database.read() as connection:
            call = calls.peek(connection, call_id)
            if call is None or not _is_timed(connection, call_id, listed):
                return None, None
        try:
            return self.workshop.provider.call(call.call_sid), None
        except Broken as error:
            return None, error

    def _put_off(self, call_id: str, error: Exception) -> None:
        """An answer that makes no sense is an incident."""
        moment = self.workshop.moment()
        self.rests[call_id] = moment.at + _POSTPONED
        if isinstance(error, Broken):
            note_not_understood(self.workshop, moment, call_id, error)


def _tell_misplaced(connection: Connection, moment: Moment, call: Call, listed: Sequence[ProviderRecording]) -> None:
    """The provider lists a recording of this call under another call of ours."""
    other_sids = {row.call_sid for row in listed} - {"", call.call_sid}
    for other_id in calls.ids_of(connection, other_sids).values() if other_sids else ():
        detail = "Twilio lists a recording under this call that belongs to another"
        kind = IncidentKind.CALL_NOT_UNDERSTOOD
        raise_incident(connection, moment, kind, about=other_id, call_id=other_id, detail=detail)


def _is_timed(connection: Connection, call_id: str, listed: Sequence[ProviderRecording]) -> bool:
    """Whether the time at which our recording was ordered can decide anything, and the provider has not told it yet."""
    if permits.permit_of(connection, call_id) is None or provider_accounts.recording_asked_at(connection, call_id):
        return False
    if any(recording.reported_at for recording in recordings.of_call(connection, call_id)):
        return False
    return any(row.source not in FOREIGN_SOURCES for row in listed)


def _times(connection: Connection, call: Call, at_provider: ProviderCall | None, apart: ClocksApart | None) -> Times:
    """When our recording was ordered, in the provider's own words; else the earliest time by two measures of its clock.

    The first measure is how far apart the clocks were at the provider's newest answer. The second adds the time from
    the call's arrival to the decision, by our clock, to the provider's time of the arrival.
    """
    given = permits.permit_of(connection, call.id)
    if given is None:
        return UNTIMED
    if asked_at := provider_accounts.recording_asked_at(connection, call.id):
        return Times(asked_at=asked_at)
    measured = [given.decided_at - apart.most] if apart else []
    if at_provider and at_provider.came_in_at:
        measured.append(at_provider.came_in_at + (given.decided_at - call.received_at))
    return Times(not_before=min(measured) - _RESOLUTION) if measured else UNTIMED
