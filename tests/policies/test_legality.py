"""What is refused before rules come in force: laxer overrides without a reason, unlawful lines, no longest time."""

from dataclasses import fields, replace
from datetime import date
from typing import Any

import pytest

from policies.consent import Mode
from policies.durations import Duration
from policies.jurisdiction.overrides import AUTO, Override, Setting
from policies.jurisdiction.pack import Regime
from policies.rulebook.against_the_law import hold_against, laxer
from policies.rulebook.contradictions import contradictions
from policies.rulebook.mistakes import Findings, RulebookRejected
from policies.rulebook.read import parse
from policies.rules import Business, Rulebook
from tests.policies.calls import LAW, LINE, rulebook
from tests.source import ROOT

BELGIUM = "Belgium call-centre quality control"
FCA = "FCA SYSC 10A telephone recording"


def mistakes(rules: Rulebook) -> list[tuple[str, str]]:
    findings = Findings({(): 1})
    hold_against(LAW, rules, findings)
    return [(one.where, one.problem) for one in findings.mistakes]


LAXER: list[tuple[dict[str, Any], str]] = [
    ({"jurisdiction": "US-PR", "regime": Regime.ALL_PARTY_NOTICE}, "all_party_opt_in in US-PR"),
    ({"jurisdiction": "US-CA", "regime": Regime.ONE_PARTY}, "all_party_notice in US-CA"),
    ({"jurisdiction": "US-OR", "regime": Regime.ONE_PARTY}, "all_party_notice in US-OR"),
    ({"jurisdiction": "US-GU", "regime": Regime.ALL_PARTY_NOTICE}, "all_party_opt_in in US-GU"),
    ({"jurisdiction": "US", "regime": Regime.ONE_PARTY}, "all_party_opt_in in US"),
    ({"jurisdiction": "EU", "regime": Regime.ALL_PARTY_NOTICE}, "all_party_opt_in in AT"),
    ({"jurisdiction": "ZZ", "regime": Regime.ALL_PARTY_NOTICE}, "all_party_opt_in in ZZ"),
    ({"regime": Regime.ALL_PARTY_NOTICE}, "all_party_opt_in in"),
    ({"jurisdiction": "US-WA", "notice_in_recording": False}, "notice_in_recording in US-WA"),
    ({"jurisdiction": "NL", "no_recording_on_hold": False}, "no_recording_on_hold in NL"),
    ({"jurisdiction": "EU", "no_systematic_recording": False}, "no_systematic_recording in FR"),
    ({"jurisdiction": "GB", "must_record": False}, FCA),
    ({"line": LINE.number, "must_record": False}, FCA),
    # Where recording is forbidden a line that must record does not.
    ({"regime": Regime.PROHIBITED}, FCA),
    ({"jurisdiction": "US-VA", "regime": Regime.PROHIBITED}, FCA),
    ({"jurisdiction": "BE", "keep_at_least": Duration(years=10)}, f"{BELGIUM} (at most P1M)"),
    ({"jurisdiction": "GB", "keep_at_least": Duration(years=4)}, f"{FCA} (at least P5Y)"),
    ({"jurisdiction": "GB", "keep_at_least": Duration(days=1825)}, f"{FCA} (at least P5Y)"),
    ({"jurisdiction": "SG", "keep_at_least": Duration(years=1)}, "Singapore PDPA retention limitation"),
    ({"jurisdiction": "BE", "keep_at_most": Duration(months=2)}, f"{BELGIUM} (at most P1M)"),
    ({"jurisdiction": "BE", "keep_at_most": Duration(days=30)}, f"{BELGIUM} (at most P1M)"),
    ({"purpose": "quality", "keep_at_most": Duration(months=2)}, f"{BELGIUM} (at most P1M)"),
    ({"jurisdiction": "EEA", "keep_at_most": Duration(months=2)}, f"{BELGIUM} (at most P1M)"),
    ({"jurisdiction": "DE", "keep_at_least": Duration(years=1)}, "MiFID II art. 16(7) (at least P5Y)"),
    ({"jurisdiction": "DE", "must_record": False}, "MiFID II art. 16(7)"),
    (
        {"jurisdiction": "PT", "purpose": "training", "purpose_allowed": True},
        "the purposes allowed in PT (proof, quality)",
    ),
    ({"purpose": "transcription", "purpose_allowed": True}, "the purposes allowed in PT (proof, quality)"),
    # On the first day that it holds it asks as much as the law of India then does, and later less.
    ({"jurisdiction": "IN", "regime": Regime.ALL_PARTY_NOTICE}, "all_party_opt_in in IN"),
    ({"jurisdiction": "IN", "regime": Regime.ALL_PARTY_NOTICE, "since": date(2027, 5, 13)}, "all_party_opt_in in IN"),
    ({"jurisdiction": "IN", "regime": Regime.ALL_PARTY_NOTICE, "until": date(2027, 5, 14)}, "all_party_opt_in in IN"),
]
AS_STRICT: list[dict[str, Any]] = [
    {"jurisdiction": "US-NY", "regime": Regime.ALL_PARTY_OPT_IN},
    {"jurisdiction": "US-NY", "regime": Regime.ONE_PARTY},
    {"jurisdiction": "US-CA", "regime": Regime.ALL_PARTY_NOTICE},
    {"regime": Regime.ALL_PARTY_OPT_IN},
    {"jurisdiction": "US-CA", "notice_in_recording": True},
    {"jurisdiction": "US-CA", "notice_in_recording": False},
    {"jurisdiction": "US-CA", "no_recording_on_hold": True},
    {"jurisdiction": "FR", "no_systematic_recording": True},
    {"must_record": True},
    {"jurisdiction": "GB", "keep_at_least": Duration(years=5)},
    {"jurisdiction": "GB", "keep_at_least": Duration(years=7)},
    {"jurisdiction": "DE", "keep_at_most": Duration(years=9)},
    {"jurisdiction": "NO", "keep_at_least": Duration(years=6)},
    {"jurisdiction": "BE", "keep_at_most": Duration(months=1)},
    {"jurisdiction": "BE", "keep_at_most": Duration(days=28)},
    {"jurisdiction": "BE", "purpose": "proof", "keep_at_most": Duration(years=1)},
    {"jurisdiction": "IN", "regime": Regime.ALL_PARTY_NOTICE, "until": date(2027, 5, 13)},
    # The law and not the line decides what these may do, so there is nothing to relax.
    {"jurisdiction": "PT", "purpose": "proof", "purpose_allowed": True},
    {"jurisdiction": "DE", "purpose": "training", "purpose_allowed": True},
    {"consent": Mode.NOTICE},
    {"silence_is_consent": True},
    {"prompts_max": 1},
    {"retention": "long"},
]


