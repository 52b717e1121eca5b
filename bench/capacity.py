"""How much an installation can take on this machine: the tables of docs/capacity.md.

    python -m bench.capacity [--quick] [--parts calls …] [--databases sqlite postgresql] [--web-processes 1 2 4]
        [--into docs/capacity.md]

Nothing else may run on the machine meanwhile. `--quick` takes a few minutes, and shows that all of it works.
"""

import argparse
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from time import perf_counter

from bench import appending, whole_calls, worker_calls
from bench.tables import write_into
from bench.webhook import machine

Part = Callable[[argparse.Namespace], Iterator[str]]


def _calls(options: argparse.Namespace) -> Iterator[str]:
    return whole_calls.measured(options.databases, options.web_processes, 3.0 if options.quick else 10.0)


def _worker(options: argparse.Namespace) -> Iterator[str]:
    counts = {30: 40, 300: 8} if options.quick else {30: 1000, 300: 100, 3600: 10}
    return worker_calls.ended(options.databases, counts)


def _in_progress(options: argparse.Namespace) -> Iterator[str]:
    count, seconds = (200, 10.0) if options.quick else (2000, 120.0)
    return worker_calls.in_progress(options.databases, count, seconds)


def _events(options: argparse.Namespace) -> Iterator[str]:
    return appending.measured(options.databases, 1.0 if options.quick else 5.0)


PARTS: Mapping[str, Part] = {"calls": _calls, "worker": _worker, "in-progress": _in_progress, "events": _events}


def main() -> int:
    options, printed = _options(), list[str]()
    facts = [*machine()]
    print("\n".join(facts))
    for name in options.parts:
        began = perf_counter()
        for line in PARTS[name](options):
            print(line, flush=True)
            printed.append(line)
        print(f"({name}: {perf_counter() - began:.0f} s)", flush=True)
    if options.into:
        write_into(options.into, facts, printed)
    return 1 if any("MISSED" in line for line in printed) else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench.capacity", description="On a machine that does nothing else.")
    parser.add_argument("--quick", action="store_true", help="short rounds, of which nothing is to be read")
    parser.add_argument("--parts", nargs="+", choices=[*PARTS], default=[*PARTS])
    parser.add_argument("--databases", nargs="+", choices=("sqlite", "postgresql"), default=["sqlite", "postgresql"])
    parser.add_argument("--web-processes", nargs="+", type=int, default=[1, 2, 4])
    parser.add_argument("--into", type=Path, metavar="PAGE", help="put the tables into docs/capacity.md as well")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
