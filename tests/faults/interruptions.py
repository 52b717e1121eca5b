"""Something happens at the n-th thing that a job does to the world: it dies, it is told that nobody answers, or
somebody else gets there first. Each before the thing is done, and after.
"""

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from storage.custody.workshop import Workshop
from storage.errors import Unavailable

# What a job does that others can see. Looking is no effect.
EFFECTS = {
    "database": ("write",),
    "provider": (
        *("media", "recordings_of", "pause", "resume", "stop", "delete", "recording"),
        *("copies_of", "delete_copy", "redirect", "end_call"),
    ),
    "store": ("put", "read", "list", "delete"),
}

Happen = Callable[[], None]


class Died(BaseException):
    """The process is gone: nothing of it catches this."""


def die() -> None:
    raise Died


def nobody_answers() -> None:
    raise Unavailable("the answer was lost, as was asked for")


@dataclass
class Interruption:
    """`happens` at the `at`-th effect (from 1), once; `over` says that a job ended before it came to that."""

    at: int
    happens: Happen
    is_after: bool
    count: int = 0

    def around(self, shop: Workshop) -> Workshop:
        wrapped: dict[str, Any] = {part: _Watched(getattr(shop, part), names, self) for part, names in EFFECTS.items()}
        return replace(shop, **wrapped)

    @property
    def is_over(self) -> bool:
        return self.count < self.at

    def effect(self, act: Callable[[], Any]) -> Any:
        self.count += 1
        is_now = self.count == self.at
        if is_now and not self.is_after:
            self.happens()
        done = act()
        if is_now and self.is_after:
            self.happens()
        return done


class _Watched:
    """An adapter whose effects are counted. What it hands out bit by bit is taken whole, as one effect."""

    def __init__(self, adapter: Any, names: tuple[str, ...], interruption: Interruption) -> None:
        self._adapter, self._names, self._interruption = adapter, names, interruption

    def __getattr__(self, name: str) -> Any:
        real = getattr(self._adapter, name)
        if name not in self._names:
            return real

        def act(*arguments: Any, **named: Any) -> Any:
            return self._interruption.effect(lambda: _whole(real(*arguments, **named)))

        return act


def _whole(done: Any) -> Any:
    return iter(list(done)) if isinstance(done, Iterator) else done


def at_each_effect(stride: int, *, is_after: bool, effects_min: int) -> Iterator[Interruption]:
    """An interruption at the first effect, at the second, … as many as there are, and then one that never comes."""
    for at in itertools.count(1, stride):
        interruption = Interruption(at, lambda: None, is_after)
        yield interruption
        if interruption.is_over:
            assert at > effects_min, "nearly nothing was interrupted"
            return
