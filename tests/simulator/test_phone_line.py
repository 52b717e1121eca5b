"""The fixture for tests of somebody's own app, and the page that tells of it."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import requests
from flask import Flask, Response, request
from twilio.request_validator import RequestValidator

from simulator.errors import NotSimulated
from simulator.phone_line import NUMBER, PhoneLine
from tests.source import ROOT

PAGE = (ROOT / "docs" / "simulator.md").read_text(encoding="utf-8")
APP = """
from flask import Flask, Response, request

app = Flask(__name__)


@app.post("/voice")
def voice():
    return Response('<Response><Gather numDigits="1" action="/choice"><Say>May we record?</Say></Gather></Response>',
                    content_type="text/xml")


@app.post("/choice")
def choice():
    record = ' record="record-from-answer"' if request.form["Digits"] == "1" else ""
    said = "<Say>This call is being recorded.</Say>" if record else ""
    return Response(f"<Response>{said}<Dial{record}>+12125550199</Dial></Response>", content_type="text/xml")


@app.post("/status")
def status():
    return "", 204
"""

REMIND = """
from twilio.rest import Client


def remind(to, phone_line):
    client = Client(phone_line.account_sid, phone_line.auth_token)
    client.api.base_url = phone_line.api_url
    client.calls.create(to=to, from_=phone_line.number, url="https://app.test/reminder")


@app.post("/reminder")
def reminder():
    question = '<Gather numDigits="1" action="/thanks"><Say>Press 1 to confirm.</Say></Gather>'
    return Response(f"<Response>{question}</Response>", content_type="text/xml")


@app.post("/thanks")
def thanks():
    assert request.form["Digits"] == "1"
    return Response("<Response><Say>Thank you.</Say></Response>", content_type="text/xml")
"""


def test_the_tests_that_the_page_shows_pass_as_they_stand(tmp_path: Path) -> None:
    (plugins,) = re.findall(r"`(pytest_plugins = .*?)`", PAGE)
    shown = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    (tmp_path / "conftest.py").write_text(plugins)
    (tmp_path / "test_app.py").write_text("\n\n".join([APP, REMIND, *shown]))
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "--rootdir",
        str(tmp_path),
        str(tmp_path),
    ]
    ran = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60, cwd=tmp_path)
    assert "2 passed" in ran.stdout, ran.stdout + ran.stderr


@pytest.fixture
def line() -> PhoneLine:
    made = PhoneLine()
    scope: dict[str, Any] = {"__name__": __name__}
    exec(APP, scope)
    made.answered_by(scope["app"], "/voice", status="/status")
    return made


def test_a_call_of_a_minute_is_a_minute_by_its_own_clock(line: PhoneLine) -> None:
    call = line.call("1", talks_s=61)
    assert 61 < call.duration_s < 75
    assert [recording.duration_s for recording in call.recordings] == [61]
    assert (call.sid[:2], call.errors) == ("CA", [])


def test_whoever_declines_is_not_recorded_and_a_busy_agent_is_busy(line: PhoneLine) -> None:
    call = line.call("2", agent="busy", from_="anonymous")
    assert (call.recordings, call.status) == ([], "completed")
    assert "May we record?" in call.words
    url, params = call.requests[0]
    assert (url, params["From"], params["To"]) == ("https://app.test/voice", "anonymous", NUMBER)


def test_requests_are_signed_for_the_origin_that_the_app_is_mounted_at(line: PhoneLine) -> None:
    genuine: list[bool] = []
    app = Flask(__name__)

    @app.post("/voice")
    def voice() -> Response:
        sent = request.headers["X-Twilio-Signature"]
        genuine.append(RequestValidator(line.auth_token).validate("https://app.test/voice", request.form, sent))
        return Response("<Response/>", content_type="text/xml")

    line.answered_by(app, "/voice")
    line.call()
    assert genuine == [True]


def test_an_app_that_asks_for_more_than_is_simulated_fails_its_test_with_that_word(line: PhoneLine) -> None:
    app = Flask(__name__)

    @app.post("/voice")
    def voice() -> Response:
        return Response("<Response><Record/></Response>", content_type="text/xml")

    line.answered_by(app, "/voice", fallback="/fallback")
    with pytest.raises(NotSimulated, match="<Record>"):
        line.call()


def test_people_whom_the_app_calls_act_as_they_were_told(line: PhoneLine) -> None:
    line.will_answer(answers="busy")
    line.will_answer("2", to="+14155550188", rings_s=8, agent="busy")
    for to in ("+14155550188", "+14155550177"):
        form = {"To": to, "From": line.number, "Url": "https://app.test/voice"}
        path, own = f"/2010-04-01/Accounts/{line.account_sid}/Calls.json", (line.account_sid, line.auth_token)
        assert requests.post(line.api_url + path, form, auth=own, timeout=5).status_code == 201
    first, second = line.outgoing()
    assert (first.status, first.requests[-1][1]["Digits"], second.status, second.requests) == (
        "completed", "2", "busy", [],
    )  # fmt: skip
    line.close()


def test_a_call_that_the_app_makes_fails_its_test_where_it_asks_for_more_than_is_simulated(line: PhoneLine) -> None:
    app = Flask(__name__)

    @app.post("/voice")
    def voice() -> Response:
        return Response("<Response><Record/></Response>", content_type="text/xml")

    line.answered_by(app, "/voice")
    form = {"To": "+14155550188", "From": line.number, "Url": "https://app.test/voice"}
    path, own = f"/2010-04-01/Accounts/{line.account_sid}/Calls.json", (line.account_sid, line.auth_token)
    requests.post(line.api_url + path, form, auth=own, timeout=5)
    with pytest.raises(NotSimulated, match="<Record>"):
        line.outgoing()
    line.close()


def test_rest_is_on_a_port_of_its_own(line: PhoneLine) -> None:
    call = line.call("1")
    path = f"/2010-04-01/Accounts/{line.account_sid}/Calls/{call.sid}.json"
    answer = requests.get(line.api_url + path, auth=(line.account_sid, line.auth_token), timeout=5)
    assert (answer.json()["sid"], answer.json()["status"]) == (call.sid, "completed")
    line.close()
