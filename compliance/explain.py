"""Why a call is decided as it is: the ruling for a caller who might call, or the one a past call was held to."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select

from compliance.call_log import CallLog
from policies.jurisdiction.pack import DISCLAIMER, Law
from policies.jurisdiction.places import places_of
from policies.jurisdiction.readings import End
from policies.rules import Line, Rulebook
from policies.ruling import ends_of, rule
from policies.wording import Wording
from policies.wording_of_call import language_of, wording_of
from storage.custody.row_watch import contradictions
from storage.database.tables import log_leaf
from storage.errors import Broken
from storage.log import consent_log
from storage.rows.calls import Call
from storage.rows.rules_in_force import kept_law, kept_rulebook, kept_wording

Told = Mapping[str, Any]
SUPPOSED = "supposed: a number of which no decline is remembered"


@dataclass(frozen=True, slots=True)
class Explained:
    """`ruling` is word for word what the event of the call says, or would say.

    `again` is for a past call: whether the rules of that time, as they are kept, still lead to it.
    """

    about: str
    language: str
    ruling: Told
    wording: Wording | None
    law: Law | None
    rulebook: Rulebook | None
    again: str = ""
    differs: tuple[str, ...] = ()
    """Where the rows of a past call say something else than its events, which count."""

    def as_json(self) -> dict[str, Any]:
        spoken = None if self.wording is None else wording_told(self.wording)
        told = {"disclaimer": DISCLAIMER, "about": self.about, "language": self.language, "wording": spoken}
        because = {str(number): text for number in self.overrides if (text := self.because(number))}
        said = {"again": self.again} if self.again else {"supposed": SUPPOSED}
        differs = {"differs": list(self.differs)} if self.differs else {}
        return {**told, **differs, "ruling": dict(self.ruling), "overrides_because": because, **said}

    @property
    def overrides(self) -> list[int]:
        """The numbers of the rulebook's overrides that the ruling rests on."""
        return sorted({reason["override"] for reason in self.ruling["because"] if "override" in reason})

    def because(self, number: int) -> str:
        """An override's own reason, which stands in the rulebook and not in the log."""
        return self.rulebook.overrides[number - 1].because if self.rulebook else ""

    def note_of(self, record: str) -> str:
        """What the record of a place says besides."""
        found = self.law.jurisdictions.get(record) if self.law else None
        return found.note if found else ""

    def name_of(self, rule_id: str) -> str:
        """A rule about keeping, as people call it."""
        rules = self.law.retention if self.law else ()
        return next((rule.name for rule in rules if rule.id == rule_id), rule_id)

    def sources_of(self, record: str) -> tuple[str, ...]:
        """What the law pack's record rests on."""
        if self.law is None:
            return ()
        if found := self.law.jurisdictions.get(record):
            return found.sources
        return next((rule.sources for rule in self.law.retention if rule.id == record), ())


def wording_told(wording: Wording) -> dict[str, str]:
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


def explain_call(connection: Connection, known: Call) -> Explained:
    """A past call. Raises Broken where the log does not say how it was decided."""
    CallLog.read(connection, known.id).require_sound(known.id)
    event = received_event(connection, known.id)
    if (event.get("rules_sha256"), event.get("law", {}).get("sha256")) != (known.rules_sha256, known.law_sha256):
        raise Broken(f"call {known.id}: its row names other rules or another law than its event: the row was changed")
    if "ruling" not in event:
        raise Broken(f"call {known.id}: it was decided by an earlier version, which logged no ruling")
    law, rulebook = kept_law(connection, known.law_sha256), kept_rulebook(connection, known.rules_sha256)
    line, at = known.line or "what is no line", f"{known.received_at:%Y-%m-%d %H:%M:%S}"
    return Explained(
        about=f"call {known.id} to {line} on {at} UTC: {known.outcome}",
        language=known.language,
        ruling=event["ruling"],
        wording=kept_wording(connection, known),
        law=law,
        rulebook=rulebook,
        again=_again(known, event["ruling"], law, rulebook),
        differs=tuple(str(one) for one in contradictions(connection, known.id)),
    )


def received_event(connection: Connection, call_id: str) -> Told:
    """The event with which a call begins. Raises Broken where there is none."""
    query = select(log_leaf.c.idx, log_leaf.c.leaf).where(log_leaf.c.call_id == call_id, log_leaf.c.n == 0)
    row = connection.execute(query).first()
    if row is None:
        raise Broken(f"call {call_id}: the log says nothing of it")
    return consent_log.read_event(row.idx, row.leaf)


def ends_told(ruling: Told) -> tuple[End, ...]:
    """The ends of a call as its ruling names them."""
    return tuple(End(who, place) for who, place in (end.split(" ") for end in ruling["ends"]))


def _again(known: Call, ruling: Told, law: Law | None, rulebook: Rulebook | None) -> str:
    if not known.line:
        return "what was dialled is no line of the rulebook, so nothing was asked, whatever the rules say"
    line = rulebook.line(known.line) if rulebook else None
    if law is None or rulebook is None or line is None:
        return "the rules of that time are not kept here, so it cannot be decided again"
    at = datetime.fromisoformat(ruling["at"])
    now = rule(law, rulebook, line, ends_told(ruling), at, has_declined=ruling["declined_before"]).told()
    differing = ", ".join(differing_fields(ruling, now))
    if differing:
        return f"this program reads the rules of that time otherwise ({differing}); the log says what was decided then"
    return "decided again under the rules of that time, as they are kept here: the same"


def differing_fields(one: Told, other: Told) -> Iterator[str]:
    """The parts of two rulings that are not the same."""
    return (name for name in one if one[name] != other.get(name))
