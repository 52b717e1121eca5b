"""Where an operator reads the law otherwise than the pack, or sets a line otherwise for some calls, and since when.

An override holds where every part of its scope does. Of several that say something about the same thing the most
particular one holds: a place before the union it lies in, a line or a purpose before all of them. Where neither is more
particular, the stricter holds.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal, TypeVar

from policies.consent import Mode
from policies.durations import Duration
from policies.jurisdiction.records import Regime

T = TypeVar("T")

AUTO: Literal["auto"] = "auto"
Setting = Mode | Literal["auto"]


@dataclass(frozen=True, slots=True)
class Override:
    """A reading of the operator's own. Empty parts of the scope mean everywhere; None in a setting: the override does
    not set it.

    `since` is the first day, `until` the first day after, in UTC. `because` says on whose word. For the demands of the
    law a place may be any end's of the call, for the setting of the line only the caller's.
    """

    line: str = ""
    jurisdiction: str = ""
    purpose: str = ""
    since: date | None = None
    until: date | None = None
    because: str = ""
    # What the law of the place asks.
    regime: Regime | None = None
    notice_in_recording: bool | None = None
    no_recording_on_hold: bool | None = None
    no_systematic_recording: bool | None = None
    purpose_allowed: bool | None = None  # the purpose of the scope, where the law of the place leaves it out
    must_record: bool | None = None
    on_refusal: str | None = None
    keep_at_least: Duration | None = None
    keep_at_most: Duration | None = None
    # What the line does.
    consent: Setting | None = None
    silence_is_consent: bool | None = None
    prompts_max: int | None = None
    retention: str | None = None
    number: int = 0
    """Its place in the rulebook, counted from 1: a decision names it by that."""

    def holds_on(self, day: date) -> bool:
        return (self.since is None or self.since <= day) and (self.until is None or day < self.until)

    @property
    def is_about_law(self) -> bool:
        """Whether it changes the demands of a place's law before a recording."""
        said = (
            self.regime,
            self.notice_in_recording,
            self.no_recording_on_hold,
            self.no_systematic_recording,
            self.purpose_allowed,
        )
        return any(one is not None for one in said)

    @property
    def scope(self) -> str:
        """In words, for a reason."""
        parts = [
            f"line {self.line}" if self.line else "",
            f"in {self.jurisdiction}" if self.jurisdiction else "",
            f"for {self.purpose}" if self.purpose else "",
            f"from {self.since}" if self.since else "",
            f"until {self.until}" if self.until else "",
        ]
        return ", ".join(part for part in parts if part) or "everywhere"


Says = Callable[[Override], T | None]
Said = tuple[T, Override | None]
Strict = Callable[[T], int]


def most_particular(
    overrides: Iterable[Override], places: tuple[str, ...], says: Says[T], strict: Strict[T] = lambda _: 0
) -> tuple[T, Override] | None:
    """The setting that the most particular override makes, and the override. `places` are within each other, the
    smallest first, and an override without a jurisdiction is about all of them.

    Where neither of two is within the other (for example, a place and a line), the stricter setting holds, which
    `strict` measures. Of two with the same scope the later in the rulebook holds, which only a rulebook of earlier
    versions can have: such a one does not come in force any more.
    """
    found: dict[_Particulars, tuple[T, Override]] = {}
    for override in overrides:
        if (said := says(override)) is not None and (not override.jurisdiction or override.jurisdiction in places):
            found[_particulars(override, places)] = (said, override)
    leading = [said for scope, said in found.items() if not any(_is_within(other, scope) for other in found)]
    return max(leading, key=lambda said: strict(said[0]), default=None)


# How near the place is (0: everywhere), and whether the scope is one line's, and one purpose's.
_Particulars = tuple[int, bool, bool]


def _particulars(override: Override, places: tuple[str, ...]) -> _Particulars:
    nearness = len(places) - places.index(override.jurisdiction) if override.jurisdiction else 0
    return nearness, bool(override.line), bool(override.purpose)


def _is_within(one: _Particulars, other: _Particulars) -> bool:
    """Whether the first scope lies in the second, and is smaller."""
    return one != other and all(mine >= theirs for mine, theirs in zip(one, other, strict=True))


def said_at_each(
    chains: Iterable[tuple[str, ...]],
    overrides: Sequence[Override],
    says: Says[T],
    own: T,
    strict: Strict[T] = lambda _: 0,
) -> list[Said[T]]:
    """The setting in each place that the caller may be in, so that the strictest can be taken: an override's, or the
    line's own (with None for the override). A chain is a place and those around it, the smallest first.
    """
    return [most_particular(overrides, chain, says, strict) or (own, None) for chain in chains]
