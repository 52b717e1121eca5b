"""The control API of the account's services: their settings, and the texts that exist."""

from typing import Any

from flask import Blueprint, Response, jsonify, request

from simulator.errors import RestError
from simulator.rest import exchange
from simulator.rest_numbers import SETTINGS
from simulator.rest_numbers import to_json as number_to_json

blueprint = Blueprint("control_texts", __name__, url_prefix="/simulator")


@blueprint.get("/services")
def show_services() -> Response:
    return jsonify(exchange().services.to_json())


@blueprint.post("/services")
def change_services() -> Response:
    """Replace the settings that are given, for whatever is asked or ends from now on."""
    try:
        exchange().services = exchange().services.changed(_body())
    except (ValueError, TypeError, AttributeError) as error:
        raise RestError(400, 20001, f"no such settings: {error}") from error
    return show_services()


@blueprint.post("/numbers/<e164>")
def change_number(e164: str) -> Response:
    """Replace settings of a number, as somebody does in the console: its URLs, its application, its trunk."""
    number, given = exchange().numbers.get(e164), _body()
    if number is None:
        raise RestError(404, 20404, "no such number")
    if unknown := set(given) - set(SETTINGS.values()):
        raise RestError(400, 20001, f"no such settings: {sorted(unknown)}")
    for setting, value in given.items():
        setattr(number, setting, value)
    return jsonify(number_to_json(number))


@blueprint.get("/texts")
def list_texts() -> Response:
    """All texts, the deleted ones too, oldest first."""
    return jsonify({"texts": [text.to_json() for text in exchange().texts.all()]})


@blueprint.post("/texts")
def make_text() -> tuple[Response, int]:
    """Make a text of `kind` now: of a `recording_sid`, a `call_sid` or, for memory and results, a `conversation_id`."""
    try:
        text = exchange().texts.make(**_body())
    except (KeyError, TypeError) as error:
        raise RestError(400, 20001, f"not a text that can be made: {error}") from error
    return jsonify(text.to_json()), 201


def _body() -> dict[str, Any]:
    body = request.get_json(silent=True)
    if not isinstance(body, dict):
        raise RestError(400, 20001, "a JSON object is expected")
    return body
