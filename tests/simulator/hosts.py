"""Twilio's client for Python with every host of Twilio's answered by the simulator, and its control API."""

from collections.abc import Callable
from typing import Any

import pytest
import requests
from twilio.base.exceptions import TwilioRestException, TwilioServiceException
from twilio.http.http_client import TwilioHttpClient
from twilio.rest import Client

from simulator.recordings import Recording
from simulator.server import create_app
from simulator.wsgi import WsgiAdapter
from tests.simulator.office import ACCOUNT, TOKEN, Office

HOSTS = ("api", "voice", "intelligence", "conversations", "memory", "trunking", "marketplace")
API = "https://api.twilio.com"
SPOKEN = "I use the one that came with my computer."


def client_of(office: Office, password: str = TOKEN) -> Client:
    """Twilio's own client."""
    http = TwilioHttpClient()
    for host in HOSTS:
        http.session.mount(f"https://{host}.twilio.com", WsgiAdapter(create_app(office.exchange)))
    return Client(ACCOUNT, password, ACCOUNT, http_client=http)


def ask(
    office: Office,
    method: str,
    path: str,
    json: dict[str, Any] | None = None,
    auth: tuple[str, str] | None = (ACCOUNT, TOKEN),
) -> requests.Response:
    """A request without Twilio's client."""
    with requests.Session() as session:
        session.mount(API, WsgiAdapter(create_app(office.exchange)))
        return session.request(method, API + path, json=json, auth=auth)


def switch(office: Office, **settings: Any) -> None:
    """Change the account's services and its own settings of recording, as the control API does."""
    own: dict[str, Any] = {
        name: settings.pop(name) for name in ("default_recording", "trunk_recording") if name in settings
    }
    for path, given in (("account", own), ("services", settings)):
        answer = ask(office, "POST", f"/simulator/{path}", given, None)
        assert answer.status_code == 200, answer.text


def make(office: Office, **about: str) -> str:
    """Make a text, as the control API does; its sid."""
    answer = ask(office, "POST", "/simulator/texts", about, None)
    assert answer.status_code == 201, answer.text
    sid: str = answer.json()["sid"]
    return sid


def shown(office: Office) -> list[dict[str, Any]]:
    """All texts, as the control API shows them."""
    rows: list[dict[str, Any]] = ask(office, "GET", "/simulator/texts", None, None).json()["texts"]
    return rows


def recorded(office: Office) -> Recording:
    """The recording of a call with a conversation in it."""
    return office.call({"presses": ["1"], "talks_s": 30}).recorder.recordings[0]


def refused(asked: Callable[[], object]) -> tuple[int, int]:
    """The status and the code of a request that is refused."""
    with pytest.raises((TwilioRestException, TwilioServiceException)) as caught:
        asked()
    return caught.value.status, caught.value.code
