"""REST: the account's numbers and their URLs."""

from typing import Any

from flask import Blueprint, Response, jsonify, request

from simulator import rest_forms as forms
from simulator.config import Number
from simulator.rest import PREFIX, exchange, not_found, page
from simulator.rest_hosts import admit
from simulator.simulated_rest import NUMBER_UPDATE

blueprint = Blueprint("rest_numbers", __name__, url_prefix=PREFIX)

SETTINGS = {
    "VoiceUrl": "voice_url",
    "VoiceMethod": "voice_method",
    "VoiceFallbackUrl": "voice_fallback_url",
    "VoiceFallbackMethod": "voice_fallback_method",
    "StatusCallback": "status_callback",
    "StatusCallbackMethod": "status_callback_method",
    "VoiceApplicationSid": "voice_application_sid",
    "TrunkSid": "trunk_sid",
}


@blueprint.get("/IncomingPhoneNumbers.json")
def list_numbers(account: str) -> Response:
    admit("number", "list")
    wanted = request.args.get("PhoneNumber", "")
    return page("incoming_phone_numbers", [n for n in exchange().numbers.values() if wanted in n.e164], to_json)


@blueprint.get("/IncomingPhoneNumbers/<sid:sid>.json")
def fetch_number(account: str, sid: str) -> Response:
    return jsonify(to_json(_find(sid)))


@blueprint.post("/IncomingPhoneNumbers/<sid:sid>.json")
def update_number(account: str, sid: str) -> Response:
    """Change the URLs, for the next call on. Raises RestError, and then changes nothing."""
    forms.check(NUMBER_UPDATE)
    number = _find(sid)
    for parameter in ("VoiceUrl", "VoiceFallbackUrl", "StatusCallback"):
        forms.url(parameter, 21402)
    for parameter in ("VoiceMethod", "VoiceFallbackMethod", "StatusCallbackMethod"):
        forms.method(parameter, 21403)
    for parameter, attribute in SETTINGS.items():
        if parameter in request.form:
            setattr(number, attribute, request.form[parameter])
    return jsonify(to_json(number))


def _find(sid: str) -> Number:
    found = [number for number in exchange().numbers.values() if number.sid == sid]
    if not found:
        raise not_found()
    return found[0]


def to_json(number: Number) -> dict[str, Any]:
    account_sid = exchange().config.account_sid
    base = f"/2010-04-01/Accounts/{account_sid}/IncomingPhoneNumbers/{number.sid}"
    return {
        "account_sid": account_sid,
        "address_requirements": "none",
        "address_sid": None,
        "api_version": "2010-04-01",
        "beta": False,
        "bundle_sid": None,
        "capabilities": {"voice": True, "sms": False, "mms": False, "fax": False},
        "date_created": "Mon, 05 Jan 2026 15:00:00 +0000",
        "date_updated": "Mon, 05 Jan 2026 15:00:00 +0000",
        "emergency_address_sid": None,
        "emergency_address_status": "unregistered",
        "emergency_status": "Inactive",
        "friendly_name": number.e164,
        "identity_sid": None,
        "origin": "twilio",
        "phone_number": number.e164,
        "sid": number.sid,
        "sms_application_sid": "",
        "sms_fallback_method": "POST",
        "sms_fallback_url": "",
        "sms_method": "POST",
        "sms_url": "",
        "status": "in-use",
        "status_callback": number.status_callback,
        "status_callback_method": number.status_callback_method,
        "subresource_uris": {"assigned_add_ons": f"{base}/AssignedAddOns.json"},
        "trunk_sid": number.trunk_sid or None,
        "type": "local",
        "uri": f"{base}.json",
        "voice_application_sid": number.voice_application_sid,
        "voice_caller_id_lookup": False,
        "voice_fallback_method": number.voice_fallback_method,
        "voice_fallback_url": number.voice_fallback_url,
        "voice_method": number.voice_method,
        "voice_receive_mode": "voice",
        "voice_url": number.voice_url,
    }
