"""Whether whoever reads for minutes holds up callers or jobs.

    python -m bench.long_readers [--minutes 10] [--per-s 20] [--databases sqlite postgresql] [--readers verification …]
        [--into docs/capacity.md]

Calls begin at a fixed rate, and a job is asked for in each second, while one reader works without a pause: one
verification of the log after another, with its rows, or one page of the list of calls after another, or exports of the
whole log. Each reads in pages, every page in a view of its own, as operators' commands and the console do. To compare,
`one view` is a transaction that reads and stays open for all of these minutes. A worker runs; Twilio cannot be reached,
and calls leave no sound to fetch. The longest that any transaction was seen to be open is printed for Postgres.
"""

import argparse
import os
import shutil
import subprocess
import sys
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from multiprocessing import get_context
from multiprocessing.synchronize import Event
from pathlib import Path
from random import Random
from threading import Event as ThreadEvent
from threading import Thread

from sqlalchemy import select, text

from bench.beside import Beside, Work
from bench.installation import DURABLE, installed, server, settings
from bench.open_loop import Heard, Load, percentile, run
from bench.page_times import EVERYWHERE, Pages
from bench.tables import table, verdict, write_into
from bench.webhook import database_url, disk_folder, machine
from bench.whole_call import WITHOUT_SOUND
from bench.whole_calls import caller_of
from bench.worker_calls import working
from storage.custody.sweep import SWEEP
from storage.database.engine import Database
from storage.database.tables import worker
from storage.jobs.dispatch import table_of_jobs
from storage.jobs.queue import JobQueue
from storage.log import consent_log
from storage.log.verification import verify
from storage.row_check.check import of_all
from storage.rows.call_pages import page

P99_MS_MAX, START_S_MAX, VIEW_S_MAX, DEAD_ROWS_MAX, WAL_MB_MAX = 30.0, 2.0, 1.0, 10_000.0, 1024.0
TITLE = "Long readers"
HEADINGS = (
    "database",
    "beside",
    "p50 ms",
    "p99 ms",
    "slowest ms",
    "a job starts after, s",
    "a view lasts, s",
    "dead rows",
    "WAL, MB",
)
_ASKED = "asked"


def verifies(url: str, _now: datetime, _per_s: float, begun: Event, ended: Event) -> None:
    with closing(Database.open(url)) as database:
        while not ended.is_set():
            verify(database.read)
            deque(of_all(database.read), maxlen=0)
            begun.set()


def reports(url: str, now: datetime, _per_s: float, begun: Event, ended: Event) -> None:
    with closing(Database.open(url)) as database:
        pages = Pages(database, now, Random(7), times=1)
        while not ended.is_set():
            with database.read() as connection:
                page(connection, pages.filters(()), EVERYWHERE, None, now=now)
            begun.set()


def one_view(url: str, _now: datetime, _per_s: float, begun: Event, ended: Event) -> None:
    with closing(Database.open(url)) as database, database.read() as connection:
        while not ended.wait(1.0):
            consent_log.size(connection)
            begun.set()


def exports(_url: str, _now: datetime, _per_s: float, begun: Event, ended: Event) -> None:
    """As an operator does it, with the settings in the environment."""
    place = Path(os.environ["ONRECORD_SPOOL"]).with_name("bundle")
    command = [
        sys.executable,
        "-c",
        f"from onrecord.commands.main import main; main(['log', 'export', '--all', '-o', {str(place)!r}])",
    ]
    while not ended.is_set():
        begun.set()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        shutil.rmtree(place)


READERS: Mapping[str, Work | None] = {
    "nobody": None,
    "verification": verifies,
    "report": reports,
    "exports": exports,
    "one view": one_view,  # only where it is asked for
}


@dataclass
class Watch:
    """Asks for a job in each second, and looks at what grows."""

    database: Database
    dead_rows: int = 0
    wal_bytes: int = 0
    view_s: float = 0.0
    _ended: ThreadEvent = field(default_factory=ThreadEvent)

    @contextmanager
    def keeping(self) -> Iterator[None]:
        thread = Thread(target=self._watch)
        thread.start()
        try:
            yield
        finally:
            self._ended.set()
            thread.join()

    def starts_s(self) -> list[float]:
        """How long each job waited for its start. One that has not started waits until now."""
        jobs = table_of_jobs(self.database)
        asked = jobs.c.workflow_uuid.startswith(SWEEP.key(_ASKED))
        mine = select(jobs.c.created_at, jobs.c.started_at_epoch_ms).where(asked)
        now_ms = datetime.now(UTC).timestamp() * 1000
        with self.database.read() as connection:
            rows = connection.execute(mine).all()
        return [((started or now_ms) - asked) / 1000 for asked, started in rows]

    def _watch(self) -> None:
        jobs, n = JobQueue(self.database), 0
        while not self._ended.wait(1.0):
            n += 1
            job_id = f"{_ASKED}{n}"
            self.database.write(lambda connection, job_id=job_id: jobs.enqueue(connection, SWEEP, job_id, ""))  # type: ignore[misc]  # mypy and defaults
            self.dead_rows = max(self.dead_rows, self._dead_rows())
            self.wal_bytes = max(self.wal_bytes, _wal_bytes(self.database))
            self.view_s = max(self.view_s, self._view_s())

    def _view_s(self) -> float:
        """How long the eldest transaction has been open. SQLite does not say."""
        if self.database.dialect == "sqlite":
            return 0.0
        query = text(
            "SELECT max(extract(epoch FROM clock_timestamp() - xact_start)) FROM pg_stat_activity "
            "WHERE datname = current_database() AND backend_type = 'client backend' AND pid <> pg_backend_pid()"
        )
        with self.database.read() as connection:
            return float(connection.scalar(query) or 0.0)

    def _dead_rows(self) -> int:
        """Of the one that has the most, of the tables of jobs and the heartbeats. SQLite has none."""
        if self.database.dialect == "sqlite":
            return 0
        ours = "schemaname = :schema OR relname = :heartbeats"
        query = text(f"SELECT max(n_dead_tup) FROM pg_stat_user_tables WHERE {ours}")  # constants
        named = {"schema": table_of_jobs(self.database).schema, "heartbeats": worker.name}
        with self.database.read() as connection:
            return int(connection.scalar(query, named) or 0)


