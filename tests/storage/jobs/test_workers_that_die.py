"""Real worker processes, real kill -9."""

import signal
import time
from datetime import UTC, datetime, timedelta

from storage.jobs.contract import Standing
from tests.storage.jobs.a_worker import QUICK
from tests.storage.jobs.conftest import Yard, until


def test_a_dead_workers_job_is_resumed_once_at_the_step_that_was_cut(yard: Yard) -> None:
    yard.hold()
    [first] = yard.start()
    yard.ask("a")
    until(lambda: yard.steps()["a second"] == 1)
    second, third = yard.start(2)
    yard.watch_for(second, seconds=1.5 * QUICK.silent_s)
    yard.watch_for(third, seconds=0.1)
    assert yard.steps() == {"a first": 1, "a second": 1}, "what a living worker did was done again"
    assert set(yard.lines("ticks")) == {str(first.pid)}, "what is periodic is for the eldest only"
    until(lambda: set(yard.lines("tocks")) == {str(one.pid) for one in (first, second, third)})  # or for everybody
    first.kill()
    until(lambda: yard.steps()["a second"] == 2)
    yard.let_go()
    until(lambda: yard.standing("a") is Standing.DONE)
    assert yard.steps() == {"a first": 1, "a second": 2, "a third": 1}
    until(lambda: set(yard.workers()) == {second.pid, third.pid})
    until(lambda: len(set(yard.lines("ticks"))) == 2)  # the next eldest follows it
    third.kill()
    until(lambda: set(yard.workers()) == {second.pid})  # forgotten, though it held nothing


def test_a_worker_that_was_silent_too_long_gives_way_to_who_took_over(yard: Yard) -> None:
    yard.hold()
    [first] = yard.start()
    yard.ask("a")
    until(lambda: yard.steps()["a second"] == 1)
    yard.start()
    yard.stop_between_writes(first)
    until(lambda: yard.steps()["a second"] == 2)
    yard.let_go()
    until(lambda: yard.standing("a") is Standing.DONE)
    first.send_signal(signal.SIGCONT)
    until(lambda: first.pid in yard.workers())
    first.terminate()
    assert first.wait(20) == 0
    assert yard.steps() == {"a first": 1, "a second": 2, "a third": 1}


def test_a_worker_told_to_stop_ends_and_leaves_the_rest_to_another_with_newer_code(yard: Yard) -> None:
    yard.hold()
    [first] = yard.start()
    yard.ask("a")
    until(lambda: yard.steps()["a second"] == 1)
    first.terminate()
    assert first.wait(20) == 0
    assert yard.workers() == {}
    yard.let_go()
    yard.start(1, "one_more_job")
    until(lambda: yard.standing("a") is Standing.DONE)
    assert yard.steps() == {"a first": 1, "a second": 2, "a third": 1}
    yard.ask("a")
    assert yard.standing("a") is Standing.DONE, "it was asked for again and is still the same job"
    assert yard.queue.forget(before=datetime.now(UTC) + timedelta(seconds=2)) == 1
    assert yard.standing("a") is None


def test_however_much_hangs_a_worker_told_to_stop_waits_for_it_once(yard: Yard) -> None:
    (process,) = yard.start()
    yard.hold("hold_drags")
    until(lambda: len(yard.lines("drags")) == 5)
    began = time.monotonic()
    process.terminate()
    process.wait(30)
    assert (process.returncode, time.monotonic() - began < 6) == (0, True)  # of 2 s of grace for each kind of work


def test_a_failure_for_good_is_told_and_not_tried_again_even_if_the_worker_dies(yard: Yard) -> None:
    yard.hold("hold_failure")
    [first] = yard.start()
    yard.ask("bad")
    until(lambda: len(yard.lines("failures")) == 1)
    first.kill()
    yard.let_go("hold_failure")
    yard.start()
    until(lambda: yard.standing("bad") is Standing.FAILED)
    assert yard.steps() == {"bad first": 1, "bad second": 1}
    assert yard.lines("failures") == ["bad Refused('job bad')"] * 2
    until(lambda: any(line.startswith("ERROR:dbos:") for line in yard.lines("output")))  # our log, our format
