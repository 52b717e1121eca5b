"""Strictly, a warning of Twilio's is an error; leniently, the call goes on without the faulty part, as at Twilio."""

from dataclasses import replace

import pytest

from simulator.server import create_app
from tests.simulator.office import ACCOUNT, AGENT, TOKEN, Office, heard

FAULTS = [
    ("<Say colour='red'>Hello.</Say>", 12200),
    ("<Pause>words</Pause><Say>Hello.</Say>", 12200),
    ("<Say loop='often'>Hello.</Say>", 13510),
    ("<Say language='xx-YY'>Hello.</Say>", 13512),
    ("<Say/><Say>Hello.</Say>", 13520),
    (f"<Say>Hello.</Say><Say>{'a' * 4097}</Say>", 13521),
    ("<Play digits='z'/><Say>Hello.</Say>", 13430),
    ("<Gather numDigits='one' timeout='1'><Say>Hello.</Say></Gather>", 13314),
    ("<Gather timeout='1'><Dial>+14155550123</Dial><Say>Hello.</Say></Gather>", 13320),
    (f"<Say>Hello.</Say><Dial timeout='long'>{AGENT}</Dial>", 13212),
    ("<Dial/><Say>Hello.</Say>", 13215),
    ("<Dial><Conference/></Dial><Say>Hello.</Say>", 13215),
    ("<Dial>soon</Dial><Say>Hello.</Say>", 13223),
]


def office(verbs: str, *, strict: bool) -> Office:
    made = Office(choice=verbs)
    made.exchange.config = replace(made.exchange.config, strict=strict)
    return made


@pytest.mark.parametrize(("verbs", "code"), FAULTS)
def test_a_warning_of_twilios_ends_a_document_only_where_the_simulator_is_strict(verbs: str, code: int) -> None:
    strict, lenient = office(verbs, strict=True), office(verbs, strict=False)
    assert [error["code"] for error in strict.call().journal.of("error")] == [code]
    assert strict.forms("fallback")[0]["ErrorCode"] == str(code)
    call = lenient.call()
    assert "Hello." in heard(call)
    assert (call.journal.of("error"), lenient.forms("fallback")) == ([], [])
    assert [warning["code"] for warning in call.journal.of("warning")] == [code]


@pytest.mark.parametrize(
    ("verbs", "code"),
    [
        ("<Foobar/>", 12200),
        ("<say>Hello.</say>", 12200),
        ("<Start><Number>+14155550123</Number></Start>", 14300),
        ("<Start><Recording recordingStatusCallbackEvent='done'/></Start>", 13621),
        ("<Say>Hello.", 12100),
    ],
)
def test_an_error_of_twilios_ends_a_document_also_where_the_simulator_is_lenient(verbs: str, code: int) -> None:
    lenient = office(verbs, strict=False)
    lenient.call()
    assert lenient.forms("fallback")[0]["ErrorCode"] == str(code)


@pytest.mark.parametrize(("strict", "status"), [(True, 400), (False, 200)])
def test_twiml_that_comes_by_rest_is_read_in_the_same_way(strict: bool, status: int) -> None:
    made = office("<Pause length='5'/>", strict=strict)
    answers = []

    def send(call: object) -> None:
        (sid,) = made.exchange.calls
        app = create_app(made.exchange).test_client()
        data = {"Twiml": "<Response><Say colour='red'>Elsewhere.</Say></Response>"}
        answers.append(app.post(f"/2010-04-01/Accounts/{ACCOUNT}/Calls/{sid}.json", data=data, auth=(ACCOUNT, TOKEN)))

    call = made.call(hooks={"in_disclosure": send})
    assert [answer.status_code for answer in answers] == [status]
    assert ("Elsewhere." in heard(call)) == (not strict)
