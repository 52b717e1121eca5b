"""A document is asked for once, however many want it, and a server that fails is left alone for a while."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Event

import pytest

from outbound.kept_document import KeptDocument
from storage.errors import Refused, Unavailable
from tests.conftest import NOON

HOUR = timedelta(hours=1)


class Server:
    """Answers with a number, one more each time, or fails."""

    def __init__(self) -> None:
        self.asked = 0
        self.failure: Exception | None = None
        self.let_go = Event()
        self.let_go.set()

    def answer(self) -> int:
        self.asked += 1
        self.let_go.wait(10)
        if self.failure:
            raise self.failure
        return self.asked


def test_a_document_is_kept_until_it_is_too_old_for_whoever_asks() -> None:
    server = Server()
    document = KeptDocument(server.answer)
    asked = [document.within(HOUR, NOON + timedelta(minutes=minutes)) for minutes in (0, 59, 60, 61)]
    assert asked == [1, 1, 2, 2]
    assert document.within(timedelta(minutes=1), NOON + timedelta(minutes=61)) == 3
    assert document.within(HOUR, NOON + timedelta(minutes=60)) == 4  # the clock was set back


@pytest.mark.parametrize("failure", [Refused("as it is"), Unavailable("away")])
def test_a_failure_is_told_again_for_ten_seconds(failure: Exception) -> None:
    server = Server()
    server.failure = failure
    document = KeptDocument(server.answer)
    for after_s, asked in ((0, 1), (9, 1), (10, 2), (19, 2)):
        with pytest.raises(type(failure), match=str(failure)):
            document.within(HOUR, NOON + timedelta(seconds=after_s))
        assert server.asked == asked
    server.failure = None
    assert document.within(HOUR, NOON + timedelta(seconds=20)) == 3


def test_a_failure_to_renew_keeps_the_document_for_those_whom_it_is_new_enough_for() -> None:
    server = Server()
    document = KeptDocument(server.answer)
    assert document.within(HOUR, NOON) == 1
    server.failure = Unavailable("away")
    with pytest.raises(Unavailable):
        document.within(timedelta(seconds=30), NOON + timedelta(seconds=30))
    assert document.within(HOUR, NOON + timedelta(seconds=31)) == 1


def test_a_bug_is_no_failure_of_the_server() -> None:
    server = Server()
    server.failure = KeyError("x")
    document = KeptDocument(server.answer)
    for asked in (1, 2):
        with pytest.raises(KeyError):
            document.within(HOUR, NOON)
        assert server.asked == asked


def test_those_who_ask_at_once_share_one_request() -> None:
    server = Server()
    server.let_go.clear()
    document = KeptDocument(server.answer)
    with ThreadPoolExecutor(8) as threads:
        asking = [threads.submit(document.within, HOUR, NOON) for _ in range(8)]
        server.let_go.set()
        assert [one.result() for one in asking] == [1] * 8
