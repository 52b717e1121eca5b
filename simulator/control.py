"""The control API: places calls, plays the person on the phone, sets faults, and shows the calls."""

import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from flask import Blueprint, Response, jsonify, request

from simulator import speech
from simulator.conference import Conference
from simulator.errors import RestError, failure_to_json
from simulator.faults import Faults
from simulator.legs import Leg
from simulator.phone_call import PhoneCall
from simulator.plans import KEYS, CalledPlan, CallPlan
from simulator.recorder import to_json as recording_to_json
from simulator.rest import exchange
from simulator.sound import to_wav

blueprint = Blueprint("control", __name__, url_prefix="/simulator")


@blueprint.get("/healthz")
def healthz() -> Response:
    return jsonify({"status": "ok", "speech": speech.engine_name(), "calls": len(exchange().calls)})


@blueprint.get("/numbers")
def numbers() -> Response:
    return jsonify({"numbers": list(exchange().numbers), "observer_url": exchange().config.observer_url})


@blueprint.post("/calls")
def place_call() -> tuple[Response, int]:
    """Place a call as `CallPlan.of` reads it, with the sid of a call that is over if it names one."""
    try:
        call = exchange().start_call(CallPlan.of(body()))
    except (ValueError, TypeError, KeyError) as error:
        raise RestError(400, 20001, f"not a call that can be placed: {error}") from error
    return jsonify({"call_sid": call.sid}), 201


@blueprint.post("/called")
def set_called() -> Response:
    """Say how the people act whom REST calls from now on, as `CalledPlan.of` reads it."""
    try:
        plan = CalledPlan.of(body())
    except (ValueError, TypeError, KeyError) as error:
        raise RestError(400, 20001, f"not a plan for people who are called: {error}") from error
    exchange().called[plan.to] = plan
    return jsonify({"status": "ok"})


@blueprint.post("/calls/<sid:sid>/answer")
def answer(sid: str) -> tuple[str, int]:
    """Answer a call that REST makes, and that rings until somebody does."""
    call = _ongoing(sid)
    if not (call.is_outgoing and call.plan.is_manual) or call.leg.answered:
        raise RestError(409, 21220, "the call does not wait for somebody to answer it")
    call.line.take_out()
    return "", 204


@blueprint.get("/calls")
def list_calls() -> Response:
    return jsonify({"calls": [summary(call) for call in list(exchange().calls.values())]})


@blueprint.get("/failures")
def failures() -> Response:
    """All that the simulator could not do: on calls, and in answers of REST. An empty list vouches for a test run."""
    of_calls = [
        {"call_sid": call.sid, **failure}
        for call in (*exchange().repeated, *list(exchange().calls.values()))
        for failure in call.journal.of("simulator_failure")
    ]
    return jsonify({"failures": [*of_calls, *exchange().failures]})


@blueprint.get("/calls/<sid:sid>")
def show_call(sid: str) -> Response:
    return jsonify(to_json(_find(sid)))


@blueprint.post("/calls/<sid:sid>/keys")
def press(sid: str) -> tuple[str, int]:
    digits = str(body().get("digits", ""))
    if not digits or not set(digits) <= KEYS:
        raise RestError(400, 20001, "digits are keys of a telephone")
    _ongoing(sid).line.press(digits)
    return "", 204


@blueprint.post("/calls/<sid:sid>/hangup")
def hang_up(sid: str) -> tuple[str, int]:
    _ongoing(sid).line.hang_up()
    return "", 204


@blueprint.post("/calls/<sid:sid>/sent-back")
def send_back(sid: str) -> tuple[str, int]:
    """Send the call back, as an agent does by REST: to the next URL of the plan or to the number's voice URL."""
    call = _ongoing(sid)
    if not (call.coming or call.number.voice_url):
        raise RestError(409, 21220, "the call has no URL to be sent back to")
    call.send_back()
    return "", 204


@blueprint.get("/calls/<sid:sid>/speech/<int:number>.wav")
def utterance(sid: str, number: int) -> Response:
    spoken = _find(sid).line.tape.utterances()
    if number >= len(spoken):
        raise RestError(404, 20404, "no such utterance")
    return Response(to_wav([spoken[number].samples]), content_type="audio/x-wav")


