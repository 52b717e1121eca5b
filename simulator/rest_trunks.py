"""REST: the trunking host. Trunks, and whether they record: the account's services name some, its own setting one."""

from typing import Any

from flask import Blueprint, Response, jsonify

from simulator.account_services import Trunk
from simulator.rest import exchange, not_found
from simulator.rest_hosts import admit, numbered_page, url

blueprint = Blueprint("rest_trunks", __name__, url_prefix="/v1")

DO_NOT_RECORD = "do-not-record"
_SINCE = "2026-01-05T15:00:00Z"


@blueprint.get("/Trunks")
def list_trunks() -> Response:
    admit("trunk", "list")
    return numbered_page("trunks", _all(), to_json)


@blueprint.get("/Trunks/<sid:sid>")
def fetch_trunk(sid: str) -> Response:
    return jsonify(to_json(_find(sid)))


@blueprint.get("/Trunks/<sid:sid>/Recording")
def fetch_recording(sid: str) -> Response:
    trunk = _find(sid)
    return jsonify({"mode": trunk.mode, "trim": trunk.trim})


def to_json(trunk: Trunk) -> dict[str, Any]:
    path = f"/v1/Trunks/{trunk.sid}"
    parts = ("origination_urls", "credential_lists", "ip_access_control_lists", "phone_numbers", "recording")
    return {
        "account_sid": exchange().config.account_sid,
        "auth_type": "",
        "auth_type_set": [],
        "cnam_lookup_enabled": False,
        "date_created": _SINCE,
        "date_updated": _SINCE,
        "disaster_recovery_method": "POST",
        "disaster_recovery_url": None,
        "domain_name": f"{trunk.friendly_name}.pstn.twilio.com",
        "friendly_name": trunk.friendly_name,
        "links": {part: url(f"{path}/{part.title().replace('_', '')}") for part in parts},
        "recording": {"mode": trunk.mode, "trim": trunk.trim},
        "secure": False,
        "sid": trunk.sid,
        "symmetric_rtp_enabled": False,
        "transfer_caller_id": "from-transferor",
        "transfer_mode": "disable-all",
        "url": url(path),
    }


def _all() -> list[Trunk]:
    """The trunks, and the trunk that every dialled leg goes through where it records."""
    mode = exchange().account.trunk_recording
    dialled = [] if mode == DO_NOT_RECORD else [Trunk("dialled", mode)]
    return [*exchange().services.trunks, *dialled]


def _find(sid: str) -> Trunk:
    admit("trunk", "get")
    found = [trunk for trunk in _all() if trunk.sid == sid]
    if not found:
        raise not_found()
    return found[0]
