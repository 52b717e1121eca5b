"""The events of a call in words, and nothing personal in them but what the reader may see."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from compliance.call_log import Entry
from evidence.catalogue import in_words
from evidence.event_words import Words, names_a_file
from policies.masking import masked

_MASKED = frozenset({"caller", "callee"})
# Staff who listened, paused or held are answerable for it, and so are their reasons, which name nobody.
_OF_STAFF = frozenset({"actor", "reason"})


@dataclass(frozen=True, slots=True)
class ToldEvent:
    """`lines` are its sentences. `shown` are the personal fields that the reader may see, as they may see them;
    `hidden` are the names of the others, and `erased` of those that are gone. `is_covered`: a checkpoint covers the
    event, so there is a proof of it.
    """

    index: int
    at: datetime
    type: str
    lines: tuple[str, ...]
    shown: Mapping[str, str]
    hidden: tuple[str, ...]
    erased: tuple[str, ...]
    is_covered: bool


def told_events(entries: Sequence[Entry], words: Words, *, names: bool, signed: int) -> list[ToldEvent]:
    """`words` are the texts of the wordings by their SHA-256. `names`: the reader may see every personal field that is
    left, the provider's names for call and recordings included. `signed` is the size of the newest checkpoint.
    """
    return [_told(entry, words, names=names, signed=signed) for entry in entries]


def _told(entry: Entry, words: Words, *, names: bool, signed: int) -> ToldEvent:
    shown = {name: value for name, value in entry.private.items() if names or name in _OF_STAFF}
    shown |= {name: masked(str(entry.private[name])) for name in _MASKED & entry.private.keys() if not names}
    committed: Mapping[str, str] = entry.public.get("sd", {})
    return ToldEvent(
        index=entry.index,
        at=entry.at,
        type=entry.type,
        lines=_lines({**entry.public, **shown}, words),
        shown={name: str(value) for name, value in sorted(shown.items())},
        hidden=tuple(sorted(entry.private.keys() - shown.keys())),
        erased=tuple(sorted(committed.keys() - entry.private.keys())),
        is_covered=entry.index < signed,
    )


def _lines(event: Mapping[str, Any], words: Words) -> tuple[str, ...]:
    """Without the line on the files of a bundle, of which there are none here."""
    return tuple(line for line in in_words(event, words) if not names_a_file(line))
