"""Sentences of other packages in the language of the request: those of tables, and those with values in them.

The log and the rules speak English. A sentence that has no translation here stays English, and a page marks it so.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from functools import cache

from flask import Flask, get_template_attribute

from compliance.call_page import axis, facts, no_recording, strip_parts, words_heard
from compliance.explain import MODES
from console.keyboard import ACTIONS
from console.language import gettext
from policies import masking
from policies.consent import REMEMBERED_DECLINE
from policies.jurisdiction.pack import packaged_law
from policies.jurisdiction.places import Known
from policies.lifecycle import RecordingState
from policies.listening import STOPPED_BECAUSE
from policies.wording_pack import LANGUAGES, purposes_in

NOBODY = "somebody who is not signed in"
"""The actor of an event that nobody's session led to."""

_REASONS = (
    "its caller has withdrawn the consent",
    "no permit covers it",
    "the time for which it is kept is over",
    "it is unclear which recording of the call is the one that was agreed to",
    "its rows say something else than the log",
    "there is no recording",
)
_TABLES: tuple[Iterable[str], ...] = (
    strip_parts.NAMES.values(),
    strip_parts.HOW.values(),
    facts.OUTCOMES.values(),
    (facts.UNKNOWN_CALLER, facts.ERASED_CALLER, "unknown", REMEMBERED_DECLINE, NOBODY),
    no_recording.SENTENCES.values(),
    axis.PLACED.values(),
    words_heard.TEXTS.values(),
    MODES.values(),
    STOPPED_BECAUSE.values(),
    masking.WORDS,
    Known,
    RecordingState,
    (action.words for action in ACTIONS),
    _REASONS,
)
WITH_VALUES = (
    "consent for %(purpose)s",
    "its caller did not agree to its use for %(purpose)s",
    "its use for %(purpose)s ended on %(day)s",
    "it is %(state)s, not kept",
    "account %(account)s: it is disabled; enable it first",
    "account %(account)s: it is the last enabled admin's",
    "account %(account)s: a name has 2 to 63 letters, digits, dots or hyphens, and begins with a letter",
    "account %(account)s: there is one of this name",
    "the address that ends in %(digits)s is another account's",
    "a line or team is of 1 to %(most)s printable characters",
    "an address is of 1 to %(most)s printable characters",
    "a person's name is of 1 to %(most)s printable characters",
)
"""As other packages put them together, for the log and for errors."""


@cache
def constant() -> frozenset[str]:
    """Every sentence and word of the tables; the purposes and places are those that come with this version."""
    places = (place.name for place in packaged_law().jurisdictions.values())
    return frozenset(str(word) for table in (*_TABLES, purposes_in(LANGUAGES[0]), places) for word in table) - {""}


def translated(text: str) -> str:
    """As it is where it has no translation."""
    return _translation(text) or text


def marked(text: str) -> str:
    """For a page: where it has no translation it is marked as English."""
    return _translation(text) or english(text)


def english(text: object) -> str:
    """For a page: a text of the log, of the rules or of a certificate, which are English in every language."""
    marks: Callable[[object], str] = get_template_attribute("english.html", "english")
    return marks(text)


def add_sentences(app: Flask) -> None:
    app.jinja_env.filters.update(translated=marked, english=english)


def _translation(text: str) -> str | None:
    if text in constant():
        return gettext(text)
    for template, pattern in _patterns().items():
        if found := pattern.fullmatch(text):
            values = {name: translated(value) for name, value in found.groupdict().items()}
            return gettext(template) % values
    return None


@cache
def _patterns() -> Mapping[str, re.Pattern[str]]:
    return {template: _pattern(template) for template in WITH_VALUES}


def _pattern(template: str) -> re.Pattern[str]:
    parts = re.split(r"%\((\w+)\)s", template)
    named = (f"(?P<{part}>.+)" if number % 2 else re.escape(part) for number, part in enumerate(parts))
    return re.compile("".join(named), re.DOTALL)
