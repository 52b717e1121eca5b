"""Finds overrides that contradict one another: with the same scope, on some day that both hold, and other settings.

The most particular override holds, and of two with the same scope neither is. The order in a file decides nothing that
anybody would look for there, so such a rulebook does not come in force. A rulebook that was in force once is read as it
decided then, when the later of the two held.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from itertools import combinations

from policies.demands import OTHER_CHANNEL
from policies.jurisdiction.overrides import Override

_SCOPE = frozenset({"line", "jurisdiction", "purpose", "since", "until", "because", "number"})
_SETTINGS = tuple(field.name for field in fields(Override) if field.name not in _SCOPE)


@dataclass(frozen=True, slots=True)
class Contradiction:
    """`first` and `second` count the rulebook's overrides from 0. `says` is what the second sets, `other` the first."""

    first: int
    second: int
    setting: str
    says: str
    other: str


def contradictions(overrides: Sequence[Override]) -> Iterator[Contradiction]:
    """Every pair that contradicts, setting by setting."""
    for (first, one), (second, other) in combinations(enumerate(overrides), 2):
        if _scope(one) == _scope(other) and _share_a_day(one, other):
            mine, theirs = _settings(one), _settings(other)
            for setting in mine:
                if setting in theirs and mine[setting] != theirs[setting]:
                    yield Contradiction(first, second, setting, theirs[setting], mine[setting])


def _scope(override: Override) -> tuple[str, str, str]:
    return override.line, override.jurisdiction, override.purpose


def _share_a_day(one: Override, other: Override) -> bool:
    """Neither begins when the other has ended: `until` is the first day after."""
    return not any(
        before.until is not None and after.since is not None and before.until <= after.since
        for before, after in ((one, other), (other, one))
    )


def _settings(override: Override) -> Mapping[str, str]:
    """As they stand in a rulebook. A duty to record offers another channel where it says nothing of a refusal."""
    said = {name: value for name in _SETTINGS if (value := getattr(override, name)) is not None}
    if override.must_record:
        said.setdefault("on_refusal", OTHER_CHANNEL)
    return {name: str(value).lower() if isinstance(value, bool) else str(value) for name, value in said.items()}
