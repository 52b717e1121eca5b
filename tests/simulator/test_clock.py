"""The two clocks: what is asked for later is done, in order, and a virtual minute takes no time."""

import threading
from datetime import timedelta
from functools import partial

from simulator.clock import RealClock, VirtualClock


def test_sleeping_moves_a_virtual_clock_by_exactly_that_long() -> None:
    clock = VirtualClock()
    start = clock.now()
    clock.sleep(3600)
    assert clock.now() - start == timedelta(hours=1)


def test_whoever_sleeps_does_what_falls_due_at_its_own_time_and_in_order() -> None:
    clock, done = VirtualClock(), list[tuple[str, timedelta]]()
    start = clock.now()
    clock.later(5, lambda: done.append(("second", clock.now() - start)))
    clock.later(2, lambda: done.append(("first", clock.now() - start)))
    clock.later(20, lambda: done.append(("too late", clock.now() - start)))
    clock.sleep(10)
    assert done == [("first", timedelta(seconds=2)), ("second", timedelta(seconds=5))]
    clock.settle()
    assert done[-1] == ("too late", timedelta(seconds=20))


def test_a_signal_ends_a_virtual_wait_at_the_moment_it_is_given() -> None:
    clock, signal = VirtualClock(), threading.Event()
    start = clock.now()
    clock.later(3, signal.set)
    assert clock.wait(signal, 60)
    assert clock.now() - start == timedelta(seconds=3)


def test_a_wait_that_nobody_ends_lasts_to_its_end() -> None:
    clock = VirtualClock()
    start = clock.now()
    assert not clock.wait(threading.Event(), 7)
    assert clock.now() - start == timedelta(seconds=7)


def test_what_is_cancelled_is_neither_done_nor_waited_for() -> None:
    virtual, real = VirtualClock(), RealClock()
    start, done = virtual.now(), list[str]()
    for clock in (virtual, real):
        cancel = clock.later(3600, lambda: done.append("never"))
        cancel()
        cancel()
        clock.settle()
    assert (done, virtual.now()) == ([], start)


def test_a_real_clock_settles_when_everything_asked_for_later_is_done() -> None:
    clock, done = RealClock(), list[int]()
    for n in range(5):
        clock.later(0.01, partial(done.append, n))
    clock.settle()
    assert sorted(done) == [0, 1, 2, 3, 4]


def test_a_started_action_runs_beside_in_an_order_that_never_varies() -> None:
    clock, seen = VirtualClock(), list[tuple[str, float]]()
    began, signal = clock.now(), threading.Event()

    def note(name: str) -> None:
        seen.append((name, (clock.now() - began).total_seconds()))

    def beside() -> None:
        note("begins")
        clock.sleep(2)
        note("waited")
        clock.wait(signal, 100)
        note("was woken")
        clock.sleep(3)
        note("ends")

    clock.start(beside)
    clock.later(5, signal.set)
    clock.sleep(4)
    note("main")
    clock.sleep(2)
    note("main")
    clock.settle()
    assert seen == [("begins", 0), ("waited", 2), ("main", 4), ("was woken", 5), ("main", 6), ("ends", 8)]
