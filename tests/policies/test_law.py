"""The law pack is whole: every record says what it rests on, and every name in it leads somewhere.

No number of records stands here: `test_jurisdictions` has a row for each, and `tests/test_law_on_pages` counts them.
"""

import json
import re
from dataclasses import replace
from datetime import date
from typing import Any

import phonenumbers
import pytest

from policies.demands import REFUSALS
from policies.durations import parse_duration
from policies.jurisdiction.pack import UNKNOWN_PLACE, Flag, Jurisdiction, Regime, RetentionLaw, packaged_law, read_law
from policies.jurisdiction.readings import End, reading_of
from policies.ruling import rule as rule_on
from policies.wording import languages, purposes_in
from tests.policies.calls import AT, LINE, rulebook, ruled
from tests.policies.earlier_law import FIRST

LAW = packaged_law()
PARTS: dict[str, Any] = json.loads(LAW.text)
PLACES: dict[str, Any] = json.loads(PARTS["jurisdictions.json"])
RECORDS: list[dict[str, Any]] = PLACES["jurisdictions"]
RULES: list[dict[str, Any]] = json.loads(PARTS["retention.json"])["rules"]


def words(text: str) -> list[str]:
    return text.split()


STATES = words("""
    AL AK AZ AR CA CO CT DE FL GA HI ID IL IN IA KS KY LA ME MD MA MI MN MS MO MT NE NV NH NJ NM NY NC ND OH OK OR PA
    RI SC SD TN TX UT VT VA WA WV WI WY DC AS GU MP PR VI
""")
PROVINCES = words("AB BC MB NB NL NS NT NU ON PE QC SK YT")
EU = words("AT BE BG HR CY CZ DK EE FI FR DE GR HU IE IT LV LT LU MT NL PL PT RO SK SI ES SE")

RECORD_NEEDS = {
    "code",
    "name",
    "regime",
    "statute",
    "notice_accepted",
    "confidence",
    "source_kind",
    "sources",
    "as_of",
    "counsel_confirmed",
}
RECORD_MAY_SAY = {
    "beep",
    "effective",
    "flags",
    "interception_regime",
    "must_record_overlays",
    "note",
    "on_objection",
    "positions",
    "privacy_regime",
    "purpose_limits",
    "purposes_allowed",
    "remedy",
}
RULE_NEEDS = {"id", "name", "rule", "subjects", "starts_at", "confidence", "sources"}
RULE_MAY_SAY = {
    "action",
    "jurisdictions",
    "limitation",
    "max",
    "min",
    "must_record",
    "note",
    "on_refusal",
    "only_when",
    "purposes",
    "sectors",
}
KINDS = {"never_store", "min", "max", "max_necessary", "evidence", "suspend_deletion"}
# Purposes of rules about what this product does not record for, and so cannot be asked about.
ELSEWHERE = {"ach_tel_authorization"}

UNRESEARCHED = {"none: unknown default", "EU default record"}
VERSION = date.fromisoformat(PLACES["version"])

each_record = pytest.mark.parametrize("record", RECORDS, ids=lambda record: record["code"])
each_rule = pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["id"])


def is_a_place(code: str) -> bool:
    """By lists of its own, so that a typing error in the pack does not prove itself right."""
    country, _, part = code.partition("-")
    known = {"US": STATES, "CA": PROVINCES}.get(country, [])
    return country in phonenumbers.SUPPORTED_REGIONS and (not part or part in known)


def test_no_place_has_two_records_and_every_state_and_province_has_one() -> None:
    codes = [record["code"] for record in RECORDS]
    assert len(codes) == len(set(codes)) == len(LAW.jurisdictions)
    assert set(LAW.parts("US")) == {f"US-{state}" for state in STATES}
    assert set(LAW.parts("CA")) == {f"CA-{province}" for province in PROVINCES}


@each_record
def test_a_record_is_of_a_place_and_says_what_it_rests_on(record: dict[str, Any]) -> None:
    assert record["code"] in (*LAW.unions, UNKNOWN_PLACE) or is_a_place(record["code"])
    assert record.keys() >= RECORD_NEEDS
    assert record.keys() <= RECORD_NEEDS | RECORD_MAY_SAY
    assert record["name"].strip()
    assert record["statute"].strip()
    assert record["sources"]
    assert record["confidence"] in {"sourced", "guess"}
    assert record["source_kind"] in {"primary", "secondary"}
    assert re.fullmatch(r"20\d\d-(0[1-9]|1[0-2])", record["as_of"])
    assert record["counsel_confirmed"] is False


