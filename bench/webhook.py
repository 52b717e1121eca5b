"""The consent webhook, all durable, against the same one without a database and against a constant answer.

    python -m bench.webhook [--databases sqlite postgresql] [--connections 1 8 32] [--rounds 5] [--seconds 1.0]

Each durable request is the first delivery of a caller's answer: signature, parse, decide, one transaction with the
decision, its events and the reply, render. All three are served as `onrecord serve` serves the first. Read the ratios:
the figures themselves are the machine's.
"""

import argparse
import os
import platform
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from multiprocessing import get_context
from pathlib import Path
from statistics import median
from time import perf_counter

from pysqlite3 import dbapi2 as sqlite

from bench.installation import CONSTANT, DURABLE, WITHOUT_DATABASE, installed, lines_logged, postgres, served, settings
from bench.rounds import VARIANTS, Measured, Turns, permits_on_disk
from bench.waiting_calls import WaitingCalls

# By database: the least share of the rate without a database, at these connections, and the slowest hundredth at 8.
AIMS = {"sqlite": (0.65, (8,), 20.0), "postgresql": (0.5, (8, 32), 30.0)}
OF_CONSTANT_MIN, AIM_CONNECTIONS = 0.4, 8
_ROW = "{:<11}{:>5}  {:<17}{:>8}{:>9}{:>9}{:>10}{:>14}{:>14}{:>8}"
_HEADINGS = (
    "database",
    "conn",
    "variant",
    "req/s",
    "p50 ms",
    "p99 ms",
    "slowest",
    "/ without db",
    "/ constant",
    "errors",
)


@dataclass
class Result:
    """What one database gave, by connections and variant."""

    database: str
    measured: dict[int, dict[str, Measured]]
    answered: int
    on_disk: int
    locked: int

    @property
    def is_sound(self) -> bool:
        """Every answer was right, and every durable one is on disk."""
        wrong = sum(one.errors for variants in self.measured.values() for one in variants.values())
        return wrong == 0 and self.locked == 0 and self.answered == self.on_disk


def main() -> int:
    options = _options()
    for fact in machine():
        print(fact)
    print(_ROW.format(*_HEADINGS), flush=True)
    began = perf_counter()
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as callers:
        results = [_measure(database, options, callers) for database in options.databases]
    for result in results:
        for line in _verdict(result):
            print(line)
    print(f"took {perf_counter() - began:.0f} s")
    return 0 if all(result.is_sound for result in results) else 1


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench.webhook", description="Read the ratios, not the figures.")
    parser.add_argument("--databases", nargs="+", choices=("sqlite", "postgresql"), default=["sqlite", "postgresql"])
    parser.add_argument("--connections", nargs="+", type=int, default=[1, 8, 32])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=1.0, help="of one round")
    return parser.parse_args()


def machine() -> Iterator[str]:
    """What the figures were measured on."""
    yield f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, {platform.platform()}"
    names = " ".join(f"{name} {version(name)}" for name in ("granian", "flask", "sqlalchemy"))
    yield f"Python {platform.python_version()}, SQLite {sqlite.sqlite_version}, {names}"
    with disk_folder() as folder:
        yield f"one fdatasync of 4 KiB: {_sync_ms(folder):.2f} ms (median of 200)"


def _sync_ms(folder: Path) -> float:
    took: list[float] = []
    with (folder / "synced").open("wb", buffering=0) as file:
        for _ in range(200):
            began = perf_counter()
            file.write(bytes(4096))
            os.fdatasync(file.fileno())
            took.append((perf_counter() - began) * 1000)
    return median(took)


def _measure(database: str, options: argparse.Namespace, callers: ProcessPoolExecutor) -> Result:
    with disk_folder() as folder, database_url(database, folder) as url:
        environ = settings(folder, url)
        with installed(environ) as installation:
            waiting = WaitingCalls(installation)
            waiting.at_least(1)  # the variant without a database reads one at its start
            with served(environ, folder) as ports:
                turns = Turns(ports, waiting, callers)
                turns.warm_up()
                measured: dict[int, dict[str, Measured]] = {}
                for connections in options.connections:
                    measured[connections] = turns.measure(connections, options.rounds, options.seconds)
                    for line in _rows(database, connections, measured[connections]):
                        print(line, flush=True)
            locked = lines_logged(folder, "database is locked")
            return Result(database, measured, turns.answered, permits_on_disk(installation), locked)


@contextmanager
def disk_folder() -> Iterator[Path]:
    """Below the working directory: a temporary directory may lie in memory, where a sync costs nothing."""
    Path("var").mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="bench-", dir="var") as folder:
        yield Path(folder).resolve()


@contextmanager
def database_url(database: str, folder: Path) -> Iterator[str]:
    if database == "sqlite":
        yield f"sqlite:///{folder / 'onrecord.db'}"
        return
    with postgres(folder) as url:
        yield url


def _rows(database: str, connections: int, measured: dict[str, Measured]) -> Iterator[str]:
    for variant in VARIANTS:
        one = measured[variant]
        shares = [f"{one.per_second / measured[other].per_second:.2f}" for other in (WITHOUT_DATABASE, CONSTANT)]
        times = [f"{ms:.1f}" for ms in (one.percentile_ms(50), one.percentile_ms(99), one.slowest_ms)]
        yield _ROW.format(database, connections, variant, f"{one.per_second:.0f}", *times, *shares, one.errors)


def _verdict(result: Result) -> Iterator[str]:
    yield (
        f"{result.database}: {result.answered} durable answers, {result.on_disk} decisions on disk, the log verifies, "
        f'"database is locked" {result.locked} times'
    )
    yield from _aims(result)


def _aims(result: Result) -> Iterator[str]:
    share_min, at, p99_ms_max = AIMS[result.database]
    for connections in filter(result.measured.__contains__, at):
        measured = result.measured[connections]
        share = measured[DURABLE].per_second / measured[WITHOUT_DATABASE].per_second
        said = f"{share:.2f} of the one without a database, {share_min} wanted: {_said(share >= share_min)}"
        yield f"aim at {connections} connections: {said}"
    if AIM_CONNECTIONS in result.measured:
        measured = result.measured[AIM_CONNECTIONS]
        p99_ms = measured[DURABLE].percentile_ms(99)
        of_constant = measured[WITHOUT_DATABASE].per_second / measured[CONSTANT].per_second
        aim = f"aim at {AIM_CONNECTIONS} connections:"
        yield f"{aim} p99 {p99_ms:.1f} ms, under {p99_ms_max:.0f} wanted: {_said(p99_ms < p99_ms_max)}"
        said = (
            f"{of_constant:.2f} of a constant answer, {OF_CONSTANT_MIN} wanted: {_said(of_constant >= OF_CONSTANT_MIN)}"
        )
        yield f"{aim} without a database {said}"
    if set(at) <= result.measured.keys() and len(at) > 1:
        few, many = (result.measured[connections][DURABLE].per_second for connections in at)
        yield f"aim: no slower with {at[1]} connections than with {at[0]}, {many / few:.2f}: {_said(many >= few)}"


def _said(is_met: bool) -> str:
    return "met" if is_met else "MISSED"


if __name__ == "__main__":
    sys.exit(main())
