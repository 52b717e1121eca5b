"""What an operator's rulebook overrides, where, for whom and from when to when."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, timezone
from itertools import combinations, permutations
from typing import Any

import pytest

from policies.consent import Mode, Record, before_disclosure
from policies.durations import Duration, end_of
from policies.jurisdiction.overrides import AUTO, Override, Setting
from policies.jurisdiction.pack import Flag, Regime
from tests.policies.calls import AT, LINE, ruled

OREGON_NOTICE = Override(jurisdiction="US-OR", consent=Mode.NOTICE)
OREGON_OPT_IN = Override(jurisdiction="US-OR", consent=Mode.OPT_IN)
OREGON_SILENCE = Override(jurisdiction="US-OR", silence_is_consent=True)


def test_what_is_said_for_one_place_does_not_make_a_call_with_another_end_laxer() -> None:
    assert ruled("US-OR", OREGON_NOTICE).mode is Mode.NOTICE
    assert ruled("US-OR US-NY", OREGON_NOTICE).mode is ruled("US-NY", OREGON_NOTICE).mode is Mode.OPT_OUT
    assert ruled("US-NY US-OR", OREGON_OPT_IN).mode is Mode.OPT_IN


def test_silence_is_consent_only_where_it_is_at_every_end() -> None:
    assert ruled("US-OR", OREGON_SILENCE).standard.silence_is_consent
    assert not ruled("US-OR US-NY", OREGON_SILENCE).standard.silence_is_consent
    assert ruled("US-OR US-NY", OREGON_SILENCE, silence_is_consent=True).standard.silence_is_consent


def test_a_day_begins_in_utc_whatever_the_zone_of_the_call() -> None:
    from_midnight = Override(since=date(2026, 11, 24), consent=Mode.OPT_IN)
    india, hawaii = timezone(timedelta(hours=5, minutes=30)), timezone(timedelta(hours=-10))
    a_minute_before = datetime(2026, 11, 24, 5, 29, tzinfo=india)
    at_midnight = datetime(2026, 11, 23, 14, 0, tzinfo=hawaii)
    assert ruled("US-NY", from_midnight, at=a_minute_before).mode is Mode.OPT_OUT
    assert ruled("US-NY", from_midnight, at=at_midnight).mode is Mode.OPT_IN


def test_of_the_retention_rules_of_all_ends_the_shortest_holds() -> None:
    oregon_long = Override(jurisdiction="US-OR", retention="long")
    oregon_short = Override(jurisdiction="US-OR", retention="short")
    assert ruled("US-OR", oregon_long, retention="short").keeping.retention == "long"
    assert ruled("US-OR US-NY", oregon_long, retention="short").keeping.retention == "short"
    assert ruled("US-NY US-OR", oregon_short, retention="long").keeping.retention == "short"
    assert ruled("US-NY US-OR", oregon_long, retention="").keeping.retention == "default-recording"


def test_a_line_is_freed_of_the_operators_own_duty_to_record() -> None:
    everywhere = Override(must_record=True, on_refusal="end_call")
    but_not_this_line = Override(line=LINE.number, must_record=False)
    but_not_in_oregon = Override(jurisdiction="US-OR", must_record=False)
    assert ruled("US-OR", everywhere).mode is Mode.MUST_RECORD
    for first, second in ((everywhere, but_not_this_line), (but_not_this_line, everywhere)):
        assert ruled("US-OR", first, second).mode is Mode.OPT_OUT
    assert ruled("US-OR", everywhere, but_not_in_oregon).mode is Mode.OPT_OUT
    assert ruled("US-OR US-NY", everywhere, but_not_in_oregon).mode is Mode.MUST_RECORD


def test_a_country_is_freed_of_what_its_union_asks_and_no_other_country_is() -> None:
    freed = Override(jurisdiction="DE", must_record=False, because="counsel")
    shorter = Override(jurisdiction="DE", keep_at_least=Duration(days=1), because="counsel")
    rulings = {
        places: ruled(places, freed, shorter, sectors=["mifid_investment"], retention="short")
        for places in ("DE", "FR DE")
    }
    assert [ruling.mode for ruling in rulings.values()] == [Mode.OPT_IN, Mode.MUST_RECORD]
    assert rulings["DE"].keeping.retain_until == end_of(AT, Duration(days=7))
    assert rulings["FR DE"].keeping.retain_until == end_of(AT, Duration(years=5))


def test_a_duty_of_two_unions_binds_until_every_end_is_freed_of_it() -> None:
    freed_in_the_eu = Override(jurisdiction="EU", must_record=False, because="counsel")
    for places in ("NO", "NO DE", "DE NO"):
        assert ruled(places, freed_in_the_eu, sectors=["mifid_investment"]).mode is Mode.MUST_RECORD
    assert ruled("DE", freed_in_the_eu, sectors=["mifid_investment"]).mode is Mode.OPT_IN


def test_what_is_said_of_one_purpose_frees_no_call_of_its_duty() -> None:
    for_training = Override(purpose="training", must_record=False, because="counsel")
    assert ruled("BR", for_training, sectors=["regulated_by_federal_executive"]).mode is Mode.MUST_RECORD
    assert ruled("BR", Override(purpose="training", must_record=True)).mode is not Mode.MUST_RECORD


@pytest.mark.parametrize(
    ("day", "mode"),
    [
        ("2026-11-30T23:59:59", Mode.OPT_OUT),  # the day before
        ("2026-12-01T00:00:00", Mode.OPT_IN),  # the first
        ("2026-12-31T23:59:59", Mode.OPT_IN),  # the last
        ("2027-01-01T00:00:00", Mode.OPT_OUT),  # the first day after
    ],
)
def test_an_override_holds_from_its_first_day_to_the_day_before_until(day: str, mode: Mode) -> None:
    december = Override(since=date(2026, 12, 1), until=date(2027, 1, 1), consent=Mode.OPT_IN)
    assert ruled("US-NY", december, at=datetime.fromisoformat(f"{day}+00:00")).mode is mode


@pytest.mark.parametrize(
    ("override", "before", "after"),
    [
        (Override(since=date(2026, 12, 1), consent=Mode.OPT_IN), Mode.OPT_OUT, Mode.OPT_IN),
        (Override(until=date(2026, 12, 1), consent=Mode.OPT_IN), Mode.OPT_IN, Mode.OPT_OUT),
        (Override(consent=Mode.OPT_IN), Mode.OPT_IN, Mode.OPT_IN),
    ],
    ids=["from", "until", "always"],
)
def test_an_override_without_one_of_its_days_has_no_end_there(override: Override, before: Mode, after: Mode) -> None:
    assert ruled("US-NY", override, at=datetime(2020, 1, 1, tzinfo=UTC)).mode is before
    assert ruled("US-NY", override, at=datetime(2040, 1, 1, tzinfo=UTC)).mode is after


# Each says something that only it says, and the later ones say the laxer thing.
SCOPES = [
    Override(keep_at_most=Duration(days=1)),
    Override(purpose="quality", keep_at_most=Duration(days=2)),
    Override(line=LINE.number, keep_at_most=Duration(days=3)),
    Override(line=LINE.number, purpose="quality", keep_at_most=Duration(days=4)),
    Override(jurisdiction="EEA", keep_at_most=Duration(days=5)),
    Override(jurisdiction="EU", keep_at_most=Duration(days=6)),
    Override(jurisdiction="FR", keep_at_most=Duration(days=7)),
    Override(jurisdiction="FR", purpose="quality", keep_at_most=Duration(days=8)),
    Override(jurisdiction="FR", line=LINE.number, keep_at_most=Duration(days=9)),
    Override(jurisdiction="FR", line=LINE.number, purpose="quality", keep_at_most=Duration(days=10)),
]
NEARER = ["", "EEA", "EU", "FR"]


def lies_in(one: Override, other: Override) -> bool:
    """Whether every call and purpose that the one is about, the other is about too."""
    return (
        NEARER.index(one.jurisdiction) >= NEARER.index(other.jurisdiction)
        and other.line in ("", one.line)
        and other.purpose in ("", one.purpose)
    )


@pytest.mark.parametrize(("first", "second"), [*combinations(SCOPES, 2)])
def test_the_more_particular_override_holds_and_of_two_that_only_meet_the_stricter(
    first: Override, second: Override
) -> None:
    holds = second if lies_in(second, first) else first
    for both in permutations((first, second)):
        assert holds.keep_at_most is not None
        until = ruled("FR", *both, retention="long").keeping.purposes[0].until
        assert until == end_of(AT, holds.keep_at_most)


def test_a_place_made_laxer_does_not_beat_a_line_that_is_forbidden_to_record() -> None:
    laxer = Override(jurisdiction="US", regime=Regime.ONE_PARTY, because="b")
    forbidden = Override(line=LINE.number, regime=Regime.PROHIBITED)
    for both in permutations((laxer, forbidden)):
        assert ruled("US-NY", *both).mode is Mode.NEVER


def test_a_country_named_alone_is_read_with_what_is_said_of_its_parts() -> None:
    forbidden = Override(jurisdiction="US-CA", regime=Regime.PROHIBITED)
    assert ruled("US-NY", forbidden).mode is Mode.OPT_OUT
    assert ruled("US", forbidden).mode is Mode.NEVER


@pytest.mark.parametrize(
    ("place", "code"), [("US-OR", "US-OR"), ("US-OR", "US"), ("FR", "FR"), ("FR", "EU"), ("NO", "EEA")]
)
def test_an_override_reaches_the_places_within_its_own(place: str, code: str) -> None:
    assert ruled(place, Override(jurisdiction=code, consent=Mode.NEVER)).mode is Mode.NEVER


@pytest.mark.parametrize(
    ("place", "code"), [("US-OR", "US-CA"), ("GB", "EU"), ("NO", "EU"), ("ZZ", "US"), ("US", "US-OR")]
)
def test_an_override_does_not_reach_beyond_its_place(place: str, code: str) -> None:
    assert ruled(place, Override(jurisdiction=code, consent=Mode.NEVER)).mode is not Mode.NEVER


def test_of_two_with_one_scope_in_a_rulebook_of_earlier_days_the_later_holds() -> None:
    """A call of that time is decided again as it was. No such rulebook comes in force any more."""
    first, second = Override(consent=Mode.OPT_IN), Override(consent=Mode.NOTICE)
    assert ruled("US-NY", first, second).mode is Mode.NOTICE
    assert ruled("US-NY", second, first).mode is Mode.OPT_IN


def test_an_override_that_holds_no_longer_does_not_hide_one_that_does() -> None:
    past = Override(jurisdiction="US-NY", consent=Mode.NOTICE, until=date(2026, 11, 24))
    assert ruled("US-NY", Override(consent=Mode.OPT_IN), past).mode is Mode.OPT_IN


@pytest.mark.parametrize("scope", [Override(line="+14155550199"), Override(purpose="training")], ids=str)
def test_an_override_for_another_line_or_purpose_changes_nothing(scope: Override) -> None:
    assert ruled("US-NY", replace(scope, consent=Mode.NEVER)) == ruled("US-NY")


def test_an_override_of_a_regime_raises_and_lowers_what_the_law_asks_there() -> None:
    opt_in = Override(jurisdiction="US-NY", regime=Regime.ALL_PARTY_OPT_IN)
    assert ruled("US-NY", opt_in).mode is Mode.OPT_IN
    lowered = ruled("DE", Override(jurisdiction="DE", regime=Regime.ONE_PARTY, number=1), consent=Mode.NOTICE)
    assert lowered.mode is Mode.NOTICE
    assert ("one_party", 1) in {(reason.says, reason.override) for reason in lowered.reasons}


@pytest.mark.parametrize("regime", Regime)
@pytest.mark.parametrize("consent", [AUTO, *Mode])
def test_nobody_is_recorded_untold_whatever_is_overridden(regime: Regime, consent: Setting) -> None:
    """No mode records before the disclosure; the laxest that there is, is a notice."""
    ruling = ruled("US-NY", Override(regime=regime, consent=consent, silence_is_consent=True))
    assert ruling.mode in list(Mode)
    assert not isinstance(before_disclosure(ruling.standard), Record)


@pytest.mark.parametrize("flag", Flag)
def test_a_flag_is_set_and_cleared_where_it_is_overridden(flag: Flag) -> None:
    by_flag = {
        Flag.NOTICE_IN_RECORDING: "US-WA",
        Flag.NO_RECORDING_ON_HOLD: "NL",
        Flag.NO_SYSTEMATIC_RECORDING: "FR",
    }
    place = by_flag[flag]
    said: dict[str, Any] = {str(flag): False}
    assert flag in ruled(place).flags
    assert flag not in ruled(place, Override(jurisdiction=place, because="counsel", **said)).flags
    assert flag in ruled(f"{place} US-NY", Override(jurisdiction="US-NY", **said)).flags
    assert flag in ruled("US-NY", Override(**{**said, str(flag): True})).flags
    assert flag not in ruled("US-NY").flags


def test_the_line_is_overridden_in_how_often_it_asks_and_how_long_it_keeps() -> None:
    assert ruled("US-NY", Override(prompts_max=5)).standard.prompts_max == 5
    assert ruled("US-NY", Override(retention="short")).keeping.retention == "short"
    for_proof = Override(purpose="proof", retention="short")
    kept = ruled("US-NY", for_proof, purposes=("quality", "proof")).keeping.purposes
    assert [one.rule.name for one in kept] == ["long", "short"]


def test_where_silence_is_no_consent_by_law_no_override_makes_it_one() -> None:
    silence = Override(silence_is_consent=True)
    assert ruled("US-NY", silence).standard.silence_is_consent
    assert not ruled("DE", silence).standard.silence_is_consent
    assert not ruled("US-NY", Override(silence_is_consent=False), silence_is_consent=True).standard.silence_is_consent


@pytest.mark.parametrize(
    ("override", "scope"),
    [
        (Override(), "everywhere"),
        (
            Override("+14155550100", "DE", "proof", date(2027, 1, 1), date(2028, 1, 1)),
            "line +14155550100, in DE, for proof, from 2027-01-01, until 2028-01-01",
        ),
    ],
)
def test_the_scope_of_an_override_is_told_in_words(override: Override, scope: str) -> None:
    assert override.scope == scope
