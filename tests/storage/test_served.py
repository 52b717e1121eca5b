"""A request on an event loop waits as if it had a thread of its own, and keeps no other request waiting."""

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import pytest

from storage.served import Signal, serve


def served(*works: Callable[[], Any]) -> list[Any]:
    """Their results, or errors, all of them begun on one loop."""

    async def all_of_them() -> list[Any]:
        return await asyncio.gather(*map(serve, works), return_exceptions=True)

    return asyncio.run(all_of_them())


def test_while_one_waits_another_is_served_and_may_end_the_waiting() -> None:
    said: list[str] = []
    made: list[Signal] = []

    def waits() -> None:
        made.append(Signal())
        said.append("waits")
        made[0].wait(None)
        said.append("goes on")

    def gives() -> None:
        said.append("gives")
        thread = threading.Thread(target=made[0].give)
        thread.start()
        thread.join()

    served(waits, gives)
    assert said == ["waits", "gives", "goes on"]


@pytest.mark.parametrize("on_loop", [True, False])
def test_what_is_never_given_is_waited_for_no_longer_than_that(on_loop: bool) -> None:
    def waits() -> str:
        Signal().wait(0.01)
        return "on"

    assert (served(waits) if on_loop else [waits()]) == ["on"]


@pytest.mark.parametrize("on_loop", [True, False])
def test_what_was_given_before_is_not_waited_for(on_loop: bool) -> None:
    def waits() -> str:
        signal = Signal()
        signal.give()
        signal.wait(None)
        return "on"

    assert (served(waits) if on_loop else [waits()]) == ["on"]


def test_a_signal_that_comes_after_it_was_given_up_disturbs_nobody() -> None:
    def late() -> str:
        signal = Signal()
        signal.wait(0.0)
        signal.give()
        signal.give()
        Signal().wait(0.0)
        return "on"

    assert served(late) == ["on"]


def test_whoever_gives_a_signal_is_not_disturbed_by_a_loop_that_has_ended() -> None:
    made: list[Signal] = []
    served(lambda: made.append(Signal()))
    made[0].give()


def test_an_error_ends_the_one_that_raises_it_and_no_other() -> None:
    def fails() -> None:
        Signal().wait(0.0)
        raise ZeroDivisionError

    failed, well = served(fails, lambda: "well")
    assert (type(failed), well) == (ZeroDivisionError, "well")
