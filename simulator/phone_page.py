"""The phone in the browser: its page, its list of calls, and the service's own account of a call."""

from dataclasses import dataclass
from typing import Any

from flask import Blueprint, Response, jsonify, render_template

from simulator import control
from simulator.config import Number
from simulator.observer import observe
from simulator.phone_call import PhoneCall
from simulator.plans import CalledPlan
from simulator.rest import exchange, not_found

blueprint = Blueprint("phone_page", __name__)

SECURITY = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "media-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
}


@dataclass(frozen=True)
class Caller:
    """A caller to choose. Only the number shows the caller's place, as it does to the service."""

    key: str
    name: str
    number: str
    hint: str


# 555-01xx is kept for fiction in North America. No number here ever rings: the calls stay in this process.
CALLERS = (
    Caller("texas", "Texas mobile", "+15125550142", "law: one party's consent is enough"),
    Caller("california", "California mobile", "+14155550171", "law: everybody must be told"),
    Caller("mexico", "Caller from Mexico", "+525555550123", "law: a clear yes; asked in Spanish"),
    Caller("withheld", "Withheld number", "anonymous", "place unknown: the strictest law"),
)


@blueprint.after_request
def secure(response: Response) -> Response:
    response.headers.update(SECURITY)
    return response


@blueprint.get("/")
def page() -> str:
    everybody = exchange().called.get("", CalledPlan())
    lines = list(exchange().numbers.values())
    return render_template("phone.html", lines=lines, callers=CALLERS, rings_here=everybody.is_manual)


@blueprint.get("/simulator/phone/calls")
def list_calls() -> Response:
    """Every call so far, the newest first."""
    return jsonify({"calls": [_listed(call) for call in reversed([*exchange().calls.values()])]})


@blueprint.get("/simulator/calls/<sid:sid>/observed")
def observed(sid: str) -> Response:
    if sid not in exchange().calls:
        raise not_found()
    with exchange().new_session() as session:
        return jsonify(observe(session, exchange().config.observer_url, sid))


@blueprint.app_template_filter()
def national(e164: str) -> str:
    """A number in national spelling, for people."""
    if len(e164) == 12 and e164.startswith("+1"):
        return f"+1 {e164[2:5]} {e164[5:8]} {e164[8:]}"
    return e164


def _listed(call: PhoneCall) -> dict[str, Any]:
    number: Number = call.number
    return control.summary(call) | {
        "began": call.leg.created.isoformat(timespec="seconds"),
        "label": call.plan.label,
        "line_label": number.label,
    }
