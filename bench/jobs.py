"""What durable jobs cost: `python -m bench.jobs DATABASE_URL`, on an empty database.

Prints the time of a write with and without a job asked for in it, alone and while workers are busy; the jobs done per
second; how soon a job starts; how soon another worker has resumed what a killed one held; how many ended jobs are
forgotten per second; and what `onrecord work` costs while nothing is asked for: reads, writes and commits a second, and
how many times a single write a second that is.
"""

import os
import resource
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event, Thread

from sqlalchemy import Connection, event, insert

from bench.installation import installed, settings
from onrecord.processes.work import make_worker
from storage.database.engine import Database
from storage.database.schema import migrate
from storage.database.tables import rulebook_version
from storage.jobs.contract import JobKind, Lane, Standing
from storage.jobs.queue import JobQueue, create_job_tables
from storage.jobs.steps import Steps
from storage.jobs.worker import Worker

THREE = JobKind("three", Lane.BULK)
LONG = JobKind("long", Lane.PROMPT)
WRITES = 200
BACKLOG = 800
IDLE_S = 20


def three(steps: Steps, job_id: str) -> None:
    for name in ("first", "second", "third"):
        steps(name, lambda: job_id)


def long(steps: Steps, job_id: str) -> None:
    def stay() -> None:
        if os.environ.get("STAY"):
            Event().wait()

    steps("stay", stay)


def work(url: str) -> None:
    worker = Worker(Database.open(url), {THREE: three, LONG: long}, on_failure=print)
    ended = Event()
    signal.signal(signal.SIGTERM, lambda *_: ended.set())
    worker.start()
    ended.wait()
    usage = resource.getrusage(resource.RUSAGE_SELF)
    print(f"  worker {os.getpid()}: {usage.ru_utime + usage.ru_stime:.1f} s of CPU, {usage.ru_maxrss // 1024} MB")
    worker.stop()
    os._exit(0)


