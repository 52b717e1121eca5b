"""When events happened is the operator's word; but what stands later in the log can't have happened long before."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.evidence.cheats import Cosigner, Log, at, event
from tests.evidence.test_verify import told

DAY, NEXT_DAY = "2026-11-25T12:00:00.000Z", "2026-11-26T12:00:00.000Z"
BACK = "2026-11-04T09:30:00.000Z"
WITNESS = Cosigner()


def dated(*times: str) -> Log:
    return Log([event("self.test", ts=ts) for ts in times])


def warnings(
    log: Log, folder: Path, indexes: Sequence[int] = (), *, cosigned: dict[int, str] | None = None
) -> list[str]:
    by_size = {size: (WITNESS, at(ts)) for size, ts in (cosigned or {}).items()}
    files = log.part(*(indexes or range(len(log.leaves))), cosigned=by_size)
    lines = told(files, folder, witnesses=(str(WITNESS.vkey),) if cosigned else ())
    return [line for line in lines if "stands after" in line]


def test_an_event_that_is_dated_before_the_one_before_it_is_named(tmp_path: Path) -> None:
    (line,) = warnings(dated(DAY, BACK, BACK, NEXT_DAY), tmp_path)
    assert line == (
        f"WARNING: event 1 (self.test, dated {BACK}) stands after event 0 (self.test, dated {DAY}); so do 1 more. A "
        "clock was wrong, or they were written later than they say."
    )


def test_in_a_part_of_the_log_too(tmp_path: Path) -> None:
    assert warnings(dated(DAY, DAY, BACK, NEXT_DAY), tmp_path, (0, 2))
    assert not warnings(dated(DAY, DAY, BACK, NEXT_DAY), tmp_path / "other", (0, 1))


@pytest.mark.parametrize(("ts", "is_told"), [("11:50:00.000", False), ("11:49:59.999", True)])
def test_clocks_may_differ_by_ten_minutes(tmp_path: Path, ts: str, is_told: bool) -> None:
    assert bool(warnings(dated(DAY, f"2026-11-25T{ts}Z"), tmp_path)) is is_told


def test_many_small_steps_back_are_a_long_way(tmp_path: Path) -> None:
    (line,) = warnings(dated(DAY, *(f"2026-11-25T11:{minute}:00.000Z" for minute in (55, 50, 45))), tmp_path)
    assert line.startswith("WARNING: event 3 (")


def test_what_a_witness_has_seen_without_it_is_not_older_than_that(tmp_path: Path) -> None:
    (line,) = warnings(dated(BACK, BACK, NEXT_DAY), tmp_path / "back", cosigned={1: DAY, 3: NEXT_DAY})
    assert f"event 1 (self.test, dated {BACK}) stands after the signature of witness.example, dated" in line
    assert "2026-11-25T12:00:00Z" in line
    assert not warnings(dated(BACK, BACK, NEXT_DAY), tmp_path / "right", cosigned={2: DAY, 3: NEXT_DAY})


def test_a_clock_that_was_ahead_is_told_and_changes_no_verdict(tmp_path: Path) -> None:
    assert warnings(dated("2028-01-01T00:00:00.000Z", DAY, NEXT_DAY), tmp_path)
