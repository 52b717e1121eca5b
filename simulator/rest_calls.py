"""REST: calls. Fetch, list, redirect, end, forget."""

import re
from typing import Any

from flask import Blueprint, Response, jsonify, request

from simulator.documents import Step, read_given
from simulator.errors import WARNINGS, RestError, TwimlRejected
from simulator.legs import Leg
from simulator.line import HungUp, Redirected
from simulator.phone_call import PhoneCall
from simulator.rest import PREFIX, exchange, is_url, is_within_dates, not_found, page

blueprint = Blueprint("rest_calls", __name__, url_prefix=PREFIX)
TWIML_CHARS_MAX = 4000


@blueprint.get("/Calls.json")
def list_calls(account: str) -> Response:
    legs = [leg for leg, _ in reversed(list(exchange().legs.values())) if not leg.is_deleted]
    wanted = {"To": "to_number", "From": "from_number", "Status": "status", "ParentCallSid": "parent_sid"}
    for parameter, attribute in wanted.items():
        if value := request.args.get(parameter):
            legs = [leg for leg in legs if getattr(leg, attribute) == value]
    legs = [leg for leg in legs if is_within_dates("StartTime", leg.created)]
    return page("calls", legs, lambda leg: to_json(leg, is_listed=True))


@blueprint.get("/Calls/<sid:sid>.json")
def fetch_call(account: str, sid: str) -> Response:
    return jsonify(to_json(find(sid)[0]))


@blueprint.post("/Calls/<sid:sid>.json")
def update_call(account: str, sid: str) -> Response:
    """End the call, or send it to other TwiML. Both happen a moment after the answer."""
    leg, call = find(sid)
    status = request.form.get("Status")
    if status == "canceled" or (status and status != "completed"):
        raise RestError(400, 21220, "Call is not queued or ringing. Cannot cancel.")
    if status:
        _end(leg, call)
    elif request.form.get("Url") or request.form.get("Twiml"):
        _redirect(leg, call)
    return jsonify(to_json(leg))


@blueprint.delete("/Calls/<sid:sid>.json")
def delete_call(account: str, sid: str) -> tuple[str, int]:
    leg, _ = find(sid)
    if not leg.is_over:
        raise RestError(409, 20009, "Call is in progress. Cannot delete.")
    leg.is_deleted = True
    return "", 204


def find(sid: str) -> tuple[Leg, PhoneCall]:
    """A leg and its call. Raises RestError for an unknown SID."""
    found = exchange().legs.get(sid)
    if found is None or found[0].is_deleted:
        raise not_found()
    return found


def to_json(leg: Leg, *, is_listed: bool = False) -> dict[str, Any]:
    date_text = exchange().date_text
    path = f"/2010-04-01/Accounts/{exchange().config.account_sid}/Calls/{leg.sid}"
    parts = ("notifications", "recordings", "events", "transcriptions", "siprec", "streams", "payments")
    row = {
        "sid": leg.sid,
        "account_sid": exchange().config.account_sid,
        "answered_by": None,
        "api_version": "2010-04-01",
        "caller_name": None,
        "date_created": date_text(leg.created),
        "date_updated": date_text(leg.ended or leg.answered or leg.created),
        "direction": leg.direction,
        "duration": str(leg.duration_s) if leg.ended else None,
        "end_time": date_text(leg.ended),
        "forwarded_from": None,
        "from": leg.from_number,
        "from_formatted": _formatted(leg.from_number),
        "group_sid": None,
        "parent_call_sid": leg.parent_sid,
        "phone_number_sid": leg.phone_number_sid,
        "price": None,
        "price_unit": "USD",
        "queue_time": "0",
        "start_time": date_text(leg.created),
        "status": "queued" if leg.status == "initiated" else leg.status,
        "subresource_uris": {part: f"{path}/{part.title()}.json" for part in parts},
        "to": leg.to_number,
        "to_formatted": _formatted(leg.to_number),
        "trunk_sid": None,
        "uri": f"{path}.json",
    }
    return exchange().legs[leg.sid][1].faults.show("call", row, is_listed=is_listed)


def _end(leg: Leg, call: PhoneCall) -> None:
    if leg.is_over:
        raise RestError(400, 21220, "Call is not in-progress. Cannot end.")
    line = call.line if leg is call.leg else exchange().lines.get(leg.sid)
    if line is None:
        raise RestError(400, 21220, "Call is not in-progress. Cannot end.")
    call.take_away(HungUp(line, "rest"))


def _redirect(leg: Leg, call: PhoneCall) -> None:
    if leg.status != "in-progress":
        raise RestError(400, 21220, "Call is not in-progress. Cannot redirect.")
    line = call.line if leg is call.leg else exchange().lines[leg.sid]
    text = request.form.get("Twiml")
    if text is not None:
        _check(text)
        step = Step(None, twiml=text)
    else:
        if not is_url(request.form["Url"]):
            raise RestError(400, 21205, f"Url is not a valid URL: {request.form['Url']}")
        step = Step(request.form["Url"], request.form.get("Method", "POST"))
    call.take_away(Redirected(line, step))


def _check(text: str) -> None:
    if len(text) > TWIML_CHARS_MAX:
        raise RestError(400, 21218, f"Twiml is longer than {TWIML_CHARS_MAX} characters")
    try:
        read_given(text, _warn)
    except TwimlRejected as error:
        raise RestError(400, error.code, str(error)) from error


def _warn(warning: TwimlRejected) -> None:
    if exchange().config.strict or warning.code not in WARNINGS:
        raise warning


def _formatted(number: str) -> str:
    us = re.fullmatch(r"\+1(\d{3})(\d{3})(\d{4})", number)
    return f"({us[1]}) {us[2]}-{us[3]}" if us else number