class Bench:
    def __init__(self, url: str) -> None:
        self.url, self.database = url, Database.open(url)
        migrate(self.database)
        create_job_tables(self.database)
        self.queue = JobQueue(self.database)

    def worker(self, **environment: str) -> "subprocess.Popen[bytes]":
        command = [sys.executable, "-m", "bench.jobs", "work", self.url]
        return subprocess.Popen(command, env={**os.environ, **environment})

    def write(self, kind: JobKind | None) -> str:
        """A row, as a web process writes one, and perhaps a job with it."""
        job_id = secrets.token_hex(8)

        def work(connection: Connection) -> None:
            connection.execute(insert(rulebook_version).values(sha256=job_id, text="", adopted_at=datetime.now(UTC)))
            if kind is not None:
                self.queue.enqueue(connection, kind, job_id, job_id)

        self.database.write(work)
        return job_id

    def timed_writes(self, what: str, kind: JobKind | None) -> None:
        """From four threads, 5 ms apart: over some seconds, as calls come in."""
        times: list[float] = []

        def write() -> None:
            for _ in range(WRITES):
                start = time.perf_counter()
                self.write(kind)
                times.append(1000 * (time.perf_counter() - start))
                time.sleep(0.005)

        threads = [Thread(target=write) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        times.sort()
        p50, p99 = times[len(times) // 2], times[len(times) * 99 // 100]
        print(f"  {what}: p50 {p50:.2f} ms, p99 {p99:.2f} ms, max {times[-1]:.1f} ms")

    def until(self, true: Callable[[], bool]) -> float:
        start = time.perf_counter()
        while not true():
            time.sleep(0.02)
        return time.perf_counter() - start

    def is_done(self, kind: JobKind, job_id: str) -> Callable[[], bool]:
        return lambda: self.queue.standing(kind, job_id) is Standing.DONE

    def stop(self, *workers: "subprocess.Popen[bytes]") -> None:
        for worker in workers:
            worker.terminate()
        start = time.perf_counter()
        for worker in workers:
            worker.wait()
        print(f"  stopped in {time.perf_counter() - start:.1f} s")


def busy(bench: Bench, workers: int) -> None:
    processes = [bench.worker() for _ in range(workers)]
    bench.until(bench.is_done(LONG, bench.write(LONG)))
    for _ in range(BACKLOG):
        last = bench.write(THREE)
    start = time.perf_counter()
    bench.timed_writes(f"row and job, {workers} busy", LONG)
    bench.timed_writes(f"row only, {workers} busy", None)
    bench.until(bench.is_done(THREE, last))
    print(f"  {(BACKLOG + 4 * WRITES) / (time.perf_counter() - start):.0f} jobs a second, {workers} workers")
    waits = [bench.until(bench.is_done(LONG, bench.write(LONG))) for _ in range(5)]
    print(f"  a prompt job is done {min(waits):.2f} to {max(waits):.2f} s after it was asked for")
    bench.stop(*processes)


def dies(bench: Bench) -> None:
    held, job_id = bench.worker(STAY="1"), bench.write(LONG)
    bench.until(lambda: bench.queue.standing(LONG, job_id) is Standing.RUNNING)
    other = bench.worker()
    time.sleep(8)
    held.kill()
    print(f"  resumed and done {bench.until(bench.is_done(LONG, job_id)):.1f} s after kill -9, another living")
    bench.stop(other)
    held, job_id = bench.worker(STAY="1"), bench.write(LONG)
    bench.until(lambda: bench.queue.standing(LONG, job_id) is Standing.RUNNING)
    held.kill()
    other = bench.worker()
    print(f"  resumed and done {bench.until(bench.is_done(LONG, job_id)):.1f} s after kill -9 and a restart")
    bench.stop(other)


def forgets(bench: Bench) -> None:
    start, forgotten = time.perf_counter(), 0
    while part := bench.queue.forget(datetime.now(UTC) + timedelta(minutes=1)):
        forgotten += part
    print(f"  {forgotten} ended jobs are forgotten, {forgotten / (time.perf_counter() - start):.0f} a second")


def idle(bench: Bench) -> None:
    with TemporaryDirectory() as folder:
        environ = {**settings(Path(folder), bench.url), "TWILIO_API_BASE_URL": "http://127.0.0.1:9"}  # nobody answers
        command = [sys.executable, "-m", "bench.jobs", "idle"]
        with subprocess.Popen(command, env={**os.environ, **environ}, stderr=subprocess.DEVNULL) as worker:
            time.sleep(8)
            before = cpu(worker.pid)
            time.sleep(IDLE_S)
            print(f"  idle worker: {100 * (cpu(worker.pid) - before) / IDLE_S:.1f} % of one core")


def stay_idle() -> None:
    """As `onrecord work`, and ended after so long."""
    with installed(os.environ) as installation:
        count = Count()
        event.listen(installation.database.engine, "before_cursor_execute", count.executed)
        event.listen(installation.database.engine, "commit", count.committed)
        make_worker(installation).start()
        time.sleep(5)
        before, seconds = replace(count), IDLE_S + 5
        time.sleep(seconds)
        reads, writes = (count.reads - before.reads) / seconds, (count.writes - before.writes) / seconds
        commits = (count.commits - before.commits) / seconds
        print(f"  idle worker, a second: {reads:.1f} reads, {writes:.1f} writes, {commits:.1f} commits", flush=True)
        print(f"  that is {reads + writes:.1f} times a single write a second", flush=True)
        os._exit(0)


@dataclass
class Count:
    reads: int = 0
    writes: int = 0
    commits: int = 0

    def executed(self, _connection: Connection, _cursor: object, statement: str, *_: object) -> None:
        self.reads += statement.startswith("SELECT")
        self.writes += statement.startswith(("INSERT", "UPDATE", "DELETE"))

    def committed(self, _connection: Connection) -> None:
        self.commits += 1


def cpu(pid: int) -> float:
    user, system = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


def main(url: str) -> None:
    bench = Bench(url)
    print(bench.database.dialect)
    bench.timed_writes("row only, nobody busy", None)
    bench.timed_writes("row and job, nobody busy", THREE)
    for workers in (1, 2):
        busy(bench, workers)
    dies(bench)
    forgets(bench)
    idle(bench)


if __name__ == "__main__":
    if sys.argv[1] == "work":
        work(sys.argv[2])
    elif sys.argv[1] == "idle":
        stay_idle()
    else:
        main(sys.argv[1])
