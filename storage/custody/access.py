"""The only way to the audio of a kept recording: every playback or export names a purpose, and is allowed or refused.

The request and its decision are in the consent log before a byte is read. So the log may show an access that then
failed, and misses none.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from sqlalchemy import Connection

from evidence.events import Event, Value
from policies.access import Audio, may_open
from policies.consent import Outcome
from policies.purposes import Allowed, NotGranted
from storage.audio.contract import AudioStore
from storage.audio.unseal import KeptAudio, kept_audio
from storage.custody.row_watch import contradictions, raise_contradiction
from storage.errors import Refused
from storage.moment import Moment
from storage.row_check.differences import Difference
from storage.row_check.logged_calls import logged
from storage.rows import calls, permits, recordings
from storage.rows.calls import Call
from storage.rows.incidents import is_open_of_call
from storage.rows.recordings import Recording

# A purpose goes into the log for ever, so it can't be free text, which may hold a number.
_PURPOSE = re.compile(r"[a-z][a-z_-]{0,47}", re.ASCII)


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
    what: Literal["export", "playback"] = "export",
) -> KeptAudio | Refusal:
    """Decide and log the decision, in the caller's transaction; open the audio only when that has been committed.

    `actor` is the name of the member of staff. Raises Refused for a purpose that is not one word, and Broken for a
    recording that does not exist, or is kept and can't be opened.
    """
    if not _PURPOSE.fullmatch(purpose):
        raise Refused(f"recording {recording_id}: a purpose is one word, such as quality")
    call, recording = recordings.with_call(connection, recording_id)
    if differs := contradictions(connection, call.id, moment.at):
        decided: Allowed | NotGranted = _not_believed(connection, moment, recording, differs)
    else:
        decided = may_open(_audio(connection, call, recording), purpose, moment.at)
    public: dict[str, Value] = {"recording": recording.id, "purpose": purpose}
    match decided:
        case NotGranted(reason):
            refused = Event("recording.access_refused", {**public, "why": reason}, {"actor": actor})
            calls.append_events(connection, moment, call, refused)
            return Refusal(recording.id, reason)
        case Allowed():
            audio = kept_audio(connection, recording.id, store=store, key_encryption_key=key_encryption_key)
            calls.append_events(
                connection, moment, call, Event("recording.accessed", {**public, "what": what}, {"actor": actor})
            )
            return audio


def _not_believed(
    connection: Connection, moment: Moment, recording: Recording, differs: Sequence[Difference]
) -> NotGranted:
    """Refused where the rows contradict the events, whatever the rows allow: an incident calls for a person."""
    raise_contradiction(connection, moment, recording.call_id, differs)
    return NotGranted("its rows say something else than the log")


def _audio(connection: Connection, call: Call, recording: Recording) -> Audio:
    permit = permits.permit_of(connection, call.id)
    return Audio(
        outcome=call.outcome,
        state=recording.state,
        is_permitted=recording.permit is not None,
        granted=None if permit is None else permit.purposes,
        retain_until=recording.retain_until,
        is_in_doubt=is_open_of_call(connection, recordings.IN_DOUBT, call.id),
        outlives_consent=call.outcome == Outcome.WITHDRAWN and logged(connection, call.id).keeps_recording,
    )
