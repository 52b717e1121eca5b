"""Settles the requests that were answered while the database was away, in the order in which they came.

No request overtakes an earlier one: the caller's refusal on one call counts on the next, and a call does not end before
its earlier steps. While a waiting request can't be settled, new requests are answered as if the database were away, and
wait behind it. Of several processes that share the journal only one settles at a time, also the entries of the others.
"""

import logging
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from threading import Event as Stop
from threading import Thread

from sqlalchemy import Connection

from callflow.late_steps import LateSteps
from policies.incidents import IncidentKind
from storage.database.deadline import Deadline
from storage.database.engine import Database
from storage.errors import Broken, Refused, Unavailable
from storage.jobs.periodic import repeat
from storage.journal.kept_request import Kept
from storage.journal.request_journal import RequestJournal
from storage.log import consent_log
from storage.moment import Moment, utc_now
from storage.rows.incidents import raise_incident

log = logging.getLogger(__name__)

CHECK_EVERY_S = 1.0
# How long a caller waits for earlier requests; and the time of one go in which no caller waits.
_PATIENCE_S, _AT_ONCE_S = 0.5, 60.0
# How long a caller waits for a disk, once the database has taken its time. Twilio waits for 5 s in all.
_DISK_S = 1.5
_REMOVED_AT_ONCE = 50
_TRIES_MAX = 10


@dataclass
class WaitingRequests:
    journal: RequestJournal
    database: Database
    late: LateSteps
    now: Callable[[], datetime] = utc_now
    deadline_s: float = 3.0
    disk_s: float = _DISK_S
    _disk: Deadline = field(default_factory=lambda: Deadline("request journal: the disk", threads=1))
    _settling: Deadline = field(default_factory=lambda: Deadline("request journal: the database"))
    _is_away: bool = False
    _is_lost: bool = False
    _failures: dict[int, int] = field(default_factory=dict)

    def start(self) -> Thread:
        return repeat("request journal", CHECK_EVERY_S, self.check, Stop())

    def check(self) -> None:
        if not (self.journal.waits() or self.journal.lacks_its_last()):
            return
        was_away = self._is_away
        try:
            self.settle(within_s=_AT_ONCE_S)
        except Unavailable as error:
            if not was_away:
                log.warning("answered requests wait for the database: %s", error)
            with suppress(Unavailable):
                self._give_up_on_the_first(str(error))

    def keep(self, kept: Kept) -> None:
        """Never fails: the caller is answered anyhow, also where the disk stalls. A failing disk is logged once, until
        it works again.
        """
        try:
            self.journal.hold(kept)
            self._disk.keep(lambda: self.journal.write_down(kept), self.disk_s, or_later=True)
            self._is_lost = False
        except Unavailable as error:
            if not self._is_lost:
                log.error("a request that was answered is kept in memory alone: %s", error)
            self._is_lost = True

    def go_first(self, within_s: float) -> None:
        """Settle the waiting requests before a new one. Raises Unavailable where that can't be done at once, and in any
        case after that time.
        """
        if self.journal.waits():
            self._settling.keep(lambda: self.settle(within_s=0.0 if self._is_away else _PATIENCE_S), within_s)

    def settle(self, *, within_s: float) -> None:
        """Settle all that wait. Raises Unavailable if the database is away, another process settles, or time is up."""
        with self.journal.turn(within_s):
            end = time.monotonic() + max(within_s, _PATIENCE_S)
            try:
                unwritten = self.journal.unwritten()
                self._settle_written(end)
                for kept in unwritten:
                    self._settle_unwritten(kept, end)
            except Unavailable:
                self._is_away = True
                raise
            self._is_away = False

    def _settle_written(self, end: float) -> None:
        self._report_gaps()
        while numbers := self.journal.waiting():
            for done, number in enumerate(numbers, 1):
                try:
                    self._settle_entry(number, end)
                except Unavailable:
                    self._settled_to(numbers[: done - 1])
                    raise
                if done % _REMOVED_AT_ONCE == 0:
                    self._settled_to(numbers[:done])
            self._settled_to(numbers)

    def _settled_to(self, numbers: list[int]) -> None:
        if numbers:
            self.journal.settled_to(numbers[-1])

    def _settle_entry(self, number: int, end: float) -> None:
        _in_time(end)
        if self.journal.is_settled(number):
            return
        try:
            kept = self.journal.read(number)
        except Broken as error:
            self._set_aside(number, f"entry {number}", str(error))
            return
        if why_not := self._attempt(kept):
            self._set_aside(number, kept.body_sha256, why_not)

    def _settle_unwritten(self, kept: Kept, end: float) -> None:
        _in_time(end)
        if why_not := self._attempt(kept):
            self._raise(kept.body_sha256, why_not)
        self.journal.forget(kept)

    def _attempt(self, kept: Kept) -> str:
        """Empty once settled, otherwise why it never will be. Raises Unavailable where a retry may succeed."""
        try:
            self._write(lambda connection, moment: self.late.settle(connection, moment, kept))
        except (Refused, Broken) as error:
            return f"{kept.endpoint}: {error}"
        except Unavailable:
            raise
        except Exception as error:  # the edge of an entry: it is retried, and given up after a time
            log.exception("a request that waits can't be settled")
            raise Unavailable(f"{kept.endpoint}: {type(error).__name__}") from error
        return ""

    def _set_aside(self, number: int, about: str, why: str) -> None:
        self._raise(about, why)
        self.journal.set_aside(number)

    def _raise(self, about: str, why: str) -> None:
        """The incident names no call: the entry may be forged."""
        name = sha256(about.encode()).hexdigest()[:32]
        self._write(
            lambda connection, moment: _incident(connection, moment, IncidentKind.REQUEST_NOT_SETTLED, name, why)
        )

    def _report_gaps(self) -> None:
        if lacking := self.journal.lacking():
            numbers = f"{lacking.first} to {lacking.last}"
            detail = f"of the requests that waited to be settled {lacking.count} are gone ({numbers})"
            name = sha256(detail.encode()).hexdigest()[:32]
            self._write(
                lambda connection, moment: _incident(connection, moment, IncidentKind.REQUESTS_MISSING, name, detail)
            )
            if not self.journal.waits():
                self.journal.settled_to(lacking.last)

    def _give_up_on_the_first(self, why: str) -> None:
        """Set the first entry aside if it fails again and again while the database takes everything else."""
        self._write(lambda connection, _: consent_log.lock(connection))
        if numbers := self.journal.waiting():
            self._failures[numbers[0]] = self._failures.get(numbers[0], 0) + 1
            if self._failures[numbers[0]] >= _TRIES_MAX:
                self._set_aside(numbers[0], f"entry {numbers[0]}", why)

    def _write(self, work: Callable[[Connection, Moment], None]) -> None:
        moment = Moment(self.now())
        self.database.write(lambda connection: work(connection, moment), within_s=self.deadline_s)


def _incident(connection: Connection, moment: Moment, kind: IncidentKind, about: str, detail: str) -> None:
    raise_incident(connection, moment, kind, about=about, call_id=None, detail=detail)


def _in_time(end: float) -> None:
    if time.monotonic() > end:
        raise Unavailable("request journal: entries still wait")
