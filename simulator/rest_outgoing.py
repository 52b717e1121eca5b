"""REST: calls that the account makes."""

from dataclasses import replace

from flask import Blueprint, Response, jsonify, request

from simulator import rest_forms as forms
from simulator.addresses import NAMED, e164_of
from simulator.config import Number
from simulator.documents import Step
from simulator.errors import NotSimulated, RestError
from simulator.phone_call import CALL_MAX_S, Outgoing
from simulator.rest import PREFIX, exchange
from simulator.rest_calls import check_twiml, to_json
from simulator.ringing import TIMEOUT_MAX_S
from simulator.simulated_rest import CALL

blueprint = Blueprint("rest_outgoing", __name__, url_prefix=PREFIX)
TIMEOUT_S = 60
EVENT_FORMAT = 21626  # only a warning at Twilio, which then sends no status callback at all


@blueprint.post("/Calls.json")
def create(account: str) -> tuple[Response, int]:
    """Call somebody, who acts by the plan that the control API was given for them."""
    ignored = forms.check(CALL)
    to_address, number = called(), caller_id()
    record = forms.recording_terms("OutboundAPI", "trim-silence")
    outgoing = Outgoing(
        number.e164,
        to_address,
        _first(),
        record=record if forms.flag("Record") else None,
        timeout_s=forms.number("Timeout", TIMEOUT_S, TIMEOUT_MAX_S, 21208),
        time_limit_s=forms.number("TimeLimit", CALL_MAX_S, CALL_MAX_S),
        send_digits=forms.keys("SendDigits"),
        events=status_events(),
    )
    number = replace(
        number,
        voice_url=outgoing.first.url or "",
        voice_method=outgoing.first.method,
        voice_fallback_url=forms.url("FallbackUrl"),
        voice_fallback_method=forms.method("FallbackMethod"),
        status_callback=forms.url("StatusCallback"),
        status_callback_method=forms.method("StatusCallbackMethod"),
    )
    call = exchange().call_out(outgoing, number)
    for name in ignored:
        call.journal.add_once("ignored", {"element": "Calls.json", "attribute": name})
    return jsonify({**to_json(call.leg), "status": "queued", "start_time": None}), 201


def called() -> str:
    """The address to call. Raises RestError, or NotSimulated for a number of the account itself."""
    text = request.form.get("To", "")
    if not text.strip():
        raise RestError(400, 21201, "No 'To' number is specified")
    to_address = text if NAMED.fullmatch(text) else e164_of(text, "To")
    if to_address is None or to_address == request.form.get("From"):
        raise RestError(400, 21211, f"Invalid 'To' Phone Number: {text}")
    if to_address in exchange().numbers:
        raise NotSimulated("a call of the account to a number of its own")
    return to_address


def caller_id() -> Number:
    """The number to call from, which is the account's; or the client, for a call to no number. Raises RestError."""
    text = request.form.get("From", "")
    if not text.strip():
        raise RestError(400, 21213, "No 'From' number is specified")
    if NAMED.fullmatch(text) and NAMED.fullmatch(request.form["To"]):
        return Number(text)
    e164 = e164_of(text, "From")
    if e164 is None:
        raise RestError(400, 21212, f"Invalid 'From' Number: {text}")
    if e164 not in exchange().numbers:
        raise RestError(400, 21210, f"'From' phone number not verified: {text} is no number of this account")
    return exchange().numbers[e164]


def status_events() -> frozenset[str]:
    """The events that the status callback is told of; none, leniently, where one of them is no event."""
    try:
        return frozenset(forms.words("StatusCallbackEvent", forms.CALL_EVENTS, "completed", EVENT_FORMAT))
    except RestError:
        if exchange().config.strict:
            raise
        return frozenset()


def _first() -> Step:
    """The document for the person who answers. A URL goes before TwiML."""
    if url := forms.url("Url"):
        return Step(url, forms.method("Method"))
    text = request.form.get("Twiml")
    if not text:
        raise RestError(400, 21205, "Url parameter is required, or Twiml")
    check_twiml(text)
    return Step(None, twiml=text)
