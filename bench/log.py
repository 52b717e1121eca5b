"""The consent log at a million events, on SQLite: proofs, checkpoints, verification.

    python -m bench.log [--events 1000000]

Read the ratios: each figure has, in the same run and on the same file, the least that the same thing could cost.
"""

import argparse
import os
import random
import secrets
import sys
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from statistics import median, quantiles
from time import perf_counter

from sqlalchemy import Connection, insert, select

from bench.appending import CHOICE, UNDER
from bench.webhook import disk_folder, machine
from evidence.events import Event, write_leaf
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
_OF_A_CALL = 10
_PAGE = 10_000


def main() -> int:
    options = _options()
    for fact in machine():
        print(fact)
    with disk_folder() as folder:
        return 0 if _long_log(folder, options.events) else 1


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench.log", description="Read the ratios, not the figures.")
    parser.add_argument("--events", type=int, default=AIM_EVENTS)
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
        event = Event("call.received", UNDER, private) if index % 3 == 0 else CHOICE
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
        inclusion = _each(lambda index: KeptTree.of(connection).inclusion(index, size), chosen)
        consistency = _each(lambda old: KeptTree.of(connection).consistency(old + 1, size), chosen)
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
    verified = verify(database.read)
    took_s = perf_counter() - began
    print(f"{'reading and hashing every event':<36}{least_s:>9.1f} s")
    aim = f"aim {VERIFY_S_MAX:g} s: {'met' if took_s <= VERIFY_S_MAX else 'MISSED'}"
    print(f"{'full verification':<36}{took_s:>9.1f} s{took_s / least_s:>9.1f} x  {verified.size} events, {aim}")
    return took_s <= VERIFY_S_MAX


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
