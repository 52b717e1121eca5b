"""The packaged texts and voices: one file for each language, from which a locale may vary single texts."""

import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

# In this order a mistake's message names them; the first language is the pattern for the others.
LANGUAGES = ("en", "es", "fr", "de", "pt", "hi")

_NO_KEYS: frozenset[str] = frozenset()
_ALL_KEYS = frozenset({"1", "2", "9"})

# The variants of a wording, each with the keys that its question names; none where there is no question.
KEYS_OF: Mapping[str, frozenset[str]] = {
    "notice": _NO_KEYS,
    "opt_out": _ALL_KEYS,
    "opt_out_by_staying": _ALL_KEYS,
    "opt_in": _ALL_KEYS,
    "never": _NO_KEYS,
    "must_record": _ALL_KEYS,
    "remembered": frozenset({"1", "9"}),  # it stays declined, so there is nothing to decline again
}


class NoWording(ValueError):
    """There is no text for this language or this purpose."""


@dataclass(frozen=True, slots=True)
class WithdrawalKeyTexts:
    """The texts about the key with which a caller withdraws the consent during the conversation.

    `disclosure` is added to a disclosure; `named` are the names of the key, in small letters. The menu offers to
    `destroy` the recording or to `keep` it, and `destroyed` or `kept` is said afterwards.
    """

    disclosure: str
    destroy: str
    keep: str
    ends_call: str
    go_back: str
    destroyed: str
    kept: str
    named: tuple[str, ...]

    def menu(self, *, keeps: bool, ends_call: bool) -> str:
        offer = [self.keep if keeps else self.destroy, *([self.ends_call] if ends_call else [])]
        return " ".join([*offer, self.go_back])

    def done(self, *, keeps: bool) -> str:
        return self.kept if keeps else self.destroyed


@dataclass(frozen=True, slots=True)
class Texts:
    """The texts of a locale. `disclosure` and `question` are by variant and have placeholders, `said` is by name."""

    version: str
    voice: str
    native_review: str
    conjunction: str
    language_menu: str
    purposes: Mapping[str, str]
    disclosure: Mapping[str, str]
    question: Mapping[str, str]
    said: Mapping[str, str]
    withdrawal_key: "WithdrawalKeyTexts"

    def listed(self, purposes: Sequence[str]) -> str:
        """The purposes as spoken: "a", "a and b", "a, b and c". Raises NoWording."""
        if not purposes or not set(purposes) <= self.purposes.keys():
            raise NoWording(f"purposes {list(purposes)}: no wording; there are {', '.join(self.purposes)}")
        *others, last = (self.purposes[purpose] for purpose in purposes)
        return f"{', '.join(others)} {self.conjunction} {last}" if others else last


@cache
def languages() -> tuple[str, ...]:
    """Every locale with a voice; the first of a language stands in for that language's other locales."""
    return tuple(locale for language in LANGUAGES for locale in _file(language)["voices"])


def purposes_in(language: str) -> tuple[str, ...]:
    """The purposes that can be said in `language`. Raises NoWording."""
    return tuple(texts_of(nearest(language)).purposes)


def nearest(language: str) -> str:
    """The locale whose texts serve `language`. Raises NoWording."""
    found = language if language in languages() else _first_of(language.partition("-")[0], languages())
    if found is None:
        raise NoWording(f"language {language!r}: no wording")
    return found


def voice_of(language: str) -> str:
    """The voice that speaks a language to callers. Raises NoWording."""
    return texts_of(nearest(language)).voice


def native_review_of(language: str) -> str:
    """Whether a native speaker should check the texts before they are used: no, advised or needed. Raises NoWording."""
    return texts_of(nearest(language)).native_review


def menu_line(language: str, key: str) -> str:
    """The offer of a language in that language: "For English, press 1." Raises NoWording."""
    return texts_of(nearest(language)).language_menu.format(key=key)


@cache
def texts_of(locale: str) -> Texts:
    """The texts of one of `languages()`."""
    file = _file(locale.partition("-")[0])
    own: dict[str, Any] = file.get("locales", {}).get(locale, {})
    return Texts(
        version=file["version"],
        voice=file["voices"][locale],
        native_review=file["native_review"],
        conjunction=file["and"],
        language_menu=own.get("language_menu", file["language_menu"]),
        purposes=file["purposes"] | own.get("purposes", {}),
        disclosure=file["disclosure"] | own.get("disclosure", {}),
        question=file["question"] | own.get("question", {}),
        said=file["said"] | own.get("said", {}),
        withdrawal_key=_withdrawal_key(file["withdrawal_key"] | own.get("withdrawal_key", {})),
    )


def _withdrawal_key(said: dict[str, Any]) -> WithdrawalKeyTexts:
    return WithdrawalKeyTexts(**{**said, "named": tuple(said["named"])})


def _first_of(language: str, locales: Iterable[str]) -> str | None:
    return next((locale for locale in locales if locale.partition("-")[0] == language), None)


@cache
def _file(language: str) -> dict[str, Any]:
    text = files("policies").joinpath("wordings", f"{language}.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)
