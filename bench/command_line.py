"""How soon the command line answers, against the import of the libraries that most of its commands need.

    python -m bench.command_line [--rounds 15]

Whole processes, in turns, so that whatever else the machine does meets all of them. Read the ratios: the figures
themselves are the machine's.
"""

import argparse
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from importlib.resources import files
from pathlib import Path
from statistics import median
from time import perf_counter

LIBRARIES = (sys.executable, "-c", "import sqlalchemy, dbos, alembic")
HELP = (sys.executable, "-m", "onrecord", "--help")
EXPLAIN = (sys.executable, "-m", "onrecord", "explain", "--line", "+14155550100", "--from", "+18602345678")
RATIO_MAX = 0.25
_NAMED = {"import sqlalchemy, dbos, alembic": LIBRARIES, "onrecord --help": HELP, "onrecord explain": EXPLAIN}


def main() -> int:
    parser = argparse.ArgumentParser(prog="bench.command_line", description="Read the ratios, not the figures.")
    parser.add_argument("--rounds", type=int, default=15)
    options = parser.parse_args()
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, {platform.platform()}")
    with tempfile.TemporaryDirectory() as folder:
        rulebook = files("onrecord").joinpath("example.toml").read_text(encoding="utf-8")
        (Path(folder) / "onrecord.toml").write_text(rulebook, encoding="utf-8")
        for line in _measured(Path(folder), options.rounds):
            print(line, flush=True)
    return 0


def _measured(folder: Path, rounds: int) -> Iterator[str]:
    for command in _NAMED.values():
        _seconds(command, folder)  # so that every module is compiled, and read from the disk once
    taken: dict[str, list[float]] = {name: [] for name in _NAMED}
    for _ in range(rounds):
        for name, command in _NAMED.items():
            taken[name].append(_seconds(command, folder))
    least = median(taken["import sqlalchemy, dbos, alembic"])
    yield f"{'median of ' + str(rounds) + ' rounds':<36}{'ms':>8}{'ratio':>8}"
    for name, seconds in taken.items():
        yield f"{name:<36}{median(seconds) * 1000:>8.0f}{median(seconds) / least:>8.2f}"
    ratio = median(taken["onrecord --help"]) / least
    met = "met" if ratio <= RATIO_MAX else "MISSED"
    yield f"aim: onrecord --help / import {ratio:.2f}, at most {RATIO_MAX} wanted: {met}"


def _seconds(command: Sequence[str], folder: Path) -> float:
    began = perf_counter()
    subprocess.run(command, cwd=folder, stdout=subprocess.DEVNULL, check=True)
    return perf_counter() - began


if __name__ == "__main__":
    sys.exit(main())
