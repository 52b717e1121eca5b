"""What a call costs the worker: after it is over, until its recording is kept and Twilio's account of it is logged; and
while it is in progress. And what of it stays in the database.
"""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from time import monotonic, sleep

from sqlalchemy import func, select, text

from bench.installation import installed, settings
from bench.kept_calls import write_wav
from bench.past_calls import PastCalls
from bench.process_cpu import cpu_s
from bench.tables import table
from bench.twilio_stand_in import StandIn, standing_in
from bench.webhook import database_url, disk_folder
from bench.whole_calls import caller_of
from onrecord.installation import Installation
from policies.lifecycle import RecordingState
from storage.database.engine import Database
from storage.database.tables import call, call_listing, incident, recording, worker

COST, GROWTH = "What a call costs the worker once it is over", "Growth of the database"
LIVE = "Calls in progress"
COST_HEADINGS = ("database", "recording", "calls", "worker CPU ms/call", "calls an hour and core", "in the audio store")
SIZE_HEADINGS = ("database", "calls", "KB/call", "GB per million calls")
LIVE_HEADINGS = ("database", "calls in progress", "% of a core", "calls in progress for half a core")
BEFORE_THE_END = "recording in-progress"
_PATIENCE_S = 3600.0
_UNDER_WAY_MAX = 30
"""A worker that is behind leaves out listening copies, and would cost less."""
_SETTLES_S = 5.0
"""A worker begins with a look at everything."""


@dataclass(frozen=True)
class Cost:
    calls: int
    cpu_s: float
    database_bytes: int
    audio_bytes: int

    @property
    def cpu_ms_per_call(self) -> float:
        return 1000 * self.cpu_s / self.calls


@dataclass(frozen=True)
class Yard:
    """An installation with a worker, and what stands in for Twilio."""

    installation: Installation
    twilio: StandIn
    calls: PastCalls
    worker: int
    folder: Path

    def cpu_over(self, seconds: float) -> float:
        before = cpu_s([self.worker])
        sleep(seconds)
        return cpu_s([self.worker]) - before


def ended(databases: Sequence[str], counts: Mapping[int, int]) -> Iterator[str]:
    """`counts`: of calls by the length of their recordings in seconds; the growth is that of the shortest."""
    found = {(name, length): _ended(name, length, count) for name in databases for length, count in counts.items()}
    cost = [
        (name, _length(length), one.calls, one.cpu_ms_per_call, 3.6e6 / one.cpu_ms_per_call, _stored(one))
        for (name, length), one in found.items()
    ]
    yield from table(COST, COST_HEADINGS, cost)
    shortest = {name: found[name, min(counts)] for name in databases}
    size = [
        (name, one.calls, one.database_bytes / one.calls / 1e3, one.database_bytes / one.calls / 1e3)
        for name, one in shortest.items()
    ]
    yield from table(GROWTH, SIZE_HEADINGS, size)


def _length(seconds: int) -> str:
    return f"{seconds} s" if seconds < 60 else f"{seconds // 60} min"


def _stored(cost: Cost) -> str:
    return f"{cost.audio_bytes / cost.calls / 1e6:.1f} MB"


def _ended(database: str, length_s: int, count: int) -> Cost:
    with yard(database, length_s) as at:
        size, before = size_bytes(at.installation.database), cpu_s([at.worker])
        for n, one in enumerate(at.calls.make(count)):
            at.twilio.add(one)
            until(lambda n=n: n - _kept(at.installation.database) < _UNDER_WAY_MAX)  # type: ignore[misc]  # mypy and defaults
        until(lambda: _is_done(at.installation.database, count))
        _require_no_incident(at.installation.database)
        grown = size_bytes(at.installation.database) - size
        audio = sum(file.stat().st_size for file in (at.folder / "audio").rglob("*") if file.is_file())
        return Cost(count, cpu_s([at.worker]) - before, grown, audio)


