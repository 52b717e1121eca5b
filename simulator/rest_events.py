"""REST: every request that was sent about a call, and what it was answered. To be read a while after the call's end."""

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
    """Until it may be read, and when it is no longer kept, the list is empty."""
    return page("events", _events(*find_call(call_sid)), to_json)


def to_json(asked: dict[str, Any]) -> dict[str, Any]:
    """The event. Parameters are in snake case; what came too late or was lost on its way back is shown as nothing."""
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
            "date_created": exchange().told(datetime.fromisoformat(asked["at"])),
        },
    }


def _events(leg: Leg, call: PhoneCall) -> list[dict[str, Any]]:
    """Newest first. A whisper is asked for about the leg of the agent who hears it; prompts are fetched for no call."""
    timing, now = exchange().config.timing, exchange().clock.now()
    if leg.ended is None or not timedelta(seconds=timing.events_s) <= now - leg.ended <= KEPT:
        return []
    asked = [*call.journal.of("document"), *call.journal.of("callback")]
    about = [one for one in asked if not one.get("lost") and one["params"].get("CallSid") == leg.sid]
    return sorted(about, key=lambda one: str(one["at"]), reverse=True)


def _snake_case(name: str) -> str:
    return _NEXT_WORD.sub("_", name).lower()
