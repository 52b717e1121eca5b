"""A consent receipt of one call: ISO/IEC TS 27560 in JSON-LD, by the W3C community's guide to it with DPV 2.

The receipt holds the record. The record names the caller, the business, the purposes, their ends and the words of the
question; whether consent was express, implied or neither; and the events of the log that prove it. Only a receipt with
every field that the standard demands says that it conforms; any other names the fields that it lacks.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime

from evidence.call_record import Business, CallRecord, Grant, Notice, Proven, RecordedAudio, instant
from evidence.consent_history import history
from evidence.lawful_basis import said_of
from evidence.merkle import leaf_hash

_PROFILES = "https://w3id.org/dpv/schema/dpv-27560#"
_CONTEXT = {
    "dpv": "https://w3id.org/dpv#",
    "pd": "https://w3id.org/dpv/pd#",
    "loc": "https://w3id.org/dpv/loc#",
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
# Countries whose parts have a term in DPV's extension LOC.
_WITH_PARTS = frozenset({"US", "DE"})


def receipt(call: CallRecord, now: datetime) -> dict[str, object]:
    """`now` is the time of writing. The receipt names the caller by an id that belongs to this call alone."""
    name = call.uuid("receipt")
    lacks = list(_lacks(call))
    return {
        "@context": _CONTEXT,
        "@id": f"urn:uuid:{name}",
        "@type": "dpv:ConsentReceipt",
        "dct:identifier": name,
        **_conforming("receipt", lacks),
        "dct:created": instant(now),
        "dct:description": f"{'A test call: ' if call.is_synthetic else ''}{said_of(call)}",
        "dpv:hasRecordOfActivity": _record(call, now, lacks),
    }


def _lacks(call: CallRecord) -> Iterator[str]:
    """The fields that ISO/IEC TS 27560 demands, and that are not known of this call."""
    business = call.business
    if business is None:
        yield from ("controller", "jurisdiction")
    if business is None or not business.address:
        yield "party address"
    if business is None or not business.contact:
        yield "party contact"
    if business is None or not business.stored_in:
        yield "storage locations"
    if business is None or business.recipients is None:
        yield "recipient third parties"
    if not call.notices:
        yield "privacy notice"
    if not call.purposes:
        yield "purpose"
    if call.basis and not call.retain_until:
        yield "retention period"


def _conforming(profile: str, lacks: Sequence[str]) -> dict[str, object]:
    if lacks:
        return {"onrecord:lacks": list(lacks)}
    return {"dct:conformsTo": {"@id": f"{_PROFILES}{profile}"}}


def _record(call: CallRecord, now: datetime, lacks: Sequence[str]) -> dict[str, object]:
    record: dict[str, object] = {
        "@id": f"urn:uuid:{call.uuid()}",
        "@type": "dpv:ConsentRecord",
        "dct:identifier": call.id,
        **_conforming("record", lacks),
        "dpv:hasDataSubject": {"@id": f"urn:uuid:{call.uuid('caller')}", "@type": "dpv:DataSubject"},
        "dpv:hasDataController": _controller(call.business),
        "dpv:hasDataProcessor": {"@type": "dpv:DataProcessor", "dpv:hasName": call.provider or "not known"},
        "dpv:hasProcess": _process(call),
        "dpv:hasNotice": [_notice(notice) for notice in call.notices],
        "dpv:hasConsentControl": _withdrawal(call.business),
        "dpv:hasConsentStatus": history(call, now),
        "onrecord:basis": call.basis or "none",
        "onrecord:outcome": call.outcome,
        "onrecord:proof": [_proof(event) for event in call.proofs],
    }
    if call.business:
        record["dpv:hasJurisdiction"] = [_place(code) for code in call.business.jurisdictions]
    if call.erased_at:
        record["onrecord:erasedAt"] = instant(call.erased_at)
    return record


def _controller(business: Business | None) -> dict[str, object]:
    if business is None:
        return {"@type": "dpv:DataController", "dct:description": "the rules that the call came in under are not kept"}
    known = {"dpv:hasAddress": business.address, "dpv:hasContact": business.contact}
    return {
        "@type": "dpv:DataController",
        "dct:identifier": business.name,
        "dpv:hasName": business.name,
        **{term: value for term, value in known.items() if value},
    }


def _place(code: str) -> dict[str, object]:
    """An ISO 3166 code as a location. A part of a country without a term of its own is named as a part of it."""
    country, _, part = code.partition("-")
    if not part or country in _WITH_PARTS:
        return {"@id": f"loc:{code}"}
    return {"@type": "dpv:Region", "dct:identifier": code, "dct:isPartOf": {"@id": f"loc:{country}"}}


def _process(call: CallRecord) -> dict[str, object]:
    """The purposes asked for. A legal basis is there only if consent was given and not withdrawn."""
    grants = call.grants or [Grant(purpose, None) for purpose in call.purposes]
    process: dict[str, object] = {
        "@type": "dpv:Process",
        "dpv:hasPurpose": [_purpose(grant) for grant in grants],
        "dpv:hasPersonalData": [{"@id": "pd:VoiceCommunicationRecording"}, {"@id": "pd:TelephoneNumber"}],
        "dpv:hasStorageCondition": list(_storage(call)),
        "dpv:hasRecipient": _recipients(call.business),
    }
    if call.basis and not call.withdrawn_at:
        process["dpv:hasLegalBasis"] = {"@id": _BASES[call.basis]}
    return process


def _purpose(grant: Grant) -> dict[str, object]:
    purpose: dict[str, object] = {"@type": _PURPOSES.get(grant.purpose, "dpv:Purpose"), "dct:title": grant.purpose}
    return {**purpose, "dct:valid": _end(grant.until)} if grant.until else purpose


def _recipients(business: Business | None) -> list[dict[str, object]]:
    if business is None or business.recipients is None:
        return [{"@type": "dpv:Recipient", "dct:description": f"third parties: {_NOT_SAID}"}]
    named: list[dict[str, object]] = [{"@type": "dpv:ThirdParty", "dpv:hasName": name} for name in business.recipients]
    return named or [{"@type": "dpv:Recipient", "dct:description": "third parties: none"}]


def _storage(call: CallRecord) -> Iterator[dict[str, object]]:
    where = call.business.stored_in if call.business else ()
    made = f"; the recording is made in {call.business.recorder_jurisdiction}" if call.business else ""
    location: dict[str, object] = {"@type": "dpv:StorageLocation"}
    if where:
        yield {**location, "dpv:hasLocation": [_place(code) for code in where]}
    else:
        yield {**location, "dct:description": f"{_NOT_SAID}{made}"}
    if call.retain_until:
        duration: dict[str, object] = {"@type": "dpv:StorageDuration", "dct:valid": _end(call.retain_until)}
        yield {**duration, "dpv:hasDuration": call.keep} if call.keep else duration
    elif not call.basis:
        yield {"@type": "dpv:StorageDuration", "dct:description": "no recording is permitted, so none is kept"}
    for recording in call.tapes:
        if recording.destroyed_at:
            yield _deletion(recording, recording.destroyed_at)


def _deletion(recording: RecordedAudio, at: datetime) -> dict[str, object]:
    why = f"destroyed ({recording.destroyed_by})" if recording.destroyed_by else "destroyed"
    return {
        "@type": "dpv:StorageDeletion",
        "dct:date": instant(at),
        "dct:description": f"recording {recording.id}: {why}",
    }


def _end(at: datetime) -> str:
    """A period that is open at its start, as DCMI writes one."""
    return f"end={instant(at)}; scheme=W3C-DTF;"


def _notice(notice: Notice) -> dict[str, object]:
    """The words are included where they are kept; their hash identifies them in any case."""
    described: dict[str, object] = {
        "@id": f"urn:onrecord:wording:{notice.sha256}",
        "@type": "dpv:ConsentNotice",
        "dct:identifier": notice.prompt,
        "dct:language": notice.language,
        "dct:date": instant(notice.at),
    }
    words = " ".join(filter(None, (notice.disclosure, notice.question)))
    return {**described, "dct:description": words} if words else described


def _withdrawal(business: Business | None) -> dict[str, object]:
    whom = business.name if business else "the business that was called"
    where = f"at {business.contact}" if business and business.contact else f"an address for this is {_NOT_SAID}"
    how = f"by asking {whom}, during the call or after it; {where}"
    return {"@type": "dpv:WithdrawConsent", "dct:description": how}


def _proof(event: Proven) -> dict[str, object]:
    """The event's line is hashed as it stands: SHA-256 over a zero byte and its UTF-8 (RFC 6962)."""
    proof: dict[str, object] = {
        "onrecord:eventIndex": event.index,
        "onrecord:event": event.line,
        "onrecord:leafHash": leaf_hash(event.line.encode()).hex(),
    }
    return {**proof, "onrecord:tlogProof": event.tlog_proof} if event.tlog_proof is not None else proof