def in_progress(databases: Sequence[str], count: int, seconds: float) -> Iterator[str]:
    """What a worker does for calls that go on, without any news of them."""
    rows = [row for database in databases for row in _in_progress(database, count, seconds)]
    yield from table(LIVE, LIVE_HEADINGS, rows)


def _in_progress(database: str, count: int, seconds: float) -> Iterator[tuple[object, ...]]:
    with yard(database, 1) as at:
        idle = at.cpu_over(seconds) / seconds
        yield database, 0, 100 * idle, ""
        for one in at.calls.make(count, until=BEFORE_THE_END):
            at.twilio.add(one)
        sleep(_SETTLES_S)
        busy = at.cpu_over(seconds) / seconds
        yield database, count, 100 * busy, f"{max(0.0, 0.5 - idle) / max(1e-9, busy - idle) * count:,.0f}"


def _is_done(database: Database, count: int) -> bool:
    """All recordings are kept, all calls corroborated and listed."""
    asked = select(func.count()).select_from(call).where(call.c.corroborate_at.is_(None))
    listed = select(func.count()).select_from(call_listing)
    with database.read() as connection:
        is_known = all((connection.scalar(query) or 0) >= count for query in (asked, listed))
    return is_known and _kept(database) >= count


def _kept(database: Database) -> int:
    query = select(func.count()).select_from(recording).where(recording.c.state == RecordingState.KEPT)
    with database.read() as connection:
        return connection.scalar(query) or 0


def _require_no_incident(database: Database) -> None:
    """About a call: Twilio's account of each agrees with the log."""
    query = select(incident.c.kind, incident.c.detail).where(incident.c.call_id.is_not(None))
    with database.read() as connection:
        told = connection.execute(query).all()
    if told:
        raise RuntimeError(f"{len(told)} incidents, the first: {told[0]}")


def size_bytes(database: Database) -> int:
    """With what is in the write-ahead log only, on SQLite."""
    with database.read() as connection:
        if database.dialect != "sqlite":
            return int(connection.scalar(text("SELECT pg_database_size(current_database())")) or 0)
        return int(
            connection.scalar(text("SELECT page_count * page_size FROM pragma_page_count, pragma_page_size")) or 0
        )


@contextmanager
def yard(database: str, length_s: int) -> Iterator[Yard]:
    with disk_folder() as folder, database_url(database, folder) as url:
        sound = write_wav(folder / "sound.wav", length_s, ())
        environ = settings(folder, url)
        twilio = StandIn(environ["PUBLIC_BASE_URL"], sound.read_bytes(), length_s)
        sound.unlink()
        with standing_in(twilio) as twilio_url, installed(environ) as installation:
            environ |= {"TWILIO_API_BASE_URL": twilio_url, "ONRECORD_CORROBORATE_AFTER_S": "1"}
            calls = PastCalls(installation, replace(caller_of(environ), recording_s=length_s))
            with working(environ, folder, installation.database) as worker_pid:
                sleep(_SETTLES_S)
                yield Yard(installation, twilio, calls, worker_pid, folder)


@contextmanager
def working(environ: Mapping[str, str], folder: Path, database: Database) -> Iterator[int]:
    """The process id of a worker, `onrecord work`, which has begun."""
    command = [sys.executable, "-c", "from onrecord.commands.main import main; main(['work'])"]
    with (folder / "worker.log").open("wb") as log:
        process = subprocess.Popen(command, env={**os.environ, **environ}, stderr=log, stdout=log)
        try:
            until(lambda: _has_begun(database), process)
            yield process.pid
        finally:
            process.terminate()
            process.wait()


def _has_begun(database: Database) -> bool:
    with database.read() as connection:
        return bool(connection.scalar(select(func.count()).select_from(worker)))


def until(is_so: Callable[[], bool], process: "subprocess.Popen[bytes] | None" = None) -> None:
    deadline = monotonic() + _PATIENCE_S
    while not is_so():
        if monotonic() > deadline or (process is not None and process.poll() is not None):
            raise TimeoutError("it did not come about")
        sleep(0.2)
