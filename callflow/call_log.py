"""The events of one call as the log has them, with what is left of what they keep private."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

from sqlalchemy import Connection, select

from evidence.disclosures import opened
from storage import consent_log
from storage.tables import disclosure


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
    entries: Sequence[Entry]

    @classmethod
    def read(cls, connection: Connection, call_id: str) -> Self:
        """In the order in which it happened."""
        bodies = list(connection.scalars(select(disclosure.c.body).where(disclosure.c.call_id == call_id)))
        return cls([_entry(index, leaf, bodies) for index, leaf in consent_log.of_call(connection, call_id)])

    def of(self, *types: str) -> Iterator[Entry]:
        return (entry for entry in self.entries if entry.type in types)

    def first(self, type_: str) -> Entry | None:
        return next(self.of(type_), None)

    def about(self, recording_id: str, type_: str) -> Entry | None:
        """The first event of that type about a recording."""
        return next((one for one in self.of(type_) if one.public.get("recording") == recording_id), None)


def _entry(index: int, line: str, bodies: Sequence[str]) -> Entry:
    public = consent_log.read_event(index, line)
    return Entry(index, datetime.fromisoformat(public["ts"]), line, public, opened(public, bodies))
