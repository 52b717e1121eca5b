"""What a call was by the telephone's side alone: one outcome, or several where that side leaves room."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from onrecord.demo.control_api import Callback, DialledLeg, Fetched, SeenCall, SeenRecording
from onrecord.demo.phone_side import PhoneSide
from policies.consent import Outcome
from tests.calls.oracle import OUTCOMES

SID = "CA" + "1" * 32
DISCLOSES = "<Say>This call may be recorded.</Say><Redirect>https://us/voice/choice/c/m</Redirect>"
MENU = "<Gather action='https://us/voice/language/c/m'/><Redirect>https://us/voice/language/c/m</Redirect>"
ASKS = "<Gather action='https://us/voice/consent/c/1/m'/><Redirect>https://us/voice/consent/c/1/m</Redirect>"
RECORDS = "<Start><Recording/></Start><Say>This call is now being recorded.</Say><Dial/>"
STOPS = "<Stop><Recording name='onrecord'/></Stop><Say>This call is not recorded.</Say><Dial/>"
SAYS_NO, CONNECTS, PARTS = "<Say>This call is not recorded.</Say><Dial/>", "<Dial/>", "<Hangup/>"
AGENT = DialledLeg("CA" + "9" * 32, "+12125550199", 3.0)
NEVER_SENT, UNKNOWN, LOST = ("ct", 11202), ("ct", 11205), ("rt", 11203)
GREETED = [("answer", "", DISCLOSES)]
TOLD = [*GREETED, ("choice", "", ASKS)]
AGREED = [*TOLD, ("consent/c/1", "1", RECORDS)]
Step = tuple[str, str, str] | tuple[str, str, tuple[str, int]]


def document(step: Step) -> Fetched:
    """A request, and its answer or the way in which it failed."""
    name, digits, answer = step
    is_answered = isinstance(answer, str)
    failure, code = ("", 0) if isinstance(answer, str) else answer
    return Fetched(
        kind="voice",
        url=f"https://us/voice/{name}/m",
        params={"CallSid": SID, "Digits": digits},
        status=200 if is_answered else None,
        twiml=f"<Response>{answer}</Response>" if is_answered else "",
        failure=failure,
        code=code,
    )


def call(fetched: Sequence[Fetched], **more: Any) -> SeenCall:
    return SeenCall(SID, "+15125550111", "+12125550100", fetched=tuple(fetched), **more)


def side(steps: Sequence[Step], *, rung: bool = False, hung_up: bool = False, told: int | None = 204) -> PhoneSide:
    """`told`: what we answered to the callback of the call's end, None where it never arrived."""
    return PhoneSide.of(
        call(
            [document(step) for step in steps],
            legs=(AGENT,) if rung else (),
            has_hung_up=hung_up,
            callbacks=(Callback("call", told),) if told else (),
        )
    )


CERTAIN: list[tuple[list[Step], set[str]]] = [
    ([], {"not_asked"}),
    ([("answer", "", SAYS_NO)], {"not_asked"}),
    ([("answer", "", CONNECTS)], {"not_asked"}),
    ([*GREETED, ("choice", "", RECORDS)], {"consented_by_staying"}),
    ([*GREETED, ("choice", "", SAYS_NO)], {"disclosure_cut_short", "not_asked"}),
    ([*GREETED, ("fallback", "", CONNECTS)], {"disclosure_failed", "not_asked"}),
    ([("fallback", "", CONNECTS)], {"disclosure_failed", "not_asked"}),
    ([("answer", "", MENU), ("language", "2", DISCLOSES), ("choice", "", ASKS)], {"not_asked"}),
    ([*TOLD, ("consent/c/1", "1", RECORDS)], {"consented"}),
    ([*TOLD, ("consent/c/1", "", RECORDS)], {"consented_by_staying"}),
    ([*TOLD, ("consent/c/1", "2", SAYS_NO)], {"declined"}),
    ([*TOLD, ("consent/c/1", "2", CONNECTS)], {"declined"}),
    ([*TOLD, ("consent/c/1", "", SAYS_NO)], {"silent", "not_asked"}),
    ([*TOLD, ("consent/c/1", "9", ASKS), ("consent/c/2", "7", SAYS_NO)], {"unclear", "not_asked"}),
    ([*TOLD, ("fallback", "", CONNECTS)], {"not_asked"}),
    ([*TOLD, ("ended", "", PARTS)], {"not_asked"}),
    ([*AGREED, ("fallback", "", CONNECTS), ("ended", "", PARTS)], {"consented"}),
]


@pytest.mark.parametrize(("steps", "outcomes"), CERTAIN)
def test_what_was_answered_is_what_the_call_was(steps: list[Step], outcomes: set[str]) -> None:
    assert side(steps, rung=True).outcomes == outcomes
    assert outcomes <= OUTCOMES


@pytest.mark.parametrize(("steps", "outcome"), [(GREETED, "hung_up_in_disclosure"), (TOLD, "hung_up_in_choice")])
def test_a_caller_who_hung_up_did_so_only_where_nobody_was_rung(steps: list[Step], outcome: str) -> None:
    assert side(steps, hung_up=True).outcomes == {outcome}
    assert side(steps, hung_up=True, rung=True).outcomes == {"not_asked"}
    assert side(steps, rung=True).outcomes == {"not_asked"}


@pytest.mark.parametrize("unclear", [{"hung_up": False}, {"told": None}, {"told": 503}])
def test_where_nobody_saw_the_caller_hang_up_there_is_room_for_not_knowing(unclear: dict[str, Any]) -> None:
    assert side(TOLD, **{"hung_up": True, **unclear}).outcomes == {"hung_up_in_choice", "not_asked"}


