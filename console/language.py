"""The language of a page: the person's own setting, else the browser's wish, else English."""

from functools import cache
from gettext import NullTranslations, translation
from pathlib import Path

from flask import Flask, g, has_request_context, request

from console.personal_settings import LANGUAGES

_LOCALE = Path(__file__).parent / "locale"
DEFAULT = "en"


def language() -> str:
    """The present request's."""
    if not has_request_context():
        return DEFAULT
    viewer = g.get("viewer")
    if viewer is not None and viewer.settings.language:
        return str(viewer.settings.language)
    wished = (tag.partition("-")[0].lower() for tag, quality in request.accept_languages if quality > 0)
    return next((name for name in wished if name in LANGUAGES), DEFAULT)


def gettext(message: str) -> str:
    return _translations(language()).gettext(message)


def ngettext(one: str, several: str, number: int) -> str:
    return _translations(language()).ngettext(one, several, number)


def add_language(app: Flask) -> None:
    """Templates write `_("…")`, and `ngettext`; what is put into a text is escaped as everywhere."""
    app.jinja_env.add_extension("jinja2.ext.i18n")
    app.jinja_env.install_gettext_callables(gettext, ngettext, newstyle=True)  # type: ignore[attr-defined]  # the extension's
    app.jinja_env.globals["language"] = language


@cache
def _translations(name: str) -> NullTranslations:
    return translation("console", _LOCALE, [name], fallback=True)
