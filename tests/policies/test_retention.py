"""How long a recording may be used for each purpose and must be kept, by the law of its places and the rulebook."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.durations import Duration, end_of
from policies.jurisdiction.overrides import Override
from policies.retention import Conflict
from policies.ruling import Ruling, rule
from tests.policies.calls import AT, LAW, LINE, ends, rulebook, ruled

YEAR, HALF_A_YEAR, MONTH = Duration(years=1), Duration(months=6), Duration(months=1)


def used_until(ruling: Ruling) -> dict[str, str]:
    return {kept.purpose: kept.until.date().isoformat() for kept in ruling.keeping.purposes}


def kept_until(ruling: Ruling) -> str:
    assert ruling.keeping.retain_until is not None
    return ruling.keeping.retain_until.date().isoformat()


def test_what_the_rulebook_says_of_one_line_comes_before_what_it_says_of_all() -> None:
    everywhere = Override(keep_at_most=MONTH, keep_at_least=MONTH)
    of_the_line = Override(line=LINE.number, keep_at_most=YEAR, keep_at_least=Duration(weeks=1))
    for both in ((everywhere, of_the_line), (of_the_line, everywhere)):
        assert used_until(ruled("US-NY", *both)) == {"quality": "2027-11-24"}
        assert kept_until(ruled("US-NY", *both, retention="short")) == "2026-12-01"


def test_what_it_says_of_a_place_comes_before_what_it_says_of_all_but_only_there() -> None:
    both = (Override(jurisdiction="DE", keep_at_most=HALF_A_YEAR), Override(keep_at_most=MONTH))
    assert used_until(ruled("DE", *both)) == {"quality": "2027-05-24"}
    assert used_until(ruled("DE US-NY", *both)) == used_until(ruled("US-NY", *both)) == {"quality": "2026-12-24"}


def test_a_union_is_overridden_in_the_countries_whose_own_law_is_shorter_too() -> None:
    in_the_union = Override(jurisdiction="EU", keep_at_most=HALF_A_YEAR, because="counsel")
    in_belgium = Override(jurisdiction="BE", keep_at_most=MONTH)
    assert used_until(ruled("BE", in_the_union)) == {"quality": "2027-05-24"}
    assert used_until(ruled("BE", in_the_union, in_belgium)) == {"quality": "2026-12-24"}


def test_a_rule_of_two_unions_is_overridden_alike_in_whatever_order_a_set_has_them() -> None:
    by_eu = Override(jurisdiction="EU", keep_at_least=HALF_A_YEAR, because="counsel")
    by_eea = Override(jurisdiction="EEA", keep_at_least=YEAR, because="counsel")
    for both in ((by_eu, by_eea), (by_eea, by_eu)):
        ruling = ruled("DE", *both, sectors=["mifid_investment"], retention="short")
        assert kept_until(ruling) == "2027-05-24"


ALL = ("quality", "training", "proof")


def test_without_a_law_or_a_rule_a_recording_is_kept_for_the_default_time() -> None:
    ruling = ruled("US-NY", retention="")
    assert used_until(ruling) == {"quality": "2027-02-22"}
    assert ruling.keeping.retention == "default-recording"
    assert any("the product's default" in reason.by for reason in ruling.reasons)


def test_the_operators_rule_ends_a_use_where_no_law_is_shorter() -> None:
    ruling = ruled("US-NY", retention="short")
    assert (used_until(ruling), kept_until(ruling)) == ({"quality": "2026-12-01"}, "2026-12-01")
    assert ruled("BE", retention="short").keeping.purposes[0].ended_by == ""


@pytest.mark.parametrize(
    ("call", "until"),
    [
        ("2026-11-24T12:00:00+00:00", "2026-12-24T12:00:00+00:00"),
        ("2027-01-31T12:00:00+00:00", "2027-02-28T12:00:00+00:00"),
        ("2028-01-31T12:00:00+00:00", "2028-02-29T12:00:00+00:00"),
        ("2026-12-31T23:59:59+00:00", "2027-01-31T23:59:59+00:00"),
    ],
)
def test_in_belgium_a_call_serves_quality_for_one_month_of_the_calendar(call: str, until: str) -> None:
    ruling = ruled("BE", at=datetime.fromisoformat(call))
    (kept,) = ruling.keeping.purposes
    assert (kept.until.isoformat(), kept.ended_by, kept.rule.name) == (until, "be-callcentre-quality", "long")


@pytest.mark.parametrize(
    ("places", "until"),
    [
        ("BE", {"quality": "2026-12-24", "training": "2026-12-24", "proof": "2036-11-24"}),
        ("PT", {"quality": "2026-12-24", "proof": "2028-11-24"}),
        ("FR", {"quality": "2027-05-24", "training": "2027-05-24", "proof": "2036-11-24"}),
        ("BE FR", {"quality": "2026-12-24", "training": "2026-12-24", "proof": "2036-11-24"}),
        ("DE", dict.fromkeys(ALL, "2036-11-24")),
        ("US-NY", dict.fromkeys(ALL, "2036-11-24")),
    ],
)
def test_each_purpose_ends_with_the_lowest_ceiling_of_the_places(places: str, until: dict[str, str]) -> None:
    ruling = ruled(places, purposes=ALL)
    assert used_until(ruling) == until
    assert kept_until(ruling) == max(until.values())
    assert ruling.keeping.conflicts == ()


@pytest.mark.parametrize(
    ("place", "sector", "until", "rule"),
    [
        ("HU", "public_service", "2031-11-24", "hu-public-service-customer-line"),
        ("HU", "waste", "2031-11-24", "hu-public-service-customer-line"),
        ("BR", "regulated_by_federal_executive", "2027-02-22", "br-sac-regulated"),
        ("US-TX", "medicare_tpmo", "2036-11-24", "us-cms-tpmo"),
        ("GB", "mifid_investment", "2031-11-24", "uk-fca-sysc10a"),
        ("DE", "mifid_investment", "2031-11-24", "eu-mifid2"),
        ("NO", "mifid_investment", "2031-11-24", "eu-mifid2"),
        ("US-NY", "broker_dealer", "2029-11-24", "us-sec-17a4"),
        ("US-NY", "finra_taping_firm", "2029-11-24", "us-finra-3170"),
        ("US-NY", "fcm_swap_dealer", "2027-11-24", "us-cftc-131"),
        ("US-NY", "debt_collector", "2029-11-24", "us-regf"),
    ],
)
def test_a_floor_keeps_what_its_purposes_no_longer_use(place: str, sector: str, until: str, rule: str) -> None:
    ruling = ruled(place, sectors=[sector], retention="short")
    assert kept_until(ruling) == until
    assert used_until(ruling) == {"quality": "2026-12-01"}
    assert ruling.keeping.conflicts == ()
    assert rule in {reason.record for reason in ruling.reasons}
    assert kept_until(ruled(place, sectors=[], retention="short")) == "2026-12-01"


@pytest.mark.parametrize("places", ["DE FR", "FR DE"])
def test_of_the_floors_of_all_ends_the_highest_holds(places: str) -> None:
    in_germany = Override(jurisdiction="DE", keep_at_least=YEAR, because="counsel")
    in_france = Override(jurisdiction="FR", keep_at_least=HALF_A_YEAR, because="counsel")
    for both in ((in_germany, in_france), (in_france, in_germany)):
        assert kept_until(ruled(places, *both, retention="short")) == "2027-11-24"


@pytest.mark.parametrize(("days", "ended_by"), [(6, "rulebook"), (7, ""), (8, "")])
def test_a_ceiling_ends_a_use_only_where_it_is_shorter_than_the_operators_own_rule(days: int, ended_by: str) -> None:
    (kept,) = ruled("US-NY", Override(keep_at_most=Duration(days=days)), retention="short").keeping.purposes
    assert (kept.until, kept.ended_by) == (AT + timedelta(days=min(days, 7)), ended_by)


def test_in_hungary_five_years_are_the_shortest_and_the_longest_time() -> None:
    ruling = ruled("HU", sectors=["utility"], retention="long")
    assert (used_until(ruling), kept_until(ruling)) == ({"quality": "2031-11-24"}, "2031-11-24")
    assert ruling.keeping.purposes[0].ended_by == "hu-public-service-customer-line"
    assert ruling.keeping.conflicts == ()


def test_a_floor_above_a_ceiling_is_a_conflict_that_is_told_and_destroys_nothing() -> None:
    """Brazil's 90 days against Portugal's 30: until somebody decides it is kept, and used by nobody."""
    ruling = ruled("BR PT", sectors=["regulated_by_federal_executive"], purposes=("quality",), retention="long")
    assert ruling.keeping.conflicts == (Conflict("quality", "br-sac-regulated", "pt-quality"),)
    assert used_until(ruling) == {"quality": "2026-12-24"}
    assert kept_until(ruling) == "2027-02-22"
    assert ruling.told()["conflicts"] == ["quality: br-sac-regulated keeps it longer than pt-quality allows"]


def test_a_conflict_is_of_a_purpose_and_not_of_the_call() -> None:
    ruling = ruled("BR PT", sectors=["regulated_by_federal_executive"], purposes=("quality", "proof"))
    assert [conflict.purpose for conflict in ruling.keeping.conflicts] == ["quality"]


def test_a_conflict_is_decided_by_an_override_with_its_reason() -> None:
    because = "compliance chose the floor, 2026-11-01"
    decided = Override(jurisdiction="PT", keep_at_most=Duration(days=90), because=because, number=2)
    ruling = ruled("BR PT", decided, sectors=["regulated_by_federal_executive"])
    assert ruling.keeping.conflicts == ()
    assert used_until(ruling) == {"quality": "2027-02-22"}
    assert 2 in {reason.override for reason in ruling.reasons}
    assert because not in str(ruling.told())  # it may name people, and the log is for ever


def test_the_rulebooks_own_ceiling_below_a_floor_is_a_conflict_too() -> None:
    ruling = ruled("GB", Override(keep_at_most=MONTH), sectors=["mifid_investment"])
    assert ruling.keeping.conflicts == (Conflict("quality", "uk-fca-sysc10a", "rulebook"),)
    assert kept_until(ruling) == "2031-11-24"


@pytest.mark.parametrize(
    ("places", "sectors", "at_least", "rule"),
    [
        ("US-CA", [], "P6Y", "default-consent-log"),
        ("US-CA", ["telemarketing"], "P6Y", "default-consent-log"),
        ("ZZ", [], "P6Y", "default-consent-log"),
    ],
)
def test_the_evidence_is_kept_for_the_longest_that_anybody_asks(
    places: str, sectors: list[str], at_least: str, rule: str
) -> None:
    ruling = ruled(places, sectors=sectors)
    assert str(ruling.keeping.log_at_least) == at_least
    assert ruling.reasons[-1].record == rule


@pytest.mark.parametrize(
    ("place", "sectors", "only", "at_least"),
    [
        ("US-CA", [], {"us-ca-cipa"}, "P2Y"),  # one year from discovery: exactly one is not enough
        ("US-CA", [], {"us-ca-cipa", "us-wiretap"}, "P3Y"),
        ("US-NY", [], {"us-wiretap"}, "P3Y"),
        ("US-NY", ["telemarketing"], {"us-tcpa", "us-wiretap"}, "P4Y"),
        ("US-NY", ["telemarketing"], {"us-tsr", "us-tcpa", "us-wiretap"}, "P5Y"),
        ("US-NY", ["hipaa_covered"], {"us-hipaa-docs", "us-tsr"}, "P6Y"),
        ("US-NY", ["eft"], {"us-reg-e"}, "P2Y"),
    ],
)
def test_a_limitation_that_runs_from_discovery_takes_a_year_more(
    place: str, sectors: list[str], only: set[str], at_least: str
) -> None:
    """Without the product's default, which is the longest of all today."""
    law = replace(LAW, retention=tuple(one for one in LAW.retention if one.id in only | {"default-recording"}))
    of = rulebook(sectors=sectors)
    ruling = rule(law, of, LINE, ends(place), AT)
    assert str(ruling.keeping.log_at_least) == at_least


