"""What the law of one end asks: every record of the pack, held to a table written by hand from the research."""

from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.jurisdiction.pack import UNKNOWN_PLACE, Flag, Law, Regime
from policies.jurisdiction.places import places_of
from policies.jurisdiction.readings import End, Reading, reading_of, records_for, strictest
from tests.policies.calls import LAW, TODAY

# What a caller there is held to on 24 November 2026. A guess counts as unknown, which asks for an act, and of a
# contested place the stricter reading stands here. A country of which parts have records is named for the case that
# nobody knows which part: then the strictest of them counts.
TABLE = """
US     all_party_opt_in  which state is not known, and Puerto Rico is one of them
US-AL  one_party
US-AK  one_party
US-AZ  one_party
US-AR  one_party
US-CO  one_party
US-DC  one_party
US-GA  one_party
US-HI  one_party
US-ID  one_party
US-IN  one_party
US-IA  one_party
US-KS  one_party
US-KY  one_party
US-LA  one_party
US-ME  one_party
US-MN  one_party
US-MS  one_party
US-MO  one_party
US-NE  one_party
US-NJ  one_party
US-NM  one_party
US-NY  one_party
US-NC  one_party
US-ND  one_party
US-OH  one_party
US-OK  one_party
US-RI  one_party
US-SC  one_party
US-SD  one_party
US-TN  one_party
US-TX  one_party
US-UT  one_party
US-VA  one_party
US-WV  one_party
US-WI  one_party
US-WY  one_party
US-OR  all_party_notice  contested
US-VT  all_party_notice  contested
US-MI  all_party_notice  contested
US-DE  all_party_notice  contested
US-NV  all_party_notice  contested
US-CA  all_party_notice
US-CT  all_party_notice  contested
US-FL  all_party_notice
US-IL  all_party_notice  contested
US-MD  all_party_notice
US-MA  all_party_notice
US-MT  all_party_notice
US-NH  all_party_notice
US-PA  all_party_notice
US-WA  all_party_notice
US-PR  all_party_opt_in  contested
US-GU  all_party_opt_in  guess
US-VI  all_party_opt_in  guess
US-AS  all_party_opt_in  guess
US-MP  all_party_opt_in  guess
CA     all_party_opt_in  which province is not known, and Quebec is one of them
CA-AB  all_party_opt_in  guess
CA-BC  all_party_opt_in  guess
CA-MB  all_party_notice
CA-NB  all_party_notice
CA-NL  all_party_notice
CA-NS  all_party_notice
CA-ON  all_party_notice
CA-PE  all_party_notice
CA-SK  all_party_notice
CA-NT  all_party_notice
CA-NU  all_party_notice
CA-YT  all_party_notice
CA-QC  all_party_opt_in  contested
EU     all_party_opt_in  contested
DK     all_party_opt_in
DE     all_party_opt_in  contested
AT     all_party_opt_in  guess
FR     all_party_notice
ES     all_party_opt_in  contested
IT     all_party_opt_in  contested
NL     all_party_notice
BE     all_party_opt_in
PT     all_party_opt_in
HU     all_party_opt_in  contested
BG     all_party_opt_in  guess
HR     all_party_opt_in  guess
CY     all_party_opt_in  guess
CZ     all_party_opt_in  guess
EE     all_party_opt_in  guess
FI     all_party_opt_in  guess
GR     all_party_opt_in  guess
IE     all_party_opt_in  guess
LV     all_party_opt_in  guess
LT     all_party_opt_in  guess
LU     all_party_opt_in  guess
MT     all_party_opt_in  guess
PL     all_party_opt_in  guess
RO     all_party_opt_in  guess
SK     all_party_opt_in  guess
SI     all_party_opt_in  guess
SE     all_party_opt_in  guess
IS     all_party_opt_in  guess
NO     all_party_opt_in  guess
LI     all_party_opt_in  guess
GB     all_party_notice
CH     all_party_notice  contested
AU     all_party_notice
NZ     all_party_notice
IN     all_party_notice
SG     all_party_notice
JP     all_party_opt_in  guess
KR     all_party_notice
HK     all_party_notice
PH     all_party_opt_in
BR     all_party_notice
MX     all_party_opt_in  guess
ZA     all_party_notice
AE     all_party_opt_in
TR     all_party_opt_in  guess
IL     all_party_opt_in  guess
CN     all_party_opt_in  guess
RU     all_party_opt_in  guess
AR     all_party_opt_in  guess
CL     all_party_opt_in  guess
CO     all_party_opt_in  guess
PE     all_party_opt_in  guess
MY     all_party_opt_in  guess
TH     all_party_opt_in  guess
ID     all_party_opt_in  guess
VN     all_party_opt_in  guess
KE     all_party_opt_in  guess
NG     all_party_opt_in  guess
EG     all_party_opt_in  guess
SA     all_party_opt_in  guess
UA     all_party_opt_in  guess
TW     all_party_opt_in  guess
PK     all_party_opt_in  guess
BD     all_party_opt_in  guess
LK     all_party_opt_in  guess
ZZ     all_party_opt_in  guess
"""
ROWS = [
    (code, Regime(regime), "".join(why))
    for code, regime, *why in (row.split(None, 2) for row in TABLE.split("\n") if row)
]
EU_GUESSES = [code for code, _, why in ROWS if why == "guess" and code in LAW.unions["EU"]]

