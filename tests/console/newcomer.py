"""Somebody who has not signed in yet, with a browser and perhaps a device that keeps passkeys."""

import re
from dataclasses import dataclass, field
from http.cookies import SimpleCookie
from typing import Any
from urllib.parse import urlsplit

from flask.testing import FlaskClient
from pyotp import TOTP
from werkzeug.test import TestResponse

from console.guard import ENTRY_COOKIE, SESSION_COOKIE
from console.request_forgery import FIELD, form_token
from tests.console.conftest import BASE_URL, Clock
from tests.storage.staff.authenticator import Authenticator, Lies

HOST = urlsplit(BASE_URL).netloc
HONEST = Lies(origin=BASE_URL, host=HOST)
PASSWORD = "wombat-teapot-7-gravel"


@dataclass
class Newcomer:
    client: FlaskClient
    device: Authenticator = field(default_factory=Authenticator)

    def get(self, path: str) -> TestResponse:
        return self.client.get(path, base_url=BASE_URL)

    def post(self, path: str, form: dict[str, str] | None = None, **more: Any) -> TestResponse:
        """With the token of a page that was opened before."""
        if not self.cookie(ENTRY_COOKIE):
            self.get("/enter")
        data = {FIELD: form_token(self.cookie(ENTRY_COOKIE)), **(form or {})}
        return self.client.post(path, base_url=BASE_URL, data=data, **more)

    def cookie(self, name: str) -> str:
        found = self.client.get_cookie(name, domain=HOST)
        return found.value if found else ""

    def keep(self, name: str, value: str) -> None:
        self.client.set_cookie(name, value, domain=HOST, secure=True)

    @property
    def is_in(self) -> bool:
        return bool(self.cookie(SESSION_COOKIE)) and self.get("/log").status_code == 200

    def sign_in_by_passkey(self, lies: Lies = HONEST, **form: str) -> TestResponse:
        options = self.post("/enter/passkey/options").text
        return self.post("/enter/passkey", {"response": self.device.sign(options, lies), **form})

    def sign_in_by_password(self, name: str, code: str, password: str = PASSWORD, **form: str) -> TestResponse:
        return self.post("/enter/password", {"name": name, "password": password, "code": code, **form})

    def set_up_passkey(self, link: str, lies: Lies = HONEST) -> TestResponse:
        options = self.post(f"/welcome/{link}/passkey/options").text
        return self.post(
            f"/welcome/{link}/passkey", {"response": self.device.register(options, lies), "label": "phone"}
        )

    def set_up_password(self, link: str, clock: Clock, password: str = PASSWORD) -> "App":
        """Returns the authenticator app, which then has the secret."""
        page = self.get(f"/welcome/{link}/password").text
        app = App.scan(page, clock)
        answer = self.post(
            f"/welcome/{link}/password", {"password": password, "sealed": sealed_in(page), "code": app.code()}
        )
        assert answer.status_code == 200, answer.text
        app.recovery_codes = re.findall(r"<li><code>(.*?)</code>", answer.text)
        return app


@dataclass
class App:
    """An authenticator app."""

    secret: str
    clock: Clock
    recovery_codes: list[str] = field(default_factory=list)

    @classmethod
    def scan(cls, page: str, clock: Clock) -> "App":
        found = re.search(r'<code id="secret">(.*?)</code>', page)
        assert found, page
        return cls(found[1].replace(" ", ""), clock)

    def code(self) -> str:
        return TOTP(self.secret).at(self.clock())


def sealed_in(page: str) -> str:
    found = re.search(r'name="sealed" value="(.*?)"', page)
    assert found, page
    return found[1]


def without_nonces(answer: TestResponse) -> str:
    """The page, without what differs on every page: its nonce and the token of its forms."""
    return re.sub(r'(name="(?:csp-nonce|csrf-token|csrf_token)" (?:content|value))="[^"]*"', r"\1", answer.text)


def cookies_set(answer: TestResponse) -> SimpleCookie:
    """Those that the answer sets or deletes."""
    jar = SimpleCookie()
    for line in answer.headers.getlist("Set-Cookie"):
        jar.load(line)
    return jar
