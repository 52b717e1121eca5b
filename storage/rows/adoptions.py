"""The adoption of rulebooks: each is a row and an event, and the last one says which rulebook is in force.

Every process of an installation follows it, on every machine: a new call is ruled by the rulebook that is in force in
its own transaction.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, insert, select

from evidence.events import Event
from storage.database.prepared_statements import Prepared
from storage.database.tables import rules_adopted
from storage.log import consent_log
from storage.moment import Moment


@dataclass(frozen=True, slots=True)
class Adoption:
    """`sha256` names a kept rulebook; `adopted_by` is the member of staff, or the process, on whose word it was."""

    id: int
    sha256: str
    adopted_at: datetime
    adopted_by: str


@dataclass(frozen=True, slots=True)
class Adopted:
    """The adoption that stands now, and the one that stood before: the same where nothing changed."""

    now: Adoption
    before: Adoption | None

    @property
    def is_new(self) -> bool:
        return self.now != self.before


_COLUMNS = [rules_adopted.c[name] for name in Adoption.__dataclass_fields__]
_LAST = Prepared(select(*_COLUMNS).order_by(rules_adopted.c.id.desc()).limit(1))


def in_force(connection: Connection) -> Adoption | None:
    """None where no rulebook was adopted yet."""
    row = _LAST.first(connection, {})
    return None if row is None else Adoption(*row)


def adopt(connection: Connection, moment: Moment, sha256: str, *, actor: str) -> Adopted:
    """Take a kept rulebook in force, and log it. Where it is in force already nothing is written.

    Of two adoptions at once the second waits for the first, so that the last row is the last that was asked for.
    """
    consent_log.lock(connection)
    last = in_force(connection)
    if last is not None and last.sha256 == sha256:
        return Adopted(last, last)
    row = {"sha256": sha256, "adopted_at": moment.at, "adopted_by": actor}
    adoption_id: int = connection.execute(insert(rules_adopted).values(row).returning(rules_adopted.c.id)).scalar_one()
    event = Event("rules.adopted", {"adoption": adoption_id, "rules_sha256": sha256}, {"actor": actor})
    consent_log.append_events(connection, moment, event)
    return Adopted(Adoption(adoption_id, sha256, moment.at, actor), last)
