"""Checks from outside whether the promises were kept: what Twilio saw against the database, the audio store and the
log.

No check trusts the service's own word where there is another source: calls, recordings, times and how each call ended
are those of the telephone's side (`onrecord.demo.phone_side`), stored audio is opened and measured, the log is computed
again. So a call that the service misunderstood is found, even if all its rows agree.
"""

import io
import json
import wave
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, select

from compliance.call_life import CallLife, life_of
from onrecord.accepted_rulebook import NAME as RULES_IN_FORCE
from onrecord.demo.control_api import SeenCall, SeenRecording
from onrecord.demo.phone_side import PhoneSide
from policies.consent import RECORDING_OUTCOMES, Outcome
from policies.copies import PLACES, TRANSCRIPTION_PURPOSE, CopyKind
from policies.incidents import IncidentKind
from policies.lifecycle import RecordingState
from policies.withdrawal import WithdrawnBy
from storage.audio import audio_objects
from storage.audio.audio_key import AudioKey
from storage.audio.contract import AudioStore
from storage.audio.unseal import kept_audio
from storage.custody import erasure
from storage.database.engine import Database
from storage.database.tables import audio_object, call, recording, recording_key, wording_version
from storage.errors import Broken, Refused
from storage.log import consent_log
from storage.log import verification as log_verification
from storage.row_check import check as row_check
from storage.rows.incidents import open_incidents
from storage.rows.recordings import Recording

_DURATION_TOLERANCE_S = 2.0
_OF_NO_RECORDING = frozenset(
    {IncidentKind.PROVIDER_CONTRADICTS, IncidentKind.POLICY_CONFLICT, IncidentKind.STEPS_NOT_HEARD}
)
_ABOUT_COPIES = frozenset({IncidentKind.COPY_REMAINS, IncidentKind.COPIES_NOT_LOOKED_FOR})
_NAME_CHARS_MIN = 7
_GIVEN_UP = (RecordingState.CONDEMNED, RecordingState.DESTROYED)


@dataclass(frozen=True, slots=True)
class Breach:
    """A promise that was not kept, and on which call."""

    promise: str
    call_sid: str
    what: str

    def __str__(self) -> str:
        return f"{self.promise} broken on {self.call_sid}: {self.what}"


@dataclass(frozen=True)
class Witness:
    """The parts of our side that the check reads."""

    database: Database
    store: AudioStore
    key_encryption_key: bytes
    spool: Path | None = None


def breaches(witness: Witness, seen: Sequence[SeenCall], *, others: Collection[str] = ()) -> list[Breach]:
    """Check every call that the telephone's side has seen, once nothing is under way any more.

    `others` are the sids of further calls that it has seen and that are not checked, perhaps because they are under
    way.
    """
    found = list(_log(witness))
    with witness.database.read() as connection:
        unknown: list[SeenCall] = []
        for placed in seen:
            told = life_of(connection, placed.call_sid)
            if told is None:
                unknown.append(placed)
                continue
            side = PhoneSide.of(placed)
            found += _as_it_was(side, told)
            found += _told_first(connection, placed, side, told)
            found += _no_is_final(connection, placed, side, told)
            found += _no_text_remains(connection, placed, side, told)
            found += _gets_through(placed, told)
            found += _nothing_lost(witness, connection, placed, side, told)
            found += _names_nobody(connection, placed, told)
        found += _unknown(connection, unknown)
        found += _invented(connection, {placed.call_sid for placed in seen} | {*others})
        found += strays(witness, connection)
    return found


def _log(witness: Witness) -> Iterator[Breach]:
    """P5: the log is whole, and every row beside it agrees with its events."""
    try:
        log_verification.verify(witness.database.read)
        differ = list(row_check.of_all(witness.database.read))
    except Broken as error:
        yield Breach("P5", "-", str(error))
        return
    for difference in differ:
        yield Breach("P5", "-", str(difference))


def _as_it_was(side: PhoneSide, told: CallLife) -> Iterator[Breach]:
    """P5: the call is on record with its true outcome, and none of our documents did anything that the caller's answer
    forbade.
    """
    if told.call.outcome not in _outcomes(side, told):
        was = " or ".join(sorted(_outcomes(side, told)))
        yield Breach("P5", told.call.call_sid, f"it is on record as {told.call.outcome}, and was {was}")
    for promise, what in side.wrongs():
        yield Breach(promise, told.call.call_sid, what)


