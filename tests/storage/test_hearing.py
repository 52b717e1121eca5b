"""What somebody heard of a recording, as it comes into the log."""

import json
import os

from evidence.events import write_leaf
from storage.custody.hearing import Heard, heard_event
from tests.conftest import NOON


def test_what_was_heard_twice_counts_once_as_heard_and_twice_as_played() -> None:
    heard = Heard("r" * 32, "e" * 32, "quality", ((0, 4_000), (61_000, 62_500)), 9_500, ((0, 8_000),), final=True)
    event = heard_event(heard, actor="jane")
    assert event.public["heard_ms"] == 5_500
    assert event.public["played_ms"] == 9_500
    assert event.public["handed_out"] == [[0, 8_000]]


def test_the_log_takes_it_and_does_not_name_who_listened() -> None:
    event = heard_event(Heard("r" * 32, "e" * 32, "quality", ((0, 4_000),), 4_000), actor="jane.example")
    line = write_leaf(event, call="c" * 32, n=7, at=NOON, random=os.urandom).line
    told = json.loads(line)
    assert "jane" not in line
    assert told["ranges"] == [[0, 4_000]]
    assert (told["final"], told["why"], told["sd"].keys()) == (False, "", {"actor"})
