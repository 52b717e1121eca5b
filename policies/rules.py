"""The operator's rules as values: the lines, whom they connect, the consent that they ask for, how long recordings are
kept.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from typing import Literal

from policies.durations import Duration, RetentionRule
from policies.jurisdiction.overrides import AUTO, Override, Setting
from policies.own_texts import Approval, OwnWording
from policies.pausing import Pausing
from policies.sign_in import ConsoleRules
from policies.telling import Way

__all__ = ["AUTO", "Business", "Destination", "LanguageBy", "Line", "OnWithdrawal", "Override", "Rulebook", "Setting"]

LanguageBy = Literal["caller", "line", "menu"]
MENU_KEYS_MAX = 9
"""The languages that a menu can offer: one key each."""


class OnWithdrawal(StrEnum):
    """The fate of the recording up to then when a caller withdraws the consent."""

    DESTROY = "destroy"
    KEEP = "keep"


@dataclass(frozen=True, slots=True)
class Destination:
    """Where a line connects to. `address` goes into the TwiML noun: `+14155550123` for a number, `alice` for a client
    (without its scheme), `sip:desk@example.com` for SIP (with it).
    """

    kind: Literal["number", "client", "sip"]
    address: str


@dataclass(frozen=True, slots=True)
class Business:
    """`name` is spoken to callers; the agents sit in `jurisdictions`, recordings are made in `recorder_jurisdiction`.

    `sectors` are the regulated sectors of every line. `agents_agreed_on`: since when the agents' own consent to being
    recorded is on file. `address`, `contact`, `stored_in` (places) and `recipients` (others who get recordings) are for
    consent receipts, and empty where the rulebook does not say; `recipients` is None there, and empty for nobody.
    """

    name: str
    jurisdictions: tuple[str, ...]
    recorder_jurisdiction: str
    sectors: tuple[str, ...] = ()
    agents_agreed_on: date | None = None
    on_withdrawal: OnWithdrawal = OnWithdrawal.DESTROY
    address: str = ""
    contact: str = ""
    stored_in: tuple[str, ...] = ()
    recipients: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Line:
    """A number of ours. `consent` is a mode, or `AUTO`; `retention` names a rule of the rulebook ("": none), and
    `retention_for` the rules of single purposes, which come first.

    `silence_is_consent` takes effect only where the law lets it, `prompts_max` is at least 1. `jurisdictions` and
    `sectors` are the line's own, beside or instead of the business's; `on_withdrawal` is the business's where the line
    says nothing. `withdrawal_key`: a caller who is recorded can press the star key at any time to withdraw the consent.
    """

    number: str
    connect_to: tuple[Destination, ...]
    languages: tuple[str, ...]
    purposes: tuple[str, ...]
    consent: Setting
    retention: str = ""
    silence_is_consent: bool = False
    prompts_max: int = 2
    retention_for: tuple[tuple[str, str], ...] = ()
    language_by: LanguageBy = "caller"
    jurisdictions: tuple[str, ...] = ()
    sectors: tuple[str, ...] = ()
    on_withdrawal: OnWithdrawal = OnWithdrawal.DESTROY
    withdrawal_key: bool = False

    @property
    def has_menu(self) -> bool:
        """Whether callers choose the language by key, before anything is disclosed."""
        return self.language_by == "menu" and len(self.languages) > 1


@dataclass(frozen=True, slots=True)
class Rulebook:
    """`sha256` (hex) is of the file's text in UTF-8, byte for byte: it names the rules that were in force.

    `remember_declines` is for how long a number that declined is not asked again; None is never. `backups` is how long
    the operator keeps backups; None is unknown.
    """

    business: Business
    lines: tuple[Line, ...]
    retention: Mapping[str, RetentionRule]
    sha256: str
    overrides: tuple[Override, ...] = ()
    remember_declines: Duration | None = None
    wordings: tuple[OwnWording, ...] = ()
    approvals: tuple[Approval, ...] = ()
    pausing: Pausing = field(default_factory=Pausing)
    backups: Duration | None = None
    console: ConsoleRules = field(default_factory=ConsoleRules)
    ways: tuple[Way, ...] = ()
    """The ways by which people are told of incidents."""

    def line(self, e164: str) -> Line | None:
        return next((line for line in self.lines if line.number == e164), None)

    def line_or_first(self, e164: str) -> Line:
        """The line of that number; the first one where it is of none, for a caller who is connected all the same."""
        return self.line(e164) or self.lines[0]

    def agents_in(self, line: Line) -> tuple[str, ...]:
        """Where the agents of a line sit."""
        return line.jurisdictions or self.business.jurisdictions

    def sectors_of(self, line: Line) -> frozenset[str]:
        return frozenset((*self.business.sectors, *line.sectors))

    def overrides_on(self, line: Line, day: date) -> tuple[Override, ...]:
        """The overrides that hold on a day and are about a line, or about every line."""
        return tuple(
            override for override in self.overrides if override.line in ("", line.number) and override.holds_on(day)
        )
