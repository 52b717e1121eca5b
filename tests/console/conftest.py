"""A console over a database of its own, and people who are signed in to it."""

import secrets
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from console.app import Console, create_app
from console.guard import SESSION_COOKIE
from console.request_forgery import FIELD, form_token
from onrecord.processes.health import Readiness, add_health
from policies.permissions import Role, Scope
from policies.sessions import Limits, SignedInBy
from storage.audio.opening import open_store
from storage.database.engine import Database
from storage.moment import Moment
from storage.staff import accounts, sessions
from storage.staff.accounts import Account, Position
from tests.conftest import NOON

BASE_URL = "https://console.example.com"
KEK = b"K" * 32
LINE, OTHER_LINE = "+12125550100", "+12125550101"


@dataclass
class Clock:
    now: datetime = NOON

    def __call__(self) -> datetime:
        return self.now

    def passes(self, **time: float) -> None:
        self.now += timedelta(**time)


@dataclass
class Staff:
    """Makes accounts, and signs them in."""

    database: Database
    app: Flask
    clock: Clock
    limits: Limits = field(default_factory=Limits)

    def account(self, name: str, role: Role, scope: Scope | None = None, **more: Any) -> Account:
        position = Position(role, scope or Scope(), **more)
        return self.database.write(lambda c: accounts.add(c, self.moment(), name, name.title(), position, actor="root"))

    def somebody(self, role: Role = Role.REVIEWER, *, everywhere: bool = True, lines: Iterable[str] = ()) -> "Person":
        name = f"{role}-{secrets.token_hex(4)}"
        return self.sign_in(self.account(name, role, Scope(everywhere, frozenset(lines))))

    def sign_in(self, account: Account) -> "Person":
        begin: Callable[..., str] = lambda c: sessions.begin(  # noqa: E731 - a transaction
            c, self.moment(), account.id, SignedInBy.PASSKEY, "a test", self.limits
        )
        return Person(account, self.app.test_client(), self.database.write(begin))

    def moment(self) -> Moment:
        return Moment(self.clock(), secrets.token_bytes)


@dataclass(frozen=True)
class Person:
    account: Account
    client: FlaskClient
    token: str

    def __post_init__(self) -> None:
        self.client.set_cookie(SESSION_COOKIE, self.token, domain="console.example.com")

    def get(self, path: str, **more: Any) -> TestResponse:
        return self.client.get(path, base_url=BASE_URL, **more)

    def post(self, path: str, form: dict[str, str] | None = None, **more: Any) -> TestResponse:
        data = {FIELD: form_token(self.token), **(form or {})}
        return self.client.post(path, base_url=BASE_URL, data=data, **more)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def app(database: Database, clock: Clock, tmp_path: Path) -> Flask:
    store = open_store(f"dir:{tmp_path}/audio")
    made = create_app(Console(database, BASE_URL, store=store, key_encryption_key=KEK, now=clock))
    add_health(made, Readiness({}))
    return made


@pytest.fixture
def staff(database: Database, app: Flask, clock: Clock) -> Staff:
    return Staff(database, app, clock)
