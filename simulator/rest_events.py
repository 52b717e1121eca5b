"""REST: the requests sent about a call, and their answers. Listed some time after the call's end."""

import re
from datetime import datetime, timedelta
from typing import Any

from flask import Blueprint, Response

from simulator.legs import Leg
from simulator.phone_call import PhoneCall
from simulator.rest import PREFIX, exchange, page
from simulator.rest_calls import find as find_call

blueprint = Blueprint("rest_events", __name__, url_prefix=PREFIX)
KEPT = timedelta(days=30)
NOTHING_CAME_BACK = 502
_NEXT_WORD = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


@blueprint.get("/Calls/<sid:call_sid>/Events.json")
def list_of_call(account: str, call_sid: str) -> Response:
    """The list is empty before its time, and after 30 days."""
    return page("events", _events(*find_call(call_sid)), to_json)


def to_json(asked: dict[str, Any]) -> dict[str, Any]:
    """The event. Parameters are in snake case; an answer that came too late or was lost is shown as empty."""
    came_back = asked["status"] is not None and asked["failure"] in ("", "4xx", "5xx")
    return {
        "request": {
            "method": asked["method"],
            "url": asked["url"],
            "parameters": {_snake_case(name): value for name, value in asked["params"].items()},
        },
        "response": {
            "response_code": asked["status"] if came_back else NOTHING_CAME_BACK,
            "request_duration": round(asked["latency_ms"]),
            "content_type": asked["content_type"] if came_back else None,
            "response_body": asked.get("twiml", asked.get("body", "")) if came_back else "",
            "date_created": exchange().date_text(datetime.fromisoformat(asked["at"])),
        },
    }


def _events(leg: Leg, call: PhoneCall) -> list[dict[str, Any]]:
    """Newest first. A whisper belongs to the leg of its agent; prompts are fetched for no call."""
    timing, now = exchange().config.timing, exchange().clock.now()
    if leg.ended is None or not timedelta(seconds=timing.events_s) <= now - leg.ended <= KEPT:
        return []
    asked = [*call.journal.of("document"), *call.journal.of("callback")]
    about = [entry for entry in asked if not entry.get("lost") and entry["params"].get("CallSid") == leg.sid]
    return sorted(about, key=lambda entry: str(entry["at"]), reverse=True)


def _snake_case(name: str) -> str:
    return _NEXT_WORD.sub("_", name).lower()
