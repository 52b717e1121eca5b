"""Repeats work on a thread of its own until the process stops."""

import logging
from collections.abc import Callable
from threading import Event, Thread

from storage.errors import Unavailable

log = logging.getLogger(__name__)


def repeat(
    name: str, every_s: float, work: Callable[[], object], stopping: Event, *, when: Callable[[], bool] = lambda: True
) -> Thread:
    """Start at once, then `every_s` after the last time ended; while not `when()`, ask again every second.

    A failure is logged, and the next turn comes.
    """

    def turns() -> None:
        wait_s = 0.0
        while not stopping.wait(wait_s):
            wait_s = min(every_s, 1.0)
            if when():
                _attempt(name, work)
                wait_s = every_s

    thread = Thread(target=turns, name=name, daemon=True)
    thread.start()
    return thread


def _attempt(name: str, work: Callable[[], object]) -> None:
    try:
        work()
    except Unavailable as error:
        log.warning("%s: %s", name, error)
    except Exception:  # the edge of a thread: nothing above would log it
        log.exception("%s failed", name)
