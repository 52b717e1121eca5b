"""Faults on request: what the network and Twilio can do to a call, for one call or for all."""

from dataclasses import dataclass, field
from typing import Any

KINDS = ("call", "dial", "recording")


@dataclass
class VoiceFaults:
    """Faults of the voice steps whose URL contains `only`. The counts are used up.

    `duplicate` sends each step that many times more, after the first or, with `concurrent`, together with it.
    """

    only: str = ""
    duplicate: int = 0
    concurrent: bool = False
    connect_failures: int = 0
    lost_answers: int = 0


@dataclass(frozen=True)
class CallbackFaults:
    """Faults of one kind of callback. `lose` is true, or the statuses that never arrive.

    `reorder` holds a callback back until the next of its kind has been sent.
    """

    duplicate: int = 0
    delay_s: float = 0.0
    reorder: bool = False
    lose: bool | tuple[str, ...] = False

    def loses(self, status: str) -> bool:
        return self.lose if isinstance(self.lose, bool) else status in self.lose


@dataclass
class RestFaults:
    """The next `next` REST requests are answered `status`."""

    next: int = 0
    status: int = 503


@dataclass
class Faults:
    voice: VoiceFaults = field(default_factory=VoiceFaults)
    callbacks: dict[str, CallbackFaults] = field(default_factory=dict)
    media_404: int = 0
    rest: RestFaults = field(default_factory=RestFaults)
    wrong_signature: bool = False
    extra_params: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, given: dict[str, Any]) -> "Faults":
        """From JSON. Raises TypeError or ValueError for a fault that does not exist."""
        given = dict(given)
        callbacks = given.pop("callbacks", {})
        if unknown := set(callbacks) - set(KINDS):
            raise ValueError(f"no such callbacks: {sorted(unknown)}")
        return cls(
            voice=VoiceFaults(**given.pop("voice", {})),
            callbacks={kind: _callback(about) for kind, about in callbacks.items()},
            rest=RestFaults(**given.pop("rest", {})),
            **given,
        )

    def of_callback(self, kind: str) -> CallbackFaults:
        return self.callbacks.get(kind, CallbackFaults())


def _callback(given: dict[str, Any]) -> CallbackFaults:
    lose = given.get("lose", False)
    return CallbackFaults(**{**given, "lose": lose if isinstance(lose, bool) else tuple(lose)})