@pytest.mark.parametrize(("said", "than"), LAXER, ids=str)
def test_an_override_that_is_laxer_than_the_law_needs_a_reason(said: dict[str, Any], than: str) -> None:
    (where, problem), *others = mistakes(rulebook(Override(**said), sectors=["mifid_investment"]))
    assert where == "override[1]"
    assert problem.startswith(f"laxer than {than}")
    assert not others
    because = Override(**said, because="counsel, 2026-11-01")
    assert mistakes(rulebook(because, sectors=["mifid_investment"])) == []


@pytest.mark.parametrize(("said", "than"), LAXER, ids=str)
def test_a_laxer_override_is_shown_with_its_reason(said: dict[str, Any], than: str) -> None:
    rules = rulebook(Override(must_record=True), Override(**said, because="counsel"), sectors=["mifid_investment"])
    (shown,) = map(str, laxer(LAW, rules))
    assert shown.startswith("override[2] (")
    assert f"laxer than {than}" in shown
    assert shown.endswith("; because: counsel")


@pytest.mark.parametrize("said", AS_STRICT, ids=str)
def test_an_override_that_is_as_strict_as_the_law_needs_none(said: dict[str, Any]) -> None:
    assert mistakes(rulebook(Override(**said), sectors=["mifid_investment"])) == []


def said_of_consent(*overrides: Override, consent: Setting = AUTO, sectors: tuple[str, ...]) -> list[str]:
    rules = rulebook(*overrides, line=replace(LINE, consent=consent), sectors=sectors)
    return [f"{where}: {problem.partition(' lets')[0]}" for where, problem in mistakes(rules)]


SECTORS_THAT_MUST = [
    "regulated_by_federal_executive",
    "public_service",
    "medicare_tpmo",
    "finra_taping_firm",
    "fcm_swap_dealer",
]