@each_record
def test_a_record_is_read_as_it_stands(record: dict[str, Any]) -> None:
    read = LAW.jurisdictions[record["code"]]
    assert isinstance(read, Jurisdiction)
    assert (read.name, read.regime, read.as_of) == (record["name"], Regime(record["regime"]), record["as_of"])
    assert read.is_guess is (record["confidence"] == "guess")
    assert read.flags == {Flag(flag) for flag in record.get("flags", ())}
    assert [position.view for position in read.positions] == [one["view"] for one in record.get("positions", ())]
    assert [change.since for change in read.changes] == [
        date.fromisoformat(one["from"]) for one in record.get("effective", ())
    ]


@each_record
def test_a_contested_record_carries_two_positions_or_more_each_with_who_holds_it(record: dict[str, Any]) -> None:
    positions = record.get("positions", ())
    assert len(positions) != 1
    assert all(one["view"] and one["by"] for one in positions)
    assert len({one["view"] for one in positions}) == len(positions)


@each_record
def test_a_remedy_that_names_an_amount_says_in_which_money_and_for_what(record: dict[str, Any]) -> None:
    remedy = record.get("remedy", {})
    assert ("amount" in remedy) is ("currency" in remedy)
    assert remedy.keys() >= {"per"} or "amount" not in remedy


@each_record
def test_a_duty_to_record_that_a_record_names_is_a_rule_of_that_place(record: dict[str, Any]) -> None:
    rules = {rule["id"]: rule for rule in RULES}
    for named in record.get("must_record_overlays", ()):
        assert rules[named]["must_record"]
        assert record["code"] in rules[named]["jurisdictions"]


def test_what_a_place_allows_recording_for_is_a_purpose_with_a_wording() -> None:
    named = {purpose for record in RECORDS for purpose in record.get("purposes_allowed", ())}
    assert named == {"proof", "quality"} <= set(purposes_in(languages()[0]))


@pytest.mark.parametrize("record", [*RECORDS, *RULES], ids=lambda record: record.get("code") or record["id"])
def test_a_source_names_its_page_and_the_day_on_which_it_was_read(record: dict[str, Any]) -> None:
    """Words alone are left to guesses, and to the records that had them in the first pack, of which no day is known."""
    name = record.get("code") or record["id"]
    words = {*FIRST.sources_of(name), *(UNRESEARCHED if record["confidence"] == "guess" else ())}
    for source in record["sources"]:
        if isinstance(source, str):
            assert source in words
            continue
        assert source.keys() in ({"source", "url", "read"}, {"source", "as_given_by", "read"})
        assert source["source"].strip()
        assert re.fullmatch(r"https?://\S+", source.get("url") or source["as_given_by"])
        assert date.fromisoformat(source["read"]) <= VERSION, "the pack's version is a day before its newest source"


def test_both_files_have_one_version() -> None:
    assert json.loads(PARTS["retention.json"])["version"] == PLACES["version"] == LAW.version


def test_the_unions_have_their_members() -> None:
    assert set(LAW.unions) == {"EU", "EEA"}
    assert LAW.unions["EU"] == set(EU)
    assert LAW.unions["EEA"] == {*EU, "IS", "LI", "NO"}


def test_an_alias_leads_from_a_region_without_a_record_to_a_place_with_one() -> None:
    for region, place in LAW.aliases.items():
        assert region in phonenumbers.SUPPORTED_REGIONS
        assert region not in LAW.jurisdictions
        assert place in LAW.jurisdictions


@pytest.mark.parametrize(
    ("code", "within"),
    [
        ("US-CA", ("US-CA", "US")),
        ("US", ("US",)),
        ("DE", ("DE", "EU", "EEA")),
        ("DE-BY", ("DE-BY", "DE", "EU", "EEA")),
        ("NO", ("NO", "EEA")),
        ("GB", ("GB",)),
        ("ZZ", ("ZZ",)),
    ],
)
def test_a_place_lies_within_its_country_and_its_unions(code: str, within: tuple[str, ...]) -> None:
    assert LAW.within(code) == within


