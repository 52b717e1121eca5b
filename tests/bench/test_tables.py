"""The tables of a run take the place of those of the page, and of nothing else."""

from pathlib import Path

import pytest

from bench import appending, whole_calls, worker_calls
from bench.long_readers import TITLE
from bench.tables import table, tables_of, with_table, write_into
from tests.source import ROOT

PAGE = "# A\n\nMachine: old\n\n## One\n\nwords\n\n| a |\n| --- |\n| 1 |\n| 2 |\n\n## Two\n\n| kept |\n\nMore words.\n"
TITLES = [whole_calls.TITLE, worker_calls.COST, worker_calls.GROWTH, worker_calls.LIVE, appending.TITLE, TITLE]


def test_a_table_takes_the_place_of_the_one_under_its_title(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(PAGE)
    write_into(page, ["2 cores", "a disk"], [*table("One", ("a", "b"), [(1, 2.0)]), "", "what: 1.00 wanted: met"])
    assert page.read_text() == PAGE.replace("old", "2 cores; a disk").replace(
        "| a |\n| --- |\n| 1 |\n| 2 |", "| a | b |\n| --- | --- |\n| 1 | 2.00 |"
    )


def test_a_section_without_a_table_gets_one_and_the_last_section_too() -> None:
    assert with_table("## One\n\nwords\n", "One", ["| 1 |"]) == "## One\n\nwords\n\n| 1 |\n"


def test_a_title_that_the_page_lacks_is_told() -> None:
    with pytest.raises(KeyError):
        with_table(PAGE, "Three", ["| 1 |"])


def test_the_page_about_capacity_has_a_place_for_each_table() -> None:
    page = (ROOT / "docs" / "capacity.md").read_text()
    assert "\nMachine: " in page
    for title in TITLES:
        assert tables_of(with_table(page, title, ["| new |"]).splitlines())[title][-1] == "| new |"
        assert len(tables_of(page.splitlines())[title]) > 2, title
