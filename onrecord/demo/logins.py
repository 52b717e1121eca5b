"""Accounts for the demonstration's console, one of each role, set up as people would set them up.

They have passwords and recovery codes, which can be printed; in the browser a passkey can be added beside them.
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pyotp import TOTP

from compliance.staff import sign_in, welcome
from compliance.staff.administration import Administration
from compliance.staff.entry import Entry
from onrecord.installation import Installation
from policies.permissions import Role, Scope
from storage.disk import write_private
from storage.staff.accounts import Position
from storage.staff.ceremonies import relying_party

_BY = "the demonstration"
_PEOPLE = {
    Role.AGENT: ("alice", "Alice, who took the calls"),
    Role.REVIEWER: ("rita", "Rita, who reviews"),
    Role.SUPERVISOR: ("sam", "Sam, who supervises"),
    Role.COMPLIANCE: ("clara", "Clara, of compliance"),
    Role.ADMIN: ("adam", "Adam, who administrates"),
}
_TEAM = "support"


@dataclass(frozen=True)
class Login:
    """`codes` are recovery codes, which work once each; `secret` is for an authenticator app."""

    role: Role
    name: str
    password: str = field(repr=False)
    codes: tuple[str, ...] = field(repr=False)
    secret: str = field(repr=False)


def make_logins(installation: Installation) -> list[Login]:
    """An account of each role, for every call; the agent's is for the calls that were taken at the lines' agents."""
    party = relying_party(installation.settings.console_base_url)
    entry = Entry(installation.database, installation.keys.staff_key, party, installation.rulebook.console)
    return [_make(installation, entry, role) for role in _PEOPLE]


def write_logins(logins: Sequence[Login], file: Path) -> None:
    """All of them with their codes, for the owner of the file alone."""
    lines = [
        f"{login.role}\n  name      {login.name}\n  password  {login.password}\n"
        f"  app       {login.secret}\n  codes     {'  '.join(login.codes)}\n"
        for login in logins
    ]
    write_private(file, "\n".join(lines).encode())


def _make(installation: Installation, entry: Entry, role: Role) -> Login:
    name, person = _PEOPLE[role]
    phones = {agent.address for line in installation.rulebook.lines for agent in line.connect_to}
    takes_calls = frozenset(phones) if role is Role.AGENT else frozenset()
    position = Position(role, Scope(everywhere=role is not Role.AGENT), _TEAM, takes_calls)
    invited = Administration(entry.database, entry.rules).add(name, person, position, actor=_BY)
    password = "-".join(secrets.token_hex(2) for _ in range(4))
    proposed = welcome.propose_code(entry, invited.link)
    secret = proposed.secret.replace(" ", "")
    made = welcome.with_password(
        entry, invited.link, password, proposed.sealed, TOTP(secret).now(), browser="set up by the demonstration"
    )
    sign_in.sign_out(entry, made.signed_in.token, actor=_BY)
    return Login(role, name, password, made.recovery_codes, secret)