codes = st.sampled_from([code for code, _, _ in ROWS])


def read(place: str, *, law: Law = LAW, on: date = TODAY) -> Reading:
    return reading_of(law, End("caller", place), on)


def test_the_table_has_a_row_for_every_record_and_no_other() -> None:
    assert [code for code, _, _ in ROWS] == list(LAW.jurisdictions)


@pytest.mark.parametrize(("code", "regime", "why"), ROWS, ids=[code for code, _, _ in ROWS])
def test_a_caller_is_held_to_the_law_of_the_place(code: str, regime: Regime, why: str) -> None:
    reading = read(code)
    assert reading.regime is regime
    assert reading.reasons[0].about == f"caller in {code}"
    assert reading.reasons[0].says == regime
    record = LAW.jurisdictions[code]
    assert record.is_guess is (why == "guess")
    assert bool(record.positions) is (why == "contested")


@pytest.mark.parametrize(("code", "regime", "why"), ROWS, ids=[code for code, _, _ in ROWS])
def test_the_record_that_decides_is_cited(code: str, regime: Regime, why: str) -> None:
    reason = read(code).reasons[0]
    cited = LAW.jurisdictions[reason.record]
    assert (reason.by, reason.as_of) == (cited.statute, "" if cited.is_guess else cited.as_of)
    assert ("a guess" in reason.note) is cited.is_guess
    assert len(reason.positions) == len(cited.positions)
    if not LAW.parts(code):
        assert reason.record == code


def test_a_contested_place_carries_both_positions_and_the_stricter_rules() -> None:
    reason = read("US-OR").reasons[0]
    assert LAW.jurisdictions["US-OR"].regime is Regime.ONE_PARTY
    assert reason.says == Regime.ALL_PARTY_NOTICE
    assert [position.partition(":")[0] for position in reason.positions] == ["one_party", "all_party_notice"]
    assert reason.note == "contested: the stricter reading counts"


def test_a_view_that_is_about_something_else_than_consent_sets_no_regime() -> None:
    views = {
        position.view: position.regime for code in ("US-IL", "HU") for position in LAW.jurisdictions[code].positions
    }
    assert views["business_exemption"] is views["must_record"] is None


CHANGES = [
    ("ES", date(2026, 12, 28), Regime.ALL_PARTY_OPT_IN, Regime.ALL_PARTY_OPT_IN),
    ("IN", date(2027, 5, 13), Regime.ALL_PARTY_NOTICE, Regime.ALL_PARTY_OPT_IN),
]
"""Each law that changes on a day to come, and what it asks before and after."""


def test_the_changes_have_a_row_for_each_in_the_pack_and_no_other() -> None:
    found = {(record.code, change.since) for record in LAW.jurisdictions.values() for change in record.changes}
    assert {(code, day) for code, day, *_ in CHANGES} == found


@pytest.mark.parametrize(("code", "day", "before", "after"), CHANGES, ids=[code for code, *_ in CHANGES])
def test_a_law_that_changes_holds_from_its_day_on(code: str, day: date, before: Regime, after: Regime) -> None:
    for on, regime, since in [
        (day - timedelta(1), before, ""),
        (day, after, str(day)),
        (day + timedelta(1), after, str(day)),
    ]:
        reading = read(code, on=on)
        assert reading.regime is regime
        assert reading.reasons[0].since == since


@pytest.mark.parametrize(("is_guess", "regime"), [(True, Regime.ALL_PARTY_OPT_IN), (False, Regime.ONE_PARTY)])
def test_a_change_that_is_a_guess_raises_and_never_lowers(is_guess: bool, regime: Regime) -> None:
    record = LAW.jurisdictions["PH"]
    india = LAW.jurisdictions["IN"].changes[0]
    laxer = replace(record, changes=(replace(india, regime=Regime.ONE_PARTY, is_guess=is_guess),))
    law = replace(LAW, jurisdictions={**LAW.jurisdictions, "PH": laxer})
    assert read("PH", law=law, on=date(2027, 5, 12)).regime is Regime.ALL_PARTY_OPT_IN
    assert read("PH", law=law, on=date(2027, 5, 13)).regime is regime


@pytest.mark.parametrize("number", ["+18672345678", "+19022345678"])
def test_of_the_provinces_that_share_an_area_code_each_is_read(number: str) -> None:
    places, _ = places_of(number, LAW)
    assert len(places) > 1
    assert strictest(read(place).regime for place in places) is Regime.ALL_PARTY_NOTICE


def test_a_stricter_province_would_decide_for_a_shared_area_code() -> None:
    law = replace(LAW, area_codes={**LAW.area_codes, "902": ("CA-NS", "CA-QC")})
    places, _ = places_of("+19022345678", law)
    assert strictest(read(place).regime for place in places) is Regime.ALL_PARTY_OPT_IN


