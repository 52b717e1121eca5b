"""A consent receipt of one call: ISO/IEC TS 27560 in JSON-LD, by the W3C community's guide to it with DPV 2.

The receipt holds the record, and the record says whose consent, to whom, for what, until when, on which words; whether
it was express, implied or neither; and where the log proves it. A field that the standard wants and nobody here knows
is there and says that it is not known.
"""

from collections.abc import Iterator
from datetime import datetime

from evidence.call_record import Business, CallRecord, Grant, Notice, Proven, RecordedAudio, instant
from evidence.consent_history import history
from evidence.lawful_basis import said_of
from evidence.merkle import leaf_hash

_PROFILES = "https://w3id.org/dpv/schema/dpv-27560#"
_CONTEXT = {
    "dpv": "https://w3id.org/dpv#",
    "pd": "https://w3id.org/dpv/pd#",
    "dct": "http://purl.org/dc/terms/",
    "onrecord": "urn:onrecord:receipt#",  # what the log proves has no name in the others
}
# Purposes that DPV has a name for; any other, an operator's own say, is a purpose with a title.
_PURPOSES = {
    "quality": "dpv:ImproveExistingProductsAndServices",
    "training": "dpv:PersonnelManagement",
    "proof": "dpv:RecordManagement",
}
_BASES = {"express": "dpv:ExpressedConsent", "implied": "dpv:ImpliedConsent"}
_NOT_SAID = "not said in the rules that the call came in under"


def receipt(told: CallRecord, now: datetime) -> dict[str, object]:
    """`now` is when it is written. It names the caller by an id that is this call's only."""
    name = told.uuid("receipt")
    return {
        "@context": _CONTEXT,
        "@id": f"urn:uuid:{name}",
        "@type": "dpv:ConsentReceipt",
        "dct:identifier": name,
        "dct:conformsTo": {"@id": f"{_PROFILES}receipt"},
        "dct:created": instant(now),
        "dct:description": f"{'A test call: ' if told.is_synthetic else ''}{said_of(told)}",
        "dpv:hasRecordOfActivity": _record(told, now),
    }


def _record(told: CallRecord, now: datetime) -> dict[str, object]:
    record: dict[str, object] = {
        "@id": f"urn:uuid:{told.uuid()}",
        "@type": "dpv:ConsentRecord",
        "dct:identifier": told.id,
        "dct:conformsTo": {"@id": f"{_PROFILES}record"},
        "dpv:hasDataSubject": {"@id": f"urn:uuid:{told.uuid('caller')}", "@type": "dpv:DataSubject"},
        "dpv:hasDataController": _controller(told.business),
        "dpv:hasDataProcessor": {"@type": "dpv:DataProcessor", "dpv:hasName": told.provider or "not known"},
        "dpv:hasProcess": _process(told),
        "dpv:hasNotice": [_notice(one) for one in told.notices],
        "dpv:hasConsentControl": _withdrawal(told.business),
        "dpv:hasConsentStatus": history(told, now),
        "onrecord:basis": told.basis or "none",
        "onrecord:outcome": told.outcome,
        "onrecord:proof": [_proof(one) for one in told.proofs],
    }
    if told.erased_at:
        record["onrecord:erasedAt"] = instant(told.erased_at)
    return record


def _controller(business: Business | None) -> dict[str, object]:
    if business is None:
        return {"@type": "dpv:DataController", "dct:description": "the rules that the call came in under are not kept"}
    return {
        "@type": "dpv:DataController",
        "dpv:hasName": business.name,
        "dpv:hasJurisdiction": list(business.jurisdictions),
    }


def _process(told: CallRecord) -> dict[str, object]:
    """What was asked for. It has a legal basis only where consent was given and not taken back."""
    grants = told.grants or [Grant(purpose, None) for purpose in told.purposes]
    process: dict[str, object] = {
        "@type": "dpv:Process",
        "dpv:hasPurpose": [_purpose(grant) for grant in grants],
        "dpv:hasPersonalData": [{"@id": "pd:VoiceCommunicationRecording"}, {"@id": "pd:TelephoneNumber"}],
        "dpv:hasStorageCondition": list(_storage(told)),
        "dpv:hasRecipient": {"@type": "dpv:Recipient", "dct:description": f"third parties: {_NOT_SAID}"},
    }
    if told.basis and not told.withdrawn_at:
        process["dpv:hasLegalBasis"] = {"@id": _BASES[told.basis]}
    return process


def _purpose(grant: Grant) -> dict[str, object]:
    purpose: dict[str, object] = {"@type": _PURPOSES.get(grant.purpose, "dpv:Purpose"), "dct:title": grant.purpose}
    return {**purpose, "dct:valid": _end(grant.until)} if grant.until else purpose


def _storage(told: CallRecord) -> Iterator[dict[str, object]]:
    made = f"; the recording is made in {told.business.recorder_jurisdiction}" if told.business else ""
    yield {"@type": "dpv:StorageLocation", "dct:description": f"{_NOT_SAID}{made}"}
    if told.retain_until:
        duration: dict[str, object] = {"@type": "dpv:StorageDuration", "dct:valid": _end(told.retain_until)}
        yield {**duration, "dpv:hasDuration": told.keep} if told.keep else duration
    for tape in told.tapes:
        if tape.destroyed_at:
            yield _deletion(tape, tape.destroyed_at)


def _deletion(tape: RecordedAudio, at: datetime) -> dict[str, object]:
    why = f"destroyed ({tape.destroyed_by})" if tape.destroyed_by else "destroyed"
    return {"@type": "dpv:StorageDeletion", "dct:date": instant(at), "dct:description": f"recording {tape.id}: {why}"}


def _end(at: datetime) -> str:
    """A period that is open at its start, as DCMI writes one."""
    return f"end={instant(at)}; scheme=W3C-DTF;"


def _notice(one: Notice) -> dict[str, object]:
    """The words are said where they are kept; their hash names them in any case."""
    notice: dict[str, object] = {
        "@id": f"urn:onrecord:wording:{one.sha256}",
        "@type": "dpv:ConsentNotice",
        "dct:identifier": one.prompt,
        "dct:language": one.language,
        "dct:date": instant(one.at),
    }
    words = " ".join(filter(None, (one.disclosure, one.question)))
    return {**notice, "dct:description": words} if words else notice


def _withdrawal(business: Business | None) -> dict[str, object]:
    whom = business.name if business else "the business that was called"
    how = f"by asking {whom}, during the call or after it; an address for this is {_NOT_SAID}"
    return {"@type": "dpv:WithdrawConsent", "dct:description": how}


def _proof(one: Proven) -> dict[str, object]:
    """The event's line is hashed as it stands: SHA-256 over a zero byte and its UTF-8 (RFC 6962)."""
    proof: dict[str, object] = {
        "onrecord:eventIndex": one.index,
        "onrecord:event": one.line,
        "onrecord:leafHash": leaf_hash(one.line.encode()).hex(),
    }
    return {**proof, "onrecord:tlogProof": one.tlog_proof} if one.tlog_proof is not None else proof