@pytest.mark.parametrize("sector", SECTORS_THAT_MUST)
@pytest.mark.parametrize("consent", [mode for mode in Mode if mode is not Mode.MUST_RECORD])
def test_a_line_that_must_record_may_not_let_a_caller_go_on_unrecorded(sector: str, consent: Mode) -> None:
    assert said_of_consent(consent=consent, sectors=(sector,)) == [f"line[1].consent: {consent}"]
    assert said_of_consent(consent=AUTO, sectors=(sector,)) == []
    assert said_of_consent(consent=Mode.MUST_RECORD, sectors=(sector,)) == []
    assert said_of_consent(consent=consent, sectors=("debt_collector",)) == []


def test_each_duty_that_a_line_breaks_is_named() -> None:
    rules = rulebook(line=replace(LINE, consent=Mode.OPT_OUT), sectors=["mifid_investment"])
    assert [problem.partition("must record ")[2] for _, problem in mistakes(rules)] == [
        "(FCA SYSC 10A telephone recording)",
        "(MiFID II art. 16(7))",
    ]


def test_a_line_of_a_regulated_sector_must_record_though_its_business_is_of_none() -> None:
    rules = rulebook(line=replace(LINE, consent=Mode.OPT_OUT, sectors=("medicare_tpmo",)))
    assert [where for where, _ in mistakes(rules)] == ["line[1].consent"]


@pytest.mark.parametrize(
    ("override", "found"),
    [
        (Override(consent=Mode.NEVER), ["override[1].consent: never"]),
        (Override(jurisdiction="DE", consent=Mode.NEVER), ["override[1].consent: never"]),
        (Override(line=LINE.number, consent=Mode.OPT_OUT), ["override[1].consent: opt_out"]),
        (Override(line=LINE.number, consent=Mode.MUST_RECORD), []),
        (Override(line=LINE.number, consent=AUTO), []),
        (Override(line="+14155550199", consent=Mode.NEVER), []),
        (Override(consent=Mode.OPT_IN), []),
    ],
    ids=str,
)
def test_nor_may_an_override_of_such_a_line(override: Override, found: list[str]) -> None:
    assert said_of_consent(override, sectors=("medicare_tpmo",)) == found


def test_a_line_that_is_freed_of_its_duty_for_a_reason_may_offer_to_decline() -> None:
    sectors = ("medicare_tpmo",)
    freed = Override(must_record=False, because="counsel")
    assert said_of_consent(freed, consent=Mode.OPT_OUT, sectors=sectors) == []
    for_a_time = replace(freed, until=date(2027, 1, 1))
    assert said_of_consent(for_a_time, consent=Mode.OPT_OUT, sectors=sectors) != []
    elsewhere = Override(jurisdiction="BR", must_record=False)
    assert said_of_consent(elsewhere, consent=Mode.OPT_OUT, sectors=sectors) == ["line[1].consent: opt_out"]
    another_line = replace(freed, line="+14155550199")
    assert said_of_consent(another_line, consent=Mode.OPT_OUT, sectors=sectors) == ["line[1].consent: opt_out"]


@pytest.mark.parametrize(
    ("freed", "duties"),
    [
        (["GB"], ["MiFID II art. 16(7)"]),
        (["GB", "EU"], ["MiFID II art. 16(7)"]),  # which binds Norway still
        (["GB", "EEA"], []),
        (["GB", "EU", "NO", "IS", "LI"], []),
        ([""], []),
    ],
)
def test_a_line_is_freed_once_every_place_of_a_duty_is(freed: list[str], duties: list[str]) -> None:
    overrides = [Override(jurisdiction=code, must_record=False, because="counsel") for code in freed]
    rules = rulebook(*overrides, line=replace(LINE, consent=Mode.OPT_OUT), sectors=["mifid_investment"])
    assert [problem.partition("must record ")[2] for _, problem in mistakes(rules)] == [f"({name})" for name in duties]


def test_an_override_is_laxer_only_than_the_duties_that_it_lifts() -> None:
    rules = rulebook(Override(jurisdiction="BR", must_record=False), sectors=["mifid_investment"])
    assert mistakes(rules) == []


def in_places(agents: tuple[str, ...], recorder: str, **said: Any) -> list[tuple[str, str]]:
    rules = rulebook(line=replace(LINE, **said))
    return mistakes(replace(rules, business=Business("b", agents, recorder)))


