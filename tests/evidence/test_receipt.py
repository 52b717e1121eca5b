"""The consent receipt: in terms that its vocabularies have, and no better than what happened."""

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given

from evidence.call_record import CallRecord
from evidence.merkle import leaf_hash
from evidence.receipt import receipt
from tests.evidence.told_calls import (
    CONSENTED,
    DECLINED,
    ERASED,
    HUNG_UP,
    NOON,
    NOT_ASKED,
    OPEN,
    SILENT,
    STAYED,
    UNCLEAR,
    WITHDRAWN,
    told_calls,
)

LATER = NOON + timedelta(days=5)
# Looked up one by one in DPV 2, its extension PD and DCMI's terms.
KNOWN = set(
    re.findall(
        r"\S+",
        """
    dpv:ConsentReceipt dpv:ConsentRecord dpv:hasRecordOfActivity dpv:hasDataSubject dpv:DataSubject
    dpv:hasDataController dpv:DataController dpv:hasDataProcessor dpv:DataProcessor dpv:hasName dpv:hasJurisdiction
    dpv:hasProcess dpv:Process dpv:hasPurpose dpv:Purpose dpv:ImproveExistingProductsAndServices
    dpv:PersonnelManagement dpv:RecordManagement dpv:hasPersonalData pd:VoiceCommunicationRecording pd:TelephoneNumber
    dpv:hasStorageCondition dpv:StorageLocation dpv:StorageDuration dpv:StorageDeletion dpv:hasDuration
    dpv:hasRecipient dpv:Recipient dpv:hasLegalBasis dpv:ExpressedConsent dpv:ImpliedConsent dpv:hasNotice
    dpv:ConsentNotice dpv:hasConsentControl dpv:WithdrawConsent dpv:hasConsentStatus dpv:ConsentRequested
    dpv:ConsentGiven dpv:ConsentRefused dpv:ConsentUnknown dpv:ConsentWithdrawn dpv:ConsentExpired dpv:isIndicatedBy
    dpv:isIndicatedAtTime dpv:hasIndicationMethod
    dpv:hasAddress dpv:hasContact dpv:hasLocation dpv:ThirdParty dpv:Region loc:US-VA loc:US-TX loc:DE-BE loc:DE loc:CA
    loc:FR dct:isPartOf onrecord:lacks
    dct:identifier dct:conformsTo dct:created dct:description dct:title dct:valid dct:date dct:language
    onrecord:basis onrecord:outcome onrecord:proof onrecord:erasedAt onrecord:eventIndex onrecord:event
    onrecord:leafHash onrecord:tlogProof
    """,
    )
)
_TERM = re.compile(r"(?:dpv|pd|loc|dct|onrecord):[\w-]+")


def record(told: CallRecord) -> dict[str, Any]:
    found: Any = receipt(told, LATER)["dpv:hasRecordOfActivity"]
    assert isinstance(found, dict)
    return found


def states(told: CallRecord) -> list[list[str]]:
    return [one["@type"] for one in record(told)["dpv:hasConsentStatus"]]


def terms(value: Any) -> Iterator[str]:
    match value:
        case dict():
            for name, inner in value.items():
                if name == "@context":
                    continue
                yield from (name, *terms(inner))
        case list():
            for inner in value:
                yield from terms(inner)
        case str():
            yield value


@given(told_calls())
def test_every_term_is_one_that_its_vocabulary_has(told: CallRecord) -> None:
    used = {term for term in terms(json.loads(json.dumps(receipt(told, LATER)))) if _TERM.fullmatch(term)}
    assert used - KNOWN == set()
    assert "dpv:ConsentReceipt" in used


