"""The words that a caller hears, in the caller's language, word for word as they are logged.

The statement and the question are separate texts, because the first is played where no key can cut it short.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from hashlib import sha256
from typing import Any

from policies.consent import Mode
from policies.own_texts import Approval, Audio, OwnWording, own_wording_of
from policies.wording_pack import (
    NoWording,
    languages,
    menu_line,
    native_review_of,
    nearest,
    purposes_in,
    texts_of,
    voice_of,
)

__all__ = [
    "NoWording",
    "Wording",
    "hashed_texts",
    "languages",
    "menu_line",
    "native_review_of",
    "nearest",
    "purposes_in",
    "spoken_length_s",
    "variant_of",
    "voice_of",
    "wording_for",
]

WORDS_PER_MINUTE = 150

# The modes in which a call can go on unrecorded and may yet be recorded, so that an earlier no has a choice left.
_REMEMBERS = frozenset({Mode.NOTICE, Mode.OPT_OUT, Mode.OPT_IN})


_NOT_HASHED = frozenset(
    {"id", "version", "mode", "variant", "disclosure_length_ms", "sha256", "approved_by", "approved_on"}
)


@dataclass(frozen=True, slots=True)
class Wording:
    """All words that a call may need. `question` is empty in the variants that ask nothing.

    `id` names the variant and the locale, and whether the texts are the operator's own; `version` is that of the
    language's file, or the operator's. `sha256` (hex) is over the language, the voice, every text as spoken for this
    business, and the hashes of the recorded ones: one compact JSON object, keys sorted, in UTF-8. The approval is not
    part of it: `approved_by`, and `approved_on`, an ISO 8601 date; both are empty without one.
    """

    id: str
    version: str
    language: str
    voice: str
    mode: Mode
    variant: str
    disclosure: str
    question: str
    disclosure_audio: str  # the SHA-256 (hex) of a recording that is played instead; empty where a voice says it
    question_audio: str
    disclosure_length_ms: int
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
    refused_end_call: str
    refused_other_channel: str
    whisper_recorded: str
    whisper_not_recorded: str
    sha256: str
    approved_by: str
    approved_on: str


def wording_for(  # noqa: PLR0913 - each is a rule that the caller holds by itself
    mode: Mode,
    language: str,
    business: str,
    purposes: Sequence[str],
    *,
    silence_is_consent: bool = False,
    remembered: bool = False,
    own: Sequence[OwnWording] = (),
    approved: Sequence[Approval] = (),
    line: str = "",
    withdrawal_key: bool = False,
) -> Wording:
    """The wording for a business (its name) and its purposes, in the order given; the operator's own before ours.

    A locale without texts of its own gets the nearest of its language. `remembered`: the caller's number declined
    before. `line` is the number called. `withdrawal_key`: our disclosure says how to stop the recording by key. Raises
    NoWording.
    """
    variant = variant_of(mode, silence_is_consent=silence_is_consent, remembered=remembered)
    locale = nearest(language)
    theirs = own_wording_of(own, variant, locale, line)
    names_key = withdrawal_key and theirs is None and variant != Mode.NEVER
    rendered = _rendered(variant, mode, locale, business, tuple(purposes), theirs, names_key)
    return rendered if theirs else _approved(rendered, approved)


def variant_of(mode: Mode, *, silence_is_consent: bool, remembered: bool) -> str:
    """The variant for a mode. An opt-out text speaks of silence only where silence counts as consent; an earlier
    decline can be taken back only where there is a choice.
    """
    if remembered and mode in _REMEMBERS:
        return "remembered"
    return "opt_out_by_staying" if mode is Mode.OPT_OUT and silence_is_consent else mode.value


def hashed_texts(wording: Mapping[str, Any]) -> bytes:
    """The bytes that a wording's `sha256` is the hash of, from its fields by name."""
    return _canonical({name: text for name, text in wording.items() if name not in _NOT_HASHED})


def spoken_length_s(text: str) -> float:
    """An estimate: synthesised speech at 150 words a minute."""
    return len(text.split()) * 60 / WORDS_PER_MINUTE


# The arguments come from the rulebook, never from a caller, so there are few different ones.
@lru_cache(maxsize=1024)
def _rendered(
    variant: str,
    mode: Mode,
    locale: str,
    business: str,
    purposes: tuple[str, ...],
    own: OwnWording | None,
    names_key: bool,
) -> Wording:
    texts = texts_of(locale)
    spoken = {"business": business, "purposes": texts.listed(purposes)}
    disclosure = (own.disclosure if own else texts.disclosure[variant]).format_map(spoken)
    disclosure += f" {texts.withdrawal_key.disclosure}" if names_key else ""
    question = (own.question if own else texts.question[variant]).format_map(spoken)
    said = {
        "disclosure": disclosure,
        "question": question,
        "disclosure_audio": _sha256_of(own.disclosure_audio if own else None),
        "question_audio": _sha256_of(own.question_audio if own else None),
        **texts.said,
    }
    return Wording(
        id=f"own.{variant}.{locale}" if own else f"{variant}.{locale}",
        version=own.version if own else texts.version,
        language=locale,
        voice=texts.voice,
        mode=mode,
        variant=variant,
        disclosure_length_ms=_length_ms(disclosure, own.disclosure_audio if own else None),
        sha256=sha256(_canonical({"language": locale, "voice": texts.voice, **said})).hexdigest(),
        approved_by=own.approved_by if own else "",
        approved_on=own.approved_on.isoformat() if own else "",
        **said,
    )


def _approved(wording: Wording, approved: Sequence[Approval]) -> Wording:
    found = next((approval for approval in approved if approval.sha256 == wording.sha256), None)
    return replace(wording, approved_by=found.by, approved_on=found.on.isoformat()) if found else wording


def _sha256_of(audio: Audio | None) -> str:
    return audio.sha256 if audio else ""


def _length_ms(text: str, audio: Audio | None) -> int:
    return audio.length_ms if audio else round(spoken_length_s(text) * 1000)


def _canonical(said: dict[str, str]) -> bytes:
    return json.dumps(said, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()
