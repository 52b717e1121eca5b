"""The views by which the staff come in."""

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from compliance.staff.entry import Entry
from console.entry.sign_in import SignIn
from console.entry.welcome import Welcome


class _Part(Protocol):
    def views(self) -> Mapping[str, Callable[..., Any]]: ...


def account_views(entry: Entry) -> Mapping[str, Callable[..., Any]]:
    parts: list[_Part] = [SignIn(entry), Welcome(entry)]
    return {endpoint: view for part in parts for endpoint, view in part.views().items()}
