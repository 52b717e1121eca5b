import os
from datetime import timedelta

from storage.calls import Moment
from tests.conftest import NOON


def test_ids_sort_by_time_and_are_otherwise_chance() -> None:
    now, later = (Moment(at, os.urandom) for at in (NOON, NOON + timedelta(milliseconds=1)))
    assert now.new_id() < later.new_id()
    assert len({now.new_id() for _ in range(100)}) == 100
    assert len(now.new_id()) == 32
