"""The operator's rules as values: which lines there are, whom they connect, what they ask, what is kept."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from policies.consent import Mode
from policies.retention import RetentionRule

AUTO: Literal["auto"] = "auto"
Setting = Mode | Literal["auto"]


@dataclass(frozen=True, slots=True)
class Destination:
    """Where a line connects to. `address` is what goes into the TwiML noun: `+14155550123` for a number,
    `alice` for a client (without its scheme), `sip:desk@example.com` for SIP (with it).
    """

    kind: Literal["number", "client", "sip"]
    address: str


@dataclass(frozen=True, slots=True)
class Business:
    """`name` is spoken to callers; the agents sit in `jurisdiction`, recordings are made in the other one."""

    name: str
    jurisdiction: str
    recorder_jurisdiction: str


@dataclass(frozen=True, slots=True)
class Line:
    """One of our numbers. `consent` is a mode, or `AUTO`; `retention` names a rule of the rulebook.

    `silence_is_consent` takes effect only where the law lets it, `prompts_max` is at least 1.
    """

    number: str
    connect_to: tuple[Destination, ...]
    languages: tuple[str, ...]
    purposes: tuple[str, ...]
    consent: Setting
    retention: str
    silence_is_consent: bool = False
    prompts_max: int = 2


@dataclass(frozen=True, slots=True)
class Rulebook:
    """`sha256` (hex) is of the file's text in UTF-8, byte for byte: it names the rules that were in force."""

    business: Business
    lines: tuple[Line, ...]
    retention: Mapping[str, RetentionRule]
    sha256: str

    def line(self, e164: str) -> Line | None:
        return next((line for line in self.lines if line.number == e164), None)
