"""`onrecord withdraw`: by call, by number, by reference; durable at once, and carried out by the worker."""

import os
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime

import pytest
from sqlalchemy import Connection

from onrecord.installation import open_installation
from storage.rows import calls, withdrawals
from storage.rows.withdrawing import WITHDRAW
from tests.onrecord.commands.people import ANN, BOB, People
from tests.onrecord.commands.site import Site


def withdrawn_ids(people: People) -> set[str]:
    with reading(people) as connection:
        return set(withdrawals.not_carried_out(connection, limit=100))


def first_id(people: People) -> str:
    with reading(people) as connection:
        found = calls.peek_sid(connection, people.sids[ANN][0])
    assert found is not None
    return found.id


@contextmanager
def reading(people: People) -> Iterator[Connection]:
    with people.site.inside(), closing(open_installation(os.environ)) as opened, opened.database.read() as connection:
        yield connection


def test_a_call_is_withdrawn_by_its_sid_and_only_once(people: People) -> None:
    sid, call_id = people.sids[ANN][0], first_id(people)
    ran = people.site.run("withdraw", sid, "--destroy", "--actor", "carol")
    assert (ran.code, ran.err) == (0, "")
    assert f"call {call_id}: consent withdrawn; the recording stops, and all of it is destroyed" in ran.out
    assert withdrawn_ids(people) == {call_id}
    again = people.site.run("withdraw", sid)
    assert again.code == 1
    assert "nothing to do" in again.out
    shown = people.site.run("call", sid).out
    assert f"reference {call_id[:8]}" in shown
    assert "the recording up to then destroyed: not carried out yet" in shown


def test_the_job_is_queued_with_the_withdrawal(people: People) -> None:
    people.site.run("withdraw", people.sids[ANN][0], "--keep")
    with people.site.inside(), closing(open_installation(os.environ)) as installation:
        under_way = installation.jobs.under_way(WITHDRAW)
    assert [job.partition(":")[0] for job in under_way] == [first_id(people)]


def test_all_calls_of_a_number_that_have_something_are_withdrawn_and_nobody_elses(people: People) -> None:
    ran = people.site.run("withdraw", "--number", ANN)
    assert ran.code == 0
    assert ANN not in ran.out
    assert withdrawn_ids(people)
    assert withdrawn_ids(people) <= {*people.ids[ANN]}
    assert not withdrawn_ids(people) & {*people.ids[BOB]}
    again = people.site.run("withdraw", "--number", "+12025550199")
    assert (again.code, "nothing is recorded or kept" in again.err) == (1, True)


def test_a_reference_is_the_beginning_of_an_id(people: People) -> None:
    call_id = first_id(people)
    assert people.site.run("withdraw", "--reference", call_id[:7]).code == 1
    assert people.site.run("withdraw", "--reference", "0" * 32).code == 1
    assert people.site.run("withdraw", "--reference", call_id[:8].upper()).code == 0
    assert withdrawn_ids(people) == {call_id}


def test_a_reference_that_begins_several_ids_is_refused(people: People) -> None:
    with people.site.inside(), closing(open_installation(os.environ)) as installation:
        with installation.database.read() as connection:
            first = calls.peek(connection, people.ids[ANN][0])
            assert first is not None
        twin = first.id[:8] + "0" * 24
        copied = {name: getattr(first, name) for name in first.__dataclass_fields__}
        copied |= {"id": twin, "call_sid": "CA" + "0" * 32, "received_at": datetime.now(UTC)}
        installation.database.write(lambda connection: calls.add(connection, calls.Call(**copied)))
    ran = people.site.run("withdraw", "--reference", twin[:8])
    assert (ran.code, "several calls begin with it" in ran.err) == (1, True)
    assert withdrawn_ids(people) == set()


@pytest.mark.parametrize("arguments", [(), ("CA" + "0" * 32, "--number", ANN)])
def test_one_way_of_naming_calls_is_said(people: People, arguments: tuple[str, ...]) -> None:
    assert people.site.run("withdraw", *arguments).code == 2


def test_a_call_that_there_is_not_is_told(people: People) -> None:
    ran = people.site.run("withdraw", "CA" + "0" * 32)
    assert (ran.code, "there is no call" in ran.err) == (1, True)


def test_keeping_and_destroying_exclude_each_other(site: Site) -> None:
    ran = site.run("withdraw", "CA" + "1" * 32, "--keep", "--destroy")
    assert ran.code == 2
    assert "--keep and --destroy exclude each other" in ran.err
