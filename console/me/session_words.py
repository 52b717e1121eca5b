"""A session in words: the browser, as far as its own name tells it, and how its person signed in."""

from collections.abc import Iterable

from console.language import gettext
from policies.sessions import SignedInBy

# In this order: a browser also names those that it wants to be taken for.
_BROWSERS = (
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("Firefox/", "Firefox"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
)
_SYSTEMS = (
    ("Windows", "Windows"),
    ("Android", "Android"),
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Mac OS", "macOS"),
    ("CrOS", "ChromeOS"),
    ("Linux", "Linux"),
)


def browser_of(text: str) -> str:
    """Of the User-Agent that the browser sent when its person signed in."""
    browser, system = _first(text, _BROWSERS), _first(text, _SYSTEMS)
    if browser and system:
        return gettext("%(browser)s on %(system)s") % {"browser": browser, "system": system}
    return browser or system or gettext("A browser that does not say which it is")


def way_of(signed_in_by: SignedInBy) -> str:
    match signed_in_by:
        case SignedInBy.PASSKEY:
            return gettext("with a passkey")
        case SignedInBy.PASSWORD:
            return gettext("with password and code")
        case SignedInBy.SINGLE_SIGN_ON:
            return gettext("by single sign-on")


def _first(text: str, names: Iterable[tuple[str, str]]) -> str:
    return next((name for mark, name in names if mark in text), "")
