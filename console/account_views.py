"""The views by which the staff come in, keep their own accounts, and administrators keep those of others."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

from compliance.staff.administration import Administration
from compliance.staff.entry import Entry
from console.entry.sign_in import SignIn
from console.entry.sign_on import IdentityProvider, SignOn
from console.entry.welcome import Welcome
from console.me.connection import Connecting
from console.me.own_sessions import OwnSessions
from console.me.page import OwnAccount
from console.me.passkeys import OwnPasskeys
from console.me.password import OwnPassword
from console.me.settings import OwnSettings
from console.staff.account import OneAccount
from console.staff.choices import StaffPages
from console.staff.people import People


class _Part(Protocol):
    def views(self) -> Mapping[str, Callable[..., Any]]: ...


def account_views(
    entry: Entry, provider: IdentityProvider | None, lines: Sequence[str], base_url: str
) -> Mapping[str, Callable[..., Any]]:
    def now() -> datetime:
        return entry.moment().at

    sign_on = SignOn(entry, provider, now) if provider else None
    administration = Administration(entry.database, entry.rules, entry.moment)
    pages = StaffPages(administration, lines, base_url, now)
    name = provider.name if provider else ""
    parts: list[_Part] = [
        SignIn(entry, name),
        Welcome(entry),
        OwnAccount(entry, name, now),
        OwnPasskeys(entry, now),
        OwnPassword(entry, now),
        OwnSessions(administration),
        OwnSettings(entry.database),
        Connecting(entry, sign_on, now),
        People(pages),
        OneAccount(pages),
        *([sign_on] if sign_on else []),
    ]
    return {endpoint: view for part in parts for endpoint, view in part.views().items()}
