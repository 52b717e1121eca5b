"""The list of calls at a million calls: its pages, its making, and what both cost a caller who presses a key then.

    python -m bench.console [--calls 1000000] [--times 40] [--databases sqlite postgresql] [--pages-per-second 20]

Pages are measured in the server's time, from the beginning of the transaction to the last row, each with other values.
The consent webhook is measured as in `bench.webhook`, alone and beside another process, in rounds that take turns: read
the ratios, the figures are the machine's.
"""

import argparse
import sys
from collections.abc import Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from datetime import UTC, datetime
from multiprocessing import get_context
from random import Random
from time import perf_counter

from bench import listed_calls
from bench.beside import Beside, Work, keeps_the_list, turns_pages
from bench.installation import DURABLE, installed, served, settings
from bench.page_times import Pages, Timed
from bench.rounds import Measured, Turns
from bench.waiting_calls import WaitingCalls
from bench.webhook import database_url, disk_folder, machine
from onrecord.installation import Installation
from storage.log import consent_log
from storage.rows.listing_projection import Projection

PAGE_MS_MAX, WEBHOOK_MS_MAX, AIM_CALLS, AIM_CONNECTIONS = 100.0, 30.0, 1_000_000, 1
_ROW = "{:<11}{:<40}{:>9}{:>9}{:>9}  {}"
_PROJECTED = 2_000
_BESIDE: dict[str, Work | None] = {
    "alone": None,
    "beside pages": turns_pages,
    "beside the list's upkeep": keeps_the_list,
}


def main() -> int:
    options = _options()
    for fact in machine():
        print(fact)
    met = [_measure(database, options) for database in options.databases]
    if options.calls != AIM_CALLS:
        print(f"the aims are for {AIM_CALLS} calls")
    return 0 if all(met) else 1


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench.console")
    parser.add_argument("--calls", type=int, default=AIM_CALLS)
    parser.add_argument("--times", type=int, default=40, help="pages of each kind")
    parser.add_argument("--databases", nargs="+", choices=("sqlite", "postgresql"), default=["sqlite", "postgresql"])
    parser.add_argument("--pages-per-second", type=float, default=20.0, help="beside the webhook")
    parser.add_argument("--rounds", type=int, default=5, help="of the webhook, of each kind")
    parser.add_argument("--seconds", type=float, default=2.0, help="of one round")
    return parser.parse_args()


def _measure(database: str, options: argparse.Namespace) -> bool:
    with ExitStack() as stack:
        place = stack.enter_context(disk_folder())
        url = stack.enter_context(database_url(database, place))
        environ = settings(place, url)
        installation = stack.enter_context(installed(environ))
        began, now = perf_counter(), datetime.now(UTC)
        sizes = listed_calls.fill(installation.database, options.calls, now)
        print(f"{database}: {sizes.listed} calls and {sizes.taken} agents written in {perf_counter() - began:.0f} s")
        pages = Pages(installation.database, now, Random(listed_calls.SEED), options.times)
        met = _pages_met(database, pages)
        _projection(installation, database)
        with served(environ, place) as ports:
            return _webhook(installation, ports, Beside(url, now, options.pages_per_second), options) and met


def _pages_met(database: str, pages: Pages) -> bool:
    print(_ROW.format("database", "page", "p50 ms", "p95 ms", "p99 ms", f"p95 under {PAGE_MS_MAX:.0f} ms"))
    for _ in range(20):
        pages.one()  # the first pages find nothing in memory
    all_met = True
    for timed in pages.timed():
        is_met = timed.percentile(95) <= PAGE_MS_MAX
        print(_line(database, timed, _said(is_met)), flush=True)
        all_met = all_met and is_met
    return all_met


def _line(database: str, timed: Timed, verdict: str) -> str:
    return _ROW.format(database, timed.what, *(f"{timed.percentile(percent):.1f}" for percent in (50, 95, 99)), verdict)


def _projection(installation: Installation, database: str) -> None:
    """The list is made of calls that came in by the service, beside the many that are listed already."""
    WaitingCalls(installation).at_least(_PROJECTED)
    projection, began = Projection(installation.database), perf_counter()
    while projection.step():
        pass
    took_s = perf_counter() - began
    with installation.database.read() as connection:
        events = consent_log.size(connection)
    print(
        f"{database}: {_PROJECTED} calls of {events} events listed in {took_s:.1f} s: {_PROJECTED / took_s:.0f} calls/s"
    )


def _webhook(
    installation: Installation, ports: Mapping[str, int], beside_it: Beside, options: argparse.Namespace
) -> bool:
    measured = {name: Measured() for name in _BESIDE}
    waiting = WaitingCalls(installation)
    waiting.at_least(1)
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as callers:
        turns = Turns(ports, waiting, callers)
        turns.round(DURABLE, AIM_CONNECTIONS, options.seconds)
        for _ in range(options.rounds):
            for name, work in _BESIDE.items():
                with beside_it.at(work):
                    measured[name].rounds.append(turns.round(DURABLE, AIM_CONNECTIONS, options.seconds))
    for line in _verdict(measured):
        print(line)
    return measured["beside pages"].percentile_ms(99) < WEBHOOK_MS_MAX


def _verdict(measured: Mapping[str, Measured]) -> Iterator[str]:
    alone_ms = measured["alone"].percentile_ms(99)
    for name, one in measured.items():
        p50, p99 = one.percentile_ms(50), one.percentile_ms(99)
        aim = f", under {WEBHOOK_MS_MAX:.0f} wanted: {_said(p99 < WEBHOOK_MS_MAX)}" if name == "beside pages" else ""
        yield f"consent webhook {name}: p50 {p50:.1f} ms, p99 {p99:.1f} ms, {p99 / alone_ms:.2f} of alone{aim}"


def _said(is_met: bool) -> str:
    return "met" if is_met else "MISSED"


if __name__ == "__main__":
    sys.exit(main())