@pytest.mark.parametrize(
    ("agents", "recorder"), [(("DE",), "US-VA"), (("US-CA", "NO"), "US-VA"), (("US-CA",), "IE"), (("GB",), "US-VA")]
)
def test_a_european_rulebook_must_name_how_long_is_the_longest(agents: tuple[str, ...], recorder: str) -> None:
    (found,) = in_places(agents, recorder, retention="")
    assert found == (
        "line[1].retention",
        "no longest time for keeping, and GDPR art. 5(1)(e) storage limitation wants one named",
    )
    assert in_places(agents, recorder, retention="long") == []


def test_so_must_a_line_whose_own_agents_are_in_europe() -> None:
    assert len(in_places(("US-CA",), "US-VA", retention="", jurisdictions=("FR",))) == 1
    assert in_places(("FR",), "US-VA", retention="", jurisdictions=("US-CA",)) == []


def test_a_longest_time_for_one_purpose_is_none_for_another() -> None:
    said = {"retention": "", "purposes": ("quality", "proof")}
    assert len(in_places(("DE",), "DE", retention_for=(("quality", "long"),), **said)) == 1
    assert in_places(("DE",), "DE", retention_for=(("quality", "long"), ("proof", "short")), **said) == []


def test_elsewhere_a_line_without_a_rule_takes_the_default() -> None:
    assert in_places(("US-CA", "CA-QC", "BR"), "US-VA", retention="") == []


RULEBOOK = """\
[business]
name = "b"
jurisdiction = "DE"
recorder_jurisdiction = "DE"

[[line]]
number = "+14155550100"
connect_to = ["client:alice"]
languages = ["en-US"]
purposes = ["quality"]
consent = "opt_out"
sectors = ["mifid_investment"]

[[override]]
jurisdiction = "DE"
regime = "all_party_notice"
"""


def test_what_comes_in_force_is_held_against_the_law_and_each_mistake_is_named_with_its_line() -> None:
    with pytest.raises(RulebookRejected) as rejected:
        parse(RULEBOOK, under=LAW)
    assert [(one.line, one.where) for one in rejected.value.mistakes] == [
        (6, "line[1].retention"),
        (11, "line[1].consent"),
        (11, "line[1].consent"),
        (14, "override[1]"),
    ]


def test_what_was_in_force_is_read_as_it_stands() -> None:
    assert parse(RULEBOOK).overrides[0].regime is Regime.ALL_PARTY_NOTICE


DE = {"jurisdiction": "DE"}
OPT_IN, NOTICE = {"consent": Mode.OPT_IN}, {"consent": Mode.NOTICE}
SILENCE = {"silence_is_consent": False}
YEARS = [date(year, 1, 1) for year in (2027, 2028, 2029)]


def of_two(one: dict[str, Any], other: dict[str, Any]) -> list[tuple[str, str]]:
    """The mistakes in a rulebook with these two overrides, which give a reason for being laxer."""
    said = [Override(because="counsel", number=number, **fields) for number, fields in enumerate((one, other), 1)]
    return mistakes(rulebook(*said))


CONTRADICTING: list[tuple[dict[str, Any], dict[str, Any], str, str]] = [
    (OPT_IN, NOTICE, "consent", "notice, and override[1] says opt_in"),
    (NOTICE, OPT_IN, "consent", "opt_in, and override[1] says notice"),
    (DE | OPT_IN, DE | NOTICE, "consent", "notice, and override[1] says opt_in"),
    ({"line": LINE.number} | OPT_IN, {"line": LINE.number, "consent": AUTO}, "consent", "auto, and override[1]"),
    ({"purpose": "quality"} | OPT_IN, {"purpose": "quality"} | NOTICE, "consent", "notice, and override[1]"),
    ({"regime": Regime.ONE_PARTY}, {"regime": Regime.PROHIBITED}, "regime", "prohibited, and override[1] says one_"),
    ({"silence_is_consent": True}, SILENCE, "silence_is_consent", "false, and override[1] says true"),
    ({"prompts_max": 1}, {"prompts_max": 3}, "prompts_max", "3, and override[1] says 1"),
    ({"keep_at_most": Duration(days=9)}, {"keep_at_most": Duration(days=90)}, "keep_at_most", "P90D, and override[1]"),
    ({"retention": "long"}, {"retention": "short"}, "retention", "short, and override[1] says long"),
    ({"must_record": True}, {"must_record": False}, "must_record", "false, and override[1] says true"),
    (
        {"must_record": True},
        {"must_record": True, "on_refusal": "end_call"},
        "on_refusal",
        "end_call, and override[1] says offer_other_channel",
    ),
    ({"since": YEARS[0]} | OPT_IN, NOTICE, "consent", "notice, and override[1]"),
    ({"until": YEARS[1]} | OPT_IN, {"since": YEARS[0]} | NOTICE, "consent", "notice, and override[1]"),
    ({"since": YEARS[0], "until": YEARS[2]} | OPT_IN, {"until": YEARS[1]} | NOTICE, "consent", "notice, and over"),
]


