"""Every fault on the menu happens to the call, and only where it was asked for."""

import pytest
from twilio.request_validator import RequestValidator

from simulator.faults import Faults
from simulator.phone_call import PhoneCall
from simulator.plans import CallPlan
from tests.simulator.office import LINE, TOKEN, Office


def statuses(office: Office) -> list[str]:
    return [form["RecordingStatus"] for form in office.forms("recording")]


def tokens(office: Office, path: str) -> list[str]:
    pairs = zip(office.seen, office.headers, strict=True)
    return [headers["I-Twilio-Idempotency-Token"] for (seen, _), headers in pairs if seen == path]


def test_a_duplicated_callback_arrives_twice_with_one_token() -> None:
    office = Office()
    office.call({"presses": ["1"]}, faults={"callbacks": {"recording": {"duplicate": 1}}})
    assert statuses(office) == ["in-progress", "in-progress", "completed", "completed"]
    first, again, last, last_again = tokens(office, "recording")
    assert (first == again, last == last_again, first == last) == (True, True, False)
    assert len(office.forms("status")) == 1


def test_a_delayed_callback_arrives_that_much_later() -> None:
    office = Office()
    call = office.call({"presses": ["1"]}, faults={"callbacks": {"call": {"delay_s": 300}}})
    (sent,) = [entry for entry in call.journal.of("callback") if entry["kind"] == "call"]
    assert sent["at_s"] - call.duration_s == pytest.approx(300.1, abs=0.01)


def test_reordered_callbacks_arrive_the_wrong_way_round() -> None:
    office = Office()
    office.call({"presses": ["1"]}, faults={"callbacks": {"recording": {"reorder": True}}})
    assert statuses(office) == ["completed", "in-progress"]


def test_a_reordered_callback_that_nothing_overtakes_still_arrives() -> None:
    office = Office()
    office.call({"presses": ["1"]}, faults={"callbacks": {"call": {"reorder": True}}})
    assert len(office.forms("status")) == 1


@pytest.mark.parametrize(("lose", "left"), [(True, []), (["completed"], ["in-progress"])])
def test_a_lost_callback_never_arrives_and_is_noted(lose: bool | list[str], left: list[str]) -> None:
    office = Office()
    call = office.call({"presses": ["1"]}, faults={"callbacks": {"recording": {"lose": lose}}})
    assert statuses(office) == left
    lost = [entry for entry in call.journal.of("callback") if entry.get("lost")]
    assert len(lost) == 2 - len(left)


def test_a_callback_that_fails_is_noted_and_not_tried_again() -> None:
    office = Office(status=("oops", 500))
    call = office.call({"presses": ["1"]})
    assert len(office.forms("status")) == 1
    assert [error["code"] for error in call.journal.of("error")] == [11200]


def test_a_duplicated_voice_step_is_delivered_again_and_the_call_goes_on_once() -> None:
    office = Office()
    office.call({"presses": ["1"]}, faults={"voice": {"duplicate": 2, "only": "/consent"}})
    assert office.asked() == ["answer", "choice", "consent", "consent", "consent", "whisper", "ended"]
    assert len(set(tokens(office, "consent"))) == 1
    assert office.forms("consent")[0] == office.forms("consent")[2]


def test_voice_steps_may_be_duplicated_all_at_once() -> None:
    office = Office()
    call = office.call({"presses": ["1"]}, faults={"voice": {"duplicate": 7, "concurrent": True, "only": "/consent"}})
    assert office.asked().count("consent") == 8
    assert (office.asked().count("ended"), call.was_connected) == (1, True)


def test_a_step_whose_connection_fails_is_tried_again_with_the_same_token() -> None:
    office = Office()
    call = office.call({"presses": ["1"]}, faults={"voice": {"connect_failures": 1, "only": "/consent"}})
    assert office.asked().count("consent") == 1
    tries = [entry for entry in call.journal.of("document") if entry["url"].endswith("/consent")]
    assert [entry["failure"] for entry in tries] == ["ct", ""]
    assert len({entry["headers"]["I-Twilio-Idempotency-Token"] for entry in tries}) == 1


def test_an_answer_that_is_lost_leads_to_the_fallback_although_the_step_was_taken() -> None:
    office = Office()
    office.call({"presses": ["1"]}, faults={"voice": {"lost_answers": 1, "only": "/consent"}})
    assert office.asked() == ["answer", "choice", "consent", "fallback", "whisper", "ended"]
    assert office.forms("fallback")[0]["ErrorCode"] == "11203"


def test_a_wrong_signature_is_wrong_everywhere() -> None:
    office = Office()
    office.call({"presses": ["1"]}, faults={"wrong_signature": True})
    for (path, form), headers in zip(office.seen, office.headers, strict=True):
        signed = headers["X-Twilio-Signature"]
        assert not RequestValidator(TOKEN).validate(f"https://line.example/{path}", form, signed)


def test_parameters_that_nobody_knows_may_be_added() -> None:
    office = Office()
    office.call({"presses": ["1"]}, faults={"extra_params": {"NewThing": "ü"}})
    assert {form["NewThing"] for path, form in office.seen} == {"ü"}


def test_faults_of_the_exchange_count_for_calls_without_their_own() -> None:
    office = Office()
    office.exchange.faults = Faults.of({"callbacks": {"call": {"lose": True}}})
    office.call({"presses": ["1"]})
    assert office.forms("status") == []
    office.call({"presses": ["1"]}, faults={"extra_params": {"Own": "1"}})
    assert len(office.forms("status")) == 1


def test_a_hook_runs_in_the_middle_of_its_moment() -> None:
    office = Office()
    seen = list[tuple[str, float, bool]]()

    def hook(call: PhoneCall) -> None:
        seen.append((call.leg.status, round(call.elapsed(), 2), call.is_connected))

    call = office.call(
        {"presses": ["1"], "talks_s": 6},
        hooks={"in_disclosure": hook, "at_question": hook, "in_conversation": hook},
    )
    assert [connected for _, _, connected in seen] == [False, False, True]
    assert [status for status, _, _ in seen] == ["in-progress"] * 3
    assert call.duration_s - seen[2][1] == pytest.approx(3, abs=0.1)


@pytest.mark.parametrize(
    "plan",
    [
        {"from": "+15550001111"},
        {"from": "+15550001111", "to": LINE, "caller": {"presses": ["yes"]}},
        {"from": "+15550001111", "to": LINE, "caller": {"presed": []}},
        {"from": "+15550001111", "to": LINE, "caller": {"hangs_up": "sometime"}},
        {"from": "+15550001111", "to": LINE, "agent": {"answers": "maybe"}},
        {"from": "+15550001111", "to": LINE, "faults": {"callbacks": {"sms": {}}}},
        {"from": "+15550001111", "to": LINE, "unknown": 1},
    ],
)
def test_a_plan_with_a_mistake_is_refused(plan: dict[str, object]) -> None:
    with pytest.raises((ValueError, TypeError, KeyError)):
        CallPlan.of(plan)
