"""Which recording is ours is told by what is ours alone; what is only likely is neither kept nor destroyed."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.attribution import FOREIGN_SOURCES, SEEN_FOR_OURS, Candidate, Times, Verdict, attribute

ASKED_AT = datetime(2026, 11, 28, 12, 0, 0, tzinfo=UTC)
OURS, FOREIGN, UNCLEAR = Verdict.OURS, Verdict.FOREIGN, Verdict.UNCLEAR


def at(seconds: float) -> datetime:
    return ASKED_AT + timedelta(seconds=seconds)


def a(name: str = "a", began_s: float | None = 0, **how: object) -> Candidate:
    began = None if began_s is None else at(began_s)
    made = Candidate(name, SEEN_FOR_OURS, channels=2, track="both", started_at=began)
    return replace(made, **how)  # type: ignore[arg-type]  # as each test names them


def verdicts(*candidates: Candidate, times: Times | None = None) -> list[Verdict]:
    found = attribute(candidates, times or Times())
    assert all(one.why for one in found.values())
    return [found[one.name].verdict for one in candidates]


def test_a_recording_that_reports_to_us_is_ours_whatever_else_is_told_of_it() -> None:
    for odd in (a(), a(source="DialVerb"), a(channels=1), a(began_s=-86_400), a(began_s=None, is_quarantined=True)):
        reporting = replace(odd, reports_to_us=True)
        for times in (Times(), Times(asked_at=ASKED_AT), Times(not_before=at(3600))):
            assert verdicts(reporting, a("b"), a("c", is_permitted=True), times=times) == [OURS, FOREIGN, FOREIGN]


def test_of_two_that_report_to_us_the_second_is_unclear() -> None:
    first, second = a("a", reports_to_us=True), a("b", reports_to_us=True)
    assert verdicts(first, second) == [OURS, UNCLEAR]
    assert verdicts(first, replace(second, is_permitted=True)) == [UNCLEAR, OURS]


# Word for word as Twilio documents them.
DOCUMENTED = [
    "Conference",
    "DialVerb",
    "OutboundAPI",
    "RecordVerb",
    "StartCallRecordingAPI",
    "StartConferenceRecordingAPI",
    "Trunking",
]


def test_every_other_source_that_twilio_documents_is_known_to_be_foreign() -> None:
    assert sorted(FOREIGN_SOURCES) == DOCUMENTED


@pytest.mark.parametrize("source", DOCUMENTED)
def test_a_recording_that_was_started_by_other_means_is_foreign(source: str) -> None:
    assert verdicts(a(source=source)) == [FOREIGN]
    assert verdicts(a(source=source), a("b")) == [FOREIGN, OURS]


@pytest.mark.parametrize("source", [SEEN_FOR_OURS, "", "AWordOfTomorrow"])
@pytest.mark.parametrize("channels", [2, None])
@pytest.mark.parametrize("began_s", [None, -86_400, 0, 86_400])
def test_the_only_one_is_ours_whatever_the_two_clocks_say(
    source: str, channels: int | None, began_s: float | None
) -> None:
    assert verdicts(a(source=source, channels=channels, began_s=began_s)) == [OURS]


@pytest.mark.parametrize("other", [a(channels=1), a(track="inbound"), a(track="outbound")])
def test_the_only_one_of_another_form_is_unclear(other: Candidate) -> None:
    assert verdicts(other) == verdicts(replace(other, is_permitted=True)) == [UNCLEAR]
    assert verdicts(other, a("b")) == [UNCLEAR, OURS]


def test_several_that_can_be_ours_are_unclear_without_their_order() -> None:
    assert verdicts(a(began_s=-3), a("b")) == [UNCLEAR, UNCLEAR]
    assert verdicts(a(source=""), a("b")) == [UNCLEAR, UNCLEAR]
    assert verdicts(a(source="AWordOfTomorrow"), a("b")) == [UNCLEAR, OURS]


def test_one_that_was_taken_for_ours_makes_room_only_for_certainty() -> None:
    taken = a(source="AWordOfTomorrow", is_permitted=True)
    assert verdicts(taken, a("b")) == [UNCLEAR, UNCLEAR]
    assert verdicts(taken, a("b", reports_to_us=True)) == [FOREIGN, OURS]


def test_one_that_seems_to_have_begun_too_early_is_unclear_and_not_foreign() -> None:
    not_before = Times(not_before=ASKED_AT)
    assert verdicts(a(began_s=-1), times=not_before) == [UNCLEAR]
    assert verdicts(a(began_s=0), times=not_before) == [OURS]
    assert verdicts(a(began_s=None), times=not_before) == [OURS]


def test_a_doubt_does_not_go_because_the_clocks_cannot_be_compared_any_more() -> None:
    assert verdicts(a(is_quarantined=True)) == [UNCLEAR]
    assert verdicts(a(is_quarantined=True), times=Times(not_before=at(-1))) == [OURS]


@pytest.mark.parametrize(
    ("began_s", "found"),
    [
        ([0, -3], [OURS, FOREIGN]),
        ([0, -2], [OURS, FOREIGN]),
        ([0, -1], [UNCLEAR, UNCLEAR]),  # whole seconds do not tell them apart
        ([0, 5], [UNCLEAR, UNCLEAR]),
        ([0, 6], [OURS, FOREIGN]),
        ([5, 60], [OURS, FOREIGN]),
        ([-3, 60], [UNCLEAR, UNCLEAR]),
        ([-3], [UNCLEAR]),
        ([60], [OURS]),
        ([0, None], [UNCLEAR, UNCLEAR]),
        ([-1, -86_400, 86_400], [OURS, FOREIGN, FOREIGN]),
    ],
)
def test_in_the_providers_own_order_ours_is_the_one_that_began_when_it_asked(
    began_s: list[float | None], found: list[Verdict]
) -> None:
    candidates = [a(str(number), began) for number, began in enumerate(began_s)]
    assert verdicts(*candidates, times=Times(asked_at=ASKED_AT)) == found


def test_the_providers_order_corrects_what_was_taken_for_ours_and_even_stored() -> None:
    wrong, right = a("a", -3, is_permitted=True), a("b", 0, is_quarantined=True)
    assert verdicts(wrong, right, times=Times(asked_at=ASKED_AT)) == [FOREIGN, OURS]


def test_none_is_ours_where_no_order_to_record_has_arrived() -> None:
    times = Times(never_ordered=True)
    assert verdicts(a(), a("b", is_permitted=True), times=times) == [FOREIGN, FOREIGN]
    assert verdicts(a(reports_to_us=True), times=times) == [OURS]


def test_the_form_of_the_one_that_began_in_time_must_be_ours_too() -> None:
    assert verdicts(a(channels=1), a("b", -3), times=Times(asked_at=ASKED_AT)) == [UNCLEAR, UNCLEAR]


@st.composite
def candidate(draw: st.DrawFn, name: str) -> Candidate:
    began = draw(st.none() | st.integers(-10, 10))
    return Candidate(
        name,
        draw(st.sampled_from([SEEN_FOR_OURS, "", "AWordOfTomorrow", "DialVerb"])),
        reports_to_us=draw(st.booleans()),
        is_permitted=draw(st.booleans()),
        is_quarantined=draw(st.booleans()),
        channels=draw(st.sampled_from([None, 1, 2])),
        track=draw(st.sampled_from([None, "both", "inbound"])),
        started_at=None if began is None else at(began),
    )


@given(
    st.tuples(*[candidate(name) for name in "abc"]),
    st.sampled_from([Times(), Times(asked_at=ASKED_AT), Times(not_before=ASKED_AT), Times(not_before=at(86_400))]),
)
def test_one_is_ours_at_most_and_nothing_is_foreign_on_a_guess(found: tuple[Candidate, ...], times: Times) -> None:
    given_out = dict(zip([one.name for one in found], verdicts(*found, times=times), strict=True))
    assert list(given_out.values()).count(OURS) <= 1
    for one in found:
        if given_out[one.name] is FOREIGN:
            by_another = OURS in given_out.values() and (
                any(other.reports_to_us for other in found) or times.asked_at is not None
            )
            assert one.source in FOREIGN_SOURCES or by_another
            assert not one.reports_to_us
