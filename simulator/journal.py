"""The journal of a call: its entries in order, for reading afterwards or following live."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from simulator.errors import CallError, failure_to_json


@dataclass(frozen=True)
class Entry:
    """An entry of the journal.

    `kind` is status, heard, cut, key, hung_up, document, callback, recording, whisper, stage, sent_back, leg, warning,
    error, simulator_failure or ignored (a part of a document).

    A `leg` was redirected, or has ended: because its person hung up (hung_up), by REST (rest), because it has lasted
    for as long as it may (time_limit), with the end of its <Dial> (dial_ended) or of its own document
    (document_ended), because the document failed (failed), because nobody answered (not_answered), or because the
    simulator could not go on (simulator).
    """

    number: int
    at_s: float
    kind: str
    about: dict[str, Any]

    def to_json(self) -> dict[str, Any]:
        return {"seq": self.number, "at_s": self.at_s, "event": self.kind, **self.about}


class Journal:
    def __init__(self, elapsed: Callable[[], float]) -> None:
        self._elapsed = elapsed
        self._entries: list[Entry] = []
        self._is_closed = False
        self._changed = threading.Condition()

    def add(self, kind: str, about: dict[str, Any]) -> None:
        with self._changed:
            self._entries.append(Entry(len(self._entries), round(self._elapsed(), 3), kind, about))
            self._changed.notify_all()

    def add_once(self, kind: str, about: dict[str, Any]) -> None:
        """Add an entry, unless there is one like it."""
        with self._changed:
            is_known = any((entry.kind, entry.about) == (kind, about) for entry in self._entries)
        if not is_known:
            self.add(kind, about)

    def note(self, error: CallError) -> None:
        self.add("error", {"code": error.code, "detail": error.detail, "url": error.url})

    def fail(self, error: Exception) -> None:
        """Note a failure of the simulator."""
        self.add("simulator_failure", failure_to_json(error))

    def of(self, kind: str) -> list[dict[str, Any]]:
        with self._changed:
            return [{"at_s": entry.at_s, **entry.about} for entry in self._entries if entry.kind == kind]

    def close(self) -> None:
        """No more entries are expected. A late entry is still kept."""
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()

    def follow(self, idle_s: float = 15.0) -> Iterator[Entry | None]:
        """Every entry from the first, live, until the journal is closed; None after `idle_s` without an entry."""
        at = 0
        while True:
            fresh, is_over = self._after(at, idle_s)
            yield from fresh
            at += len(fresh)
            if is_over and not fresh:
                return
            if not fresh:
                yield None

    def _after(self, at: int, idle_s: float) -> tuple[list[Entry], bool]:
        with self._changed:
            self._changed.wait_for(lambda: len(self._entries) > at or self._is_closed, idle_s)
            return self._entries[at:], self._is_closed
