"""The forms of REST's POST requests. Each reader raises RestError, which names the parameter and what it takes."""

import re

from flask import request

from simulator.account import TRACKS, TRIMS
from simulator.addresses import is_url
from simulator.errors import RestError
from simulator.recordings import Terms
from simulator.rest import exchange
from simulator.simulated_rest import Parameters
from simulator.whole_numbers import whole_number

INVALID = 20422
CALL_EVENTS = ("initiated", "ringing", "answered", "completed")
RECORDING_EVENTS = ("in-progress", "completed", "absent")


def check(parameters: Parameters) -> list[str]:
    """The parameters of the request that are ignored.

    A misspelt name is refused where the simulator is strict; Twilio ignores it, and warns of it with the same code.
    Raises NotSimulated for a parameter that the simulator does not have.
    """

    def unknown(name: str) -> None:
        if exchange().config.strict:
            raise RestError(400, 20001, f"{name} is no parameter of this request")

    return parameters.check(request.form.to_dict(), unknown)


def url(name: str, code: int = 21205) -> str:
    text = request.form.get(name, "")
    if not is_url(text):
        raise RestError(400, code, f"{name} is not a valid URL: {text}")
    return text


def method(name: str, code: int = 21209) -> str:
    return word(name, ("GET", "POST"), "POST", code)


def word(name: str, allowed: tuple[str, ...], default: str, code: int = INVALID) -> str:
    text = request.form.get(name) or default
    if text not in allowed:
        raise RestError(400, code, f"{name} is {text!r}, which is none of {', '.join(allowed)}")
    return text


def words(name: str, allowed: tuple[str, ...], default: str, code: int = INVALID) -> tuple[str, ...]:
    """The values of a parameter that may come more than once."""
    given = tuple(filter(None, request.form.getlist(name))) or (default,)
    if wrong := [text for text in given if text not in allowed]:
        raise RestError(400, code, f"{name} is {wrong[0]!r}, which is none of {', '.join(allowed)}")
    return given


def flag(name: str, *, default: bool = False) -> bool:
    return word(name, ("true", "false", "True", "False"), str(default)).lower() == "true"


def number(name: str, default: int, most: int, code: int = INVALID) -> int:
    text = request.form.get(name, "")
    found = whole_number(text, -1) if text else default
    if not 0 <= found <= most:
        raise RestError(400, code, f"{name} is {text[:20]!r}, which is no whole number up to {most}")
    return found


def keys(name: str) -> str:
    """Keys of a telephone, and waits between them."""
    text = request.form.get(name, "")
    if not re.fullmatch("[0-9A-D*#wW]{0,32}", text):
        raise RestError(400, 21206, f"{name} is not up to 32 keys of a telephone, and w or W for waits")
    return text


def recording_terms(source: str, trim: str) -> Terms:
    """The terms of a recording that the request asks for. `trim` is the default of this way to record."""
    callback = url("RecordingStatusCallback")
    events = " ".join(request.form.getlist("RecordingStatusCallbackEvent")).split() or ["completed"]
    if wrong := [event for event in events if event not in RECORDING_EVENTS]:
        raise RestError(400, INVALID, f"RecordingStatusCallbackEvent is {wrong[0]!r}, which is no event of a recording")
    return Terms(
        source=source,
        channels=2 if word("RecordingChannels", ("mono", "dual"), "mono") == "dual" else 1,
        track=word("RecordingTrack", TRACKS, "both"),
        trim=word("Trim", TRIMS, trim),
        callback=callback,
        callback_method=method("RecordingStatusCallbackMethod"),
        callback_events=tuple(events),
    )
