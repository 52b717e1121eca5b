"""The law pack's loading and one ruling, against what the same work costs without our rules.

    python -m bench.rules [--rounds 20]

Loading is measured in processes of their own, against the parsing of the same texts as JSON and the geocoder that the
table of area codes spares. A ruling is what a call costs: the places of its caller, and the rule of all its ends; the
parsing and validating of the same numbers stands beside it. Read the ratios: the figures themselves are the machine's.
"""

import argparse
import os
import platform
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from multiprocessing import get_context
from pathlib import Path
from statistics import median
from time import perf_counter

LOAD_MS_MAX, GROWTH_MB_MAX, RULING_US_MAX = 50.0, 30.0, 200.0
_FRESH_PROCESSES = 5
_ROW = "{:<44}{:>10}{:>12}"
_RULEBOOK = """
[business]
name = "Email Customer Support"
jurisdiction = ["US-CA", "US-NY"]
recorder_jurisdiction = "US-VA"

[[line]]
number = "+14155550100"
connect_to = ["client:alice"]
languages = ["en-US"]
purposes = ["quality", "training"]
retention = "short"

[retention]
short = { keep = "P30D" }

[[override]]
jurisdiction = "DE"
consent = "opt_in"
"""
_NUMBERS = [
    *(f"+1{npa}5550100" for npa in (212, 303, 305, 312, 404, 415, 503, 602, 617, 702, 787, 416, 514, 902)),
    *("+4930123456", "+33123456789", "+442079460000", "+5511987654321", "+919876543210", "+18005550100"),
    *("+266696687", "anonymous", "sip:+14155550100@example.com"),
]


@dataclass
class Grown:
    """What a fresh process took for something, and by how much it grew."""

    ms: float
    mb: float


def main() -> int:
    parser = argparse.ArgumentParser(prog="bench.rules", description="Read the ratios, not the figures.")
    parser.add_argument("--rounds", type=int, default=20)
    options = parser.parse_args()
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, {platform.platform()}")
    print(f"Python {platform.python_version()}, phonenumbers {version('phonenumbers')}")
    for line in (*_loading(), *_rulings(options.rounds)):
        print(line, flush=True)
    return 0


def _loading() -> Iterator[str]:
    law, parsed, all_of_it, geocoder = map(_fresh, (_load_law, _parse_texts, _load_everything, _load_geocoder))
    yield _ROW.format("in a fresh process", "ms", "grows by MB")
    yield _ROW.format("the law pack, once its modules are there", f"{law.ms:.1f}", f"{law.mb:.1f}")
    yield _ROW.format("json.loads of the same texts", f"{parsed.ms:.1f}", f"{parsed.mb:.1f}")
    yield _ROW.format("modules, pack and phonenumbers, one ruling", f"{all_of_it.ms:.1f}", f"{all_of_it.mb:.1f}")
    yield _ROW.format("the import of phonenumbers' geocoder", f"{geocoder.ms:.1f}", f"{geocoder.mb:.1f}")
    yield f"pack / json.loads {law.ms / parsed.ms:.1f} in time"
    yield f"everything / geocoder {all_of_it.mb / geocoder.mb:.2f} in memory"
    yield _aim(law.ms, LOAD_MS_MAX, "ms to load the pack")
    yield _aim(all_of_it.mb, GROWTH_MB_MAX, "MB for everything")


def _rulings(rounds: int) -> Iterator[str]:
    ruled, validated = _deciding(), _validating()
    taken: dict[str, list[float]] = {"ruled": [], "validated": []}
    for _ in range(rounds):  # in turns, so that whatever else the machine does meets both
        taken["ruled"].append(_per_number_us(ruled))
        taken["validated"].append(_per_number_us(validated))
    ruling_us, validating_us = median(taken["ruled"]), median(taken["validated"])
    yield f"one ruling {ruling_us:.0f} us, its number alone {validating_us:.0f} us (median of {rounds} rounds)"
    yield f"ruling / parsing and validating {ruling_us / validating_us:.1f}"
    yield _aim(ruling_us, RULING_US_MAX, "us for one ruling")


def _per_number_us(work: Callable[[str], object], times: int = 20) -> float:
    began = perf_counter()
    for _ in range(times):
        for number in _NUMBERS:
            work(number)
    return (perf_counter() - began) / (times * len(_NUMBERS)) * 1e6


def _deciding() -> Callable[[str], object]:
    from policies.jurisdiction.pack import packaged_law
    from policies.jurisdiction.places import places_of
    from policies.rulebook.read import parse
    from policies.ruling import ends_of, rule

    law, rulebook, at = packaged_law(), parse(_RULEBOOK), datetime(2026, 11, 24, 12, tzinfo=UTC)
    line = rulebook.lines[0]
    return lambda number: rule(law, rulebook, line, ends_of(rulebook, line, places_of(number, law)[0]), at)


def _validating() -> Callable[[str], object]:
    import phonenumbers
    from phonenumbers import NumberParseException

    def validated(number: str) -> bool:
        try:
            return phonenumbers.is_valid_number(phonenumbers.parse(number))
        except NumberParseException:
            return False

    return validated


def _fresh(work: Callable[[], None]) -> Grown:
    """The median of several new processes; each has this module and nothing of ours."""
    grown = []
    for _ in range(_FRESH_PROCESSES):
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as process:
            grown.append(process.submit(_growth, work).result())
    return Grown(median(one.ms for one in grown), median(one.mb for one in grown))


def _growth(work: Callable[[], None]) -> Grown:
    if work is _load_law:
        import policies.jurisdiction.pack  # noqa: F401  # so that only the pack is measured
    if work is _parse_texts:
        import json  # noqa: F401  # as above
    before_mb, began = _resident_mb(), perf_counter()
    work()
    return Grown((perf_counter() - began) * 1000, _resident_mb() - before_mb)


def _load_law() -> None:
    from policies.jurisdiction.pack import packaged_law

    packaged_law()


def _parse_texts() -> None:
    import json

    for name in ("jurisdictions.json", "retention.json"):
        _kept.append(json.loads((Path("policies/law") / name).read_text(encoding="utf-8")))


def _load_everything() -> None:
    _kept.append(_deciding()(_NUMBERS[0]))


def _load_geocoder() -> None:
    from phonenumbers import geocoder

    _kept.append(geocoder)


_kept: list[object] = []


def _resident_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def _aim(measured: float, most: float, what: str) -> str:
    return f"aim: {measured:.1f} {what}, under {most:.0f} wanted: {'met' if measured < most else 'MISSED'}"


if __name__ == "__main__":
    sys.exit(main())
