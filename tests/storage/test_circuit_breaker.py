import threading

import pytest

from storage.database.circuit_breaker import CircuitBreaker
from storage.errors import Refused, Unavailable


def stalled() -> CircuitBreaker:
    stall = CircuitBreaker()
    with pytest.raises(Unavailable), stall.watched():
        raise Unavailable
    return stall


def test_while_one_asks_whether_it_answers_again_all_others_are_told_at_once() -> None:
    stall, asking, over = stalled(), threading.Event(), threading.Event()

    def ask() -> None:
        with stall.watched():
            asking.set()
            over.wait(10)

    asks = threading.Thread(target=ask)
    asks.start()
    asking.wait(10)
    with pytest.raises(Unavailable, match="stopped answering"), stall.watched():
        raise AssertionError("nobody may ask now")
    over.set()
    asks.join()
    with stall.watched(), stall.watched():
        pass  # it answered: everybody may ask again, at once


def test_it_may_be_asked_again_after_each_try_in_vain() -> None:
    stall = stalled()
    for _ in range(3):
        with pytest.raises(Unavailable, match="still"), stall.watched():
            raise Unavailable("still")


def test_whoever_fails_while_others_are_answered_keeps_nobody_from_asking() -> None:
    """As one does whose row is locked by somebody for long."""
    stall = CircuitBreaker()

    def is_locked_out() -> None:
        with stall.watched():
            with stall.watched():
                pass  # somebody else
            raise Unavailable

    with pytest.raises(Unavailable):
        is_locked_out()
    with stall.watched(), stall.watched():
        pass


def test_what_the_work_itself_refuses_is_no_stall() -> None:
    stall = CircuitBreaker()
    with pytest.raises(Refused), stall.watched():
        raise Refused
    with stall.watched(), stall.watched():
        pass
