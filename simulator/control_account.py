"""The control API: the settings of the account, which make recordings without any document of the service."""

from dataclasses import asdict

from flask import Blueprint, Response, jsonify

from simulator.control import body
from simulator.errors import RestError
from simulator.rest import exchange

blueprint = Blueprint("control_account", __name__, url_prefix="/simulator")


@blueprint.get("/account")
def show_account() -> Response:
    return jsonify(asdict(exchange().account))


@blueprint.post("/account")
def change_account() -> Response:
    """Change the settings that are given, from the next answer or ringing on."""
    try:
        exchange().account.change(body())
    except (ValueError, TypeError) as error:
        raise RestError(400, 20001, f"not settings of an account: {error}") from error
    return show_account()
