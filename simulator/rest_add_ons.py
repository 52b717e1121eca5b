"""REST: the marketplace host. Installed add-ons, and the products that they extend."""

from typing import Any

from flask import Blueprint, Response, jsonify

from simulator.account_services import AddOn
from simulator.rest import exchange, not_found
from simulator.rest_hosts import admit, numbered_page, url

blueprint = Blueprint("rest_add_ons", __name__, url_prefix="/v1")

_SINCE = "2026-01-05T15:00:00Z"


@blueprint.get("/InstalledAddOns")
def list_add_ons() -> Response:
    admit("installed_add_on", "list")
    return numbered_page("installed_add_ons", exchange().services.add_ons, to_json)


@blueprint.get("/InstalledAddOns/<sid:sid>")
def fetch_add_on(sid: str) -> Response:
    return jsonify(to_json(_find(sid)))


@blueprint.get("/InstalledAddOns/<sid:sid>/Extensions")
def list_extensions(sid: str) -> Response:
    """The only extension that an add-on has here."""
    return numbered_page("extensions", [_find(sid)], extension)


def to_json(add_on: AddOn) -> dict[str, Any]:
    path = f"/v1/InstalledAddOns/{add_on.sid}"
    return {
        "account_sid": exchange().config.account_sid,
        "configuration": {},
        "date_created": _SINCE,
        "date_updated": _SINCE,
        "description": "",
        "friendly_name": add_on.unique_name,
        "links": {
            "extensions": url(f"{path}/Extensions"),
            "available_add_on": url("/v1/AvailableAddOns/XB" + "0" * 32),
        },
        "sid": add_on.sid,
        "unique_name": add_on.unique_name,
        "url": url(path),
    }


def extension(add_on: AddOn) -> dict[str, Any]:
    sid = "XF" + add_on.sid[2:]
    return {
        "enabled": add_on.enabled,
        "friendly_name": f"{add_on.product_name} extension",
        "installed_add_on_sid": add_on.sid,
        "product_name": add_on.product_name,
        "sid": sid,
        "unique_name": add_on.product_name.lower().replace(" ", "-"),
        "url": url(f"/v1/InstalledAddOns/{add_on.sid}/Extensions/{sid}"),
    }


def _find(sid: str) -> AddOn:
    admit("installed_add_on", "get")
    found = [add_on for add_on in exchange().services.add_ons if add_on.sid == sid]
    if not found:
        raise not_found()
    return found[0]
