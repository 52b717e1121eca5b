"""Appending to the consent log from several processes: in which way a transaction takes its turn at the log's end.

    python -m bench.appending [--seconds 5] [--databases sqlite postgresql] [--processes 1 4 16] [--away-ms 0 1]

Durable transactions of three events with two disclosures, as a decision writes them, from four callers in each process.
Each log is then verified. `--away-ms`: Postgres as if a message took that long to it, from processes on other machines.
"""

import argparse
import os
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count
from multiprocessing import get_context
from statistics import quantiles
from time import perf_counter

from sqlalchemy import Connection

from bench.distance import away
from bench.tables import table
from bench.webhook import database_url, disk_folder, machine
from evidence.events import Event, Value
from storage.database.engine import Database
from storage.database.schema import migrate
from storage.log import consent_log
from storage.log.verification import verify

TITLE = "Events in a second"
HEADINGS = ("database", "each way, ms", "processes", "the log's end is taken", "events/s", "p99 ms", "the log")
PROCESSES, AWAYS_MS, CALLERS = (1, 4, 16), (0.0, 1.0), 4
SOUND, WRONG = "contiguous, verified", "WRONG"
UNDER: dict[str, Value] = {"rules_sha256": "9" * 64, "law": {"version": "2026-11-22", "sha256": "8" * 64}}
_PRESSED: dict[str, Value] = {
    "attempt": 1,
    "input": "dtmf",
    "digit": "1",
    "answer": "accepted",
    "action": "record",
    "rule": "opt_in",
}
CHOICE = Event("consent.choice", {**_PRESSED, **UNDER})
_DECISION = (
    Event("call.received", UNDER, {"request_sha256": "7" * 64, "caller": "+14155550100"}),
    Event("recording.permitted", UNDER),
    CHOICE,
)
_LONG_S = 60.0


@dataclass(frozen=True)
class Way:
    """`takes_first`: the end is locked from the beginning of a transaction. `within_s`: as for `Database.write`, where
    callers whose time is limited are committed together.
    """

    name: str
    takes_first: bool = False
    within_s: float | None = None

    def append(self, database: Database, call_id: str) -> None:
        def work(connection: Connection) -> None:
            if self.takes_first:
                consent_log.lock(connection)
            moment = datetime.now(UTC)
            consent_log.append(connection, _DECISION, call_id=call_id, first_n=0, at=moment, random=os.urandom)
            if self.takes_first:
                consent_log.size(connection)  # which writes the events now, before the commit

        database.write(work, within_s=self.within_s)


TAKEN = Way("last, for many callers at once", within_s=_LONG_S)
WAYS = (Way("first, and held", takes_first=True), Way("last", within_s=None), TAKEN)


@dataclass(frozen=True)
class Appended:
    per_s: float
    p99_ms: float
    state: str


def main() -> int:
    options = _options()
    for fact in machine():
        print(fact)
    printed = []
    for line in measured(options.databases, options.seconds, options.processes, options.away_ms):
        print(line)
        printed.append(line)
    return 1 if any(WRONG in line for line in printed) else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench.appending", description="Read the ratios, not the figures.")
    parser.add_argument("--seconds", type=float, default=5.0, help="of appending, for each figure")
    parser.add_argument("--databases", nargs="+", choices=("sqlite", "postgresql"), default=["sqlite", "postgresql"])
    parser.add_argument("--processes", nargs="+", type=int, default=PROCESSES)
    parser.add_argument("--away-ms", nargs="+", type=float, default=AWAYS_MS)
    return parser.parse_args()


def measured(
    databases: Sequence[str],
    seconds: float,
    numbers: Sequence[int] = PROCESSES,
    aways_ms: Sequence[float] = AWAYS_MS,
) -> Iterator[str]:
    rows = []
    for kind in databases:
        # SQLite has one writer, which commits all callers of a process together in any case.
        ways = (TAKEN,) if kind == "sqlite" else WAYS
        for away_ms in aways_ms if kind == "postgresql" else (0.0,):
            for processes in numbers:
                for way in ways:
                    found = appended(kind, processes, seconds, way=way, away_ms=away_ms)
                    rows.append((kind, away_ms, processes, way.name, found.per_s, found.p99_ms, found.state))
    yield from table(TITLE, HEADINGS, rows)


def appended(kind: str, processes: int, seconds: float, *, way: Way = TAKEN, away_ms: float = 0.0) -> Appended:
    """In a database of its own."""
    with disk_folder() as folder, database_url(kind, folder) as url:
        with closing(Database.open(url)) as database:
            migrate(database)
        with away(url, away_ms) if away_ms else _near(url) as reached:
            took_ms = _append_from(reached, processes, seconds, way)
        with closing(Database.open(url)) as database:
            verified = verify(database.read)
    written = len(took_ms) * len(_DECISION)
    state = SOUND if verified.size == written else f"{WRONG}: {verified.size} of {written}"
    return Appended(written / seconds, quantiles(took_ms, n=100, method="inclusive")[98], state)


@contextmanager
def _near(url: str) -> Iterator[str]:
    yield url


def _append_from(url: str, processes: int, seconds: float, way: Way) -> list[float]:
    with get_context("spawn").Pool(processes) as pool:
        each = pool.starmap(append_for, [(url, number, seconds, way) for number in range(processes)])
    return [took for one in each for took in one]


def append_for(url: str, process: int, seconds: float, way: Way) -> list[float]:
    """How many milliseconds each transaction of this process took, until the time was over."""
    numbers = count()

    def call(_: int) -> list[float]:
        took = []
        while (began := perf_counter()) < ends:
            way.append(database, f"{process:08x}{next(numbers):024x}")
            took.append((perf_counter() - began) * 1000)
        return took

    with closing(Database.open(url)) as database, ThreadPoolExecutor(CALLERS) as callers:
        ends = perf_counter() + seconds
        return [took for one in callers.map(call, range(CALLERS)) for took in one]


if __name__ == "__main__":
    sys.exit(main())
