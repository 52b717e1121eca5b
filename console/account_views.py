"""The views by which the staff come in, and keep their own accounts."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Protocol

from compliance.staff.administration import Administration
from compliance.staff.entry import Entry
from console.entry.sign_in import SignIn
from console.entry.welcome import Welcome
from console.me.own_sessions import OwnSessions
from console.me.page import OwnAccount
from console.me.passkeys import OwnPasskeys
from console.me.password import OwnPassword
from console.me.settings import OwnSettings


class _Part(Protocol):
    def views(self) -> Mapping[str, Callable[..., Any]]: ...


def account_views(entry: Entry) -> Mapping[str, Callable[..., Any]]:
    def now() -> datetime:
        return entry.moment().at

    parts: list[_Part] = [
        SignIn(entry),
        Welcome(entry),
        OwnAccount(entry, "", now),
        OwnPasskeys(entry, now),
        OwnPassword(entry, now),
        OwnSessions(Administration(entry.database, entry.rules, entry.moment)),
        OwnSettings(entry.database),
    ]
    return {endpoint: view for part in parts for endpoint, view in part.views().items()}
