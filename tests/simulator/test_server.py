"""The simulator's web server, beside what it serves."""

from collections.abc import Iterator
from typing import Any

import pytest

from simulator.server import closing_at_the_end


class Sent:
    """What an application sends, such as a file."""

    def __init__(self) -> None:
        self.is_closed = False

    def __iter__(self) -> Iterator[bytes]:
        yield from (b"one", b"two")

    def close(self) -> None:
        self.is_closed = True


@pytest.mark.parametrize("taken", [2, 1])
def test_a_file_is_closed_when_it_is_sent_or_its_client_has_left(taken: int) -> None:
    sent = Sent()

    def start(*_: Any) -> Any: ...

    parts = iter(closing_at_the_end(lambda *_: sent)({}, start))
    assert len([next(parts) for _ in range(taken)]) == taken
    if taken == 2:
        assert list(parts) == []
    else:
        del parts
    assert sent.is_closed