def _outcomes(side: PhoneSide, told: CallLife) -> frozenset[Outcome]:
    """The telephone's side does not see that an agent or a request withdraws a consent: the event says so."""
    was_consented = bool(side.outcomes & RECORDING_OUTCOMES)
    return frozenset({Outcome.WITHDRAWN}) if was_consented and _withdrawals_by_others(told) else side.outcomes


def _withdrawals_by_others(told: CallLife) -> list[Mapping[str, Any]]:
    """Withdrawals by an agent or by request, whose events say whether the recording up to then is kept."""
    said = [event for event in told.events if event["type"] == "consent.withdrawn"]
    return [event for event in said if event.get("by") in {WithdrawnBy.AGENT, WithdrawnBy.REQUEST}]


def _is_to_be_kept(side: PhoneSide, told: CallLife) -> bool:
    """Whether the recording is to be kept: the caller agreed, and no later withdrawal destroys it."""
    if side.has_withdrawn_by_key:
        return all(event["keeps"] for event in told.events if event["type"] == "consent.withdrawn")
    withdrawn = _withdrawals_by_others(told)
    if withdrawn:
        was_consented = bool(side.outcomes & RECORDING_OUTCOMES)
        return was_consented and all(event["keeps"] for event in withdrawn)
    return side.is_consented(told.call.outcome)


def _told_first(connection: Connection, seen: SeenCall, side: PhoneSide, told: CallLife) -> Iterator[Breach]:
    """P1: our own recording starts after the last word of the disclosure, and after consent is in the log.

    A disclosure that was cut short is none. In a call that was sent back, later disclosures belong to a later asking.
    """
    words, recorded_words = _disclosure(connection, told)
    disclosures = [
        heard for heard in seen.heard if heard.text == words or (recorded_words and recorded_words in heard.text)
    ]
    starts = [recorded.started_at_s for recorded in seen.recordings if recorded.is_ours]
    for start_s in starts:
        before = [heard.to_s for heard in disclosures if heard.at_s <= start_s]
        if not before or before[-1] is None or before[-1] > start_s:
            yield Breach("P1", told.call.call_sid, "a recording started before the disclosure had ended")
    if (starts or side.was_agreed) and not any(event["type"] == "recording.permitted" for event in told.events):
        yield Breach("P1", told.call.call_sid, "a recording started without consent in the log")


def _no_is_final(connection: Connection, seen: SeenCall, side: PhoneSide, told: CallLife) -> Iterator[Breach]:
    """P2: without consent nothing remains, at Twilio or here; and a recording that ran nevertheless is an incident.

    It is none where the caller had agreed to our recording first, and said no later.
    """
    consented = _is_to_be_kept(side, told)
    in_doubt = {kept.recording_sid for kept in told.recordings if kept.state is RecordingState.QUARANTINED}
    for recorded in seen.recordings:
        if (consented and recorded.is_ours) or recorded.status == "absent":
            continue
        if consented and recorded.sid in in_doubt and told.incidents:
            continue
        if not recorded.is_deleted:
            yield Breach("P2", told.call.call_sid, "Twilio still holds a recording that nobody consented to")
        if not _says_why(told) and not (side.was_agreed and recorded.is_ours):
            yield Breach("P2", told.call.call_sid, "a recording without consent raised no incident")
    if consented:
        return
    for kept in told.recordings:
        if kept.object_key or audio_objects.of(connection, kept.id) or kept.state is not RecordingState.DESTROYED:
            yield Breach("P2", told.call.call_sid, f"recording {kept.id} is {kept.state} without consent")


def _no_text_remains(connection: Connection, seen: SeenCall, side: PhoneSide, told: CallLife) -> Iterator[Breach]:
    """P2, P6: no text of the call remains that nobody agreed to, unless an open incident names its kind."""
    consented = side.is_consented(told.call.outcome)
    permitted = [event for event in told.events if event["type"] == "recording.permitted"]
    if consented and any(TRANSCRIPTION_PURPOSE in event["purposes"] for event in permitted):
        return
    told_of = [each for each in open_incidents(connection) if each.call_id in (told.call.id, None)]
    words = [each.detail for each in told_of if each.kind in _ABOUT_COPIES]
    for kind in sorted({text.kind for text in seen.texts if not text.is_deleted}):
        name = PLACES[CopyKind(kind)].name if kind in {*CopyKind} else PLACES[CopyKind.CONVERSATION].name
        if not any(name in detail for detail in words):
            promise, why = ("P6", "its permit lacks the purpose") if consented else ("P2", "nobody consented")
            yield Breach(promise, told.call.call_sid, f"Twilio still holds a {kind} of the call, although {why}")


