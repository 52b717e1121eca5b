"""How much CPU processes used, with all their children."""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path


def cpu_s(pids: Iterable[int]) -> float:
    """Of those that are alive, and of the children that they waited for."""
    return sum(_own_s(pid) for root in pids for pid in _family(root))


def _family(root: int) -> Iterator[int]:
    yield root
    for task in Path(f"/proc/{root}/task").glob("*/children"):
        for child in task.read_text().split():
            yield from _family(int(child))


def _own_s(pid: int) -> float:
    used = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[11:15]
    return sum(map(int, used)) / os.sysconf("SC_CLK_TCK")
