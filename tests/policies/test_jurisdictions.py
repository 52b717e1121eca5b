from dataclasses import replace
from time import perf_counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.consent import Answer, Mode, Record, decide
from policies.jurisdictions import Demand, End, Regime, demand_of, jurisdictions, place_of, regime_of, standard_for
from policies.rules import AUTO, Business, Destination, Line, Setting
from policies.wording import wording_for

# Strict is what records least; must_record takes the accept key, as opt_in does.
STRICTNESS = {Mode.NOTICE: 0, Mode.OPT_OUT: 1, Mode.OPT_IN: 2, Mode.MUST_RECORD: 2, Mode.NEVER: 3}
SETTINGS: list[Setting] = [AUTO, *Mode]
LINE = Line("+14155550100", (Destination("client", "alice"),), ("en-US",), ("quality",), AUTO, "r")
NEW_YORK = Business("b", "US-NY", "US-NY")

lines = st.builds(replace, st.just(LINE), consent=st.sampled_from(SETTINGS), silence_is_consent=st.booleans())
places = st.sampled_from([*jurisdictions(), "ZZ", "DE", "CA-ON"])
ends: st.SearchStrategy[End] = st.tuples(st.just("caller"), st.just("XX"), st.sampled_from(Regime))


def laxness(demand: Demand) -> tuple[int, bool]:
    """Lower is stricter, in both: the mode, and whether silence may record."""
    return -STRICTNESS[demand.mode], demand.standard.silence_is_consent


def mode(consent: Setting, *regimes: Regime) -> Mode:
    return demand_of(replace(LINE, consent=consent), tuple(("end", "XX", regime) for regime in regimes)).mode


@pytest.mark.parametrize(
    ("regime", "modes"),
    [
        (Regime.ONE_PARTY, "opt_out notice opt_out opt_in never must_record"),
        (Regime.ALL_PARTY_NOTICE, "opt_out notice opt_out opt_in never must_record"),
        (Regime.ALL_PARTY_OPT_IN, "opt_in opt_in opt_in opt_in never must_record"),
        (Regime.PROHIBITED, "never never never never never never"),
    ],
)
def test_a_line_is_as_strict_as_its_setting_and_the_law(regime: Regime, modes: str) -> None:
    settings: list[Setting] = [AUTO, Mode.NOTICE, Mode.OPT_OUT, Mode.OPT_IN, Mode.NEVER, Mode.MUST_RECORD]
    assert [mode(setting, regime) for setting in settings] == modes.split()


@given(lines, st.lists(ends, min_size=1, max_size=3), ends)
def test_one_more_end_never_makes_the_demand_laxer(line: Line, some: list[End], another: End) -> None:
    fewer, more = demand_of(line, tuple(some)), demand_of(line, (*some, another))
    assert laxness(more)[0] <= laxness(fewer)[0]
    assert laxness(more)[1] <= laxness(fewer)[1]


@given(lines, st.builds(Business, st.just("b"), places, places), places)
def test_a_caller_from_nowhere_known_is_never_asked_less(line: Line, business: Business, place: str) -> None:
    unknown, known = standard_for(line, business, "ZZ"), standard_for(line, business, place)
    assert laxness(unknown)[0] <= laxness(known)[0]
    assert laxness(unknown)[1] <= laxness(known)[1]


@given(lines, st.builds(Business, st.just("b"), places, places), places)
def test_the_three_ends_may_change_places(line: Line, business: Business, place: str) -> None:
    turned = Business("b", business.recorder_jurisdiction, place)
    demand, same = standard_for(line, business, place), standard_for(line, turned, business.jurisdiction)
    assert demand.standard == same.standard


@given(lines, st.builds(Business, st.just("b"), places, places), places, st.integers(1, 3))
def test_silence_never_records_where_an_end_asks_for_an_act(
    line: Line, business: Business, place: str, prompt: int
) -> None:
    demand = standard_for(line, business, place)
    if any(regime is Regime.ALL_PARTY_OPT_IN for _, _, regime in demand.regimes):
        assert not isinstance(decide(Answer.SILENT, demand.standard, prompt=prompt), Record)


@pytest.mark.parametrize(("place", "counts"), [("US-NY", True), ("US-CA", True), ("US-PR", False), ("ZZ", False)])
def test_silence_counts_only_where_every_law_takes_a_notice_for_consent(place: str, counts: bool) -> None:
    line = replace(LINE, consent=Mode.OPT_OUT, silence_is_consent=True)
    assert standard_for(line, NEW_YORK, place).standard.silence_is_consent is counts
    assert not standard_for(LINE, NEW_YORK, place).standard.silence_is_consent


def test_the_demand_names_each_end_with_its_regime() -> None:
    demand = standard_for(LINE, Business("b", "US-CA", "US-VA"), place_of("+12125550100"))
    assert demand.regimes == (
        ("caller", "US-NY", Regime.ONE_PARTY),
        ("agent", "US-CA", Regime.ALL_PARTY_NOTICE),
        ("recorder", "US-VA", Regime.ONE_PARTY),
    )
    assert demand.reason == "opt_out: the line says auto, the law all_party_notice (agent US-CA)"


def test_the_recorders_place_counts_like_the_others() -> None:
    assert standard_for(LINE, Business("b", "US-NY", "US-PR"), "US-NY").mode is Mode.OPT_IN


def test_the_number_of_prompts_is_the_lines() -> None:
    assert standard_for(replace(LINE, prompts_max=4), NEW_YORK, "US-NY").standard.prompts_max == 4


def test_a_demand_and_its_wording_take_under_200_microseconds() -> None:
    def one_call(e164: str) -> None:
        demand = standard_for(LINE, NEW_YORK, place_of(e164))
        wording_for(demand.mode, "en-US", NEW_YORK.name, LINE.purposes)
        decide(Answer.ACCEPTED, demand.standard, prompt=1)

    one_call("+14155550100")  # loads the packaged data
    took = []
    for station in range(200):
        began = perf_counter()
        one_call(f"+14155550{station:03}")
        took.append(perf_counter() - began)
    assert min(took) < 200e-6
    assert regime_of("US-CA") is Regime.ALL_PARTY_NOTICE
