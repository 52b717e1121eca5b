"""The README of a bundle, for a reader who has never heard of a Merkle tree."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

from evidence.anchor_levels import Level
from evidence.catalogue import in_words
from evidence.printable import escaped

_LISTENED = frozenset({"recording.accessed", "recording.heard"})
_PARTIAL = """
This is a part of the log. It shows what is in it; it can't show that there are no later events of the same calls. The
whole log holds nothing personal: ask for it (`onrecord log export --all`), and look for them there.
"""


@dataclass(frozen=True, slots=True)
class ToldEvent:
    """An event with its disclosed fields by name, and its index in the log."""

    index: int
    fields: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class BundledCall:
    """The events of a call in order, and the texts of each wording they name, by its SHA-256."""

    call_id: str
    events: Sequence[ToldEvent]
    words: Mapping[str, Mapping[str, str]]


@dataclass(frozen=True, slots=True)
class About:
    operator: str
    made_at: str
    scope: str
    count: int
    disclosed: Sequence[str]
    size: int
    signed_at: str
    level: Level
    holders: Sequence[str]
    is_partial: bool


def readme(about: About, calls: Sequence[BundledCall]) -> str:
    text = files("evidence").joinpath("bundle_readme.txt").read_text(encoding="utf-8")
    certification = files("evidence").joinpath("bundle_certification.txt").read_text(encoding="utf-8")
    return text.format(
        certification=certification.format(operator=about.operator, made_at=about.made_at),
        operator=about.operator,
        made_at=about.made_at,
        scope=about.scope,
        count=about.count,
        disclosed=", ".join(about.disclosed) or "none here",
        size=about.size,
        signed_at=about.signed_at,
        level=about.level,
        holders="".join(f"{line}\n" for line in about.holders),
        partial=_PARTIAL if about.is_partial else "",
        calls="".join(map(_call, calls)),
    )


def _call(call: BundledCall) -> str:
    lines = [f"CALL {call.call_id}", ""]
    lines += [line for event in call.events for line in _lines(event.fields, call.words)]
    if not any(event.fields["type"] in _LISTENED for event in call.events):
        lines.append("  Among these events there is none of anybody listening to a recording, or copying one out.")
    return "\n".join([*lines, "", ""])


def _lines(event: Mapping[str, Any], words: Mapping[str, Mapping[str, str]]) -> list[str]:
    said = map(escaped, in_words(event, words))
    return [f"  {event['ts']}  {line}" if not at else f"{' ' * 28}{line}" for at, line in enumerate(said)]
