"""The page of one call, read in one view of the database by a number of queries that does not grow with the call."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import Connection

from compliance.call_log import Entry
from compliance.call_page.axis import RecordingFacts
from compliance.call_page.facts import CallFacts, MadeRecording, facts_of, recordings_of
from compliance.call_page.known_events import entries_of, faults_of_text
from compliance.call_page.listeners import Listeners, listeners
from compliance.call_page.no_recording import GONE, SENTENCES, Fate, WhyNone, why_none
from compliance.call_page.strip import Strip, strip_of
from compliance.call_page.told_events import ToldEvent, told_events
from compliance.call_page.why_heard import WhyHeard, why_heard
from compliance.call_page.wordings_kept import SpokenWording, wordings_of, words_of
from compliance.call_page.words_heard import Said, words_heard
from compliance.certificate import Certificate, certificate_of
from evidence.events import without_names
from policies.jurisdiction.pack import Law
from policies.lifecycle import RecordingState
from policies.purposes import NotGranted
from storage.custody.access import Decide, opening
from storage.errors import Broken
from storage.log import checkpoints
from storage.row_check.checked_call import CheckedCall, checked
from storage.rows import calls
from storage.rows.incidents import Incident, open_incidents
from storage.rows.recordings import of_row
from storage.rows.rules_in_force import kept_law

_GOES = frozenset({RecordingState.CONDEMNED, RecordingState.DESTROYED})


@dataclass(frozen=True, slots=True)
class CallPage:
    """Everything that the page of a call shows, as of `at`.

    `differs` are contradictions between rows and log, where the log counts, and `faults` what is wrong with the log of
    the call itself: both must be shown wherever anything of the page is. `recording` is the one that the permit covers.
    `why_none` is None where it is kept; `why_heard` is None where nothing was permitted. `certificate` says what became
    of a recording that had to go. `signed` is the size of the log's newest checkpoint, 0 before the first.
    """

    at: datetime
    facts: CallFacts
    recordings: tuple[MadeRecording, ...]
    recording: MadeRecording | None
    strip: Strip | None
    why_heard: WhyHeard | None
    why_none: WhyNone | None
    certificate: Certificate | None
    events: tuple[ToldEvent, ...]
    listeners: Listeners
    words: tuple[Said, ...]
    wordings: tuple[SpokenWording, ...]
    incidents: tuple[Incident, ...]
    differs: tuple[str, ...]
    faults: tuple[str, ...]
    signed: int

    @property
    def is_gone(self) -> bool:
        """The recording that was permitted is not kept, or not for long."""
        return self.why_none in GONE

    @property
    def why_none_says(self) -> str:
        return SENTENCES[self.why_none] if self.why_none else ""


def call_page(
    connection: Connection, call_id: str, at: datetime, *, names: bool = False, length_ms: int | None = None
) -> CallPage | None:
    """None where there is no such call. `names`: the reader may see every personal field that is left.

    `length_ms` is the exact length of the recording where the caller has it from the audio; otherwise its axis ends
    with the provider's whole seconds.
    """
    known = checked(connection, call_id, at)
    if known is None:
        return None
    entries, faults = entries_of(known), faults_of_text(known)
    law = _law(connection, known, faults)
    recordings = recordings_of(known, entries)
    covered = next((made for made in recordings if made.is_covered), None)
    why = why_none(_fate(known, recordings, covered))
    decide = _decide(connection, known, covered, why, at, faults)
    shown: Callable[[Incident], Incident] = (lambda found: found) if names else _without_names
    wordings = wordings_of(connection, entries, known.rows.call.wording_sha256)
    faults += [f"the wording {each.sha256} was altered since it was published" for each in wordings if each.is_altered]
    newest = checkpoints.newest(connection)
    signed = newest.size if newest else 0
    kept = {each.sha256: each.wording for each in wordings if each.wording}
    return CallPage(
        at=at,
        facts=facts_of(known, entries, law),
        recordings=tuple(recordings),
        recording=covered,
        strip=strip_of(entries, _recorded(covered, length_ms)),
        why_heard=why_heard(known.derived, entries, law, decide, at) if known.derived else None,
        why_none=why,
        certificate=_certificate(connection, known, entries, shown, at),
        events=tuple(told_events(entries, words_of(wordings), names=names, signed=signed)),
        listeners=listeners(entries),
        words=tuple(words_heard(entries, kept, known.rows.call.wording_sha256)),
        wordings=tuple(wordings),
        incidents=tuple(map(shown, open_incidents(connection, call_id))),
        differs=tuple(map(str, known.differs)),
        faults=tuple(faults),
        signed=signed,
    )


def _without_names(found: Incident) -> Incident:
    """Its words are for whoever looks into it, and may name a recording as the provider does."""
    return replace(found, detail=without_names(found.detail))


def _law(connection: Connection, known: CheckedCall, faults: list[str]) -> Law | None:
    try:
        return kept_law(connection, known.rows.call.law_sha256)
    except Broken as error:
        faults.append(str(error))
        return None


def _fate(known: CheckedCall, recordings: Sequence[MadeRecording], covered: MadeRecording | None) -> Fate:
    row, derived = known.rows.call, known.derived
    going = covered.why if covered and covered.state is RecordingState.CONDEMNED else ""
    return Fate(
        outcome=derived.outcome if derived else row.outcome,
        reason=derived.reason if derived else row.reason,
        mode=derived.mode if derived else row.mode,
        is_over=row.ended_at is not None,
        is_synthetic=bool(row.synthetic),
        covered=covered.state if covered else None,
        rule=(covered.rule or going) if covered else "",
        others=[made.state for made in recordings if made is not covered],
    )


def _decide(
    connection: Connection,
    known: CheckedCall,
    covered: MadeRecording | None,
    why: WhyNone | None,
    at: datetime,
    faults: list[str],
) -> Decide:
    """Where there is nothing to hear the database is not asked."""
    if covered is None or why is not None:
        reason = NotGranted(SENTENCES[why] if why else "there is no recording")
        return lambda _: reason
    try:
        return opening(connection, known, covered.id, at)
    except Broken as error:
        faults.append(str(error))
        broken = NotGranted(str(error))
        return lambda _: broken


def _recorded(covered: MadeRecording | None, length_ms: int | None) -> RecordingFacts | None:
    if covered is None or covered.state is RecordingState.ABSENT:
        return None
    told_ms = None if covered.duration_s is None else covered.duration_s * 1000
    return RecordingFacts(covered.id, covered.started_at, length_ms if length_ms is not None else told_ms)


def _certificate(
    connection: Connection,
    known: CheckedCall,
    entries: Sequence[Entry],
    shown: Callable[[Incident], Incident],
    at: datetime,
) -> Certificate | None:
    """Only of a call with a recording that had to go, and whose events can be followed: they are what it certifies."""
    if known.derived is None or not any(made.state in _GOES for made in known.derived.recordings.values()):
        return None
    made = certificate_of(
        connection,
        calls.of_row(known.rows.call),
        at,
        events=[entry.public for entry in entries if isinstance(entry.public.get("recording"), str)],
        made=[of_row(row) for row in known.rows.recordings],
        lets_keep=known.derived.keeps_recording,
    )
    return replace(made, incidents=[shown(found) for found in made.incidents])
