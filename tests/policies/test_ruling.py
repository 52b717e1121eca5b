"""What a whole call demands: properties over rulebooks and ends of every kind, then the duties and the exceptions."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evidence.events import canonical
from policies.consent import Answer, Ask, Mode, Record, Standard, decide
from policies.durations import Duration
from policies.jurisdiction.overrides import AUTO, Override, Setting
from policies.jurisdiction.pack import UNKNOWN_PLACE, Flag, Regime, read_law
from policies.jurisdiction.places import places_of
from policies.jurisdiction.readings import End
from policies.rules import Business, Line, Rulebook
from policies.ruling import Ruling, ends_of, rule
from tests.policies.calls import AT, LAW, LINE, RETENTION, TODAY, ruled

# Strict is what records least; must_record takes the accept key, as opt_in does.
STRICTNESS = {Mode.NOTICE: 0, Mode.OPT_OUT: 1, Mode.OPT_IN: 2, Mode.MUST_RECORD: 2, Mode.NEVER: 3}
PURPOSES = ["quality", "training", "proof"]
SETTINGS: list[Setting] = [AUTO, *Mode]
PLACES = [*(code for code in LAW.jurisdictions if code not in LAW.unions), "JM", "DE-BY", "US-XX"]

# Those places come often that some rule is about.
OFTEN = ["US-NY", "US-OR", "BE", "PT", "FR", "HU", "BR", "NO"]
places = st.sampled_from(OFTEN) | st.sampled_from(OFTEN) | st.sampled_from(PLACES)
lengths = st.builds(Duration, days=st.integers(1, 20)) | st.builds(Duration, months=st.integers(1, 30))
days = st.dates(TODAY - timedelta(days=2), TODAY + timedelta(days=2)) | st.dates(date(2027, 5, 11), date(2027, 5, 15))
moments = st.sampled_from([AT, datetime(2027, 5, 12, 23, 59, tzinfo=UTC), datetime(2028, 2, 29, tzinfo=UTC)])
lines = st.builds(
    replace,
    st.just(LINE),
    purposes=st.lists(st.sampled_from(PURPOSES), min_size=1, max_size=3, unique=True).map(tuple),
    consent=st.sampled_from(SETTINGS),
    retention=st.sampled_from(["", *RETENTION]),
    silence_is_consent=st.booleans(),
    prompts_max=st.integers(1, 3),
)


WORDS: dict[str, st.SearchStrategy[object]] = {
    "regime": st.sampled_from(Regime),
    "notice_in_recording": st.booleans(),
    "no_recording_on_hold": st.booleans(),
    "no_systematic_recording": st.booleans(),
    "must_record": st.booleans(),
    "keep_at_least": lengths,
    "keep_at_most": lengths,
    "consent": st.sampled_from(SETTINGS),
    "silence_is_consent": st.booleans(),
    "prompts_max": st.integers(1, 3),
    "retention": st.sampled_from([*RETENTION]),
}
# One word or two: an override that says everything hides what each of its words does.
words = st.lists(st.sampled_from([*WORDS]), min_size=1, max_size=2, unique=True).flatmap(
    lambda names: st.fixed_dictionaries({name: WORDS[name] for name in names})
)


def overrides_in(jurisdictions: st.SearchStrategy[str]) -> st.SearchStrategy[Override]:
    scopes = st.builds(
        Override,
        line=st.sampled_from(["", "", LINE.number, "+14155550199"]),
        jurisdiction=jurisdictions,
        purpose=st.sampled_from(["", "", *PURPOSES]),
        since=st.none() | days,
        until=st.none() | days,
    )
    return st.builds(lambda scope, said: replace(scope, **said), scopes, words)


def rulebooks(
    jurisdictions: st.SearchStrategy[str], of_lines: st.SearchStrategy[Line] = lines
) -> st.SearchStrategy[Rulebook]:
    return st.builds(
        Rulebook,
        business=st.builds(
            Business,
            st.just("b"),
            st.lists(places, min_size=1, max_size=2).map(tuple),
            places,
            st.lists(st.sampled_from(LAW.sectors), max_size=2, unique=True).map(tuple),
        ),
        lines=of_lines.map(lambda line: (line,)),
        retention=st.just(RETENTION),
        sha256=st.just("0" * 64),
        overrides=st.lists(overrides_in(jurisdictions), max_size=4).map(tuple),
    )


everywhere = st.just("")
anywhere = st.sampled_from(["", *OFTEN, "EU", "EEA", "US", "ZZ"])


def ruling_on(rulebook: Rulebook, ends: list[End], at: datetime, *, has_declined: bool = False) -> Ruling:
    return rule(LAW, rulebook, rulebook.lines[0], tuple(ends), at, has_declined=has_declined)


def records_silence(standard: Standard) -> bool:
    return isinstance(decide(Answer.SILENT, standard, prompt=99), Record)


def assert_no_laxer(stricter: Ruling, than: Ruling) -> None:
    assert STRICTNESS[stricter.mode] >= STRICTNESS[than.mode]
    assert records_silence(stricter.standard) <= records_silence(than.standard)
    assert stricter.flags >= than.flags


ends = st.builds(End, st.sampled_from(["caller", "agent", "recorder"]), places)


# Every call has a caller: what is laid down for callers of a place is about no call without one.
callers = st.builds(End, st.just("caller"), places)
calls = st.builds(lambda caller, others: [caller, *others], callers, st.lists(ends, max_size=2))


@settings(max_examples=300)
@given(rulebooks(anywhere), calls, ends, moments, st.booleans())
def test_one_more_end_never_makes_a_call_laxer(
    rulebook: Rulebook, some: list[End], another: End, at: datetime, has_declined: bool
) -> None:
    fewer = ruling_on(rulebook, some, at, has_declined=has_declined)
    more = ruling_on(rulebook, [*some, another], at, has_declined=has_declined)
    assert_no_laxer(more, than=fewer)
    assert set(more.purposes) <= set(fewer.purposes)
    until = {kept.purpose: kept.until for kept in fewer.keeping.purposes}
    assert all(kept.until <= until[kept.purpose] for kept in more.keeping.purposes)
    assert set(more.keeping.never_store) >= set(fewer.keeping.never_store)


turned = st.lists(ends, min_size=2, max_size=4).flatmap(lambda some: st.tuples(st.just(some), st.permutations(some)))


@settings(max_examples=300)
@given(rulebooks(anywhere), turned, moments)
def test_the_ends_may_change_places(rulebook: Rulebook, some: tuple[list[End], list[End]], at: datetime) -> None:
    one, other = (ruling_on(rulebook, order, at) for order in some)
    assert replace(one.standard, prompts_max=1) == replace(other.standard, prompts_max=1)
    assert (one.flags, one.purposes, one.on_refusal) == (other.flags, other.purposes, other.on_refusal)
    assert [kept.until for kept in one.keeping.purposes] == [kept.until for kept in other.keeping.purposes]
    assert one.keeping.retain_until == other.keeping.retain_until


# Of the purposes that no country excludes.
lawful_lines = lines.map(lambda line: replace(line, purposes=("quality", "proof")[: len(line.purposes)]))


@given(rulebooks(everywhere, lawful_lines), places, moments)
def test_a_caller_from_nowhere_known_is_never_asked_less(rulebook: Rulebook, place: str, at: datetime) -> None:
    """What one country alone excludes, must record or keeps for a shorter time is not asked of everybody unknown."""
    line = rulebook.lines[0]
    rulebook = replace(rulebook, business=replace(rulebook.business, sectors=()))
    unknown = ruling_on(rulebook, list(ends_of(rulebook, line, [UNKNOWN_PLACE])), at)
    known = ruling_on(rulebook, list(ends_of(rulebook, line, [place])), at)
    assert STRICTNESS[unknown.mode] >= STRICTNESS[known.mode]
    assert records_silence(unknown.standard) <= records_silence(known.standard)
    assert unknown.flags >= known.flags


@given(rulebooks(anywhere), st.lists(ends, min_size=1, max_size=3), moments, st.booleans())
def test_no_rulebook_records_a_caller_who_declines(
    rulebook: Rulebook, some: list[End], at: datetime, has_declined: bool
) -> None:
    standard = ruling_on(rulebook, some, at, has_declined=has_declined).standard
    for prompt in range(1, 6):
        assert not isinstance(decide(Answer.DECLINED, standard, prompt=prompt), Record | Ask)


@given(rulebooks(anywhere), st.lists(ends, min_size=1, max_size=3), moments)
def test_nobody_is_recorded_in_silence_where_an_end_asks_for_an_act(
    rulebook: Rulebook, some: list[End], at: datetime
) -> None:
    without = replace(rulebook, overrides=())
    ruling = ruling_on(without, some, at)
    if any(STRICTNESS[ruling_on(without, [end], at).mode] >= STRICTNESS[Mode.OPT_IN] for end in some):
        assert not records_silence(ruling.standard)


@given(rulebooks(anywhere), st.lists(ends, min_size=1, max_size=3), moments, st.booleans())
def test_every_ruling_can_be_logged_and_says_why(
    rulebook: Rulebook, some: list[End], at: datetime, has_declined: bool
) -> None:
    ruling = ruling_on(rulebook, some, at, has_declined=has_declined)
    told = ruling.told()
    assert json.loads(canonical(told)) == told
    assert told["law"] == {"version": LAW.version, "sha256": LAW.sha256}
    assert told["because"]
    assert bool(ruling.why_never) is (ruling.mode is Mode.NEVER)
    assert (ruling.mode is Mode.NEVER) is (ruling.purposes == ())
    assert bool(ruling.on_refusal) is (ruling.mode is Mode.MUST_RECORD)
    assert (ruling.keeping.retain_until is None) is (ruling.mode is Mode.NEVER)


def test_a_ruling_tells_the_places_of_a_caller_and_no_number() -> None:
    number = "+12125550187"
    found, _ = places_of(number, LAW)
    told = canonical(ruled(found, has_declined=True).told())
    assert "US-NY" in told
    assert number[2:] not in told
    assert "0187" not in told


ONE_RULING = """
from evidence.events import canonical
from policies.jurisdiction.overrides import Override
from tests.policies.calls import ruled
by = [Override(jurisdiction="EU", must_record=False), Override(jurisdiction="EEA", must_record=True)]
sectors = ["mifid_investment", "public_service"]
print(canonical(ruled("FR", *by, sectors=sectors, purposes=("quality", "training", "proof")).told()))
print(canonical(ruled("NO HU FR GB US", sectors=sectors, purposes=("quality", "training", "proof")).told()))
"""


def test_another_process_gives_the_same_ruling_to_the_letter() -> None:
    """Sets come in another order there; a reason or a choice must not."""
    said = {
        subprocess.run(
            [sys.executable, "-c", ONE_RULING],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("1", "2", "3", "4")
    }
    assert len(said) == 1


@pytest.mark.parametrize(
    ("regime", "modes"),
    [
        ("US-NY", "opt_out notice opt_out opt_in never must_record"),
        ("US-CA", "opt_out notice opt_out opt_in never must_record"),
        ("US-PR", "opt_in opt_in opt_in opt_in never must_record"),
    ],
)
def test_a_line_is_as_strict_as_its_setting_and_the_law(regime: str, modes: str) -> None:
    settings: list[Setting] = [AUTO, Mode.NOTICE, Mode.OPT_OUT, Mode.OPT_IN, Mode.NEVER, Mode.MUST_RECORD]
    assert [ruled(regime, consent=setting).mode for setting in settings] == modes.split()


@pytest.mark.parametrize("setting", SETTINGS)
def test_where_recording_is_forbidden_no_setting_records(setting: Setting) -> None:
    forbidden = Override(jurisdiction="DE", regime=Regime.PROHIBITED)
    ruling = ruled("DE", forbidden, consent=setting)
    assert ruling.mode is Mode.NEVER
    assert ruling.purposes == ()
    assert ruling.why_never == ("never-record line" if setting is Mode.NEVER else "the law of caller DE forbids it")


def test_the_ends_of_a_call_are_the_callers_the_agents_and_the_recorder() -> None:
    business = Business("b", ("US-CA", "DE"), "US-VA")
    of = Rulebook(business, (LINE,), RETENTION, "0" * 64)
    assert ends_of(of, LINE, ["CA-NS", "CA-PE"]) == (
        End("caller", "CA-NS"),
        End("caller", "CA-PE"),
        End("agent", "US-CA"),
        End("agent", "DE"),
        End("recorder", "US-VA"),
    )
    at_home = replace(LINE, jurisdictions=("FR",))
    assert End("agent", "DE") not in ends_of(of, at_home, ["ZZ"])


def test_each_end_counts_and_is_named() -> None:
    business = Business("b", ("US-OR",), "US-PR")
    of = Rulebook(business, (LINE,), RETENTION, "0" * 64)
    ruling = rule(LAW, of, LINE, ends_of(of, LINE, ["US-WA"]), AT)
    assert ruling.mode is Mode.OPT_IN
    assert ruling.flags == {Flag.NOTICE_IN_RECORDING}
    told = ruling.told()
    assert told["ends"] == ["caller US-WA", "agent US-OR", "recorder US-PR"]
    assert [one["about"] for one in told["because"]][:3] == ["caller in US-WA", "agent in US-OR", "recorder in US-PR"]
    assert told["because"][3]["by"] == "the line says auto, the strictest law is all_party_opt_in (recorder US-PR)"


BR, HU, MIFID, CMS = "regulated_by_federal_executive", "public_service", "mifid_investment", "medicare_tpmo"
OTHER, END, EITHER = "offer_other_channel", "end_call", "end_call_or_other_recorded_channel"


@pytest.mark.parametrize(
    ("places", "sectors", "on_refusal"),
    [
        ("BR", [BR], OTHER),
        ("US-NY BR", [BR], OTHER),
        ("HU", [HU], OTHER),
        ("HU", ["waste"], OTHER),
        ("GB", [MIFID], EITHER),
        ("DE", [MIFID], EITHER),
        ("NO", [MIFID], EITHER),
        ("US-TX", [CMS], END),
        ("US", [CMS], END),
        ("US-TX", ["finra_taping_firm"], END),
        ("US-NY", ["fcm_swap_dealer"], EITHER),
        ("BR HU", [BR, HU], OTHER),
        ("HU", [HU, MIFID], EITHER),
        ("US-TX GB HU", [HU, MIFID, CMS], END),
        ("US-TX GB", [BR, CMS], END),
    ],
)
def test_a_regulated_line_must_record_the_calls_of_the_place(places: str, sectors: list[str], on_refusal: str) -> None:
    ruling = ruled(places, sectors=sectors)
    assert (ruling.mode, ruling.on_refusal) == (Mode.MUST_RECORD, on_refusal)
    assert any("the duty to record" in reason.about for reason in ruling.reasons)


@pytest.mark.parametrize(
    ("places", "sectors"),
    [
        ("BR", []),
        ("BR", [HU]),
        ("US-NY", [BR, HU, MIFID]),
        ("ZZ", [BR, HU, MIFID, CMS]),
        ("NO", [HU]),
        ("PT", [BR]),
        ("US-NY", ["broker_dealer", "debt_collector"]),
    ],
)
def test_another_line_or_another_place_has_no_such_duty(places: str, sectors: list[str]) -> None:
    ruling = ruled(places, sectors=sectors)
    assert ruling.mode is not Mode.MUST_RECORD
    assert ruling.on_refusal == ""


def test_the_sector_of_the_line_binds_it_like_that_of_the_business() -> None:
    assert ruled("BR", line=replace(LINE, sectors=(BR,))).mode is Mode.MUST_RECORD


def test_an_override_makes_a_line_record_or_frees_it() -> None:
    assert ruled("US-NY", Override(must_record=True, on_refusal=END)).on_refusal == END
    assert ruled("US-NY", Override(must_record=True)).on_refusal == OTHER
    assert ruled("BR", Override(must_record=True, on_refusal=END), sectors=[BR]).on_refusal == END
    freed = ruled("BR", Override(must_record=False, because="counsel, 2026-11-01", number=7), sectors=[BR])
    assert freed.mode is Mode.OPT_OUT
    (why,) = (reason for reason in freed.reasons if "the duty to record" in reason.about)
    assert (why.says, why.override) == ("does not bind this line", 7)


@pytest.mark.parametrize("consent", [AUTO, Mode.NOTICE, Mode.OPT_OUT, Mode.OPT_IN])
def test_a_number_that_declined_before_is_offered_the_accept_key_and_not_asked(consent: Setting) -> None:
    ruling = ruled("US-NY", consent=consent, silence_is_consent=consent in (AUTO, Mode.OPT_OUT), has_declined=True)
    assert ruling.standard == Standard(Mode.OPT_IN, False, 1, remembers_decline=True)
    assert any("declined before" in reason.says for reason in ruling.reasons)
    assert ruling.told()["remembered_decline"] is True


@pytest.mark.parametrize("consent", [Mode.MUST_RECORD, Mode.NEVER])
def test_a_remembered_decline_changes_nothing_where_nobody_goes_on_unrecorded_or_nobody_is_recorded(
    consent: Mode,
) -> None:
    known = ruled("US-NY", consent=consent, has_declined=True)
    assert known.declined_before
    assert replace(known, declined_before=False) == ruled("US-NY", consent=consent)


def test_in_portugal_a_call_is_not_recorded_for_training() -> None:
    ruling = ruled("PT US-NY", purposes=("quality", "training", "proof"))
    assert ruling.purposes == ("quality", "proof")
    assert [kept.purpose for kept in ruling.keeping.purposes] == ["quality", "proof"]
    (why,) = (reason for reason in ruling.reasons if reason.about == "consent for training")
    assert (why.says, why.by) == ("never", "PT allows other purposes only")


def test_a_purpose_that_is_left_out_does_not_make_the_question_laxer() -> None:
    notice = Override(jurisdiction="PT", regime=Regime.ONE_PARTY, because="counsel")
    assert ruled("PT", notice, consent=Mode.NOTICE, purposes=("quality",)).mode is Mode.NOTICE
    assert ruled("PT", notice, consent=Mode.NOTICE, purposes=("quality", "training")).mode is Mode.OPT_IN


def test_an_operator_may_read_the_purposes_of_a_place_otherwise() -> None:
    by = Override(jurisdiction="PT", purpose="training", purpose_allowed=True, because="counsel", number=3)
    ruling = ruled("PT US-NY", by, purposes=("quality", "training", "transcription"))
    assert ruling.purposes == ("quality", "training")
    assert 3 in {reason.override for reason in ruling.reasons}


def test_a_call_that_would_be_for_nothing_but_training_is_not_recorded_in_portugal() -> None:
    ruling = ruled("PT", purposes=("training",))
    assert (ruling.mode, ruling.purposes) == (Mode.NEVER, ())
    assert ruling.why_never == "PT allows other purposes only"
    assert (ruling.keeping.retain_until, ruling.keeping.retention) == (None, "")


def test_the_strictest_of_the_purposes_decides_how_the_caller_is_asked() -> None:
    for_training = Override(purpose="training", consent=Mode.OPT_IN)
    assert ruled("US-NY", for_training, purposes=("quality", "training")).mode is Mode.OPT_IN
    assert ruled("US-NY", for_training, purposes=("quality",)).mode is Mode.OPT_OUT


@pytest.mark.parametrize(
    ("agreed_on", "says"),
    [(None, "their agreement is not on file: see that it is"), (date(2026, 1, 31), "agreed on 2026-01-31")],
)
def test_where_everybody_must_agree_the_agents_agreement_is_told(agreed_on: date | None, says: str) -> None:
    business = Business("b", ("DE",), "US-NY", agents_agreed_on=agreed_on)
    of = Rulebook(business, (LINE,), RETENTION, "0" * 64)
    told = [reason.says for reason in rule(LAW, of, LINE, ends_of(of, LINE, ["US-NY"]), AT).reasons]
    assert says in told
    american = replace(of, business=replace(business, jurisdictions=("US-NY",)))
    told = [reason.says for reason in rule(LAW, american, LINE, ends_of(american, LINE, ["DE"]), AT).reasons]
    assert says not in told


def test_a_kept_text_of_the_law_gives_the_same_ruling_years_later() -> None:
    of = Rulebook(Business("b", ("DE",), "FR"), (LINE,), RETENTION, "0" * 64)
    found = ends_of(of, LINE, ["US-CA"])
    assert rule(read_law(LAW.text), of, LINE, found, AT) == rule(LAW, of, LINE, found, AT)


@pytest.mark.parametrize("purposes", [("quality", "training"), ("training", "quality")])
def test_silence_is_consent_to_all_purposes_or_to_none(purposes: tuple[str, ...]) -> None:
    not_for_training = Override(purpose="training", silence_is_consent=False)
    both = ruled("US-NY", not_for_training, purposes=purposes, silence_is_consent=True)
    assert not both.standard.silence_is_consent
    assert ruled("US-NY", not_for_training, purposes=("quality",), silence_is_consent=True).standard.silence_is_consent


@pytest.mark.parametrize("places", ["US-OR US-NY", "US-NY US-OR"])
@pytest.mark.parametrize(("in_oregon", "elsewhere"), [(1, 3), (3, 1)])
def test_the_question_is_played_as_often_as_the_place_with_the_fewest_playings_says(
    places: str, in_oregon: int, elsewhere: int
) -> None:
    by = Override(jurisdiction="US-OR", prompts_max=in_oregon)
    assert ruled(places, by, prompts_max=elsewhere).standard.prompts_max == 1


@pytest.mark.parametrize("places", ["US-OR US-NY", "US-NY US-OR"])
def test_a_caller_who_may_be_where_a_line_never_records_is_not_recorded_although_it_must_elsewhere(places: str) -> None:
    never, must = (
        Override(jurisdiction="US-OR", consent=Mode.NEVER),
        Override(jurisdiction="US-NY", consent=Mode.MUST_RECORD),
    )
    assert ruled("US-NY", never, must).mode is Mode.MUST_RECORD
    assert ruled(places, never, must).mode is Mode.NEVER


def test_an_override_of_the_lines_setting_is_told_by_its_number() -> None:
    by = Override(jurisdiction="US-OR", consent=Mode.OPT_IN, number=5)
    (why,) = (reason for reason in ruled("US-OR", by).reasons if reason.about == "the line")
    assert (why.says, why.override) == ("says opt_in", 5)
    assert [reason for reason in ruled("US-NY", by).reasons if reason.about == "the line"] == []
