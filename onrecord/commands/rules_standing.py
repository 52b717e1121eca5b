"""Whether the operator's file, from which some commands answer, has the rules by which calls are decided."""

import os
from contextlib import closing
from dataclasses import dataclass

from sqlalchemy import Connection

from evidence.events import timestamp
from onrecord.adoption import since
from onrecord.installation import open_records
from onrecord.not_ready import NotReady
from onrecord.terminal import say
from policies.rules import Rulebook
from storage.errors import Broken, Refused, Unavailable
from storage.rows import adoptions
from storage.rows.adoptions import Adoption


@dataclass(frozen=True, slots=True)
class Standing:
    """`adoption` is the one in force; None where none was made yet, or where it is unknown, and why."""

    file_sha256: str
    adoption: Adoption | None
    why_unknown: str = ""

    @property
    def is_in_force(self) -> bool:
        return self.adoption is not None and self.adoption.sha256 == self.file_sha256

    def __str__(self) -> str:
        mine = self.file_sha256[:12]
        if self.why_unknown:
            return f"this is the rulebook {mine} of the file; which one is in force is unknown: {self.why_unknown}"
        if self.adoption is None:
            return f"this is the rulebook {mine} of the file; none is in force yet: `onrecord serve` takes it in force"
        if self.is_in_force:
            return f"{since(self.adoption)}, and the file has it"
        other = f"the file has another, {mine}: this is of the file; `onrecord reload` takes it in force"
        return f"{since(self.adoption)}, and {other}"

    def as_json(self) -> dict[str, object]:
        adoption, why = self.adoption, {"why_unknown": self.why_unknown} if self.why_unknown else {}
        return {
            "rules_sha256": adoption.sha256 if adoption else None,
            "since": timestamp(adoption.adopted_at) if adoption else None,
            "is_this": self.is_in_force,
            **why,
        }


def standing_in(connection: Connection, rulebook: Rulebook) -> Standing:
    return Standing(rulebook.sha256, adoptions.in_force(connection))


def standing_of(rulebook: Rulebook) -> Standing:
    """Of the rulebook in the file, for a command that needs no database otherwise."""
    try:
        with closing(open_records(os.environ)) as database, database.read() as connection:
            return standing_in(connection, rulebook)
    except NotReady as error:
        return Standing(rulebook.sha256, None, error.problems[0])
    except (Refused, Unavailable, Broken) as error:
        return Standing(rulebook.sha256, None, str(error))


def warn_where_not_in_force(rulebook: Rulebook) -> None:
    """For a command whose output is for other programs: on standard error, and only where other rules are in force."""
    standing = standing_of(rulebook)
    if standing.adoption and not standing.is_in_force:
        say(f"note: {standing}", error=True)
