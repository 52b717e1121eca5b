"""The table of area codes against the numbering plan of today: no state gets lost when `phonenumbers` moves on."""

from collections.abc import Mapping
from dataclasses import replace

import phonenumbers
import pytest
from phonenumbers import PhoneNumberFormat

from policies.jurisdiction.pack import UNKNOWN_PLACE, Law
from policies.jurisdiction.places import Known, places_of
from tests.policies.area_codes import FILE, OURS, Row, area_codes, changes, places_by_geocoder, read_rows, valid_numbers
from tests.policies.calls import LAW
from tests.source import ROOT

TERRITORIES = {"US-AS", "US-GU", "US-MP", "US-PR", "US-VI"}
ROWS = read_rows(ROOT / FILE)
STATES = {npa: places for npa, (places, _) in ROWS.items() if places.startswith("US-") and places not in TERRITORIES}
# No number of it is in service, so `phonenumbers` has none to ask about; the row is from a list of 2021.
NOT_IN_SERVICE = {"679": "US-MI"}
EVERY = 101


def astray(law: Law) -> dict[str, tuple[str, ...]]:
    """The area codes whose numbers do not lead to the state that today's table names for them."""
    found = {}
    for npa, state in STATES.items():
        number = next(valid_numbers(npa, EVERY), None)
        e164 = phonenumbers.format_number(number, PhoneNumberFormat.E164) if number else f"+1{npa}2345678"
        if (places := places_of(e164, law)) != ((state,), Known.AREA_CODE):
            found[npa] = places[0]
    return found


def lost(rows: Mapping[str, Row]) -> dict[str, str]:
    """Rows that the geocoder does not bear out, and what it says instead."""
    ours = {npa: places for npa, (places, source) in rows.items() if source == OURS}
    said = {npa: places_by_geocoder(npa, LAW, EVERY) for npa in ours}
    return {npa: said[npa] for npa, places in ours.items() if said[npa] != places}


def test_every_area_code_of_the_states_and_the_district_leads_to_its_state() -> None:
    assert len(STATES) >= 346
    assert len(set(STATES.values())) == 51
    assert astray(LAW) == dict.fromkeys(NOT_IN_SERVICE, (UNKNOWN_PLACE,))
    assert {npa: ROWS[npa] for npa in NOT_IN_SERVICE} == {npa: (at, "nanpa-2021") for npa, at in NOT_IN_SERVICE.items()}


@pytest.mark.parametrize("change", [{"212": ("US-NJ",)}, {"212": ()}])
def test_an_area_code_that_leads_elsewhere_is_seen(change: Mapping[str, tuple[str, ...]]) -> None:
    codes = {npa: places for npa, places in {**LAW.area_codes, **change}.items() if places}
    assert astray(replace(LAW, area_codes=codes)).keys() == {"212", *NOT_IN_SERVICE}


def test_the_geocoder_still_knows_every_area_code_by_the_places_of_its_row() -> None:
    assert lost(ROWS) == {}


def test_no_area_code_that_has_a_state_by_now_is_missing() -> None:
    others = {npa: next(valid_numbers(npa, EVERY), None) for npa in area_codes() if npa not in ROWS}
    assert [npa for npa, number in others.items() if number and places_by_geocoder(npa, LAW, EVERY)] == []


@pytest.mark.parametrize(
    ("npa", "row", "said"),
    [
        ("415", "US-NV", "US-CA"),
        ("212", "US-NJ", "US-NY"),
        ("902", "CA-NS", "CA-NS CA-PE"),
        ("684", "US-GU", "US-AS"),
        ("800", "US-CA", ""),
    ],
)
def test_a_row_that_is_wrong_is_seen(npa: str, row: str, said: str) -> None:
    assert lost({npa: (row, OURS)}) == {npa: said}


def test_the_table_that_the_law_reads_is_this_one() -> None:
    assert {npa: tuple(places.split()) for npa, (places, _) in ROWS.items()} == LAW.area_codes
    assert list(ROWS) == sorted(ROWS)
    assert {source for _, source in ROWS.values()} == {OURS, "nanpa-2021"}


def test_what_changed_is_told() -> None:
    before = {"212": ("US-NY", OURS), "415": ("US-NV", OURS)}
    after = {"415": ("US-CA", OURS), "679": ("US-MI", "nanpa-2021")}
    assert list(changes(before, after)) == [
        "212: US-NY -> gone",
        "415: US-NV -> US-CA",
        "679: not there -> US-MI",
        f"2 area codes, 1 of them not of {OURS}",
    ]
