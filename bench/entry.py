"""How long a wrong password takes at the console's entry, for a name that somebody has against one that nobody has.

    python -m bench.entry [--rounds 60]

In turns, so that whatever else the machine does meets both. Read the ratios: the figures themselves are the machine's.
"""

import argparse
import os
import platform
import secrets
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from statistics import median, quantiles
from time import perf_counter

from compliance.staff import sign_in
from compliance.staff.administration import Administration
from compliance.staff.entry import Entry
from policies.permissions import Role
from policies.sign_in import ConsoleRules
from storage.database.engine import Database
from storage.database.schema import migrate
from storage.staff import ceremonies, passwords, throttle
from storage.staff.accounts import Position

KNOWN, UNKNOWN, HASH = "a known name", "an unknown name", "the hash alone"
NOISE = 0.05
"""How far the ratio may be from 1: on a machine that does other things as well the medians differ by as much."""


def main() -> int:
    parser = argparse.ArgumentParser(prog="bench.entry", description="Read the ratios, not the figures.")
    parser.add_argument("--rounds", type=int, default=60)
    options = parser.parse_args()
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, {platform.platform()}")
    with (
        tempfile.TemporaryDirectory() as folder,
        closing(Database.open(f"sqlite:///{Path(folder) / 'x.db'}")) as database,
    ):
        migrate(database)
        for line in _measured(database, options.rounds):
            print(line, flush=True)
    return 0


def _measured(database: Database, rounds: int) -> Iterator[str]:
    rules = ConsoleRules()
    entry = Entry(database, secrets.token_bytes(32), ceremonies.relying_party("https://console.example.org"), rules)
    account = Administration(database, rules).add("known", "Known", Position(Role.ADMIN), actor="bench").account
    kept = entry.hashing.hash_of(secrets.token_hex(16), secrets.token_bytes)
    database.write(lambda connection: passwords.save(connection, account.id, kept))

    def attempt(name: str) -> None:
        sign_in.by_password(entry, name, "a wrong password", "000000", browser="")

    works: dict[str, Callable[[], object]] = {
        HASH: lambda: entry.hashing.is_right("a wrong password", kept),
        KNOWN: lambda: attempt("known"),
        UNKNOWN: lambda: attempt("nobody"),
    }
    taken: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(rounds):
        database.write(lambda connection: throttle.clear(connection, account.id))  # nobody waits here
        for name, work in works.items():
            began = perf_counter()
            work()
            taken[name].append(perf_counter() - began)
    yield f"{'median of ' + str(rounds) + ' rounds':<24}{'ms':>8}{'p10':>8}{'p90':>8}{'ratio':>8}"
    for name, seconds in taken.items():
        tenths = quantiles(seconds, n=10)
        figures = "".join(f"{one * 1000:>8.1f}" for one in (median(seconds), tenths[0], tenths[-1]))
        yield f"{name:<24}{figures}{median(seconds) / median(taken[HASH]):>8.2f}"
    ratio = median(taken[UNKNOWN]) / median(taken[KNOWN])
    met = "met" if abs(ratio - 1) <= NOISE else "MISSED"
    yield f"aim: unknown / known {ratio:.3f}, at most {NOISE} from 1 wanted: {met}"


if __name__ == "__main__":
    sys.exit(main())
