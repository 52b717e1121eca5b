"""What the measurements of capacity count as a whole call is one."""

from importlib.resources import files

import pytest
from flask import Flask

from bench.whole_call import STEPS, Caller, WholeCall
from policies.consent import Outcome
from policies.lifecycle import CallState, RecordingState
from storage.database.engine import Database
from tests.callflow.conftest import ACCOUNT, BASE, TOKEN, Installation, install

CALLER = Caller(BASE, ACCOUNT, TOKEN, "+14155550100")
EXAMPLE = files("onrecord").joinpath("example.toml").read_text(encoding="utf-8")


@pytest.fixture
def installation(used_database: Database) -> Installation:
    return install(used_database, EXAMPLE)


def deliver(app: Flask, request: bytes) -> bytes:
    head, _, body = request.decode().partition("\r\n\r\n")
    first, *lines = head.split("\r\n")
    headers = dict(line.split(": ", 1) for line in lines)
    answer = app.test_client().post(first.split(" ")[1], data=body, headers=headers)
    return b"HTTP/1.1 %b\r\n\r\n%b" % (answer.status.encode(), answer.data)


def hold(installation: Installation, *, think: float = 1.0) -> WholeCall:
    """Its steps so far as they go; `think` stretches the time between them."""
    call = WholeCall(CALLER)
    while not call.is_over:
        installation.twilio.clock.passes(STEPS[call.step].after_s * think)
        if not call.answered(deliver(installation.twilio.app, call.request())):
            break
    return call


def test_a_whole_call_ends_consented_and_recorded_in_the_database(installation: Installation) -> None:
    call = hold(installation)
    assert call.is_over, STEPS[call.step].name
    row = installation.call(call.sid)
    assert (row.outcome, row.state) == (Outcome.CONSENTED, CallState.ENDED)
    assert [one.state for one in installation.recordings(call.sid)] == [RecordingState.COMPLETED]
    assert installation.incidents(call.sid) == []


def test_a_call_whose_disclosure_was_cut_is_not_counted_as_whole(installation: Installation) -> None:
    call = hold(installation, think=0.1)
    assert STEPS[call.step].name == "choice"
    assert installation.recordings(call.sid) == []


def test_a_caller_who_is_connected_unrecorded_is_no_whole_call() -> None:
    call = WholeCall(CALLER)
    assert not call.answered(b"HTTP/1.1 200 OK\r\n\r\n<Response><Dial><Number>+1</Number></Dial></Response>")
    assert not call.answered(b"HTTP/1.1 503 Service Unavailable\r\n\r\n<Redirect>https://a.example/b</Redirect>")
    assert call.step == 0
