"""The lawful-basis attachment of a vCon (draft-howe-vcon-lawful-basis-01): what was agreed to, and the log's proof.

It claims consent and no other basis: whether another basis holds is for the operator's counsel. Without consent the
attachment says so, with every grant false.
"""

from collections.abc import Mapping
from datetime import datetime

from evidence.call_record import HUNG_UP, Basis, CallRecord, Grant, Proven, instant

EXTENSION = "lawful_basis"
_GIVEN: Mapping[Basis, str] = {
    "express": "express consent: the caller pressed the key for yes",
    "implied": "implied consent: the caller stayed on the line after the disclosure, and pressed no key for it",
}
_NOT_GIVEN = {
    "declined": "the caller refused by key",
    "silent": "the caller pressed nothing, which is no consent here",
    "unclear": "the caller pressed no key that means yes",
    "disclosure_cut_short": "the disclosure did not play to its end",
    "disclosure_failed": "the disclosure could not be played",
    "not_asked": "the caller was not asked",
    **dict.fromkeys(HUNG_UP, "the caller hung up before answering"),
}


def attachment(call: CallRecord, *, party: int, dialog: int) -> dict[str, object] | None:
    """None while the question is open. `party` is the index of the caller, `dialog` the index of the question."""
    if call.is_open or call.decided_at is None:
        return None
    return {
        "purpose": EXTENSION,
        "type": EXTENSION,  # the extension's own draft still has this name for it
        "start": instant(call.decided_at),
        "party": party,
        "dialog": dialog,
        "mediatype": "application/json",
        "encoding": "json",
        "body": _body(call, call.decided_at),
    }


def said_of(call: CallRecord) -> str:
    """How the question ended, in words that claim no more than happened."""
    given = _GIVEN.get(call.basis, "")
    if not given:
        said = _NOT_GIVEN.get(call.outcome, "there is no consent")
        return f"{said}: {call.reason}" if call.reason and call.outcome != "declined" else said
    return f"{given}; withdrawn since" if call.withdrawn_at else given


def _body(call: CallRecord, decided_at: datetime) -> dict[str, object]:
    return {
        "lawful_basis": "consent",
        "expiration": _expiration(call),
        "purpose_grants": _grants(call, decided_at),
        "proof_mechanisms": [_proof(event) for event in call.proofs],
        "metadata": {
            "basis": call.basis or "none",
            "outcome": call.outcome,
            "said": said_of(call),
            "erased_at": instant(call.erased_at) if call.erased_at else None,
        },
    }


def _expiration(call: CallRecord) -> str | None:
    if call.withdrawn_at:
        return instant(call.withdrawn_at)
    ends = [grant.until for grant in call.grants if grant.until]
    return instant(max(ends)) if ends and call.basis else None


def _grants(call: CallRecord, decided_at: datetime) -> list[dict[str, object]]:
    """Without consent every purpose is refused; a call that was not asked gets the purpose "recording"."""
    if call.basis:
        return [_grant(call, grant, decided_at) for grant in call.grants]
    refused = {"granted": False, "granted_at": instant(decided_at), "conditions": [said_of(call)]}
    return [{"purpose": purpose, **refused} for purpose in call.purposes or ("recording",)]


def _grant(call: CallRecord, grant: Grant, decided_at: datetime) -> dict[str, object]:
    conditions = [_GIVEN[call.basis]]
    if grant.until:
        conditions.append(f"until {instant(grant.until)}")
    if call.withdrawn_at:
        conditions.append(f"withdrawn at {instant(call.withdrawn_at)}")
    return {
        "purpose": grant.purpose,
        "granted": call.withdrawn_at is None,
        "granted_at": instant(decided_at),
        "conditions": conditions,
    }


def _proof(event: Proven) -> dict[str, object]:
    """The event as it is hashed, its index, and its inclusion proof where there is one."""
    shown: dict[str, object] = {"event": event.line, "index": event.index}
    if event.tlog_proof is not None:
        shown["tlog_proof"] = event.tlog_proof
    return {"proof_type": "external_system", "timestamp": instant(event.at), "proof_data": shown}
