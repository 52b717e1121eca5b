"""The parameters that Twilio sends with its requests, legacy duplicates included."""

from collections.abc import Mapping

from simulator.config import Config, Number
from simulator.legs import Leg

API_VERSION = "2010-04-01"
_COUNTRIES = {"+1": "US", "+44": "GB", "+49": "DE", "+33": "FR", "+34": "ES", "+351": "PT", "+55": "BR",
              "+91": "IN", "+52": "MX", "+61": "AU", "+353": "IE"}  # fmt: skip
WITHHELD = frozenset({"anonymous", "unknown", "restricted", "+266696687"})


def geography(e164: str) -> dict[str, str]:
    """The country of a number, as far as its prefix shows; empty for a withheld number."""
    prefixes = [prefix for prefix in _COUNTRIES if e164.startswith(prefix) and e164 not in WITHHELD]
    return {"country": _COUNTRIES[max(prefixes, key=len)] if prefixes else ""}


def of_call(config: Config, leg: Leg, places: Mapping[str, Mapping[str, str]]) -> dict[str, str]:
    """The common parameters of a leg. `places` has city, state, zip and country of `From` and of `To`."""
    params = {
        "AccountSid": config.account_sid,
        "ApiVersion": API_VERSION,
        "CallSid": leg.sid,
        "CallStatus": leg.status,
        "Direction": leg.direction,
        "From": leg.from_number,
        "Caller": leg.from_number,
        "To": leg.to_number,
        "Called": leg.to_number,
    }
    for side, legacy in (("From", "Caller"), ("To", "Called")):
        for part in ("city", "state", "zip", "country"):
            value = places.get(side, {}).get(part, "")
            params[side + part.title()] = params[legacy + part.title()] = value
    if leg.parent_sid:
        return params | {"ParentCallSid": leg.parent_sid}
    return params | _of_inbound(leg) if leg.direction == "inbound" else params


def place(number: Number) -> dict[str, str]:
    return {"city": number.city, "state": number.state, "zip": number.zip, "country": number.country}


def of_status(leg: Leg, sequence: int, moment: str) -> dict[str, str]:
    """The parameters of a status callback beside the common ones. `moment` is in RFC 2822."""
    params = {
        "Timestamp": moment,
        "CallbackSource": "call-progress-events",
        "SequenceNumber": str(sequence),
    }
    if not leg.is_over:
        return params
    minutes = -(-leg.duration_s // 60)
    codes = {"completed": "200", "busy": "486", "no-answer": "487", "canceled": "487", "failed": "404"}
    return params | {
        "Duration": str(minutes),
        "CallDuration": str(leg.duration_s),
        "SipResponseCode": codes[leg.status],
    }


def of_recording(sid: str, url: str, duration_s: int) -> dict[str, str]:
    """The parameters of a leg's last status callback, of the recording that began with its <Dial> or with its call."""
    return {"RecordingSid": sid, "RecordingUrl": url, "RecordingDuration": str(duration_s)}


def _of_inbound(leg: Leg) -> dict[str, str]:
    """The token of an inbound call, and the SHAKEN/STIR result for a number in North America."""
    token = {"CallToken": f'{{"parentCallInfoToken":"{leg.sid}"}}'}
    if leg.from_number in WITHHELD:
        return token | {"StirVerstat": "No-TN-Validation"}
    return token | ({"StirVerstat": "TN-Validation-Passed-A"} if leg.from_number.startswith("+1") else {})
