"""REST: calls. Fetch, list, redirect, end, forget."""

import re
from dataclasses import replace
from typing import Any

from flask import Blueprint, Response, jsonify, request

from simulator import rest_forms as forms
from simulator.config import Number
from simulator.documents import Step, read_given
from simulator.errors import WARNINGS, NotSimulated, RestError, TwimlRejected
from simulator.legs import Leg
from simulator.line import HungUp, Redirected
from simulator.phone_call import CALL_MAX_S, PhoneCall
from simulator.rest import PREFIX, exchange, is_within_dates, not_found, page
from simulator.simulated_rest import CALL_UPDATE

blueprint = Blueprint("rest_calls", __name__, url_prefix=PREFIX)
TWIML_CHARS_MAX = 4000
OWN_URLS = {
    "FallbackUrl": "voice_fallback_url",
    "FallbackMethod": "voice_fallback_method",
    "StatusCallback": "status_callback",
    "StatusCallbackMethod": "status_callback_method",
}


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
    """End the call, or send it to other TwiML. Both happen a moment after the answer.

    The URLs for failures and for the end of the call, and its limit, hold from now on.
    """
    forms.check(CALL_UPDATE)
    leg, call = find(sid)
    status = forms.word("Status", ("", "canceled", "completed"), "")
    urls, limit_s = _urls(leg, call), forms.number("TimeLimit", 0, CALL_MAX_S)
    if status == "canceled" and leg.answered:
        raise RestError(400, 21220, "Call is not queued or ringing. Cannot cancel.")
    if status:
        _end(leg, call)
    elif request.form.get("Url") or request.form.get("Twiml"):
        _redirect(leg, call)
    call.number = urls
    if limit_s:
        call.limit(limit_s)
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
        "start_time": None if leg.status == "queued" else date_text(leg.created),
        "status": "queued" if leg.status == "initiated" else leg.status,
        "subresource_uris": {part: f"{path}/{part.title()}.json" for part in parts},
        "to": leg.to_number,
        "to_formatted": _formatted(leg.to_number),
        "trunk_sid": None,
        "uri": f"{path}.json",
    }
    return exchange().legs[leg.sid][1].faults.show("call", row, is_listed=is_listed)


def _urls(leg: Leg, call: PhoneCall) -> Number:
    """The number of the call, with the URLs that the request gives to this call alone."""
    given = {name: name.endswith(("Url", "Callback")) for name in OWN_URLS if name in request.form}
    if leg is not call.leg and (given or "TimeLimit" in request.form):
        raise NotSimulated("a fallback URL, a status callback or a limit for a dialled leg")
    changes: dict[str, Any] = {
        OWN_URLS[name]: forms.url(name) if is_url else forms.method(name) for name, is_url in given.items()
    }
    return replace(call.number, **changes) if changes else call.number


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
        check_twiml(text)
        step = Step(None, twiml=text)
    else:
        step = Step(forms.url("Url"), forms.method("Method"))
    call.take_away(Redirected(line, step))


def check_twiml(text: str) -> None:
    """Raises RestError for TwiML that would be refused if it came from a URL."""
    if len(text) > TWIML_CHARS_MAX:
        raise RestError(400, forms.INVALID, f"Twiml is longer than {TWIML_CHARS_MAX} characters")
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
