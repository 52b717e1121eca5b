"""Negative controls: durability is broken on purpose, the power fails, and the check that the kill loop trusts sees it.

The power fails after each single write of a call, the first, the second, … With everything in order no promise breaks
at any of them; with one thing broken, the very same check finds a breach.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import TypeVar, cast

from sqlalchemy import Connection, Engine

from onrecord.demo import promises
from onrecord.demo.control_api import SeenCall
from onrecord.demo.promises import Witness
from simulator.control import to_json
from storage.audio.directory_store import DirectoryStore
from storage.custody.failures import note_failure
from storage.custody.intake import delete_at_provider, intake, look
from storage.custody.workshop import Workshop
from storage.database.engine import Database
from storage.database.schema import migrate
from storage.errors import Unavailable
from storage.jobs.queue import JobKind
from storage.jobs.steps import Steps
from storage.rows.recordings import INTAKE
from tests.calls.call_runner import KEK, TakenJobs, Town, town
from tests.calls.script import read
from tests.faults.premises import BookedJobs

T = TypeVar("T")

(CALL,) = read(Path(__file__).parents[1] / "calls" / "accepts_by_key.call").calls
WRITES_MAX = 40


class MortalDatabase(Database):
    """The real one, on a machine that loses its power right after it has answered so many writes."""

    def __init__(self, engine: Engine) -> None:
        super().__init__(engine)
        self.writes_left = 0
        self.on_power_failure: list[Callable[[], None]] = []

    def write(self, work: Callable[[Connection], T], *, within_s: float | None = None) -> T:
        written = super().write(work, within_s=within_s)
        self._answered()
        return written

    def _answered(self) -> None:
        self.writes_left -= 1
        if self.writes_left == 0:
            self.engine.dispose()
            for lose in self.on_power_failure:
                lose()


class HastyDatabase(MortalDatabase):
    """Answers before it commits: what was written last is on disk only when something else is written."""

    def __init__(self, engine: Engine) -> None:
        super().__init__(engine)
        self._one_at_a_time = threading.Lock()
        self._uncommitted: Connection | None = None
        self.on_power_failure.append(self._lose)

    def write(self, work: Callable[[Connection], T], *, within_s: float | None = None) -> T:
        with self._one_at_a_time:
            self.settle()
            self._uncommitted = self.engine.connect()
            self._uncommitted.begin()
            try:
                written = work(self._uncommitted)
            except BaseException:
                self._lose()
                raise
            self._answered()
            return written

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Who reads must see it, or the service would fail before the power does."""
        with self._one_at_a_time:
            self.settle()
        with super().read() as connection:
            yield connection

    def settle(self) -> None:
        if self._uncommitted:
            self._uncommitted.commit()
            self._uncommitted.close()
        self._uncommitted = None

    def _lose(self) -> None:
        if self._uncommitted:
            self._uncommitted.rollback()
            self._uncommitted.close()
        self._uncommitted = None


@dataclass
class ForgottenJobs:
    """Remembers a job and books it a little later, instead of in the transaction of its reason."""

    booked: BookedJobs
    remembered: list[tuple[JobKind, str, str]] = field(default_factory=list)

    def enqueue(self, connection: Connection, kind: JobKind, job_id: str, argument: str) -> None:
        self.remembered.append((kind, job_id, argument))

    def under_way(self, kind: JobKind) -> frozenset[str]:
        return self.booked.under_way(kind)

    def take(self) -> list[tuple[JobKind, str]]:
        for job in self.remembered:
            self.booked.database.write(lambda connection, job=job: self.booked.enqueue(connection, *job))  # type: ignore[misc]  # mypy and defaults
        self.remembered.clear()
        return self.booked.take()


@contextmanager
def machine(
    folder: Path, kind: type[MortalDatabase] = MortalDatabase, jobs: type[ForgottenJobs] | None = None
) -> Iterator[tuple[Town, MortalDatabase]]:
    """A town on one machine, whose power can fail."""
    (folder / "audio").mkdir()
    database = kind(Database.open(f"sqlite:///{folder}/onrecord.db").engine)
    try:
        migrate(database)
        booked = BookedJobs(database)
        booked.open()
        kept: TakenJobs = booked
        if jobs:
            kept = forgetful = jobs(booked)
            database.on_power_failure.append(forgetful.remembered.clear)
        with town(database, DirectoryStore(folder / "audio"), folder / "spool", kept) as running:
            running.quiet_rounds = 1  # here Twilio always answers
            yield running, database
    finally:
        database.close()


def broken_by_power_failures(running: Town, database: MortalDatabase) -> Iterator[str]:
    """A call for each of a call's writes, after which the power fails; what the check says after each."""
    for writes in range(1, WRITES_MAX):
        database.writes_left = writes
        yield from running.run(CALL).broken
        if database.writes_left > 0:
            assert writes > 8, "nearly nothing was put to the test"
            return
    raise AssertionError("a call has no end")


def checked(running: Town) -> list[str]:
    """What the check says now, of all calls as they are now."""
    calls = [(running.exchange.calls[one["call_sid"]], one["left_early"]) for one in running.seen]
    witness = Witness(running.database, running.store, KEK, running.spool)
    seen = [SeenCall.of(to_json(call), left_early=left_early) for call, left_early in calls]
    return [str(breach) for breach in promises.breaches(witness, seen)]


def test_wherever_the_power_fails_no_promise_breaks(tmp_path: Path) -> None:
    with machine(tmp_path) as (running, database):
        assert list(broken_by_power_failures(running, database)) == []


def test_a_database_that_answers_before_it_commits_is_found_out(tmp_path: Path) -> None:
    with machine(tmp_path, HastyDatabase) as (running, database):
        found = broken_by_power_failures(running, database)
        assert any("P1" in breach and "without consent in the log" in breach for breach in found)


def test_a_database_that_answers_before_it_commits_is_no_worse_while_the_power_holds(tmp_path: Path) -> None:
    """So it is the lost commit that is found out, and nothing else about that database."""
    with machine(tmp_path, HastyDatabase) as (running, _):
        assert running.run(CALL).broken == []


def test_a_job_that_is_booked_after_its_reason_is_found_out_and_the_sweep_makes_up_for_it(tmp_path: Path) -> None:
    with machine(tmp_path, jobs=ForgottenJobs) as (running, database):
        found = broken_by_power_failures(running, database)
        assert any("P4" in breach and "neither kept nor an incident" in breach for breach in found)
        running.exchange.clock.sleep(timedelta(minutes=11).total_seconds())
        running.work()
        assert checked(running) == []


def test_an_intake_that_deletes_before_it_has_verified_is_found_out(tmp_path: Path) -> None:
    with machine(tmp_path) as (running, _):
        running.does[INTAKE] = hasty_intake
        assert any("P4" in breach and "ours was never verified" in breach for breach in running.run(CALL).broken)


def hasty_intake(shop: Workshop, steps: Steps, recording_id: str) -> None:
    """It deleted Twilio's copy, died, and was resumed: what it then does is all right, and too late."""
    delete_at_provider(shop, look(shop, recording_id)[1])
    try:
        intake(shop, cast(Steps, lambda _, step: step()), recording_id)  # a day of patience changes nothing
    except Unavailable as error:
        note_failure(shop, INTAKE, recording_id, error)
