"""The operator's own wordings and approvals, as values."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True, slots=True)
class Audio:
    """A text spoken by a person: a file beside the rulebook, its SHA-256 (hex), and how long it plays."""

    file: str
    sha256: str
    length_ms: int


@dataclass(frozen=True, slots=True)
class OwnWording:
    """A disclosure and a question that stand in for packaged ones. `line` is a number, empty for every line.

    `purposes` are named by the words themselves; empty where the placeholder {purposes} names them.
    """

    variant: str
    language: str
    line: str
    version: str
    disclosure: str
    question: str
    disclosure_audio: Audio | None
    question_audio: Audio | None
    purposes: tuple[str, ...]
    approved_by: str
    approved_on: date


@dataclass(frozen=True, slots=True)
class Approval:
    """Somebody's approval of the packaged wording with this `sha256` (hex), as spoken for this business."""

    sha256: str
    by: str
    on: date


def own_wording_of(own: Sequence[OwnWording], variant: str, locale: str, line: str) -> OwnWording | None:
    """The most specific of a variant and an exact locale: the line's before the one for every line."""
    fitting = [
        wording
        for wording in own
        if (wording.variant, wording.language) == (variant, locale) and wording.line in ("", line)
    ]
    return max(fitting, key=lambda wording: bool(wording.line), default=None)
