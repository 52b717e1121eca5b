"""Why a call is decided as it is: the ruling for a caller who might call. No database is asked."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from policies.jurisdiction.pack import DISCLAIMER, Law
from policies.jurisdiction.places import places_of
from policies.rules import Line, Rulebook
from policies.ruling import ends_of, rule
from policies.wording import Wording
from policies.wording_of_call import language_of, wording_of

RulingFields = Mapping[str, Any]
SUPPOSED = "supposed: a number of which no decline is remembered"
MODES: Mapping[str, str] = {
    "notice": "staying on after the notice is consent",
    "opt_out": "the caller is asked; 1 accepts, 2 declines",
    "opt_in": "the caller is asked, and only 1 is consent",
    "never": "nobody is asked, and nothing is recorded",
    "must_record": "the caller is asked, and without 1 the call ends politely",
}
"""What each mode of consent asks of a caller."""


@dataclass(frozen=True, slots=True)
class Explained:
    """`ruling` is word for word as in the event of the call, or as it would be.

    `again` is for a past call: whether the rules of that time, as they are kept, still lead to the same ruling.
    """

    about: str
    language: str
    ruling: RulingFields
    wording: Wording | None
    law: Law | None
    rulebook: Rulebook | None
    again: str = ""
    differs: tuple[str, ...] = ()
    """Where the rows of a past call contradict its events; the events count."""

    def as_json(self) -> dict[str, Any]:
        spoken = None if self.wording is None else wording_as_json(self.wording)
        explained = {"disclaimer": DISCLAIMER, "about": self.about, "language": self.language, "wording": spoken}
        because = {str(number): text for number in self.overrides if (text := self.because(number))}
        said = {"again": self.again} if self.again else {"supposed": SUPPOSED}
        differs = {"differs": list(self.differs)} if self.differs else {}
        return {**explained, **differs, "ruling": dict(self.ruling), "overrides_because": because, **said}

    @property
    def overrides(self) -> list[int]:
        """The numbers of the rulebook's overrides that the ruling rests on."""
        return sorted({reason["override"] for reason in self.ruling["because"] if "override" in reason})

    def because(self, number: int) -> str:
        """An override's own reason, which stands in the rulebook and not in the log."""
        return self.rulebook.overrides[number - 1].because if self.rulebook else ""

    def note_of(self, record: str) -> str:
        """The note in the record of a place."""
        found = self.law.jurisdictions.get(record) if self.law else None
        return found.note if found else ""

    def name_of(self, rule_id: str) -> str:
        """The name of a retention rule."""
        rules = self.law.retention if self.law else ()
        return next((rule.name for rule in rules if rule.id == rule_id), rule_id)

    def sources_of(self, record: str) -> tuple[str, ...]:
        """The sources of a record of the law pack."""
        return self.law.sources_of(record) if self.law else ()


def wording_as_json(wording: Wording) -> dict[str, str]:
    return {
        "id": f"{wording.id}@{wording.version}",
        "sha256": wording.sha256,
        "voice": wording.voice,
        "disclosure": wording.disclosure,
        "question": wording.question,
        "disclosure_audio": wording.disclosure_audio,
        "question_audio": wording.question_audio,
        "approved_by": wording.approved_by,
        "approved_on": wording.approved_on,
    }


def explain(law: Law, rulebook: Rulebook, line: Line, from_: str, at: datetime) -> Explained:
    """A call that might come, of a number that declined nothing before."""
    places, known = places_of(from_, law)
    ruling = rule(law, rulebook, line, ends_of(rulebook, line, places), at)
    language = language_of(line, places)
    about = f"a call to {line.number} from {' or '.join(places)} (known by: {known}) on {at:%Y-%m-%d}"
    return Explained(about, language, ruling.told(), wording_of(rulebook, line, ruling, language), law, rulebook)
