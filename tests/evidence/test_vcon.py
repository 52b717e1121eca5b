"""A call as a vCon: what others' rules say of it, and that it claims no more than happened."""

from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings

from evidence.call_record import CallRecord, uuid_of
from evidence.vcon import content_hash, unsigned
from tests.evidence.documents import vcon_faults
from tests.evidence.told_calls import (
    CONSENTED,
    DECLINED,
    ERASED,
    HUNG_UP,
    KEPT,
    NOON,
    NOT_ASKED,
    OPEN,
    SHA512,
    SILENT,
    STAYED,
    WITHDRAWN,
    told_calls,
)

LATER = NOON + timedelta(days=5)


def vcon(told: CallRecord) -> dict[str, Any]:
    return unsigned(told, LATER)


def basis(told: CallRecord) -> dict[str, Any]:
    (found,) = (one for one in vcon(told)["attachments"] if one["purpose"] == "lawful_basis")
    body: dict[str, Any] = found["body"]
    return body


@settings(max_examples=50)  # the validator takes its time
@given(told_calls())
def test_every_call_is_a_vcon_by_the_schema_and_the_draft(told: CallRecord) -> None:
    assert vcon_faults(vcon(told)) == []


@pytest.mark.parametrize(
    ("spoil", "fault"),
    [
        ({"uuid": "0123"}, "is not a 'uuid'"),
        ({"created_at": "yesterday"}, "is not a 'date-time'"),
        ({"dialog": [{"type": "silence", "start": "2026-11-22T12:00:00Z"}]}, "is not one of"),
        ({"dialog": [{"type": "incomplete", "start": "2026-11-22T12:00:00Z"}]}, "says no disposition"),
    ],
)
def test_a_vcon_that_breaks_the_rules_is_seen(spoil: dict[str, Any], fault: str) -> None:
    assert any(fault in one for one in vcon_faults({**vcon(DECLINED), **spoil}))


@given(told_calls())
def test_a_call_has_one_uuid_of_version_8_and_its_caller_another(told: CallRecord) -> None:
    one = UUID(vcon(told)["uuid"])
    assert (one.version, one.variant) == (8, "specified in RFC 4122")
    assert vcon(told)["uuid"] == unsigned(told, NOON)["uuid"] != vcon(told)["parties"][0]["uuid"]


def test_all_other_bits_of_the_id_are_in_the_uuid() -> None:
    assert uuid_of("0123456789abcdef0123456789abcdef") == "01234567-89ab-8def-8123-456789abcdef"
    assert uuid_of("f" * 32) == "ffffffff-ffff-8fff-bfff-ffffffffffff"


def test_the_recording_is_named_by_its_hash_with_a_party_for_each_channel() -> None:
    recording = vcon(CONSENTED)["dialog"][1]
    assert recording["type"] == "recording"
    assert recording["parties"] == [0, 1]
    assert recording["duration"] == 30
    assert recording["content_hash"] == content_hash(bytes.fromhex(SHA512))
    assert "url" not in recording
    assert "audio withheld" in vcon(CONSENTED)["redacted"]["type"]
    mixed = replace(CONSENTED, tapes=(replace(KEPT, channels=1),))
    assert vcon(mixed)["dialog"][1]["parties"] == [[0, 1]]


def test_a_hash_that_nobody_has_is_not_claimed() -> None:
    without = vcon(replace(CONSENTED, tapes=(replace(KEPT, sha512=""),)))
    assert "content_hash" not in without["dialog"][1]
    assert "audio hash not known" in without["redacted"]["type"]


def test_a_recording_without_a_permit_is_listed_and_is_no_dialog() -> None:
    rogue = vcon(replace(DECLINED, tapes=(replace(KEPT, is_permitted=False, state="destroyed", destroyed_at=LATER),)))
    assert [dialog["type"] for dialog in rogue["dialog"]] == ["text"]
    (listed,) = (one["body"] for one in rogue["attachments"] if one["purpose"] == "recordings")
    assert (listed[0]["permitted"], listed[0]["state"]) == (False, "destroyed")


@pytest.mark.parametrize(("told", "buttons"), [(CONSENTED, ["9", "1"]), (DECLINED, ["2"]), (STAYED, []), (SILENT, [])])
def test_keys_are_in_the_history_of_the_call(told: CallRecord, buttons: list[str]) -> None:
    history = vcon(told)["dialog"][0].get("party_history", [])
    assert [(one["event"], one["party"], one["button"]) for one in history] == [("keydown", 0, key) for key in buttons]


