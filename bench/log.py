"""The consent log at a million events: proofs, checkpoints, verification; and appending to it, from several processes.

    python -m bench.log [--events 1000000] [--seconds 5] [--databases sqlite postgresql]

Read the ratios: each figure has, in the same run and on the same file, the least that the same thing could cost. The
long log is on SQLite. Appending is measured with durable transactions of three events with two disclosures, as a
decision writes them, and each log is then verified.
"""

import argparse
import os
import random
import secrets
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from hashlib import sha256
from multiprocessing import get_context
from pathlib import Path
from statistics import median, quantiles
from time import perf_counter

from sqlalchemy import Connection, insert, select

from bench.installation import postgres
from bench.webhook import machine
from evidence.events import Event, Value, write_leaf
from evidence.merkle import leaf_hash
from storage.database.engine import Database
from storage.database.schema import migrate
from storage.database.tables import disclosure, log_head, log_leaf
from storage.log import checkpoints, consent_log
from storage.log.checkpoints import Signing
from storage.log.tree import KeptTree
from storage.log.tree_keeper import close_subtrees
from storage.log.verification import verify
from storage.moment import Moment

INCLUSION_MS_MAX, CHECKPOINT_MS_MAX, VERIFY_S_MAX, AIM_EVENTS = 0.5, 5.0, 5.0, 1_000_000
_UNDER: dict[str, Value] = {"rules_sha256": "9" * 64, "law": {"version": "2026-11-22", "sha256": "8" * 64}}
_PRESSED: dict[str, Value] = {
    "attempt": 1,
    "input": "dtmf",
    "digit": "1",
    "answer": "accepted",
    "action": "record",
    "rule": "opt_in",
}
_CHOICE = Event("consent.choice", {**_PRESSED, **_UNDER})
PROCESSES, SOUND = (1, 4, 16), "contiguous, verified"
_OF_A_CALL = 10
_PAGE = 10_000


def main() -> int:
    options = _options()
    for fact in machine():
        print(fact)
    with tempfile.TemporaryDirectory(prefix="onrecord-bench-") as folder:
        found = _long_log(Path(folder), options.events)
        for database in options.databases:
            found = _appending(database, Path(folder), options.seconds) and found
    return 0 if found else 1


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench.log", description="Read the ratios, not the figures.")
    parser.add_argument("--events", type=int, default=AIM_EVENTS)
    parser.add_argument("--seconds", type=float, default=5.0, help="of appending, for each number of processes")
    parser.add_argument("--databases", nargs="+", choices=("sqlite", "postgresql"), default=["sqlite", "postgresql"])
    return parser.parse_args()


def _long_log(folder: Path, events: int) -> bool:
    with closing(Database.open(f"sqlite:///{folder}/long.db")) as database:
        migrate(database)
        began = perf_counter()
        _fill(database, events)
        print(f"{events} events written in {perf_counter() - began:.0f} s, {_megabytes(folder / 'long.db'):.0f} MB")
        met = [_proofs(database), _checkpoints(database), _verification(database)]
    if events != AIM_EVENTS:
        print(f"the aims are for {AIM_EVENTS} events")
    return all(met)


def _fill(database: Database, events: int) -> None:
    """As `consent_log.append` writes them, many at a time; then the tree. Every third event has two disclosures."""
    for start in range(0, events, _PAGE):
        database.write(lambda connection, start=start: _page(connection, start, min(_PAGE, events - start)))  # type: ignore[misc]  # mypy and defaults
        if sys.stderr.isatty():
            print(f"\r{start + _PAGE} events", end="\r", file=sys.stderr, flush=True)
    close_subtrees(database)


def _page(connection: Connection, start: int, count: int) -> None:
    now, rows, opened = datetime.now(UTC), [], []
    for index in range(start, start + count):
        call_id, n = f"{index // _OF_A_CALL:032x}", index % _OF_A_CALL
        private = {"request_sha256": secrets.token_hex(32), "caller": "+14155550100"}
        event = Event("call.received", _UNDER, private) if index % 3 == 0 else _CHOICE
        leaf = write_leaf(event, call=call_id, n=n, at=now, random=os.urandom)
        rows.append(
            {"idx": index, "leaf": leaf.line, "hash": leaf_hash(leaf.line.encode()), "call_id": call_id, "n": n}
        )
        opened += [{"digest": digest, "call_id": call_id, "body": body} for digest, body in leaf.disclosures.items()]
    connection.execute(insert(log_leaf), rows)
    connection.execute(insert(disclosure), opened)
    connection.execute(log_head.update().values(size=start + count))


def _proofs(database: Database) -> bool:
    with database.read() as connection:
        size = consent_log.size(connection)
        chosen = [random.randrange(size) for _ in range(500)]
        row = select(log_leaf.c.leaf)
        read = _each(lambda index: connection.execute(row.where(log_leaf.c.idx == index)).one(), chosen)
        inclusion = _each(lambda index: KeptTree(connection).inclusion(index, size), chosen)
        consistency = _each(lambda old: KeptTree(connection).consistency(old + 1, size), chosen)
    _say("reading one event", read, None)
    _say("inclusion proof", inclusion, read, aim_ms=INCLUSION_MS_MAX)
    _say("consistency proof", consistency, read)
    return median(inclusion) <= INCLUSION_MS_MAX


