"""Each parameter of REST's POST requests is read, refused as not simulated, or listed as ignored."""

from collections.abc import Callable
from inspect import Parameter, signature
from typing import Any, ClassVar

import pytest
from flask import Request
from twilio.http import HttpClient
from twilio.http.response import Response
from twilio.rest import Client
from werkzeug.datastructures import ImmutableMultiDict

from simulator import simulated_rest
from simulator.rest_calls import OWN_URLS
from simulator.rest_numbers import SETTINGS
from simulator.rest_participants import ATTRIBUTES, LISTS
from simulator.server import create_app
from simulator.simulated_rest import Parameters
from tests.simulator.office import ACCOUNT, CALLER, LINE, ORIGIN, TOKEN, Office

CALL, RECORDING, CONFERENCE, NUMBER = (kind + "0" * 32 for kind in ("CA", "RE", "CF", "PN"))

# The methods of Twilio's client, by the lists of their parameters.
ASKED: dict[str, Callable[[Client], Callable[..., Any]]] = {
    "CALL": lambda client: client.calls.create,
    "CALL_UPDATE": lambda client: client.calls(CALL).update,
    "RECORDING": lambda client: client.calls(CALL).recordings.create,
    "RECORDING_UPDATE": lambda client: client.calls(CALL).recordings(RECORDING).update,
    "CONFERENCE_UPDATE": lambda client: client.conferences(CONFERENCE).update,
    "PARTICIPANT": lambda client: client.conferences(CONFERENCE).participants.create,
    "PARTICIPANT_UPDATE": lambda client: client.conferences(CONFERENCE).participants(CALL).update,
    "NUMBER_UPDATE": lambda client: client.incoming_phone_numbers(NUMBER).update,
}


class Wire(HttpClient):  # type: ignore[misc]  # the SDK has no types
    """Takes down the form of a request, and answers with nothing."""

    def __init__(self) -> None:
        super().__init__(None, False, None)
        self.sent: set[str] = set()

    def request(self, method: str, url: str, params: Any = None, data: Any = None, *_: Any, **__: Any) -> Response:
        self.sent |= set(data)
        return Response(201, "{}")


def lists() -> dict[str, Parameters]:
    return {name: each for name, each in vars(simulated_rest).items() if isinstance(each, Parameters)}


def test_every_request_with_a_form_is_held_to_the_sdk() -> None:
    assert lists().keys() == ASKED.keys()


@pytest.mark.parametrize("name", ASKED)
def test_every_parameter_of_twilios_sdk_stands_in_exactly_one_list(name: str) -> None:
    wire = Wire()
    method = ASKED[name](Client(ACCOUNT, TOKEN, http_client=wire))
    known = [each for each in signature(method).parameters.values() if each.kind is not Parameter.VAR_KEYWORD]
    method(**{each.name: "x" for each in known})
    parameters = lists()[name]
    assert len(wire.sent) == len(known)
    listed = [*parameters.read, *parameters.not_simulated, *parameters.ignored]
    assert sorted(listed) == sorted(wire.sent)


VALUES = {
    **dict.fromkeys(("StartConferenceOnEnter", "EndConferenceOnExit", "Muted"), "true"),
    "Label": "agent", "ConferenceTrim": "do-not-trim", "ConferenceStatusCallbackEvent": "start",
    **dict.fromkeys(("WaitMethod", "ConferenceStatusCallbackMethod", "ConferenceRecordingStatusCallbackMethod"), "GET"),
    "ConferenceRecordingStatusCallbackEvent": "completed",
}  # fmt: skip


class Noted(ImmutableMultiDict[str, str]):
    """A form that notes which of its parameters are read."""

    read: ClassVar[set[str]] = set()

    def get(self, key: Any, *more: Any, **how: Any) -> Any:
        self.read.add(key)
        return super().get(key, *more, **how)

    def getlist(self, key: Any, *more: Any, **how: Any) -> Any:
        self.read.add(key)
        return super().getlist(key, *more, **how)

    def __getitem__(self, key: Any) -> Any:
        self.read.add(key)
        return super().__getitem__(key)

    def to_dict(self, flat: bool = True) -> Any:
        return dict(self.items(multi=False))


class NotingRequest(Request):
    parameter_storage_class = Noted


ALL_TRUE = dict.fromkeys(("Muted", "Hold", "Coaching", "EndConferenceOnExit"), "true")
CALLED = {"To": CALLER, "From": LINE, "Record": "true"}
OWN, SET = ({name: "GET" if name.endswith("Method") else ORIGIN for name in each} for each in (OWN_URLS, SETTINGS))
# The path and the form of requests that between them read every parameter.
REQUESTS: dict[str, list[tuple[str, dict[str, str]]]] = {
    "CALL": [("Calls", {**CALLED, "Url": ORIGIN}), ("Calls", {**CALLED, "Twiml": "<Response/>"})],
    "CALL_UPDATE": [("Calls/{call}", {"Url": ORIGIN, **OWN}),
                    ("Calls/{call}", {"Twiml": "<Response/>"})],
    "RECORDING": [("Calls/{call}/Recordings", {})],
    "RECORDING_UPDATE": [("Calls/{call}/Recordings/{recording}", {"Status": "paused"})],
    "CONFERENCE_UPDATE": [("Conferences/{conference}", {"Status": "completed"})],
    "PARTICIPANT": [("Conferences/Room/Participants", {**CALLED, "Coaching": "true", **{
        name: VALUES.get(name, ORIGIN) for name in (*ATTRIBUTES, *LISTS)}})],
    "PARTICIPANT_UPDATE": [("Conferences/{conference}/Participants/{call}", ALL_TRUE)],
    "NUMBER_UPDATE": [("IncomingPhoneNumbers/{number}", SET)],
}  # fmt: skip


@pytest.mark.parametrize("name", REQUESTS)
def test_every_parameter_that_is_listed_as_read_is_read_and_no_other(name: str) -> None:
    office = Office(answer="<Start><Recording/></Start><Dial><Conference>Room</Conference></Dial>")
    app = create_app(office.exchange)
    app.request_class = NotingRequest
    Noted.read.clear()

    def ask() -> None:
        (call,), (conference,) = office.exchange.calls.values(), office.exchange.conferences.values()
        for path, form in REQUESTS[name]:
            sids = {"call": call.sid, "conference": conference.sid, "recording": call.recordings[0].sid}
            named = path.format(**sids, number=call.number.sid)
            url = f"/2010-04-01/Accounts/{ACCOUNT}/{named}.json"
            answer = app.test_client().post(url, data=form, auth=(ACCOUNT, TOKEN))
            assert answer.status_code in (200, 201), answer.text

    office.clock.later(5, ask)
    call = office.call({"waits_s": 20})
    assert call.failure is None
    assert Noted.read - {"IncludeSoftDeleted"} == lists()[name].read  # which stands in the query
