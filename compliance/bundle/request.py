"""The request for an export: its selection, the fields to disclose, and checkpoints that the reader kept."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from compliance.bundle.selection import Selection
from compliance.disclosable import EVERYTHING
from evidence.notes import Note


@dataclass(frozen=True, slots=True)
class Request:
    """`disclose` are names of personal fields, or "all". `since` are checkpoints that somebody else has kept."""

    selection: Selection
    disclose: frozenset[str]
    since: Sequence[Note]
    actor: str
    operator: str

    def disclosing(self, names: Iterable[str]) -> frozenset[str]:
        """The fields among `names` that are to be disclosed."""
        return frozenset(names) if EVERYTHING in self.disclose else self.disclose & {*names}
