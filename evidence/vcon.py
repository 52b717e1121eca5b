"""A call as a vCon in its unsigned form (draft-ietf-vcon-vcon-core-04), for other software that works with calls.

The recording is named by the SHA-512 of its WAV and is never included: audio is heard where each listen is authorised
and logged, so there is no URL to follow. By the draft such a vCon is a redacted one, and it lists the missing parts.
The first dialog holds the words the caller heard and the keys that were pressed; recordings follow.
"""

from base64 import urlsafe_b64encode
from collections.abc import Iterator, Sequence
from datetime import datetime

from evidence import lawful_basis
from evidence.call_record import HUNG_UP, CallRecord, KeyPress, Notice, RecordedAudio, instant

CALLER, BUSINESS = 0, 1
MEDIA_TYPE = "audio/x-wav"
# Twilio's words for how a call ended before anybody spoke, as the draft has them.
_DISPOSITIONS = {"busy": "busy", "no-answer": "no-answer", "failed": "failed"}
# Recordings in these states never had audio.
_NO_AUDIO = frozenset({"absent"})


def unsigned(call: CallRecord, now: datetime) -> dict[str, object]:
    """`now` is the time of writing. Parts that are erased or withheld are missing, and `redacted` lists them."""
    attachments = list(_attachments(call))
    vcon: dict[str, object] = {
        "uuid": call.uuid(),
        "created_at": instant(now),
        "parties": [_caller(call), _business(call)],
        "dialog": [_question(call), *(_recording(recording, call) for recording in _permitted(call))],
        "attachments": attachments,
    }
    if call.is_synthetic:
        vcon["subject"] = "a test call that the service made to itself: the caller is a program, no person"
    if any(attachment["purpose"] == lawful_basis.EXTENSION for attachment in attachments):
        vcon["extensions"] = [lawful_basis.EXTENSION]
    if missing := list(_missing(call)):
        vcon["redacted"] = {"type": ", ".join(missing)}
    return vcon


def _caller(call: CallRecord) -> dict[str, object]:
    """The id belongs to this call alone, so that it ties no two calls of a person together."""
    party: dict[str, object] = {"uuid": call.uuid("caller")}
    if call.caller:
        is_sip = call.caller.startswith(("sip:", "sips:"))
        party["sip" if is_sip else "tel"] = call.caller
    return party


def _business(call: CallRecord) -> dict[str, object]:
    """The line that was called, if it was a line. The agent who answered is not known here."""
    party: dict[str, object] = {"tel": call.line} if call.line else {"uuid": call.uuid("business")}
    return {**party, "org": call.business.name} if call.business else party


def _question(call: CallRecord) -> dict[str, object]:
    """The call up to its decision. A call that ended before anybody could talk is incomplete and has no content."""
    start = call.notices[0].at if call.notices else call.received_at
    dialog: dict[str, object] = {"start": instant(start), "parties": [CALLER, BUSINESS], "originator": CALLER}
    if history := [_keydown(press) for press in call.presses if press.digit]:
        dialog["party_history"] = history
    if (disposition := _disposition(call)) is not None:
        return {"type": "incomplete", "disposition": disposition, **dialog}
    words = "\n".join(filter(None, (text for notice in call.notices for text in (notice.disclosure, notice.question))))
    dialog = {"type": "text", **dialog, "parties": [BUSINESS, CALLER], "originator": BUSINESS}
    return {**dialog, "mediatype": "text/plain", "body": words, "encoding": "none"} if words else dialog


def _disposition(call: CallRecord) -> str | None:
    if call.status in _DISPOSITIONS:
        return _DISPOSITIONS[call.status]
    return "hung-up" if call.outcome in HUNG_UP else None


def _keydown(press: KeyPress) -> dict[str, object]:
    return {"party": CALLER, "time": instant(press.at), "event": "keydown", "button": press.digit}


def _permitted(call: CallRecord) -> Iterator[RecordedAudio]:
    """The recordings under a permit that have audio. A recording without a permit is only listed, and destroyed."""
    return (recording for recording in call.tapes if recording.is_permitted and recording.state not in _NO_AUDIO)


def _recording(recording: RecordedAudio, call: CallRecord) -> dict[str, object]:
    """Of two channels the first is the caller's, so each has its party; a single channel has both."""
    both = [CALLER, BUSINESS]
    dialog: dict[str, object] = {
        "type": "recording",
        "start": instant(recording.start or call.decided_at or call.received_at),
        "parties": [both] if recording.channels == 1 else both,
        "mediatype": MEDIA_TYPE,
        "filename": f"{recording.id}.wav",
    }
    if recording.duration_s is not None:
        dialog["duration"] = recording.duration_s
    if recording.sha512:
        dialog["content_hash"] = content_hash(bytes.fromhex(recording.sha512))
    return dialog


def content_hash(sha512: bytes) -> str:
    return "sha512-" + urlsafe_b64encode(sha512).rstrip(b"=").decode("ascii")


def _attachments(call: CallRecord) -> Iterator[dict[str, object]]:
    if (basis := lawful_basis.attachment(call, party=CALLER, dialog=0)) is not None:
        yield basis
    for notice in call.notices:
        yield _attachment("disclosure", notice.at, _notice(notice))
    if call.tapes:
        yield _attachment(
            "recordings", call.decided_at or call.received_at, [_listed(recording) for recording in call.tapes]
        )


def _attachment(purpose: str, start: datetime, body: object) -> dict[str, object]:
    described = {"purpose": purpose, "start": instant(start), "party": BUSINESS, "dialog": 0}
    return {**described, "mediatype": "application/json", "encoding": "json", "body": body}


def _notice(notice: Notice) -> dict[str, str]:
    """`prompt_sha256` is of all that the wording can say, as `onrecord wordings` prints it."""
    named = {"prompt": notice.prompt, "prompt_sha256": notice.sha256, "language": notice.language}
    return {**named, "disclosure": notice.disclosure, "question": notice.question} if notice.disclosure else named


def _listed(recording: RecordedAudio) -> dict[str, object]:
    """The fate of a recording, with a permit or without."""
    return {
        "recording": recording.id,
        "permitted": recording.is_permitted,
        "state": recording.state,
        "sha256": recording.sha256 or None,
        "sha512": recording.sha512 or None,
        "retain_until": instant(recording.retain_until) if recording.retain_until else None,
        "destroyed_at": instant(recording.destroyed_at) if recording.destroyed_at else None,
        "destroyed_by": recording.destroyed_by or None,
    }


def _missing(call: CallRecord) -> Iterator[str]:
    """The missing parts, each with the reason."""
    if call.erased_at:
        yield "caller erased"
    elif not call.caller:
        yield "caller withheld"
    recordings = list(_permitted(call))
    yield from _of_any(recordings, "audio destroyed", destroyed=True)
    yield from _of_any(recordings, "audio withheld", destroyed=False)
    if any(not recording.sha512 for recording in recordings):
        yield "audio hash not known"


def _of_any(recordings: Sequence[RecordedAudio], what: str, *, destroyed: bool) -> Iterator[str]:
    if any((recording.destroyed_at is not None) is destroyed for recording in recordings):
        yield what