def _gets_through(seen: SeenCall, told: CallLife) -> Iterator[Breach]:
    """P3: if the caller stays on the line the agents are rung, whatever the answer, and each time the call is sent
    back.
    """
    wanted = not seen.left_early and told.call.mode != "must_record"
    since_s = max(seen.sent_back_at_s, default=0.0)
    if wanted and not any(leg.at_s >= since_s for leg in seen.legs):
        yield Breach("P3", told.call.call_sid, "the caller stayed on and no agent was rung")


def _nothing_lost(
    witness: Witness, connection: Connection, seen: SeenCall, side: PhoneSide, told: CallLife
) -> Iterator[Breach]:
    """P4: a consented recording that Twilio completed is here and opens, or an incident says why not.

    It may be destroyed only because its time has ended.
    """
    if not _is_to_be_kept(side, told):
        return
    ours = {kept.recording_sid: kept for kept in told.recordings}
    for recorded in seen.recordings:
        if not recorded.is_ours or recorded.status not in {"completed", "deleted"}:
            continue
        kept = ours.get(recorded.sid)
        if kept is None or kept.state is not RecordingState.KEPT:
            yield from _not_kept(recorded, kept, told)
            continue
        yield from _opens(witness, connection, recorded, kept, told)
        if not recorded.is_deleted:
            yield Breach("P4", told.call.call_sid, "Twilio's copy remains although ours is verified")


def _not_kept(recorded: SeenRecording, kept: Recording | None, told: CallLife) -> Iterator[Breach]:
    if kept and _had_its_time(kept, told):
        return
    if kept and kept.state in _GIVEN_UP:
        yield Breach("P4", told.call.call_sid, f"the caller agreed to recording {kept.id}, and it is {kept.state}")
    elif recorded.is_deleted:
        yield Breach("P4", told.call.call_sid, "Twilio's copy is gone and ours was never verified")
    if not _says_why(told):
        yield Breach("P4", told.call.call_sid, "a completed recording is neither kept nor an incident")


def _says_why(told: CallLife) -> bool:
    """Whether an incident about recording is open: incidents about a law, or about Twilio's account, excuse nothing."""
    return any(incident.kind not in _OF_NO_RECORDING for incident in told.incidents)


def _had_its_time(kept: Recording, told: CallLife) -> bool:
    destroyed = [event for event in told.events if event["type"] == "recording.destroyed"]
    return any(event["recording"] == kept.id and event["rule"] == "retention" for event in destroyed)


def _names_nobody(connection: Connection, seen: SeenCall, told: CallLife) -> Iterator[Breach]:
    """P7: no leaf holds a number, a name of Twilio's, or where audio lies: leaves are never erased."""
    leaves = "".join(leaf for _, leaf in consent_log.of_call(connection, told.call.id))
    names = {seen.from_, seen.to, seen.call_sid}
    names |= {name for leg in seen.legs for name in (leg.to, leg.call_sid)}
    names |= {recorded.sid for recorded in seen.recordings}
    names |= {kept.object_key for kept in told.recordings if kept.object_key}
    for name in names:
        if not name.isalpha() and len(name) >= _NAME_CHARS_MIN and name.removeprefix("+") in leaves:
            yield Breach("P7", told.call.call_sid, "a leaf of the log holds what can name somebody")


