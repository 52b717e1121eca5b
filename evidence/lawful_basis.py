"""The lawful-basis attachment of a vCon (draft-howe-vcon-lawful-basis-01): what was agreed to, and the log's proof.

It claims consent and no other basis: whether another one holds is for the operator's counsel. Where there is no
consent the attachment says that too, with every grant false.
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


def attachment(told: CallRecord, *, party: int, dialog: int) -> dict[str, object] | None:
    """None while the question is open. `party` is the caller's index, `dialog` that of the question."""
    if told.is_open or told.decided_at is None:
        return None
    return {
        "purpose": EXTENSION,
        "type": EXTENSION,  # the extension's own draft still has this name for it
        "start": instant(told.decided_at),
        "party": party,
        "dialog": dialog,
        "mediatype": "application/json",
        "encoding": "json",
        "body": _body(told, told.decided_at),
    }


def said_of(told: CallRecord) -> str:
    """How the question ended, in words that claim no more than happened."""
    given = _GIVEN.get(told.basis, "")
    if not given:
        said = _NOT_GIVEN.get(told.outcome, "there is no consent")
        return f"{said}: {told.reason}" if told.reason and told.outcome != "declined" else said
    return f"{given}; withdrawn since" if told.withdrawn_at else given


def _body(told: CallRecord, decided_at: datetime) -> dict[str, object]:
    return {
        "lawful_basis": "consent",
        "expiration": _expiration(told),
        "purpose_grants": _grants(told, decided_at),
        "proof_mechanisms": [_proof(one) for one in told.proofs],
        "metadata": {
            "basis": told.basis or "none",
            "outcome": told.outcome,
            "said": said_of(told),
            "erased_at": instant(told.erased_at) if told.erased_at else None,
        },
    }


def _expiration(told: CallRecord) -> str | None:
    if told.withdrawn_at:
        return instant(told.withdrawn_at)
    ends = [grant.until for grant in told.grants if grant.until]
    return instant(max(ends)) if ends and told.basis else None


def _grants(told: CallRecord, decided_at: datetime) -> list[dict[str, object]]:
    """For a call on which nothing was asked for, that there is no leave to record it."""
    if told.basis:
        return [_grant(told, one, decided_at) for one in told.grants]
    refused = {"granted": False, "granted_at": instant(decided_at), "conditions": [said_of(told)]}
    return [{"purpose": purpose, **refused} for purpose in told.purposes or ("recording",)]


def _grant(told: CallRecord, grant: Grant, decided_at: datetime) -> dict[str, object]:
    conditions = [_GIVEN[told.basis]]
    if grant.until:
        conditions.append(f"until {instant(grant.until)}")
    if told.withdrawn_at:
        conditions.append(f"withdrawn at {instant(told.withdrawn_at)}")
    return {
        "purpose": grant.purpose,
        "granted": told.withdrawn_at is None,
        "granted_at": instant(decided_at),
        "conditions": conditions,
    }


def _proof(one: Proven) -> dict[str, object]:
    """The event as it is hashed, and how to see that the log holds it; without that, only where it claims to be."""
    shown: dict[str, object] = {"event": one.line, "index": one.index}
    if one.tlog_proof is not None:
        shown["tlog_proof"] = one.tlog_proof
    return {"proof_type": "external_system", "timestamp": instant(one.at), "proof_data": shown}