@pytest.mark.parametrize(
    ("places", "never"),
    [("US-NY", ["never-store-declined", "pci-sad"]), ("US-NY NL", ["never-store-declined", "pci-sad", "nl-hold"])],
)
def test_what_may_never_be_stored_is_named_with_the_call(places: str, never: list[str]) -> None:
    assert list(ruled(places).keeping.never_store) == never


def test_each_purpose_has_the_rule_that_the_line_names_for_it() -> None:
    ruling = ruled(
        "US-NY", purposes=("quality", "proof"), retention="", retention_for=(("quality", "short"), ("proof", "long"))
    )
    assert used_until(ruling) == {"quality": "2026-12-01", "proof": "2036-11-24"}
    assert ruling.keeping.retention == "long"
    assert [(one.purpose, one.until.year) for one in ruling.keeping.granted] == [("quality", 2026), ("proof", 2036)]


@given(st.sets(st.sampled_from(list(LAW.jurisdictions)), min_size=1, max_size=3), st.sampled_from(LAW.sectors))
def test_nothing_is_used_longer_than_it_is_kept(places: set[str], sector: str) -> None:
    keeping = ruled(sorted(places), sectors=[sector], purposes=ALL).keeping
    assert keeping.retain_until is not None
    assert all(kept.until <= keeping.retain_until for kept in keeping.purposes)
    assert [kept.purpose for kept in keeping.purposes] == [granted.purpose for granted in keeping.granted]


@given(st.sampled_from(list(LAW.jurisdictions)), st.sampled_from(LAW.sectors), st.datetimes(timezones=st.just(UTC)))
def test_every_rule_that_binds_a_call_is_kept_or_told(place: str, sector: str, at: datetime) -> None:
    """Of every floor and ceiling by itself: held to, or named in a conflict."""
    at = at.replace(year=2026 + at.year % 20, day=min(at.day, 28))
    keeping = ruled([place], sectors=[sector], at=at).keeping
    told = {conflict.floor for conflict in keeping.conflicts} | {conflict.ceiling for conflict in keeping.conflicts}
    for one in LAW.retention:
        binds = one.limits_recordings and one.binds(frozenset(LAW.within(place)), frozenset({sector}))
        if not binds or one.id == "default-recording" or (one.purposes and "quality" not in one.purposes):
            continue
        assert keeping.retain_until is not None
        assert one.floor is None or keeping.retain_until >= end_of(at, one.floor)
        assert one.ceiling is None or one.id in told or keeping.purposes[0].until <= end_of(at, one.ceiling)