ASKED = ["dpv:ConsentRequested"]


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        (CONSENTED, [ASKED, ["dpv:ConsentGiven", "dpv:ExpressedConsent"]]),
        (STAYED, [ASKED, ["dpv:ConsentGiven", "dpv:ImpliedConsent"]]),
        (DECLINED, [ASKED, ["dpv:ConsentRefused"]]),
        (SILENT, [ASKED, ["dpv:ConsentUnknown"]]),
        (UNCLEAR, [ASKED, ["dpv:ConsentUnknown"]]),
        (HUNG_UP, [ASKED, ["dpv:ConsentUnknown"]]),
        (NOT_ASKED, [["dpv:ConsentUnknown"]]),
        (OPEN, [ASKED]),
        (WITHDRAWN, [ASKED, ["dpv:ConsentGiven", "dpv:ExpressedConsent"], ["dpv:ConsentWithdrawn"]]),
        (ERASED, [ASKED, ["dpv:ConsentGiven", "dpv:ExpressedConsent"], ["dpv:ConsentExpired"]]),
    ],
    ids=lambda value: getattr(value, "outcome", None),
)
def test_the_receipt_says_how_consent_went(told: CallRecord, expected: list[list[str]]) -> None:
    assert states(told) == expected


def test_consent_is_over_when_its_time_is() -> None:
    late: Any = receipt(CONSENTED, NOON + timedelta(days=91))["dpv:hasRecordOfActivity"]
    assert late["dpv:hasConsentStatus"][-1]["@type"] == ["dpv:ConsentExpired"]
    assert late["dpv:hasConsentStatus"][-1]["dpv:isIndicatedAtTime"] == "2027-02-20T12:00:00Z"


@given(told_calls())
def test_express_consent_is_said_only_of_a_key(told: CallRecord) -> None:
    said = "dpv:ExpressedConsent" in json.dumps(receipt(told, LATER))
    assert said == (told.basis == "express")


def test_the_key_that_was_pressed_is_named() -> None:
    given = record(CONSENTED)["dpv:hasConsentStatus"][1]
    assert given["dpv:hasIndicationMethod"] == "DTMF digit 1"
    assert record(DECLINED)["dpv:hasConsentStatus"][1]["dpv:hasIndicationMethod"] == "DTMF digit 2"
    assert "no key was pressed" in record(STAYED)["dpv:hasConsentStatus"][1]["dpv:hasIndicationMethod"]


def test_what_was_agreed_to_is_said_with_its_ends() -> None:
    process = record(CONSENTED)["dpv:hasProcess"]
    assert [one["dct:title"] for one in process["dpv:hasPurpose"]] == ["quality", "training"]
    assert process["dpv:hasPurpose"][0]["dct:valid"] == "end=2027-02-20T12:00:00Z; scheme=W3C-DTF;"
    durations = [one["dpv:hasDuration"] for one in process["dpv:hasStorageCondition"] if "dpv:hasDuration" in one]
    assert durations == ["P90D"]
    assert process["dpv:hasLegalBasis"] == {"@id": "dpv:ExpressedConsent"}
    assert record(STAYED)["dpv:hasProcess"]["dpv:hasLegalBasis"] == {"@id": "dpv:ImpliedConsent"}


@pytest.mark.parametrize("told", [DECLINED, SILENT, NOT_ASKED, WITHDRAWN], ids=lambda told: told.outcome)
def test_without_consent_or_without_it_any_more_there_is_no_legal_basis(told: CallRecord) -> None:
    assert "dpv:hasLegalBasis" not in record(told)["dpv:hasProcess"]


def test_who_asked_is_named_and_where_nobody_knows_that_is_said() -> None:
    assert record(CONSENTED)["dpv:hasDataController"]["dpv:hasName"] == "Email Customer Support"
    unknown = record(replace(CONSENTED, business=None))
    assert unknown["dpv:hasDataController"]["dct:description"] == "the rules that the call came in under are not kept"
    assert "not said in the rules" in unknown["dpv:hasConsentControl"]["dct:description"]
    assert "dpv:isExercisedAt" not in json.dumps(unknown)


def claims(told: CallRecord) -> list[Any]:
    """The standards that receipt and record claim, and the fields that they say are lacking."""
    whole: Any = receipt(told, LATER)
    both = (whole, whole["dpv:hasRecordOfActivity"])
    assert both[0].get("onrecord:lacks") == both[1].get("onrecord:lacks")
    return [one["dct:conformsTo"]["@id"] for one in both if "dct:conformsTo" in one] or both[0]["onrecord:lacks"]


def test_a_receipt_with_all_that_the_standard_demands_says_that_it_conforms() -> None:
    profiles = "https://w3id.org/dpv/schema/dpv-27560#"
    for told in (CONSENTED, STAYED, DECLINED, WITHDRAWN, ERASED):
        assert claims(told) == [f"{profiles}receipt", f"{profiles}record"]


