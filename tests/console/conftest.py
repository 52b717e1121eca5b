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

from compliance.staff.administration import Administration
from compliance.staff.entry import Entry
from console.app import Console, create_app
from console.guard import SESSION_COOKIE
from console.request_forgery import FIELD, form_token
from onrecord.processes.health import Readiness, add_health
from policies.permissions import Role, Scope
from policies.rulebook.read import parse
from policies.sessions import Limits, SignedInBy
from policies.sign_in import ConsoleRules
from storage.audio.opening import open_store
from storage.database.engine import Database
from storage.moment import Moment
from storage.staff import accounts, sessions
from storage.staff.accounts import Account, Position
from storage.staff.ceremonies import relying_party
from tests.compliance.staff.desk import CHEAP
from tests.conftest import NOON
from tests.console.provider import Provider
from tests.policies.test_rulebook import GOOD

BASE_URL = "https://console.example.com"
KEK, STAFF_KEY = b"K" * 32, b"s" * 32
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

    def invite(self, name: str, role: Role, scope: Scope | None = None) -> str:
        """The last part of the link by which a new person sets up how they sign in."""
        administration = Administration(self.database, ConsoleRules(), self.moment)
        return administration.add(name, name.title(), Position(role, scope or Scope()), actor="root").link

    def change(self, name: str, role: Role) -> None:
        account = self.named(name)
        self.database.write(lambda c: accounts.change(c, self.moment(), account, Position(role), actor="root"))

    def named(self, name: str) -> Account:
        with self.database.read() as connection:
            found = accounts.by_name(connection, name)
        assert found
        return found

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


def entry_of(database: Database, clock: Callable[[], datetime], rules: ConsoleRules | None = None) -> Entry:
    """What a console signs people in with, at the time of a test and with passwords that are quickly hashed."""
    party = relying_party(BASE_URL)
    moment: Callable[[], Moment] = lambda: Moment(clock(), secrets.token_bytes)  # noqa: E731 - the time of a test
    return Entry(database, STAFF_KEY, party, rules or ConsoleRules(), moment, CHEAP)


@pytest.fixture
def rules() -> ConsoleRules:
    """A test of other rules says so by a fixture of this name."""
    return ConsoleRules()


@pytest.fixture
def provider() -> Provider:
    return Provider()


@pytest.fixture
def app(database: Database, clock: Clock, rules: ConsoleRules, provider: Provider, tmp_path: Path) -> Flask:
    made = create_app(
        Console(
            database,
            BASE_URL,
            rulebook=parse(GOOD),
            store=open_store(f"dir:{tmp_path}/audio"),
            key_encryption_key=KEK,
            entry=entry_of(database, clock, rules),
            sign_on=provider,
            lines=(LINE, OTHER_LINE),
            limits=rules.limits,
            now=clock,
        )
    )
    add_health(made, Readiness({}))
    return made


@pytest.fixture
def staff(database: Database, app: Flask, clock: Clock) -> Staff:
    return Staff(database, app, clock)
