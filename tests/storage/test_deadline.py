"""Work that may block is done in another thread, and is waited for no longer than was said: in a thread, on a loop."""

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from storage.database.deadline import Deadline
from storage.errors import Unavailable
from tests.storage.test_served import served

LONG_S = 60.0


def in_a_thread(*works: Callable[[], Any]) -> list[Any]:
    return [work() for work in works]


@pytest.fixture(params=[in_a_thread, served])
def run(request: pytest.FixtureRequest) -> Callable[..., list[Any]]:
    made: Callable[..., list[Any]] = request.param
    return made


@pytest.fixture
def disk() -> Iterator[threading.Event]:
    """Work that hangs waits for it."""
    goes_on = threading.Event()
    yield goes_on
    goes_on.set()


def test_the_result_comes_from_another_thread_and_so_does_an_error(run: Callable[..., list[Any]]) -> None:
    here, deadline = threading.get_ident(), Deadline()

    def fails() -> None:
        raise KeyError

    def asks() -> bool:
        with pytest.raises(KeyError):
            deadline.keep(fails, LONG_S)
        return deadline.keep(threading.get_ident, LONG_S) != here == threading.get_ident()

    assert run(asks) == [True]


def test_what_hangs_is_given_up_and_the_error_names_it(run: Callable[..., list[Any]], disk: threading.Event) -> None:
    def waits() -> str:
        with pytest.raises(Unavailable, match=r"^the disk took longer than 0\.01 s$"):
            Deadline("the disk").keep(disk.wait, 0.01)
        return "on"

    assert run(waits) == ["on"]


@pytest.mark.parametrize("or_later", [False, True])
def test_what_had_no_thread_in_time_is_done_only_where_it_was_asked_for_later_too(
    run: Callable[..., list[Any]], disk: threading.Event, or_later: bool
) -> None:
    deadline, done = Deadline(threads=1), list[str]()

    def asks() -> None:
        for work in (disk.wait, lambda: done.append("late")):
            with pytest.raises(Unavailable):
                deadline.keep(work, 0.01, or_later=or_later)
        disk.set()
        deadline.keep(lambda: done.append("in time"), LONG_S)

    run(asks)
    assert done == (["late", "in time"] if or_later else ["in time"])


def test_however_many_wait_for_what_hangs_one_more_waits_no_longer_than_it_said(disk: threading.Event) -> None:
    """Where each had to find a thread before its time began, the two hundredth waited for a minute."""
    deadline, ended = Deadline(threads=2), list[str]()

    def patient() -> None:
        deadline.keep(disk.wait, LONG_S)
        ended.append("patient")

    def hurried() -> None:
        with pytest.raises(Unavailable):
            deadline.keep(disk.wait, 0.01)
        ended.append("hurried")
        disk.set()

    served(*[patient] * 200, hurried)
    assert ended == ["hurried", *["patient"] * 200]