@blueprint.get("/calls/<sid:sid>/stream")
def stream(sid: str) -> Response:
    """Server-sent events: everything that has happened, then everything as it happens, then `settled`."""
    return Response(_events(_find(sid)), content_type="text/event-stream", headers={"Cache-Control": "no-store"})


@blueprint.post("/faults")
def set_faults() -> Response:
    """Replace the faults of every call that is placed from now on without faults of its own."""
    try:
        exchange().faults = Faults.of(body())
    except (ValueError, TypeError) as error:
        raise RestError(400, 20001, f"not faults: {error}") from error
    return jsonify({"status": "ok"})


def summary(call: PhoneCall) -> dict[str, Any]:
    return {
        "call_sid": call.sid,
        "from": call.leg.from_number,
        "to": call.leg.to_number,
        "status": call.leg.status,
        "ended": call.ended.is_set(),
        "settled": call.is_settled,
        "connected": call.was_connected,
        "manual": call.plan.is_manual,
        "outgoing": call.is_outgoing,
        "duration_s": round(call.duration_s, 3),
        "simulator_failure": failure_to_json(call.failure)["detail"] if call.failure else None,
    }


def to_json(call: PhoneCall) -> dict[str, Any]:
    """Everything about a call. `hung_up` has an entry only if the caller hung up, and not the agent or REST."""
    return summary(call) | {
        "talking": call.is_connected,
        "legs": [_leg(call, leg) for leg in call.children],
        "heard": [spoken.to_json() for spoken in call.line.tape.utterances() if spoken.kind != "key"],
        "whispered": call.journal.of("whisper"),
        "keys": call.journal.of("key"),
        "hung_up": call.journal.of("hung_up"),
        "sent_back": call.journal.of("sent_back"),
        "leg_events": call.journal.of("leg"),
        "stages": call.journal.of("stage"),
        "documents": call.journal.of("document"),
        "callbacks": call.journal.of("callback"),
        "recordings": [recording_to_json(recording) for recording in call.recordings],
        "conferences": [
            {"sid": conference.sid, "name": conference.name, "status": conference.status}
            for conference in call.conferences
        ],
        "errors": call.journal.of("error"),
        "warnings": call.journal.of("warning"),
        "ignored": call.journal.of("ignored"),
        "simulator_failures": call.journal.of("simulator_failure"),
    }


def _leg(call: PhoneCall, leg: Leg) -> dict[str, Any]:
    """A dialled leg. It may outlive its <Dial> where REST has redirected it."""

    def at_s(moment: datetime) -> float:
        return round((moment - call.leg.created).total_seconds(), 3)

    return {
        "call_sid": leg.sid,
        "to": leg.to_number,
        "status": leg.status,
        "at_s": at_s(leg.created),
        "redirected_at_s": [at_s(moment) for moment in leg.redirected],
        "ended_at_s": at_s(leg.ended) if leg.ended else None,
        "ended_by": leg.ended_by or None,
    }


def _conference(conference: Conference) -> dict[str, Any]:
    return {"sid": conference.sid, "name": conference.name, "status": conference.status}


def _events(call: PhoneCall) -> Iterator[str]:
    for entry in call.journal.follow():
        if entry is None:
            yield ": still here\n\n"
        else:
            yield f"id: {entry.number}\nevent: {entry.kind}\ndata: {json.dumps(entry.to_json())}\n\n"
    yield f"event: settled\ndata: {json.dumps(summary(call))}\n\n"


def body() -> dict[str, Any]:
    """The JSON object of the request. Raises RestError for any other body."""
    given = request.get_json(silent=True)
    if not isinstance(given, dict):
        raise RestError(400, 20001, "a JSON object is expected")
    return given


def _find(sid: str) -> PhoneCall:
    call = exchange().calls.get(sid)
    if call is None:
        raise RestError(404, 20404, "no such call")
    return call


def _ongoing(sid: str) -> PhoneCall:
    call = _find(sid)
    if call.ended.is_set():
        raise RestError(409, 21220, "the call has ended")
    return call
