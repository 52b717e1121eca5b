"""Genuine requests that are carried or spelled unusually: signed as every other is, and no less Twilio's."""

import pytest
from twilio.request_validator import RequestValidator
from werkzeug.datastructures import MultiDict

from simulator.plans import CallPlan
from tests.simulator.office import LINE, ORIGIN, TOKEN, Office, heard

TAGS: dict[str, object] = {"SipHeader_X-Tag": ["b", "a", "a"], "NewThing": "ü"}


def as_sent(office: Office) -> list[tuple[str, MultiDict[str, str], dict[str, str]]]:
    """Path, form and headers of each request, names that were repeated included."""
    return [
        (path, body, headers)
        for (path, _), body, headers in zip(office.seen, office.bodies, office.headers, strict=True)
    ]


def test_a_parameter_may_come_more_than_once_and_counts_in_the_signature_by_its_different_values() -> None:
    office = Office()
    call = office.call({"presses": ["1"]}, faults={"extra_params": TAGS})
    assert {path for path, _ in office.seen} >= {"answer", "consent", "recording", "status"}
    for path, form, headers in as_sent(office):
        assert (form.getlist("SipHeader_X-Tag"), form["NewThing"]) == (["b", "a", "a"], "ü")
        assert RequestValidator(TOKEN).validate(f"{ORIGIN}/{path}", form, headers["X-Twilio-Signature"])
    assert call.was_connected


def test_bodies_may_come_in_chunks_without_their_length() -> None:
    office = Office()
    call = office.call({"presses": ["1"]}, faults={"chunked": True, "extra_params": TAGS})
    for path, form, headers in as_sent(office):
        assert (headers["Transfer-Encoding"], "Content-Length" in headers) == ("chunked", False)
        assert form["CallSid"]
        assert RequestValidator(TOKEN).validate(f"{ORIGIN}/{path}", form, headers["X-Twilio-Signature"])
    assert (office.forms("consent")[0]["Digits"], call.was_connected) == ("1", True)


@pytest.mark.parametrize("dialled", ["sip:help@acme.sip.twilio.com", "client:support", "+19990000000"])
def test_a_call_may_be_to_something_that_is_no_number_of_the_account(dialled: str) -> None:
    office = Office()
    call = office.call({"presses": ["1"]}, dialled=dialled)
    assert {(form["To"], form["Called"]) for form in office.forms("answer")} == {(dialled, dialled)}
    assert office.forms("status")[0]["To"] == dialled
    assert (call.leg.phone_number_sid, heard(call)[0]) == (None, "This call may be recorded.")


@pytest.mark.parametrize(
    "plan",
    [
        {"call_sid": "CA1"},
        {"sent_back": [{"moment": "sometime"}]},
        {"sent_back": [{"agent": "maybe"}]},
        {"sent_back": [{"pressed": ["1"]}]},
        {"faults": {"rows": {"number": {}}}},
        {"faults": {"rows": {"call": {"field": 1}}}},
        {"faults": {"recording": {"ends": "absent"}}},
    ],
)
def test_a_plan_with_a_mistake_is_refused(plan: dict[str, object]) -> None:
    with pytest.raises((ValueError, TypeError, KeyError)):
        CallPlan.of({"from": "+15550001111", "to": LINE, **plan})
