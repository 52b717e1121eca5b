"""Erases calls (`onrecord erase`): each is noted outside the database, removed from its rows, then from its files.

Gone are the caller's and the dialled number, Twilio's names for the call and its recordings, every other private field
of its events but the staff's own, the answers it was given, the memory of a no, Twilio's account of it, and the audio
with its keys. Left are the events, which name nobody, and rows under names of our own. The rule is `policies.erasure`,
the transaction `storage.custody.erasure`.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import Connection, select

from policies.jurisdiction.places import is_e164
from storage.custody import erasure, erasure_journal
from storage.custody.erasure import NotErased, Request, Traces
from storage.custody.erasure_journal import Entry, Journal
from storage.database.engine import Database
from storage.database.tables import call
from storage.database.wipe import wipe
from storage.errors import Refused
from storage.jobs.queue import JobQueue
from storage.moment import Moment
from storage.number_hash import number_hash, sid_hash
from storage.rows import callers, calls
from storage.rows.calls import Call
from storage.rows.recordings import DELETE_AGAIN, DESTROY, EXPIRE, INTAKE

Found = Traces | NotErased
_ABOUT_RECORDINGS = (INTAKE, DESTROY, EXPIRE, DELETE_AGAIN)


@dataclass(frozen=True)
class Eraser:
    """`journal` is the file that notes each erasure by the call's keyed hash, kept where no backup is restored."""

    database: Database
    jobs: JobQueue
    number_key: bytes
    journal: Path

    def calls_from(self, number: str) -> list[str]:
        """The ids of the calls from a number that are not erased, oldest first. Raises Refused for another text."""
        if not is_e164(number):
            raise Refused("number: it is not written as E.164 writes one")
        with self.database.read() as connection:
            return callers.calls_from(connection, number, number_hash(self.number_key, number))

    def call_named(self, name: str) -> Call | None:
        """By Twilio's sid, also of a call that was erased here, or by our own id."""
        hashed = sid_hash(self.number_key, name)
        with self.database.read() as connection:
            found = calls.named(connection, name)
            if found is not None:
                return found
            noted = [entry.call_id for entry in erasure_journal.read(self.journal).entries if entry.sid_hash == hashed]
            return calls.peek(connection, noted[-1]) if noted else None

    def look(self, call_ids: Iterable[str], *, again: bool = False) -> list[Found]:
        """The traces of each call that an erasure would remove."""
        with self.database.read() as connection:
            return [erasure.look(connection, call_id, again=again) for call_id in call_ids]

    def erase(self, found: Sequence[Found], request: Request) -> Iterator[Found]:
        """Erase each call of which something is left, and return the result for all.

        Each call is a transaction of its own: a call that has to wait delays no other, and an interrupted run can be
        started again.
        """
        going = [traces for traces in found if isinstance(traces, Traces) and traces]
        self._note([traces.call_id for traces in going], request.basis)
        recordings = [recording.id for traces in going for recording in traces.recordings]
        self.jobs.forget_about(_ABOUT_RECORDINGS, recordings)
        for traces in found:
            yield self._erase(traces, request) if isinstance(traces, Traces) and traces else traces

    def wipe_files(self) -> None:
        """Raises Unavailable while the bytes can't be taken out of the database's files."""
        wipe(self.database, erasure.TABLES)

    def came_back(self, journal: Journal) -> dict[str, str]:
        """Erased calls of which something is here again, each with the basis of its erasure.

        A call that Twilio's list has brought back has a new id, and is recognised by its sid.
        """
        noted = {entry.call_id: entry.basis for entry in journal.entries}
        by_sid = {entry.sid_hash: entry.basis for entry in journal.entries}
        with self.database.read() as connection:
            erased = erasure.known_in_log(connection) | noted | self._by_sid(connection, by_sid)
            present = {call_id: basis for call_id, basis in erased.items() if calls.peek(connection, call_id)}
            return {
                call_id: basis for call_id, basis in present.items() if erasure.look(connection, call_id, again=True)
            }

    def _erase(self, found: Traces, request: Request) -> Found:
        moment = Moment.now()
        return self.database.write(
            lambda connection: erasure.erase(connection, moment, found.call_id, request, self.jobs)
        )

    def _by_sid(self, connection: Connection, by_sid: Mapping[str, str]) -> dict[str, str]:
        rows = connection.execute(select(call.c.id, call.c.call_sid).where(call.c.erased_at.is_(None)))
        hashes = ((row.id, sid_hash(self.number_key, row.call_sid)) for row in rows)
        return {call_id: by_sid[hashed] for call_id, hashed in hashes if hashed in by_sid}

    def _note(self, call_ids: Sequence[str], basis: str) -> None:
        """In the journal first: an older backup may be restored, whose log does not have this erasure."""
        now = datetime.now(UTC)
        with self.database.read() as connection:
            going = [found for call_id in call_ids if (found := calls.peek(connection, call_id))]
        new = [Entry(found.id, sid_hash(self.number_key, found.call_sid), basis, now) for found in going]
        if new:
            erasure_journal.append(self.journal, new)
