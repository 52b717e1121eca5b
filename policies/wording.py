"""What a caller is told, in the caller's language, word for word as it is logged.

The statement and the question are separate texts, because the first is played where no key can cut it short.
"""

import json
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from hashlib import sha256
from importlib.resources import files
from typing import Any

from policies.consent import Mode

WORDS_PER_MINUTE = 150

# Where Spanish is the language of most: the countries whose official language it is, and Puerto Rico.
_SPANISH_SPEAKING = frozenset(
    {"AR", "BO", "CL", "CO", "CR", "CU", "DO", "EC", "ES", "GQ", "GT", "HN", "MX", "NI", "PA", "PE", "PY", "SV"}
) | {"US-PR", "UY", "VE"}


class NoWording(ValueError):
    """There is no text for this language or this purpose."""


@dataclass(frozen=True, slots=True)
class Wording:
    """All that one call may say. `question` is empty in the modes that ask nothing.

    `id` names the variant and the locale, `version` the whole pack. `sha256` (hex) is over the language, the
    voice and every text, as spoken for this business: one compact JSON object, keys sorted, in UTF-8.
    """

    id: str
    version: str
    language: str
    voice: str
    mode: Mode
    disclosure: str
    question: str
    recorded_tag: str
    not_recorded: str
    declined: str
    no_answer: str
    unclear: str
    stopped: str
    connecting: str
    agent_unavailable: str
    agent_busy: str
    goodbye: str
    refused_must_record: str
    whisper_recorded: str
    whisper_not_recorded: str
    sha256: str


def wording_for(
    mode: Mode, language: str, business: str, purposes: Sequence[str], *, silence_is_consent: bool = False
) -> Wording:
    """The wording for a business (its name) and its purposes, in the order given.

    A locale without texts of its own gets the nearest of its language. Only where silence counts as consent
    does an opt-out text say so. Raises NoWording.
    """
    variant = "opt_out_by_staying" if mode is Mode.OPT_OUT and silence_is_consent else mode.value
    return _rendered(variant, mode, nearest(language), business, tuple(purposes))


def languages() -> tuple[str, ...]:
    """Every locale with a voice; the first of a language stands in for that language's other locales."""
    return tuple(_pack()["voices"])


def purposes_in(language: str) -> tuple[str, ...]:
    """The purposes that can be said in `language`. Raises NoWording."""
    return tuple(_texts(nearest(language))["purposes"])


def nearest(language: str) -> str:
    """The locale whose texts serve `language`. Raises NoWording."""
    found = _same_language(language, languages())
    if found is None:
        raise NoWording(f"language {language!r}: no wording")
    return found


def language_for(wanted: str | None, offered: Sequence[str]) -> str:
    """The one of a line's languages that serves a caller who wants `wanted`; else the line's first."""
    found = _same_language(wanted, offered) if wanted else None
    return found or offered[0]


def language_spoken_in(place: str) -> str | None:
    """The language to offer a caller from a place (an ISO 3166 code), None where the number says nothing of it."""
    return "es" if {place, place.partition("-")[0]} & _SPANISH_SPEAKING else None


def spoken_length_s(text: str) -> float:
    """An estimate: synthesised speech at 150 words a minute."""
    return len(text.split()) * 60 / WORDS_PER_MINUTE


# The arguments come from the rulebook, never from a caller, so there are few different ones.
@lru_cache(maxsize=256)
def _rendered(variant: str, mode: Mode, locale: str, business: str, purposes: tuple[str, ...]) -> Wording:
    texts, voice = _texts(locale), _pack()["voices"][locale]
    spoken = {"business": business, "purposes": _listed(purposes, texts)}
    said = {
        "disclosure": texts["disclosure"][variant].format_map(spoken),
        "question": texts["question"][variant].format_map(spoken),
        **texts["said"],
    }
    digest = sha256(_canonical({"language": locale, "voice": voice, **said})).hexdigest()
    return Wording(
        id=f"{variant}.{locale}",
        version=_pack()["version"],
        language=locale,
        voice=voice,
        mode=mode,
        sha256=digest,
        **said,
    )


def _listed(purposes: tuple[str, ...], texts: dict[str, Any]) -> str:
    """The purposes as spoken: "a", "a and b", "a, b and c"."""
    if not purposes or not set(purposes) <= texts["purposes"].keys():
        raise NoWording(f"purposes {list(purposes)}: no wording; there are {', '.join(texts['purposes'])}")
    *others, last = (texts["purposes"][purpose] for purpose in purposes)
    return f"{', '.join(others)} {texts['and']} {last}" if others else str(last)


def _canonical(said: dict[str, str]) -> bytes:
    return json.dumps(said, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()


def _same_language(wanted: str, offered: Sequence[str]) -> str | None:
    if wanted in offered:
        return wanted
    language = wanted.partition("-")[0]
    return next((locale for locale in offered if locale.partition("-")[0] == language), None)


def _texts(locale: str) -> dict[str, Any]:
    texts: dict[str, Any] = _pack()["texts"][locale.partition("-")[0]]
    return texts


@cache
def _pack() -> dict[str, Any]:
    return tomllib.loads(files("policies").joinpath("wordings.toml").read_text(encoding="utf-8"))