@pytest.mark.parametrize("country", ["US", "CA"])
def test_of_a_country_named_alone_the_strictest_of_its_parts_counts(country: str) -> None:
    reading, parts = read(country), [read(part) for part in LAW.parts(country)]
    assert reading.regime is strictest(part.regime for part in parts)
    assert reading.flags == frozenset[Flag]().union(*(part.flags for part in parts))
    assert f"which part of {country} is not known" in reading.reasons[0].note


@pytest.mark.parametrize("country", EU_GUESSES)
def test_a_member_that_nobody_has_researched_is_held_to_the_law_of_the_union(country: str) -> None:
    assert [record.code for record in records_for(LAW, country)] == [country, "EU"]
    assert read(country).regime is Regime.ALL_PARTY_OPT_IN
    assert not read(country).flags


def test_a_laxer_guess_about_a_member_does_not_relax_the_union() -> None:
    lax = replace(LAW.jurisdictions["AT"], regime=Regime.ONE_PARTY)
    law = replace(LAW, jurisdictions={**LAW.jurisdictions, "AT": lax})
    assert read("AT", law=law).regime is Regime.ALL_PARTY_OPT_IN


def test_a_stricter_guess_raises_what_the_union_asks() -> None:
    strict = replace(LAW.jurisdictions["AT"], regime=Regime.PROHIBITED)
    law = replace(LAW, jurisdictions={**LAW.jurisdictions, "AT": strict})
    assert read("AT", law=law).regime is Regime.PROHIBITED


def test_a_member_without_any_record_is_held_to_the_law_of_the_union_too() -> None:
    law = replace(LAW, jurisdictions={code: one for code, one in LAW.jurisdictions.items() if code != "AT"})
    reading = read("AT", law=law)
    assert (reading.regime, reading.reasons[0].record) == (Regime.ALL_PARTY_OPT_IN, "EU")


@pytest.mark.parametrize("place", ["MC", "GI", "CU", "GL", "JM"])
def test_a_country_without_a_record_is_unknown(place: str) -> None:
    assert [record.code for record in records_for(LAW, place)] == [UNKNOWN_PLACE]
    assert read(place).regime is Regime.ALL_PARTY_OPT_IN


@pytest.mark.parametrize("place", ["US-XX", "US-", "CA-ZZ"])
def test_a_part_that_nobody_has_heard_of_may_be_any_part_of_its_country(place: str) -> None:
    country = place[:2]
    assert records_for(LAW, place) == records_for(LAW, country)
    assert read(place).regime is read(country).regime is Regime.ALL_PARTY_OPT_IN
    assert f"which part of {country} is not known" in read(place).reasons[0].note


def test_a_part_of_a_country_that_has_one_law_is_held_to_that_law() -> None:
    assert [record.code for record in records_for(LAW, "DE-BY")] == ["DE"]


@pytest.mark.parametrize(
    ("place", "flags"),
    [
        ("US-CT", {Flag.NOTICE_IN_RECORDING}),
        ("US-WA", {Flag.NOTICE_IN_RECORDING}),
        ("US-CA", set()),
        ("US", {Flag.NOTICE_IN_RECORDING}),
        ("NL", {Flag.NO_RECORDING_ON_HOLD}),
        ("FR", {Flag.NO_SYSTEMATIC_RECORDING}),
        ("DE", set()),
        ("JP", set(Flag)),
        ("ZZ", set(Flag)),
    ],
)
def test_a_place_asks_for_what_its_record_and_the_guesses_on_the_way_ask(place: str, flags: set[Flag]) -> None:
    assert read(place).flags >= flags
    if not LAW.jurisdictions[place].is_guess:
        assert read(place).flags == flags


def test_portugal_allows_recording_for_proof_and_quality_only() -> None:
    assert read("PT").purposes_allowed == frozenset({"proof", "quality"})
    assert {code for code, _, _ in ROWS if read(code).purposes_allowed is not None} == {"PT"}


@given(codes)
def test_a_guess_never_asks_less_than_the_unknown(code: str) -> None:
    if LAW.jurisdictions[code].is_guess:
        assert read(code).regime.strictness >= read(UNKNOWN_PLACE).regime.strictness


@given(codes, st.dates(date(2020, 1, 1), date(2040, 1, 1)))
def test_the_unknown_never_asks_less_than_any_place_on_any_day(code: str, day: date) -> None:
    assert read(UNKNOWN_PLACE, on=day).regime.strictness >= read(code, on=day).regime.strictness


@given(codes, st.text("ABCXYZ-", max_size=6))
def test_any_code_at_all_has_a_reading(code: str, junk: str) -> None:
    assert read(code + junk).regime in list(Regime)
    assert read(junk).regime in list(Regime)


def test_the_regimes_are_ordered_from_lax_to_strict() -> None:
    ordered = [Regime.ONE_PARTY, Regime.ALL_PARTY_NOTICE, Regime.ALL_PARTY_OPT_IN, Regime.PROHIBITED]
    for count in range(1, 5):
        assert strictest(reversed(ordered[:count])) is ordered[count - 1]
