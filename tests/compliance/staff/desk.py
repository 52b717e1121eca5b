"""A console's entry for people with their devices, at a time that the test sets."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, TypeVar

import pyotp
from sqlalchemy import Connection

from compliance.staff import credentials, sign_in, welcome
from compliance.staff.administration import Administration, Invited
from compliance.staff.entry import Entry
from compliance.staff.logged_sessions import SignedIn
from compliance.staff.sign_in import NotSignedIn
from policies.permissions import Role
from policies.sign_in import ConsoleRules
from storage.database.engine import Database
from storage.log import consent_log
from storage.moment import Moment
from storage.staff import sessions
from storage.staff.accounts import Account, Position
from storage.staff.ceremonies import relying_party
from storage.staff.passwords import Hashing
from storage.staff.second_factor import Proposal
from storage.staff.sessions import Session
from tests.conftest import NOON
from tests.storage.staff.authenticator import HONEST, ORIGIN, Authenticator, Lies

T = TypeVar("T")
KEY = secrets.token_bytes(32)
PASSWORD = "correct horse battery"
CHEAP = Hashing(time_cost=1, memory_kib=8, lanes=1)
"""As quick as it gets: here nobody guesses."""


@dataclass(frozen=True)
class Interrupted(Hashing):
    """Something happens while a password is being looked at, which takes its time."""

    meanwhile: Callable[[], object] = list

    def is_right(self, password: str, kept: str) -> bool:
        found = super().is_right(password, kept)
        self.meanwhile()
        return found

    def hash_of(self, password: str, random: Callable[[int], bytes]) -> str:
        made = super().hash_of(password, random)
        self.meanwhile()
        return made


def interrupted(meanwhile: Callable[[], object]) -> Hashing:
    return Interrupted(CHEAP.time_cost, CHEAP.memory_kib, CHEAP.lanes, meanwhile=meanwhile)


def app_of(proposal: Proposal) -> pyotp.TOTP:
    return pyotp.TOTP(proposal.secret.replace(" ", ""))


@dataclass
class Desk:
    """`rules` are the rulebook's. Events are those since the desk was opened."""

    database: Database
    rules: ConsoleRules = field(default_factory=ConsoleRules)
    now: datetime = NOON
    hashing: Hashing = CHEAP
    first: int = 0

    def __post_init__(self) -> None:
        self.first = self.read(consent_log.size)

    @property
    def entry(self) -> Entry:
        return Entry(self.database, KEY, relying_party(ORIGIN), self.rules, self.moment, self.hashing)

    @property
    def administration(self) -> Administration:
        return Administration(self.database, self.rules, self.moment)

    def moment(self) -> Moment:
        return Moment(self.now, secrets.token_bytes)

    def passes(self, **time: float) -> None:
        self.now += timedelta(**time)

    def read(self, work: Callable[[Connection], T]) -> T:
        with self.database.read() as connection:
            return work(connection)

    def invite(self, name: str, role: Role = Role.REVIEWER) -> Invited:
        """Its name begins so: other tests have accounts in this database."""
        name = f"{name}-{secrets.token_hex(8)}"
        return self.administration.add(name, "Somebody Else", Position(role), actor="root")

    def with_passkey(self, name: str, role: Role = Role.REVIEWER) -> tuple[Account, Authenticator]:
        device, invited = Authenticator(), self.invite(name, role)
        self.welcomed(invited.link, device)
        return invited.account, device

    def welcomed(self, link: str, device: Authenticator, lies: Lies = HONEST) -> SignedIn:
        asked = welcome.passkey_options(self.entry, link)
        response = device.register(asked.options, lies)
        return welcome.with_passkey(self.entry, link, response, asked.challenge, "laptop", browser="Browser 1")

    def with_password(self, name: str, role: Role = Role.REVIEWER) -> tuple[Account, pyotp.TOTP, tuple[str, ...]]:
        invited = self.invite(name, role)
        proposal = welcome.propose_code(self.entry, invited.link)
        app = app_of(proposal)
        made = welcome.with_password(
            self.entry, invited.link, PASSWORD, proposal.sealed, app.at(self.now), browser="Browser 1"
        )
        self.passes(minutes=1)  # so that the app shows another code
        return invited.account, app, made.recovery_codes

    def add_passkey(self, account: Account, device: Authenticator, label: str = "telephone") -> None:
        asked = credentials.passkey_options(self.entry, account.id)
        response = device.register(asked.options)
        credentials.add_passkey(self.entry, account.id, response, asked.challenge, label, actor=account.name)

    def shows(self, device: Authenticator, lies: Lies = HONEST, old_token: str = "") -> SignedIn | NotSignedIn:
        asked = sign_in.passkey_options(self.entry)
        response = device.sign(asked.options, lies)
        return sign_in.by_passkey(self.entry, response, asked.challenge, browser="Browser 1", old_token=old_token)

    def types(self, account: Account, code: str, password: str = PASSWORD) -> SignedIn | NotSignedIn:
        return sign_in.by_password(self.entry, account.name, password, code, browser="Browser 1")

    def comes_from(self, issuer: str, subject: str, acr: str = "") -> SignedIn | NotSignedIn:
        return sign_in.by_identity(self.entry, issuer, subject, acr=acr, browser="Browser 1")

    def living(self, token: str) -> Session | None:
        return self.read(lambda c: sessions.living(c, token, self.now, self.rules.limits))

    def events(self, account: Account) -> list[dict[str, Any]]:
        """Of an account, in their order."""
        found = self.read(lambda c: [*enumerate(consent_log.leaves(c, self.first), start=self.first)])
        told = [consent_log.read_event(index, leaf) for index, leaf in found]
        return [event for event in told if event.get("account") == account.id]

    def types_of(self, account: Account) -> list[str]:
        return [event["type"].removeprefix("staff.") for event in self.events(account)]