def test_the_first_dialog_is_what_the_caller_was_told() -> None:
    told = vcon(DECLINED)
    assert told["dialog"][0]["body"] == "We would like to record this call.\nMay we?"
    assert told["dialog"][0]["originator"] == 1
    (shown,) = (one["body"] for one in told["attachments"] if one["purpose"] == "disclosure")
    assert shown["prompt_sha256"] == "e" * 64
    without_words = replace(DECLINED, notices=[replace(DECLINED.notices[0], disclosure="", question="")])
    assert "body" not in vcon(without_words)["dialog"][0]


@pytest.mark.parametrize(
    ("told", "disposition"), [(HUNG_UP, "hung-up"), (replace(NOT_ASKED, status="failed"), "failed")]
)
def test_a_call_that_nobody_talked_on_is_incomplete(told: CallRecord, disposition: str) -> None:
    (dialog,) = vcon(told)["dialog"]
    assert (dialog["type"], dialog["disposition"]) == ("incomplete", disposition)


def test_the_callers_number_is_there_only_where_it_was_asked_for() -> None:
    assert "tel" not in vcon(CONSENTED)["parties"][0]
    assert vcon(CONSENTED)["redacted"]["type"].startswith("caller withheld")
    asked = vcon(replace(CONSENTED, caller="+15125550111"))
    assert asked["parties"][0]["tel"] == "+15125550111"
    assert "caller" not in asked["redacted"]["type"]
    assert vcon(replace(CONSENTED, caller="sip:anna@example.com"))["parties"][0]["sip"] == "sip:anna@example.com"


def test_consent_by_key_is_granted_for_each_purpose_until_its_end() -> None:
    body = basis(CONSENTED)
    assert body["lawful_basis"] == "consent"
    assert body["expiration"] == "2027-02-20T12:00:00Z"
    assert body["metadata"]["basis"] == "express"
    assert [(one["purpose"], one["granted"]) for one in body["purpose_grants"]] == [
        ("quality", True),
        ("training", True),
    ]
    assert body["purpose_grants"][0]["granted_at"] == "2026-11-22T12:00:20Z"
    assert "until 2027-02-20T12:00:00Z" in body["purpose_grants"][0]["conditions"]
    assert vcon(CONSENTED)["extensions"] == ["lawful_basis"]


def test_consent_by_staying_says_that_it_is_implied() -> None:
    body = basis(STAYED)
    assert body["metadata"]["basis"] == "implied"
    assert all(one["conditions"][0].startswith("implied consent") for one in body["purpose_grants"])


@pytest.mark.parametrize("told", [DECLINED, SILENT, HUNG_UP, NOT_ASKED], ids=lambda told: told.outcome)
def test_without_consent_nothing_is_granted(told: CallRecord) -> None:
    body = basis(told)
    assert body["purpose_grants"]
    assert not any(one["granted"] for one in body["purpose_grants"])
    assert (body["expiration"], body["metadata"]["basis"]) == (None, "none")


@given(told_calls())
def test_something_is_granted_only_where_consent_was_given_and_not_taken_back(told: CallRecord) -> None:
    bodies = [one["body"] for one in vcon(told)["attachments"] if one["purpose"] == "lawful_basis"]
    granted = [one["granted"] for body in bodies for one in body["purpose_grants"]]
    assert any(granted) == (told.basis != "" and told.withdrawn_at is None)


def test_what_was_withdrawn_is_granted_no_more() -> None:
    body = basis(WITHDRAWN)
    assert not any(one["granted"] for one in body["purpose_grants"])
    assert body["expiration"] == "2026-11-24T12:00:00Z"
    assert "audio destroyed" in vcon(WITHDRAWN)["redacted"]["type"]


def test_an_erased_call_says_that_it_was() -> None:
    assert vcon(ERASED)["redacted"]["type"].startswith("caller erased")
    assert basis(ERASED)["metadata"]["erased_at"] == "2026-11-25T12:00:00Z"


def test_an_open_call_claims_no_basis() -> None:
    assert [one["purpose"] for one in vcon(OPEN)["attachments"]] == ["disclosure"]
    assert "extensions" not in vcon(OPEN)


def test_the_basis_carries_the_events_and_their_proofs() -> None:
    proven, unproven = basis(CONSENTED)["proof_mechanisms"]
    assert proven["proof_type"] == "external_system"
    assert proven["proof_data"] == {"event": CONSENTED.proofs[0].line, "index": 7, "tlog_proof": "a proof\n"}
    assert "tlog_proof" not in unproven["proof_data"]


def test_a_self_test_is_not_the_consent_of_a_person() -> None:
    tested = vcon(replace(CONSENTED, is_synthetic=True))
    assert vcon_faults(tested) == []
    assert "no person" in tested["subject"]
    assert "subject" not in vcon(CONSENTED)