@pytest.mark.parametrize(("one", "other", "setting", "says"), CONTRADICTING)
def test_two_overrides_of_one_scope_that_contradict_are_refused_and_both_are_named(
    one: dict[str, Any], other: dict[str, Any], setting: str, says: str
) -> None:
    (found,) = [mistake for mistake in of_two(one, other) if "and override[" in mistake[1]]
    assert found[0] == f"override[2].{setting}"
    assert found[1].startswith(says)
    assert found[1].endswith("of the same calls")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (OPT_IN, OPT_IN),
        (OPT_IN, {"prompts_max": 3}),
        (OPT_IN, DE | NOTICE),
        (DE | OPT_IN, {"jurisdiction": "EU"} | NOTICE),
        ({"line": LINE.number} | OPT_IN, DE | NOTICE),
        ({"until": YEARS[0]} | OPT_IN, {"since": YEARS[0]} | NOTICE),
        ({"since": YEARS[1]} | OPT_IN, {"until": YEARS[1]} | NOTICE),
        ({"since": YEARS[0], "until": YEARS[1]} | OPT_IN, {"since": YEARS[1], "until": YEARS[2]} | NOTICE),
        ({"must_record": True}, {"must_record": True, "on_refusal": "offer_other_channel"}),
    ],
)
def test_overrides_that_say_the_same_or_are_about_other_calls_or_days_contradict_nothing(
    one: dict[str, Any], other: dict[str, Any]
) -> None:
    assert [mistake for mistake in of_two(one, other) if "and override[" in mistake[1]] == []


# Two values of each setting.
SETTINGS: dict[str, tuple[Any, Any]] = {
    "regime": (Regime.ALL_PARTY_OPT_IN, Regime.PROHIBITED),
    "notice_in_recording": (True, False),
    "no_recording_on_hold": (True, False),
    "no_systematic_recording": (True, False),
    "purpose_allowed": (True, False),
    "must_record": (True, False),
    "on_refusal": ("end_call", "offer_other_channel"),
    "keep_at_least": (Duration(days=1), Duration(days=2)),
    "keep_at_most": (Duration(days=1), Duration(days=2)),
    "consent": (Mode.OPT_IN, Mode.NOTICE),
    "silence_is_consent": (True, False),
    "prompts_max": (1, 2),
    "retention": ("long", "short"),
}


@pytest.mark.parametrize("setting", SETTINGS)
def test_no_setting_of_an_override_may_contradict_another(setting: str) -> None:
    one, other = (Override(**{setting: value}) for value in SETTINGS[setting])
    found = [(one.first, one.second, one.setting) for one in contradictions([one, other])]
    assert found == [(0, 1, setting)]


def test_every_setting_of_an_override_is_among_them() -> None:
    scope = {"line", "jurisdiction", "purpose", "since", "until", "because", "number"}
    assert SETTINGS.keys() == {field.name for field in fields(Override)} - scope


def test_a_rulebook_that_contradicts_itself_was_in_force_and_is_read_as_it_was() -> None:
    text = (
        ROOT / "onrecord" / "example.toml"
    ).read_text() + '\n[[override]]\nconsent = "opt_in"\n\n[[override]]\nconsent = "notice"\n'
    assert [override.consent for override in parse(text).overrides] == [Mode.OPT_IN, Mode.NOTICE]
    with pytest.raises(RulebookRejected, match=r"override\[2\].consent: notice, and override\[1\] says opt_in"):
        parse(text, under=LAW)