SENT_BACK: list[tuple[list[Step], set[str]]] = [
    ([("consent/c/2", "1", SAYS_NO)], {"consented"}),
    ([("consent/c/2", "2", STOPS)], {"declined", "withdrawn"}),
    ([("consent/c/2", "2", RECORDS)], {"declined", "withdrawn"}),
    ([("consent/c/2", "", STOPS)], {"withdrawn"}),
    ([("consent/c/2", "7", SAYS_NO)], {"withdrawn"}),
    ([("consent/c/2", "", SAYS_NO)], {"consented", "withdrawn"}),
    ([("consent/c/2", "", CONNECTS)], {"consented", "withdrawn"}),
    ([], {"consented"}),
]


@pytest.mark.parametrize(("steps", "outcomes"), SENT_BACK)
def test_a_consent_stands_on_a_call_that_is_sent_back_until_the_caller_answers(
    steps: list[Step], outcomes: set[str]
) -> None:
    again: list[Step] = [*AGREED, ("ended", "", PARTS), *TOLD, *steps]
    assert side(again, rung=True).outcomes == outcomes


@pytest.mark.parametrize("key", ["1", ""])
def test_no_later_round_makes_a_consent_of_a_no(key: str) -> None:
    declined: list[Step] = [*TOLD, ("consent/c/1", "2", SAYS_NO)]
    assert side([*declined, *TOLD, ("consent/c/2", key, RECORDS)], rung=True).outcomes == {"declined"}


@pytest.mark.parametrize(("failure", "is_known"), [(NEVER_SENT, False), (UNKNOWN, True), (LOST, True)])
def test_a_request_that_may_have_reached_us_leaves_room_and_one_that_was_never_sent_leaves_none(
    failure: tuple[str, int], is_known: bool
) -> None:
    lost: list[Step] = [*TOLD, ("consent/c/1", "1", failure), ("fallback", "", CONNECTS)]
    assert side(lost, rung=True).outcomes == ({"not_asked", "consented"} if is_known else {"not_asked"})


def test_an_answer_that_was_lost_on_its_way_was_given_all_the_same() -> None:
    seen = replace(document(("consent/c/1", "2", SAYS_NO)), failure="rt", code=11203)
    documents = [*map(document, TOLD), seen, document(("fallback", "", CONNECTS))]
    found = PhoneSide.of(call(documents, legs=(AGENT,)))
    assert found.outcomes == {"declined"}


def test_requests_to_others_and_about_other_legs_say_nothing() -> None:
    elsewhere = replace(document(("answer", "", RECORDS)), url="https://elsewhere/+12125550100.xml")
    whisper = document(("whisper", "", RECORDS))
    child = replace(document(("answer", "", RECORDS)), params={"CallSid": "CA" + "2" * 32})
    refused = replace(document(("answer", "", RECORDS)), status=403, failure="4xx", code=11200)
    assert PhoneSide.of(call([elsewhere, whisper, child, refused], legs=(AGENT,))).outcomes == {"not_asked"}


def test_a_recording_is_started_after_an_act_of_consent_and_a_no_is_not_asked_about_again() -> None:
    assert list(side(AGREED, rung=True).wrongs()) == []
    for digits in ("2", "7"):
        wrong = side([*TOLD, ("consent/c/1", digits, RECORDS)], rung=True)
        assert ([promise for promise, _ in wrong.wrongs()], wrong.was_agreed) == (["P1"], False)
    early = side([("answer", "", RECORDS)], rung=True)
    assert [promise for promise, _ in early.wrongs()] == ["P1"]
    assert [promise for promise, _ in side([*TOLD, ("consent/c/1", "2", ASKS)]).wrongs()] == ["P2"]


@pytest.mark.parametrize(
    ("outcomes", "on_record", "is_consented"),
    [
        ({Outcome.CONSENTED}, "declined", True),
        ({Outcome.DECLINED}, "consented", False),
        ({Outcome.CONSENTED, Outcome.NOT_ASKED}, "consented", True),
        ({Outcome.CONSENTED, Outcome.NOT_ASKED}, "not_asked", False),
    ],
)
def test_our_word_counts_only_where_there_is_room(
    outcomes: set[Outcome], on_record: str, *, is_consented: bool
) -> None:
    assert PhoneSide((), frozenset(outcomes)).is_consented(on_record) is is_consented


@pytest.mark.parametrize(
    ("source", "callback", "ours"),
    [
        ("StartCallRecordingTwiML", "https://us/callbacks/recording/c/m", True),
        ("StartCallRecordingTwiML", "https://elsewhere/recordings", False),
        ("StartCallRecordingTwiML", "", False),
        ("StartCallRecordingAPI", "https://us/callbacks/recording/c/m", False),
    ],
)
def test_a_recording_is_ours_by_its_callback_and_not_by_how_it_was_started(
    source: str, callback: str, *, ours: bool
) -> None:
    assert SeenRecording("RE0", source, callback, "completed", 1.0, 5.0, "", is_deleted=False).is_ours is ours


def test_a_no_that_was_never_sent_may_be_on_record_since_twilio_tells_of_it_afterwards() -> None:
    seen = side([*TOLD, ("consent/c/1", "2", NEVER_SENT), ("fallback", "", NEVER_SENT)], rung=True)
    assert seen.outcomes == {Outcome.DECLINED, Outcome.NOT_ASKED}