@pytest.mark.parametrize(
    ("changed", "lacks"),
    [
        ({"address": ""}, ["party address"]),
        ({"contact": ""}, ["party contact"]),
        ({"stored_in": ()}, ["storage locations"]),
        ({"recipients": None}, ["recipient third parties"]),
        ({"address": "", "recipients": None}, ["party address", "recipient third parties"]),
    ],
)
def test_a_receipt_that_lacks_a_field_claims_nothing_and_names_it(changed: dict[str, Any], lacks: list[str]) -> None:
    assert CONSENTED.business
    assert claims(replace(CONSENTED, business=replace(CONSENTED.business, **changed))) == lacks


def test_a_receipt_without_rules_or_without_a_notice_claims_nothing() -> None:
    assert set(claims(replace(CONSENTED, business=None))) > {"controller", "jurisdiction", "party address"}
    assert claims(NOT_ASKED) == ["privacy notice", "purpose"]


def test_the_business_its_places_and_its_recipients_are_named_in_the_vocabularys_terms() -> None:
    told = record(CONSENTED)
    controller, process = told["dpv:hasDataController"], told["dpv:hasProcess"]
    assert controller["dpv:hasAddress"] == "1 Example Street, Austin, TX"
    assert controller["dpv:hasContact"] == "privacy@example.com"
    quebec = {"@type": "dpv:Region", "dct:identifier": "CA-QC", "dct:isPartOf": {"@id": "loc:CA"}}
    assert told["dpv:hasJurisdiction"] == [{"@id": "loc:US-TX"}, quebec, {"@id": "loc:FR"}]
    (where,) = [one for one in process["dpv:hasStorageCondition"] if one["@type"] == "dpv:StorageLocation"]
    assert where["dpv:hasLocation"] == [{"@id": "loc:US-VA"}, {"@id": "loc:DE-BE"}]
    assert process["dpv:hasRecipient"] == [{"@type": "dpv:ThirdParty", "dpv:hasName": "Example Training Ltd"}]
    assert "at privacy@example.com" in told["dpv:hasConsentControl"]["dct:description"]
    assert CONSENTED.business
    nobody = record(replace(CONSENTED, business=replace(CONSENTED.business, recipients=())))
    assert nobody["dpv:hasProcess"]["dpv:hasRecipient"][0]["dct:description"] == "third parties: none"


def test_how_long_is_said_of_every_call() -> None:
    (kept,) = [
        one for one in record(DECLINED)["dpv:hasProcess"]["dpv:hasStorageCondition"] if "Duration" in one["@type"]
    ]
    assert kept["dct:description"] == "no recording is permitted, so none is kept"


def test_the_notice_is_named_by_its_hash_with_its_words() -> None:
    (notice,) = record(DECLINED)["dpv:hasNotice"]
    assert notice["@id"] == "urn:onrecord:wording:" + "e" * 64
    assert notice["dct:description"] == "We would like to record this call. May we?"
    assert notice["dct:language"] == "en-US"


def test_the_proof_is_there_to_be_computed_again() -> None:
    proven, unproven = record(CONSENTED)["onrecord:proof"]
    assert proven["onrecord:leafHash"] == leaf_hash(proven["onrecord:event"].encode()).hex()
    assert proven["onrecord:tlogProof"] == "a proof\n"
    assert "onrecord:tlogProof" not in unproven


@given(told_calls())
def test_the_receipt_never_names_the_caller(told: CallRecord) -> None:
    assert not re.search(r"5125550111|anna@", json.dumps(receipt(told, LATER)))


def test_a_destroyed_recording_and_an_erased_call_are_said_to_be() -> None:
    conditions = record(WITHDRAWN)["dpv:hasProcess"]["dpv:hasStorageCondition"]
    assert conditions[-1]["@type"] == "dpv:StorageDeletion"
    assert conditions[-1]["dct:description"].endswith("destroyed (withdrawn)")
    assert record(ERASED)["onrecord:erasedAt"] == "2026-11-25T12:00:00Z"


def test_a_call_of_the_self_test_says_that_it_is_one() -> None:
    assert str(receipt(replace(CONSENTED, is_synthetic=True), LATER)["dct:description"]).startswith("A test call: ")