def _checkpoints(database: Database) -> bool:
    """Each after one more event, without which nothing would be signed. The least is the transaction of that event."""
    signing = Signing("bench.example", [b"\x01" * 32])
    moment = Moment(datetime.now(UTC), os.urandom)
    database.write(lambda connection: checkpoints.sign(connection, moment, signing))
    least, signed = [], []
    for _ in range(100):
        least += _each(lambda _: database.write(_one_more), [0])
        signed += _each(lambda _: database.write(lambda c: checkpoints.sign(c, moment, signing)), [0])
    _say("durable transaction with an event", least, None)
    _say("signed checkpoint", signed, least, aim_ms=CHECKPOINT_MS_MAX)
    return median(signed) <= CHECKPOINT_MS_MAX


def _one_more(connection: Connection) -> None:
    consent_log.append_events(connection, Moment(datetime.now(UTC), os.urandom), Event("selftest.passed"))


def _verification(database: Database) -> bool:
    with database.read() as connection:
        began = perf_counter()
        for leaf in consent_log.leaves(connection):
            sha256(leaf.encode()).digest()
        least_s = perf_counter() - began
        began = perf_counter()
        verified = verify(connection)
        took_s = perf_counter() - began
    print(f"{'reading and hashing every event':<36}{least_s:>9.1f} s")
    aim = f"aim {VERIFY_S_MAX:g} s: {'met' if took_s <= VERIFY_S_MAX else 'MISSED'}"
    print(f"{'full verification':<36}{took_s:>9.1f} s{took_s / least_s:>9.1f} x  {verified.size} events, {aim}")
    return took_s <= VERIFY_S_MAX


def _appending(kind: str, folder: Path, seconds: float) -> bool:
    sound, alone = True, 0.0
    for processes in PROCESSES:
        per_s, state = appended(kind, folder, processes, seconds)
        sound, alone = sound and state == SOUND, alone or per_s
        print(f"{kind:<11}{processes} processes {per_s:>7.0f} events/s {per_s / alone:>5.2f} of one process  {state}")
    return sound


def appended(kind: str, folder: Path, processes: int, seconds: float) -> tuple[float, str]:
    """Events in a second, and whether the log is sound afterwards."""
    with _fresh(kind, folder, processes) as url:
        with closing(Database.open(url)) as database:
            migrate(database)
        written = _append_from(url, processes, seconds)
        with closing(Database.open(url)) as database, database.read() as connection:
            verified = verify(connection)
    return written / seconds, SOUND if verified.size == written else f"WRONG: {verified.size} of {written}"


def _append_from(url: str, processes: int, seconds: float) -> int:
    with get_context("spawn").Pool(processes) as pool:
        return sum(pool.starmap(append_for, [(url, worker, seconds) for worker in range(processes)]))


def append_for(url: str, worker: int, seconds: float) -> int:
    """How many events this process appended, in durable transactions, until the time was over."""
    written, events = 0, [Event("call.received", _UNDER, {"request_sha256": "7" * 64, "caller": "+14155550100"})]
    events += [Event("recording.permitted", _UNDER), _CHOICE]
    with closing(Database.open(url)) as database:
        ends = perf_counter() + seconds
        while perf_counter() < ends:
            call_id = f"{worker:08x}{written:024x}"
            database.write(
                lambda connection, call_id=call_id: consent_log.append(  # type: ignore[misc]  # mypy and defaults
                    connection, events, call_id=call_id, first_n=0, at=datetime.now(UTC), random=os.urandom
                )
            )
            written += len(events)
    return written


@contextmanager
def _fresh(kind: str, folder: Path, processes: int) -> Iterator[str]:
    if kind == "sqlite":
        yield f"sqlite:///{folder}/{processes}.db"
        return
    place = folder / f"server-{processes}"
    place.mkdir(mode=0o700)
    with postgres(place) as url:
        yield url


def _megabytes(file: Path) -> float:
    return file.stat().st_size / 1e6


def _each(act: Callable[[int], object], chosen: list[int]) -> list[float]:
    """How long each took, in milliseconds."""
    took = []
    for one in chosen:
        began = perf_counter()
        act(one)
        took.append((perf_counter() - began) * 1000)
    return took


def _say(what: str, took: list[float], least: list[float] | None, *, aim_ms: float | None = None) -> None:
    p50, p99 = median(took), quantiles(took, n=100, method="inclusive")[98]
    ratio = f"{p50 / median(least):>9.1f} x" if least else " " * 11
    aim = f"  aim {aim_ms:g} ms: {'met' if p50 <= aim_ms else 'MISSED'}" if aim_ms else ""
    print(f"{what:<36}{p50:>9.2f} ms p50{p99:>9.2f} ms p99{ratio}{aim}")


if __name__ == "__main__":
    sys.exit(main())
