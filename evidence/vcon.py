"""A call as a vCon in its unsigned form (draft-ietf-vcon-vcon-core-04), for whoever else works with conversations.

The recording is named by the SHA-512 of its WAV and is never in it: audio is heard where each listen is authorised and
logged, so there is no URL that could be followed. By the draft such a vCon is a redacted one, and it says what it
lacks. The first dialog is what the caller was told and the keys that were pressed; recordings follow.
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
# Of these there was never any audio that could be named.
_NO_AUDIO = frozenset({"absent"})


def unsigned(told: CallRecord, now: datetime) -> dict[str, object]:
    """`now` is when it is written. What the call's own record lacks by now is missing here, and is said to be."""
    attachments = list(_attachments(told))
    vcon: dict[str, object] = {
        "uuid": told.uuid(),
        "created_at": instant(now),
        "parties": [_caller(told), _business(told)],
        "dialog": [_question(told), *(_recording(one, told) for one in _permitted(told))],
        "attachments": attachments,
    }
    if told.is_synthetic:
        vcon["subject"] = "a test call that the service made to itself: the caller is a program, no person"
    if any(one["purpose"] == lawful_basis.EXTENSION for one in attachments):
        vcon["extensions"] = [lawful_basis.EXTENSION]
    if missing := list(_missing(told)):
        vcon["redacted"] = {"type": ", ".join(missing)}
    return vcon


def _caller(told: CallRecord) -> dict[str, object]:
    """Under an id that is this call's only, so that two calls of one person aren't tied together by it."""
    party: dict[str, object] = {"uuid": told.uuid("caller")}
    if told.caller:
        is_sip = told.caller.startswith(("sip:", "sips:"))
        party["sip" if is_sip else "tel"] = told.caller
    return party


def _business(told: CallRecord) -> dict[str, object]:
    """The line that was called, if one was. Who of the agents answered is not known here."""
    party: dict[str, object] = {"tel": told.line} if told.line else {"uuid": told.uuid("business")}
    return {**party, "org": told.business.name} if told.business else party


def _question(told: CallRecord) -> dict[str, object]:
    """The call up to its decision. One that ended before anybody could talk is incomplete and has no content."""
    start = told.notices[0].at if told.notices else told.received_at
    dialog: dict[str, object] = {"start": instant(start), "parties": [CALLER, BUSINESS], "originator": CALLER}
    if history := [_keydown(press) for press in told.presses if press.digit]:
        dialog["party_history"] = history
    if (disposition := _disposition(told)) is not None:
        return {"type": "incomplete", "disposition": disposition, **dialog}
    words = "\n".join(filter(None, (text for one in told.notices for text in (one.disclosure, one.question))))
    dialog = {"type": "text", **dialog, "parties": [BUSINESS, CALLER], "originator": BUSINESS}
    return {**dialog, "mediatype": "text/plain", "body": words, "encoding": "none"} if words else dialog


def _disposition(told: CallRecord) -> str | None:
    if told.status in _DISPOSITIONS:
        return _DISPOSITIONS[told.status]
    return "hung-up" if told.outcome in HUNG_UP else None


def _keydown(press: KeyPress) -> dict[str, object]:
    return {"party": CALLER, "time": instant(press.at), "event": "keydown", "button": press.digit}


def _permitted(told: CallRecord) -> Iterator[RecordedAudio]:
    """A recording that nobody had agreed to is no part of the conversation: it is listed, and destroyed."""
    return (one for one in told.tapes if one.is_permitted and one.state not in _NO_AUDIO)


def _recording(one: RecordedAudio, told: CallRecord) -> dict[str, object]:
    """Of two channels the first is the caller's, so each has its party; one channel has both."""
    both = [CALLER, BUSINESS]
    dialog: dict[str, object] = {
        "type": "recording",
        "start": instant(one.start or told.decided_at or told.received_at),
        "parties": [both] if one.channels == 1 else both,
        "mediatype": MEDIA_TYPE,
        "filename": f"{one.id}.wav",
    }
    if one.duration_s is not None:
        dialog["duration"] = one.duration_s
    if one.sha512:
        dialog["content_hash"] = content_hash(bytes.fromhex(one.sha512))
    return dialog


def content_hash(sha512: bytes) -> str:
    return "sha512-" + urlsafe_b64encode(sha512).rstrip(b"=").decode("ascii")


def _attachments(told: CallRecord) -> Iterator[dict[str, object]]:
    if (basis := lawful_basis.attachment(told, party=CALLER, dialog=0)) is not None:
        yield basis
    for notice in told.notices:
        yield _attachment("disclosure", notice.at, _notice(notice))
    if told.tapes:
        yield _attachment("recordings", told.decided_at or told.received_at, [_listed(one) for one in told.tapes])


def _attachment(purpose: str, start: datetime, body: object) -> dict[str, object]:
    told = {"purpose": purpose, "start": instant(start), "party": BUSINESS, "dialog": 0}
    return {**told, "mediatype": "application/json", "encoding": "json", "body": body}


def _notice(one: Notice) -> dict[str, str]:
    """`prompt_sha256` is of all that the wording can say, as `onrecord wordings` prints it."""
    named = {"prompt": one.prompt, "prompt_sha256": one.sha256, "language": one.language}
    return {**named, "disclosure": one.disclosure, "question": one.question} if one.disclosure else named


def _listed(one: RecordedAudio) -> dict[str, object]:
    """What became of a recording: also of one that no permit covered."""
    return {
        "recording": one.id,
        "permitted": one.is_permitted,
        "state": one.state,
        "sha256": one.sha256 or None,
        "sha512": one.sha512 or None,
        "retain_until": instant(one.retain_until) if one.retain_until else None,
        "destroyed_at": instant(one.destroyed_at) if one.destroyed_at else None,
        "destroyed_by": one.destroyed_by or None,
    }


def _missing(told: CallRecord) -> Iterator[str]:
    """What a reader could look for in vain, and why it isn't there."""
    if told.erased_at:
        yield "caller erased"
    elif not told.caller:
        yield "caller withheld"
    tapes = list(_permitted(told))
    yield from _of_any(tapes, "audio destroyed", destroyed=True)
    yield from _of_any(tapes, "audio withheld", destroyed=False)
    if any(not one.sha512 for one in tapes):
        yield "audio hash not known"


def _of_any(tapes: Sequence[RecordedAudio], what: str, *, destroyed: bool) -> Iterator[str]:
    if any((one.destroyed_at is not None) is destroyed for one in tapes):
        yield what
