"""The events of one call as the log has them, with what is left of what they keep private."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

from sqlalchemy import Connection, select

from compliance.call_faults import faults_of
from evidence.disclosures import opened
from storage.database.tables import disclosure
from storage.errors import Broken
from storage.log import consent_log
from storage.log.proofs import Prover


@dataclass(frozen=True, slots=True)
class Entry:
    """`line` is the event verbatim, `public` what it says, `private` what of its disclosures is still there."""

    index: int
    at: datetime
    line: str
    public: dict[str, Any]
    private: dict[str, Any]

    @property
    def type(self) -> str:
        return str(self.public["type"])


@dataclass(frozen=True, slots=True)
class CallLog:
    """`faults` is what of it does not hold: whoever shows it shows them too, and whoever hands it out asks for none."""

    entries: Sequence[Entry]
    faults: Sequence[str] = ()

    @classmethod
    def read(cls, connection: Connection, call_id: str, prover: Prover | None = None) -> Self:
        """In the order in which it happened. `prover` is for whoever reads many calls, in one view of the database."""
        rows = connection.execute(
            select(disclosure.c.digest, disclosure.c.body).where(disclosure.c.call_id == call_id)
        ).all()
        bodies = {row.digest: row.body for row in rows}
        leaves = consent_log.of_call(connection, call_id)
        faults = list(faults_of(connection, call_id, leaves, bodies, prover or Prover(connection)))
        return cls([_entry(index, leaf, bodies.values()) for index, leaf in leaves], faults)

    def require_sound(self, call_id: str) -> None:
        """Raises Broken where anything does not hold."""
        if self.faults:
            raise Broken(f"call {call_id}: {self.faults[0]}: run `onrecord log verify`")

    def of(self, *types: str) -> Iterator[Entry]:
        return (entry for entry in self.entries if entry.type in types)

    def first(self, type_: str) -> Entry | None:
        return next(self.of(type_), None)

    def about(self, recording_id: str, type_: str) -> Entry | None:
        """The first event of that type about a recording."""
        return next((one for one in self.of(type_) if one.public.get("recording") == recording_id), None)


def _entry(index: int, line: str, bodies: Iterable[str]) -> Entry:
    public = consent_log.read_event(index, line)
    return Entry(index, datetime.fromisoformat(public["ts"]), line, public, opened(public, bodies))
