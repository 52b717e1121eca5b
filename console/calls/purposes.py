"""The purposes to choose from for a listening or a download: those that were agreed to and are not over."""

from collections.abc import Iterable
from dataclasses import dataclass

from compliance.call_page.why_heard import PurposeHeld
from console.sentences import translated
from policies.purposes import Allowed


@dataclass(frozen=True, slots=True)
class Choice:
    purpose: str
    is_chosen: bool

    @property
    def words(self) -> str:
        return translated(self.purpose)


def choices(held: Iterable[PurposeHeld], last: str) -> tuple[Choice, ...]:
    """`last` is the purpose that the person last named; where it is none of these, the first is chosen."""
    open_now = [each.purpose for each in held if isinstance(each.opens, Allowed)]
    chosen = last if last in open_now else next(iter(open_now), "")
    return tuple(Choice(purpose, purpose == chosen) for purpose in open_now)
