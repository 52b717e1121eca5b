from collections.abc import Callable
from datetime import timedelta
from itertools import pairwise
from threading import Event, Semaphore, Thread

import pytest

from storage.errors import Broken, Refused, Unavailable
from storage.jobs.periodic import repeat
from storage.jobs.steps import Patience, Steps, Stopping

HASTE = Patience(first_s=0.001, longest_s=0.002, total_s=0.01)


def persevere(step: Callable[[], str]) -> str:
    steps = Steps(Semaphore(1), Event(), HASTE)
    with steps.slots:
        return steps.persevere(step)


def failing(times: int, error: Exception) -> tuple[list[int], Callable[[], str]]:
    attempts: list[int] = []

    def step() -> str:
        attempts.append(len(attempts))
        if len(attempts) <= times:
            raise error
        return "done"

    return attempts, step


def test_a_step_is_tried_until_what_it_needs_is_available() -> None:
    attempts, step = failing(3, Unavailable("store"))
    assert persevere(step) == "done"
    assert len(attempts) == 4


@pytest.mark.parametrize("error", [Refused("no"), Broken("oh"), ZeroDivisionError()])
def test_a_step_that_fails_for_good_is_tried_once(error: Exception) -> None:
    attempts, step = failing(9, error)
    with pytest.raises(type(error)):
        persevere(step)
    assert len(attempts) == 1


def test_patience_ends_and_then_what_was_unavailable_is_said() -> None:
    attempts, step = failing(1000, Unavailable("store"))
    with pytest.raises(Unavailable, match="store"):
        persevere(step)
    assert len(attempts) == len(list(HASTE.waits())) + 1


def test_patience_lasts_for_hours_with_waits_that_double_up_to_five_minutes() -> None:
    waits = list(Patience().waits())
    assert waits[:4] == [1, 2, 4, 8]
    assert all(later in (2 * earlier, 300) for earlier, later in pairwise(waits))
    assert timedelta(hours=12) <= timedelta(seconds=sum(waits)) < timedelta(hours=12, minutes=5)


def test_a_step_that_waits_holds_no_slot_and_stopping_ends_its_patience() -> None:
    steps, failed, ended = Steps(Semaphore(1), Event(), Patience(first_s=60)), Event(), Event()

    def unavailable() -> None:
        failed.set()
        raise Unavailable("store")

    def outlast() -> None:
        with steps.slots, pytest.raises(Stopping):
            steps.persevere(unavailable)
        ended.set()

    Thread(target=outlast, daemon=True).start()
    assert failed.wait(10)
    assert steps.slots.acquire(timeout=10)
    steps.slots.release()
    steps.stopping.set()
    assert ended.wait(10)


def test_once_stopping_no_step_is_begun() -> None:
    steps = Steps(Semaphore(1), Event(), HASTE)
    steps.stopping.set()
    with pytest.raises(Stopping):
        steps("first", pytest.fail)


def test_what_failed_has_its_next_turn(caplog: pytest.LogCaptureFixture) -> None:
    stopping, turns = Event(), []

    def work() -> None:
        turns.append(1)
        if len(turns) == 3:
            stopping.set()
        raise Unavailable("database") if len(turns) == 1 else KeyError

    repeat("sweep", 0.001, work, stopping).join(10)
    assert caplog.messages == ["sweep: database", "sweep failed", "sweep failed"]