@each_rule
def test_a_rule_about_keeping_says_what_it_rests_on(rule: dict[str, Any]) -> None:
    assert rule.keys() >= RULE_NEEDS
    assert rule.keys() <= RULE_NEEDS | RULE_MAY_SAY
    assert rule["rule"] in KINDS
    assert rule["subjects"]
    assert rule["sources"]
    assert rule["confidence"] in {"sourced", "guess"}
    assert all(code in LAW.unions or is_a_place(code) for code in rule.get("jurisdictions", ()))
    assert set(rule.get("purposes", ())) <= {*purposes_in(languages()[0]), *ELSEWHERE}


@each_rule
def test_a_rule_about_keeping_has_the_lengths_that_its_kind_needs(rule: dict[str, Any]) -> None:
    has_min, has_max, has_limitation = "min" in rule, "max" in rule, "limitation" in rule
    assert has_min is (rule["rule"] == "min")
    assert has_limitation is (rule["rule"] == "evidence")
    if rule["rule"] in {"max", "never_store"}:
        assert has_max
    if rule["rule"] in {"max_necessary", "suspend_deletion", "evidence"}:
        assert not has_max
    for name in {"min", "max"} & rule.keys():
        if rule["rule"] == "never_store":
            assert rule[name] == "P0D"
        else:
            assert str(parse_duration(rule[name])) == rule[name]


@each_rule
def test_a_duty_to_record_says_for_whom_and_what_a_refusal_is_owed(rule: dict[str, Any]) -> None:
    assert ("on_refusal" in rule) is rule.get("must_record", False)
    if rule.get("must_record"):
        assert rule["on_refusal"] in REFUSALS
        assert rule["jurisdictions"]
        assert rule["sectors"]
        assert "recording" in rule["subjects"]


@each_rule
def test_a_rule_about_keeping_is_read_as_it_stands(rule: dict[str, Any]) -> None:
    read = next(one for one in LAW.retention if one.id == rule["id"])
    assert isinstance(read, RetentionLaw)
    assert read.jurisdictions == set(rule.get("jurisdictions", ()))
    assert read.sectors == set(rule.get("sectors", ()))
    assert read.must_record is rule.get("must_record", False)
    assert str(read.floor) == rule.get("min", "None")
    assert str(read.ceiling or "P0D") == rule.get("max", "P0D")


def test_no_two_rules_have_one_name() -> None:
    assert len({rule.id for rule in LAW.retention}) == len(LAW.retention) == len(RULES)


def test_there_is_a_rule_of_each_kind_and_a_default_for_recordings_and_for_the_log() -> None:
    assert {rule.rule for rule in LAW.retention} == KINDS
    assert {rule.id for rule in LAW.retention} > {"default-recording", "default-consent-log"}


def test_every_area_code_is_of_places_with_records_of_their_own() -> None:
    assert len(LAW.area_codes) == 422
    for npa, places in LAW.area_codes.items():
        assert re.fullmatch(r"[2-9]\d\d", npa)
        assert places
        assert all(place in LAW.jurisdictions and place[:3] in {"US-", "CA-"} for place in places)


def test_the_pack_says_that_it_is_no_legal_advice() -> None:
    assert "NOT LEGAL ADVICE" in PLACES["about"]
    assert "NOT LEGAL ADVICE" in json.loads(PARTS["retention.json"])["about"]


def test_a_kept_text_of_the_pack_is_the_same_law_again() -> None:
    again = read_law(LAW.text)
    assert again == LAW
    assert again.sha256 == LAW.sha256
    assert re.fullmatch(r"[0-9a-f]{64}", LAW.sha256)
    assert packaged_law() is LAW


def test_another_text_is_another_law() -> None:
    changed = read_law(LAW.text.replace("P90D", "P91D"))
    assert changed.sha256 != LAW.sha256
    assert changed.retention != LAW.retention
    assert changed.jurisdictions == LAW.jurisdictions


def test_two_packs_under_one_hash_are_never_taken_for_each_other() -> None:
    """Whatever was worked out from one before: neither what binds a call nor how its places are read."""
    at_home = (End("caller", "US-NY"),)
    assert ruled("US-NY").keeping.never_store
    changed = replace(LAW, retention=tuple(one for one in LAW.retention if one.rule != "never_store"))
    changed = replace(changed, jurisdictions={**LAW.jurisdictions, "US-NY": LAW.jurisdictions["US-CA"]})
    assert hash(changed) == hash(LAW)
    ruling = rule_on(changed, rulebook(), LINE, at_home, AT)
    assert ruling.keeping.never_store == ()
    assert reading_of(changed, at_home[0], AT.date()).regime != reading_of(LAW, at_home[0], AT.date()).regime
