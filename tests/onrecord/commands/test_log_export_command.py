"""`onrecord log export`, as whoever has to answer for a call types it, and mistypes it."""

import json
import stat
from collections.abc import Iterator

import pytest

from tests.onrecord.commands.people import ANN, People


def exports(people: People) -> Iterator[dict[str, object]]:
    """What the log says of exports."""
    lines = people.site.run("log", "show").out.splitlines()
    yield from (event for event in map(json.loads, lines) if event["type"] == "log.exported")


def test_a_field_that_there_is_not_is_said_and_nothing_is_logged(people: People) -> None:
    ran = people.site.run("log", "export", "--number", ANN, "--disclose", "callr,actor", "-o", "case")
    assert ran.code == 2
    assert "callr: what can be disclosed is actor, addresses, approved_by, " in ran.err
    assert not (people.site.folder / "case").exists()
    assert not list(exports(people))


@pytest.mark.parametrize(
    "number", ["anonymous", "5129870316", "+1 512 987 0316", "+0512987031", "+1234567890123456", ""]
)
def test_what_is_no_number_is_said_instead_of_nothing_found(people: People, number: str) -> None:
    ran = people.site.run("log", "export", "--number", number, "--from", "2020-01-01", "-o", "case")
    assert ran.problems == ["--number: write a plus, the country's code and the number, digits only"]


def test_days_the_wrong_way_round_are_said(people: People) -> None:
    ran = people.site.run("log", "export", "--from", "2027-01-02", "--to", "2027-01-01", "-o", "case")
    assert (ran.code, "--from is after --to" in ran.err) == (2, True)


def test_an_erased_call_is_named_by_its_id_in_the_log(people: People) -> None:
    assert people.site.run("erase", "--number", ANN, "--basis", "gdpr-17", "--yes").code == 0
    ran = people.site.run("log", "export", "--call", people.ids[ANN][0], "--disclose", "all", "-o", "case")
    assert ran.code == 0, ran
    readme = (people.site.folder / "case/README.txt").read_text()
    assert f"CALL {people.ids[ANN][0]}" in readme
    assert "What was personal about the call was erased (gdpr-17)." in readme
    assert ANN not in readme


def test_where_nothing_can_be_written_no_export_is_logged(people: People) -> None:
    (people.site.folder / "case").mkdir()
    (people.site.folder / "file").touch()
    for place in ("case", "file/case"):
        assert people.site.run("log", "export", "--all", "-o", place).code == 1
    assert not list(exports(people))


@pytest.mark.parametrize("place", ["case", "case.zip"])
def test_only_who_made_a_bundle_can_read_what_it_discloses(people: People, place: str) -> None:
    assert people.site.run("log", "export", "--number", ANN, "--disclose", "all", "-o", place).code == 0
    assert stat.S_IMODE((people.site.folder / place).stat().st_mode) & 0o077 == 0
    assert len(list(exports(people))) == 1


def test_a_rotation_prints_the_keys_that_sign_from_now_on(people: People) -> None:
    people.site.run("log", "checkpoint")
    (old,) = people.site.run("log", "keys").out.splitlines()
    begun = people.site.run("log", "rotate-key").out.splitlines()[1:]
    assert begun[1:] == [f"the log is signed with {old}"]
    finished = people.site.run("log", "rotate-key", "--finish").out.splitlines()[1:]
    assert finished == begun[:1]
    assert finished[0].removeprefix("the log is signed with ") in people.site.run("log", "keys").out
