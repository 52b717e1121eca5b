"""The only way to the audio of a kept recording: every playback or export names a purpose, and is allowed or refused.

The request and its decision are in the consent log before a byte is read. So the log may show an access that then
failed, and misses none.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from evidence.events import Event, Value
from policies.access import Audio, may_open
from policies.consent import Outcome
from policies.lifecycle import RecordingState
from policies.purposes import Allowed, Granted, NotGranted
from storage.audio.contract import AudioStore
from storage.audio.unseal import KeptAudio, kept_audio
from storage.custody.row_watch import raise_contradiction
from storage.errors import Broken, Refused
from storage.moment import Moment
from storage.row_check.checked_call import CheckedCall, checked
from storage.row_check.logged_calls import check_permit_signed
from storage.rows import calls, permits, recordings
from storage.rows.incidents import is_open_of_call

# A purpose goes into the log for ever, so it can't be free text, which may hold a number.
_PURPOSE = re.compile(r"[a-z][a-z_-]{0,47}", re.ASCII)
NOT_BELIEVED = NotGranted("its rows say something else than the log")

Decide = Callable[[str], Allowed | NotGranted]
"""The decision on opening a recording, by the purpose that is named."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """The recording may not be used for this purpose. A value, because the request is logged all the same."""

    recording_id: str
    reason: str

    def __str__(self) -> str:
        return f"recording {self.recording_id}: {self.reason}"


def open_for_purpose(
    connection: Connection,
    moment: Moment,
    recording_id: str,
    purpose: str,
    *,
    store: AudioStore,
    key_encryption_key: bytes,
    actor: str,
    lease_id: str = "",
) -> KeptAudio | Refusal:
    """Decide and log the decision, in the caller's transaction; open the audio only when that has been committed.

    `actor` is the name of the member of staff, `lease_id` that of the listening that it opens;
    without one it is an export. Raises Refused for a purpose that is not one word, and Broken for a
    recording that does not exist, or is kept and can't be opened.
    """
    _check_one_word(recording_id, purpose)
    call, recording = recordings.with_call(connection, recording_id)
    known = _checked(connection, call.id, moment.at)
    if known.differs:  # refused, whatever the rows allow: an incident calls for a person
        raise_contradiction(connection, moment, call.id, known.differs)
    decided = opening(connection, known, recording.id, moment.at)(purpose)
    public: dict[str, Value] = {"recording": recording.id, "purpose": purpose}
    match decided:
        case NotGranted(reason):
            refused = Event("recording.access_refused", {**public, "why": reason}, {"actor": actor})
            calls.append_events(connection, moment, call, refused)
            return Refusal(recording.id, reason)
        case Allowed():
            audio = kept_audio(connection, recording.id, store=store, key_encryption_key=key_encryption_key)
            what: dict[str, Value] = {"what": "playback", "lease": lease_id} if lease_id else {"what": "export"}
            calls.append_events(
                connection, moment, call, Event("recording.accessed", {**public, **what}, {"actor": actor})
            )
            return audio


def reopen(connection: Connection, recording_id: str, *, store: AudioStore, key_encryption_key: bytes) -> KeptAudio:
    """The audio again, for a lease whose opening is in the log and which still stands (`storage.custody.leases`)."""
    return kept_audio(connection, recording_id, store=store, key_encryption_key=key_encryption_key)


def picture_of(
    connection: Connection, recording_id: str, at: datetime, *, store: AudioStore, key_encryption_key: bytes
) -> KeptAudio | NotGranted:
    """For the peaks, which are no sound: of a recording that may be heard for some purpose. It is no access, and not in
    the log.
    """
    decided = purposes_open(connection, recording_id, at).values()
    if any(isinstance(one, Allowed) for one in decided):
        return kept_audio(connection, recording_id, store=store, key_encryption_key=key_encryption_key)
    return next((one for one in decided if isinstance(one, NotGranted)), NotGranted("no permit covers it"))


def would_open(connection: Connection, recording_id: str, purpose: str, at: datetime) -> Allowed | NotGranted:
    """The decision that `open_for_purpose` would make. This is a look: nothing is logged, locked or opened by it.

    Raises as `open_for_purpose` does.
    """
    _check_one_word(recording_id, purpose)
    return opening(connection, _known(connection, recording_id, at), recording_id, at)(purpose)


def purposes_open(connection: Connection, recording_id: str, at: datetime) -> dict[str, Allowed | NotGranted]:
    """The same for each purpose that the call's permit grants, in its order; empty where there is no permit."""
    known = _known(connection, recording_id, at)
    decide = opening(connection, known, recording_id, at)
    return {granted.purpose: decide(granted.purpose) for granted in granted_in(known)}


def opening(connection: Connection, known: CheckedCall, recording_id: str, at: datetime) -> Decide:
    """The decision for any purpose, for whoever has read the call already. Raises Broken for a permit that is not the
    one that was signed.
    """
    if known.differs:
        return lambda _: NOT_BELIEVED
    check_permit_signed(connection, known.events)
    audio = _audio(connection, known, recording_id)
    return lambda purpose: may_open(audio, purpose, at)


def granted_in(known: CheckedCall) -> tuple[Granted, ...]:
    """The purposes that the call's permit grants, by its event."""
    given = known.derived.permit if known.derived else None
    ends = given.usable_until.items() if given else ()
    return tuple(Granted(purpose, datetime.fromisoformat(until)) for purpose, until in ends)


def _known(connection: Connection, recording_id: str, at: datetime) -> CheckedCall:
    recording = recordings.peek(connection, recording_id)
    if recording is None:
        raise Broken(f"recording {recording_id}: there is no such row")
    return _checked(connection, recording.call_id, at)


def _checked(connection: Connection, call_id: str, at: datetime) -> CheckedCall:
    known = checked(connection, call_id, at)
    if known is None:
        raise Broken(f"call {call_id}: there is no such row")
    return known


def _check_one_word(recording_id: str, purpose: str) -> None:
    if not _PURPOSE.fullmatch(purpose):
        raise Refused(f"recording {recording_id}: a purpose is one word, such as quality")


def _audio(connection: Connection, known: CheckedCall, recording_id: str) -> Audio:
    row = next(row for row in known.rows.recordings if row.id == recording_id)
    outcome, permit = known.rows.call.outcome, permits.of_row(known.rows.permit)
    keeps = known.derived is not None and known.derived.keeps_recording
    return Audio(
        outcome=outcome,
        state=RecordingState(row.state),
        is_permitted=row.permit is not None,
        granted=None if permit is None else permit.purposes,
        retain_until=row.retain_until,
        is_in_doubt=is_open_of_call(connection, recordings.IN_DOUBT, known.rows.call.id),
        outlives_consent=outcome == Outcome.WITHDRAWN and keeps,
    )
