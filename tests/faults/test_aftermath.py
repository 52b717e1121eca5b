"""A storm that put nothing to the test has shown nothing, however few promises it broke."""

from dataclasses import replace
from typing import Any

import pytest

from onrecord.demo.promises import Breach
from tests.faults.aftermath import Aftermath

GOOD = Aftermath("sqlite, directory", calls=20, answered=10, kept=1, killed={"serve": 1, "work": 0}, breaches=())


def test_a_storm_that_hit_and_broke_nothing_is_a_pass() -> None:
    assert GOOD.objections() == []


@pytest.mark.parametrize(
    ("instead", "objection"),
    [
        ({"answered": 9}, "only 9 of 20 calls reached the service"),
        ({"calls": 134, "answered": 3, "kept": 0}, "only 3 of 134 calls reached the service"),
        ({"calls": 0, "answered": 0}, "only 0 of 0 calls reached the service"),
        ({"kept": 0}, "no recording was kept"),
        ({"killed": {}}, "nothing was killed"),
        ({"killed": {"serve": 0}}, "nothing was killed"),
        ({"breaches": (Breach("P2", "CA1", "it remains"),)}, "P2 broken on CA1: it remains"),
    ],
)
def test_a_storm_that_has_shown_nothing_or_broke_something_is_none(instead: dict[str, Any], objection: str) -> None:
    assert objection in replace(GOOD, **instead).objections()


def test_every_objection_is_told_at_once() -> None:
    assert len(replace(GOOD, answered=0, kept=0, killed={}).objections()) == 3


def test_it_says_how_many_calls_were_answered_recordings_kept_processes_killed_and_promises_broken() -> None:
    said = str(replace(GOOD, killed={"serve": 2, "work": 3}, breaches=(Breach("P2", "CA1", "it remains"),)))
    assert said.startswith("10 of 20 calls answered, 1 recordings kept, 5 kills")
    assert "1 breaches" in said