def _opens(
    witness: Witness, connection: Connection, recorded: SeenRecording, kept: Recording, told: CallLife
) -> Iterator[Breach]:
    """The master is opened with its key and is a recording as long as Twilio's; nothing else lies beside it."""
    objects = audio_objects.of(connection, kept.id)
    master = next((stored for stored in objects if stored.name == "master"), None)
    if master is None:
        yield Breach("P4", told.call.call_sid, f"recording {kept.id} has no master")
        return
    key = AudioKey.parse(master.key)
    lying = {str(found) for found in witness.store.list(key.folder)}
    if lying != {stored.key for stored in objects}:
        yield Breach("P4", told.call.call_sid, f"the folder of recording {kept.id} holds {len(lying)} objects")
    times = sum(event["type"] == "recording.stored" and event["recording"] == kept.id for event in told.events)
    if times != 1:
        yield Breach("P4", told.call.call_sid, f"recording {kept.id} was stored {times} times")
    try:
        wav = open_master(witness, connection, kept.id)
        length_s = _length_s(wav)
    except (Broken, Refused, wave.Error) as error:
        yield Breach("P4", told.call.call_sid, f"recording {kept.id} does not open: {error}")
        return
    if abs(length_s - (recorded.duration_s or 0)) > _DURATION_TOLERANCE_S:
        yield Breach("P4", told.call.call_sid, f"recording {kept.id} lasts {length_s:.1f} s, not as at Twilio")
    if sha256(wav).hexdigest() != recorded.sha256:
        yield Breach("P4", told.call.call_sid, f"recording {kept.id} is not what Twilio recorded")


def _unknown(connection: Connection, unknown: Sequence[SeenCall]) -> Iterator[Breach]:
    """P5, P7: a call that is not in the database was erased, and then nothing of it remains at Twilio either."""
    erased = set(connection.scalars(select(call.c.id).where(call.c.erased_at.is_not(None))))
    for seen in unknown:
        if len(unknown) > len(erased):  # which of them is an erased one, nobody can tell any more
            yield Breach("P5", seen.call_sid, "the database does not know the call")
        elif not all(recorded.is_deleted for recorded in seen.recordings if recorded.status != "absent"):
            yield Breach("P7", seen.call_sid, "the call was erased, and Twilio still holds a recording of it")
    for call_id in erased:
        if erasure.look(connection, call_id, again=True):
            yield Breach("P7", call_id, "the call was erased, and something that is personal is left")


def _invented(connection: Connection, known: Collection[str]) -> Iterator[Breach]:
    """P5: every call in the database is known to the telephone's side, except the self-test's calls, which it never
    saw, and erased calls, whose names are gone.
    """
    known_there = (call.c.synthetic == 0) & call.c.erased_at.is_(None)
    for call_sid in connection.scalars(select(call.c.call_sid).where(known_there)):
        if call_sid not in known:
            yield Breach("P5", call_sid, "the database knows a call that never was")


def strays(witness: Witness, connection: Connection) -> Iterator[Breach]:
    """P2, P6: no audio but that of recordings which are kept, and no key to any that must not be heard."""
    named = set(connection.scalars(select(audio_object.c.key)))
    for key in witness.store.list(""):
        if str(key) not in named:
            yield Breach("P6", "-", f"{key} lies in the audio store and no recording names it")
    outlived = select(recording.c.id).join(recording_key).where(recording.c.state.in_(_GIVEN_UP))
    for recording_id in connection.scalars(outlived):
        yield Breach("P6", "-", f"recording {recording_id} must not be heard and has a key")
    for lying in witness.spool.rglob("*") if witness.spool else ():
        if lying.is_file() and lying.name != RULES_IN_FORCE:
            yield Breach("P2", "-", f"{lying.name} lies in the spool, in the clear")


def open_master(witness: Witness, connection: Connection, recording_id: str) -> bytes:
    """The WAV of a kept recording, without regard to who may hear it: a promise is checked by the audio."""
    kept = kept_audio(connection, recording_id, store=witness.store, key_encryption_key=witness.key_encryption_key)
    audio = kept.open()
    return audio.range(0, audio.length)


def _length_s(wav: bytes) -> float:
    with wave.open(io.BytesIO(wav)) as opened:
        return float(opened.getnframes() / opened.getframerate())


def _disclosure(connection: Connection, told: CallLife) -> tuple[str, str]:
    """The words of the disclosure as they were published, by the hash that the call names; and the hash of their sound,
    which the address of a recorded prompt names.
    """
    query = select(wording_version.c.text).where(wording_version.c.sha256 == told.call.wording_sha256)
    published = json.loads(connection.scalars(query).one())
    return published["disclosure"], published.get("disclosure_audio", "")
