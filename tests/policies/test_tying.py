"""Whose a recording is: each way in which it can be tied to a call of ours, and each in which it can't."""

from dataclasses import replace

import pytest

from policies.tying import (
    GENERATIONS_MAX,
    Arrival,
    AskCall,
    AskConference,
    AskMeetings,
    AskRecording,
    Facts,
    Found,
    LegSeen,
    Stranger,
    Tied,
    Undecided,
    decide,
)

CALLER, LEG, FAR, CONFERENCE = "CA-caller", "CA-leg", "CA-far", "CF-1"
OURS = {CALLER: "call-1"}
ELSEWHERE, CHILD = LegSeen(), LegSeen(CALLER)
AWAITED, PASSED_BY = LegSeen(arrival=Arrival.AWAITED), LegSeen(arrival=Arrival.PASSED_BY)


def of(call_sid: str = "", conference_sid: str = "", **known: object) -> Facts:
    return replace(Facts(call_sid, conference_sid, OURS), **known)  # type: ignore[arg-type]  # by their names


LEGS: list[tuple[str, Facts, Found]] = [
    ("the caller's leg", of(CALLER), Tied("call-1")),
    ("a leg that is noted", of(LEG, ours={LEG: "call-1"}), Tied("call-1")),
    ("a leg that is new", of(LEG), AskCall(LEG)),
    ("a leg dialled from the caller's", of(LEG, legs={LEG: CHILD}), Tied("call-1", (LEG,))),
    ("a leg dialled from a leg", of(FAR, legs={FAR: LegSeen(LEG)}), AskCall(LEG)),
    ("its grandparent is ours", of(FAR, legs={FAR: LegSeen(LEG), LEG: CHILD}), Tied("call-1", (FAR, LEG))),
    ("a leg of nobody's", of(LEG, legs={LEG: ELSEWHERE}), Stranger()),
    ("a leg that the provider has forgotten", of(LEG, legs={LEG: None}), Stranger()),
    ("a leg that could not be asked about", of(LEG, unanswered={LEG}), Undecided()),
    ("a call to a line of ours without a row yet", of(LEG, legs={LEG: AWAITED}), Undecided()),
    ("a leg of such a call", of(FAR, legs={FAR: LegSeen(LEG), LEG: AWAITED}), Undecided()),
    ("a call to a line of ours that gets no row", of(LEG, legs={LEG: PASSED_BY}), Stranger(is_certain=False)),
]
CONFERENCES: list[tuple[str, Facts, Found]] = [
    ("a conference that is noted", of("", CONFERENCE, ours={CONFERENCE: "call-1"}), Tied("call-1")),
    ("it names our caller", of(CALLER, CONFERENCE), Tied("call-1")),
    ("nobody asked who is in it", of("", CONFERENCE), AskConference(CONFERENCE)),
    ("it can't be asked about", of("", CONFERENCE, unanswered={CONFERENCE}), Undecided()),
    ("nobody is in it any more", of("", CONFERENCE, participants={CONFERENCE: ()}), Stranger(is_certain=False)),
    ("our caller is in it", of("", CONFERENCE, participants={CONFERENCE: (FAR, CALLER)}), Tied("call-1")),
    (
        "it names a stranger, and our caller is in it",
        of(FAR, CONFERENCE, legs={FAR: ELSEWHERE}, participants={CONFERENCE: (FAR, CALLER)}),
        Tied("call-1"),
    ),
    ("it names a stranger", of(FAR, CONFERENCE, legs={FAR: ELSEWHERE}), AskConference(CONFERENCE)),
    (
        "a leg of our caller is in it",
        of("", CONFERENCE, legs={FAR: ELSEWHERE, LEG: CHILD}, participants={CONFERENCE: (FAR, LEG)}),
        Tied("call-1", (LEG,)),
    ),
    (
        "the second in it is unknown yet",
        of("", CONFERENCE, legs={FAR: ELSEWHERE}, participants={CONFERENCE: (FAR, LEG)}),
        AskCall(LEG),
    ),
    (
        "only strangers are in it",
        of(FAR, CONFERENCE, legs={FAR: ELSEWHERE}, participants={CONFERENCE: (FAR,)}),
        Stranger(),
    ),
    (
        "only a stranger was in it, as far as is known",
        of(FAR, CONFERENCE, legs={FAR: ELSEWHERE}, participants={CONFERENCE: ()}),
        Stranger(),
    ),
    (
        "one of them could not be asked about",
        of("", CONFERENCE, legs={FAR: ELSEWHERE}, participants={CONFERENCE: (FAR, LEG)}, unanswered={LEG}),
        Undecided(),
    ),
    (
        "one of them called a line of ours",
        of("", CONFERENCE, legs={FAR: ELSEWHERE, LEG: AWAITED}, participants={CONFERENCE: (FAR, LEG)}),
        Undecided(),
    ),
]
OUT = LegSeen(is_called_out=True)
MEETINGS: list[tuple[str, Facts, Found]] = [
    ("nobody asked whom it met", of(FAR, legs={FAR: OUT}), AskMeetings(FAR)),
    ("that can't be asked yet", of(FAR, legs={FAR: OUT}, unanswered={FAR}), Undecided()),
    ("it met nobody", of(FAR, legs={FAR: OUT}, met={FAR: ()}), Stranger()),
    ("it met our caller", of(FAR, legs={FAR: OUT}, met={FAR: (CALLER,)}), Tied("call-1", (FAR,))),
    ("it met a leg", of(FAR, legs={FAR: OUT}, met={FAR: (LEG,)}), AskCall(LEG)),
    ("it met our leg", of(FAR, legs={FAR: OUT, LEG: CHILD}, met={FAR: (LEG,)}), Tied("call-1", (FAR, LEG))),
    ("two that were called out met", of(FAR, legs={FAR: OUT, LEG: OUT}, met={FAR: (LEG,)}), Stranger()),
]
NAMELESS: list[tuple[str, Facts, Found]] = [
    ("the list does not say what it is of", of(), AskRecording()),
    ("nothing says what it is of", of(was_fetched=True), Stranger(is_certain=False)),
]


CASES = (*LEGS, *CONFERENCES, *MEETINGS, *NAMELESS)


@pytest.mark.parametrize(
    ("facts", "found"),
    [(facts, found) for _, facts, found in CASES],
    ids=[case for case, _, _ in CASES],
)
def test_a_recording_is_tied_by_what_it_names(facts: Facts, found: Found) -> None:
    assert decide(facts) == found


@pytest.mark.parametrize("generations", [1, GENERATIONS_MAX, GENERATIONS_MAX + 1])
def test_legs_are_followed_for_some_generations(generations: int) -> None:
    legs = {f"CA-{number}": LegSeen(f"CA-{number - 1}") for number in range(1, generations + 1)}
    found = decide(of(f"CA-{generations}", ours={"CA-0": "call-1"}, legs=legs))
    assert isinstance(found, Tied) is (generations <= GENERATIONS_MAX)


def test_legs_that_name_each_other_have_an_end() -> None:
    assert decide(of(LEG, legs={LEG: LegSeen(FAR), FAR: LegSeen(LEG)})) == Stranger(is_certain=False)