def _wal_bytes(database: Database) -> int:
    file = Path(f"{database.engine.url.database}-wal")
    return file.stat().st_size if database.dialect == "sqlite" and file.exists() else 0


@dataclass(frozen=True)
class Found:
    heard: Heard
    starts_s: Sequence[float]
    watch: Watch

    def row(self, database: str, reader: str) -> tuple[object, ...]:
        late = self.heard.all_ms
        p50, slowest = percentile(late, 50), max(late, default=0.0)
        started = max(self.starts_s, default=0.0)
        kept: tuple[object, ...] = (self.watch.view_s, self.watch.dead_rows, "")
        if database == "sqlite":
            kept = ("", "", f"{self.watch.wal_bytes / 1e6:.0f}")
        return (database, reader, p50, self.heard.p99_ms, slowest, started, *kept)

    def verdicts(self, database: str, reader: str) -> Iterator[str]:
        who = f"{database}, beside {reader}"
        p99, start = self.heard.p99_ms, max(self.starts_s, default=float("nan"))
        errors = self.heard.errors
        yield verdict(
            f"{who}: p99 ms, {errors} wrong", p99, f"< {P99_MS_MAX:.0f}", is_met=p99 < P99_MS_MAX and not errors
        )
        yield verdict(f"{who}: a job starts after, s", start, f"< {START_S_MAX:.0f}", is_met=start < START_S_MAX)
        if database == "sqlite":
            wal_mb = self.watch.wal_bytes / 1e6
            yield verdict(f"{who}: WAL, MB", wal_mb, f"≤ {WAL_MB_MAX:,.0f}", is_met=wal_mb <= WAL_MB_MAX)
        else:
            view_s, dead = self.watch.view_s, float(self.watch.dead_rows)
            yield verdict(f"{who}: a view lasts, s", view_s, f"< {VIEW_S_MAX:.0f}", is_met=view_s < VIEW_S_MAX)
            yield verdict(f"{who}: dead rows", dead, f"≤ {DEAD_ROWS_MAX:,.0f}", is_met=dead <= DEAD_ROWS_MAX)


def _measure(database: str, work: Work | None, per_s: float, seconds: float) -> Found:
    with disk_folder() as folder, database_url(database, folder) as url:
        environ = {**settings(folder, url), "TWILIO_API_BASE_URL": "http://127.0.0.1:9"}  # nobody answers there
        os.environ.update(environ)
        with (
            installed(environ) as installation,
            server(DURABLE, environ, folder) as web,
            working(environ, folder, installation.database),
            ProcessPoolExecutor(1, mp_context=get_context("spawn")) as others,
        ):
            watch = Watch(installation.database)
            with Beside(url, datetime.now(UTC), 0.0).at(work), watch.keeping():
                load = Load(web.port, per_s, seconds, (web.pid,), WITHOUT_SOUND)
                heard = others.submit(run, load, caller_of(environ)).result()
            return Found(heard, watch.starts_s(), watch)


def measured(options: argparse.Namespace) -> Iterator[str]:
    rows, verdicts = [], list[str]()
    for database in options.databases:
        for reader in options.readers:
            found = _measure(database, READERS[reader], options.per_s, 60 * options.minutes)
            rows.append(found.row(database, reader))
            verdicts += found.verdicts(database, reader)
    yield from table(TITLE, HEADINGS, rows)
    yield ""
    yield from verdicts


def main() -> int:
    options, printed = _options(), list[str]()
    facts = [*machine()]
    print("\n".join(facts))
    for line in measured(options):
        print(line, flush=True)
        printed.append(line)
    if options.into:
        write_into(options.into, facts, printed)
    return 1 if any("MISSED" in line for line in printed) else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench.long_readers", description="On a machine that does nothing else.")
    parser.add_argument("--minutes", type=float, default=10.0, help="of each reader")
    parser.add_argument("--per-s", type=float, default=20.0, help="calls that begin in a second")
    parser.add_argument("--readers", nargs="+", choices=[*READERS], default=[*READERS][:-1])
    parser.add_argument("--databases", nargs="+", choices=("sqlite", "postgresql"), default=["sqlite", "postgresql"])
    parser.add_argument("--into", type=Path, metavar="PAGE", help="put the table into docs/capacity.md as well")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
