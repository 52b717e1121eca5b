"""The events of one call as the log has them, with the personal fields that are not erased."""

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
    """`line` is the event verbatim, `public` its content, `private` the values of its disclosures that are left."""

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
    """`faults` must be shown wherever the log is shown; it may be handed out only where there are none."""

    entries: Sequence[Entry]
    faults: Sequence[str] = ()

    @classmethod
    def read(cls, connection: Connection, call_id: str, prover: Prover | None = None) -> Self:
        """Events in the order in which they happened. Pass a `prover` to read many calls in one database view."""
        rows = connection.execute(
            select(disclosure.c.digest, disclosure.c.body).where(disclosure.c.call_id == call_id)
        ).all()
        bodies = {row.digest: row.body for row in rows}
        leaves = consent_log.of_call(connection, call_id)
        faults = list(faults_of(connection, call_id, leaves, bodies, prover or Prover(connection)))
        return cls([_entry(index, leaf, bodies.values()) for index, leaf in leaves], faults)

    def require_sound(self, call_id: str) -> None:
        """Raises Broken where there are faults."""
        if self.faults:
            raise Broken(f"call {call_id}: {self.faults[0]}: run `onrecord log verify`")

    def of(self, *types: str) -> Iterator[Entry]:
        return (entry for entry in self.entries if entry.type in types)

    def first(self, type_: str) -> Entry | None:
        return next(self.of(type_), None)

    def about(self, recording_id: str, type_: str) -> Entry | None:
        """The first event of that type about a recording."""
        return next((entry for entry in self.of(type_) if entry.public.get("recording") == recording_id), None)


def _entry(index: int, line: str, bodies: Iterable[str]) -> Entry:
    public = consent_log.read_event(index, line)
    return Entry(index, datetime.fromisoformat(public["ts"]), line, public, opened(public, bodies))
