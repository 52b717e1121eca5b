"""Commands that tell what is kept: a call's life, the consent log, the lines; and what each command says of itself."""

import json
import re
from contextlib import closing
from datetime import datetime
from typing import Any

import click
import pytest
from sqlalchemy import Connection, delete, text, update

from evidence.merkle import leaf_hash
from onrecord.commands.main import main
from storage.database.tables import log_leaf
from tests.callflow.conftest import install
from tests.callflow.whole_calls import call_every_way
from tests.onrecord.commands.site import Site

CALLER = "+15125550111"
KEYS = {"call_sid", "line", "mode", "language", "outcome", "rules_version", "recordings", "events"}
RECORDING_KEYS = {
    "recording_sid",
    "state",
    "duration_s",
    "stored",
    "object_key",
    "retain_until",
    "destroyed_at",
}


@pytest.fixture(scope="module")
def called(fresh: Site, tmp_path_factory: pytest.TempPathFactory) -> tuple[Site, list[str]]:
    """A site that calls of every kind have come to, and their sids."""
    site = fresh.copied_to(tmp_path_factory.mktemp("called"))
    with closing(site.database()) as database:
        return site, [call.sid for call in call_every_way(install(database).twilio, CALLER)]


@pytest.fixture
def calls(called: tuple[Site, list[str]]) -> tuple[Site, list[str]]:
    """To be read only."""
    return called


def told(site: Site, sid: str) -> dict[str, Any]:
    ran = site.run("call", sid, "--json")
    assert (ran.code, ran.err) == (0, "")
    story: dict[str, Any] = json.loads(ran.out)
    return story


def test_a_calls_life_is_told_in_the_agreed_keys(calls: tuple[Site, list[str]]) -> None:
    site, sids = calls
    for sid in sids:
        story = told(site, sid)
        assert story.keys() >= KEYS
        assert story["call_sid"] == sid
        assert re.fullmatch(r"[0-9a-f]{64}", story["rules_version"])
        for recording in story["recordings"]:
            assert recording.keys() >= RECORDING_KEYS
            assert isinstance(recording["stored"], bool)
        assert story["events"][0]["type"] == "call.received"
        for event in story["events"]:
            assert event.keys() >= {"index", "ts", "type"}
            assert datetime.fromisoformat(event["ts"]).tzinfo
        assert sorted(event["index"] for event in story["events"]) == [event["index"] for event in story["events"]]


def test_what_became_of_each_call_is_told(calls: tuple[Site, list[str]]) -> None:
    site, sids = calls
    outcomes = [told(site, sid)["outcome"] for sid in sids]
    assert outcomes[:4] == ["consented", "consented_by_staying", "consented_by_staying", "declined"]
    recordings = told(site, sids[0])["recordings"]
    assert [(one["state"], one["duration_s"], one["stored"]) for one in recordings] == [("completed", 30, False)]


def test_people_are_told_the_same_without_the_callers_number(calls: tuple[Site, list[str]]) -> None:
    site, sids = calls
    for sid in sids:
        ran = site.run("call", sid)
        story = told(site, sid)
        assert ran.code == 0
        assert f"call {sid} to {story['line'] or 'what is no line of the rulebook'}: " in " ".join(ran.out.split())
        assert story["outcome"] in ran.out
        assert all(event["type"] in ran.out for event in story["events"])
        assert CALLER not in ran.out + json.dumps(story)


@pytest.mark.parametrize("sid", ["CA" + "0" * 32, "", "'; DROP TABLE call; --", "+15125550111"])
def test_a_call_that_nobody_knows_is_a_finding(sid: str, calls: tuple[Site, list[str]]) -> None:
    ran = calls[0].run("call", sid, "--json")
    assert (ran.code, ran.err) == (1, "onrecord: there is no call with this sid or id\n")
    assert json.loads(ran.out) == {"problems": ["there is no call with this sid or id"]}


def test_of_a_whole_log_the_first_line_says_so(calls: tuple[Site, list[str]]) -> None:
    ran = calls[0].run("log", "verify")
    assert (ran.code, ran.err) == (0, "")
    assert re.match(r"log ok: [1-9][0-9]* events, root [0-9a-f]{64}\n", ran.out)


def test_the_events_are_shown_as_they_are_hashed(calls: tuple[Site, list[str]]) -> None:
    site, _ = calls
    shown = site.run("log", "show").out.splitlines()
    with closing(site.database()) as database, database.read() as connection:
        rows = connection.execute(log_leaf.select().order_by(log_leaf.c.idx)).all()
    assert [leaf_hash(line.encode()) for line in shown] == [bytes(row.hash) for row in rows]
    assert site.run("log", "show", "--from", "5").out.splitlines() == shown[5:]
    assert site.run("log", "show", "--from", str(len(shown))).out == ""
    assert CALLER not in "".join(shown)


def changed(index: int, leaf: str) -> Any:
    return update(log_leaf).where(log_leaf.c.idx == index).values(leaf=leaf)


def forged(index: int, leaf: str) -> Any:
    return changed(index, leaf).values(hash=leaf_hash(leaf.encode()))


@pytest.mark.parametrize(
    ("tampering", "said"),
    [
        (changed(3, '{"granted":true}'), "consent log: event 3 does not match its hash"),
        (delete(log_leaf).where(log_leaf.c.idx == 3), "consent log: event 3 is missing, the next is 4"),
        (forged(3, '{"granted":true}'), "consent log: event 3 is filed under another call or number than it says"),
        (forged(3, "not even JSON"), "consent log: event 3 is no event"),
        (forged(3, "[]"), "consent log: event 3 is no event"),
        (text("UPDATE log_head SET size = size - 1"), "consent log: the head says "),
    ],
)
def test_the_first_break_of_the_log_is_one_line(tampering: Any, said: str, called: Any, tmp_path: Any) -> None:
    site = called[0].copied_to(tmp_path / "copy")

    def tamper(connection: Connection) -> None:
        connection.exec_driver_sql("DROP TRIGGER log_leaf_no_update")
        connection.exec_driver_sql("DROP TRIGGER log_leaf_no_delete")
        connection.execute(tampering)

    with closing(site.database()) as database:
        database.write(tamper)
    ran = site.run("log", "verify")
    assert (ran.code, ran.out) == (1, "")
    assert ran.err.startswith(f"onrecord: {said}")
    assert len(ran.err.splitlines()) == 1


def test_a_damaged_database_file_is_told_in_a_line(called: Any, tmp_path: Any) -> None:
    site = called[0].copied_to(tmp_path / "copy")
    file = site.folder / "var/onrecord.db"
    content = file.read_bytes()
    file.write_bytes(content[: len(content) // 3] + b"\xff" * (len(content) // 2))
    for command in (["log", "verify"], ["log", "show"], ["call", called[1][0]], ["check"]):
        ran = site.run(*command)
        assert ran.code in {1, 2}
        assert all(line.startswith("onrecord: ") for line in ran.err.splitlines())
        assert ran.err


def test_check_shows_each_line(site: Site) -> None:
    ran = site.run("check")
    assert (ran.code, ran.err) == (0, "")
    assert re.search(r"\+14155550100 +│ \+14155550123 +│ en-US, es-US +│ auto", ran.out)
    assert "Not legal advice" in ran.out


def commands(group: click.Group, path: tuple[str, ...] = ()) -> dict[tuple[str, ...], click.Command]:
    found: dict[tuple[str, ...], click.Command] = {}
    for name, command in group.commands.items():
        found[*path, name] = command
        if isinstance(command, click.Group):
            found |= commands(command, (*path, name))
    return found


@pytest.mark.parametrize("path", commands(main), ids=" ".join)
def test_every_command_says_what_it_does(path: tuple[str, ...], site: Site) -> None:
    before = site.files()
    for option in ("--help", "-h"):
        ran = site.run(*path, option)
        assert (ran.code, ran.err) == (0, "")
        assert ran.out.startswith(f"Usage: onrecord {' '.join(path)} ")
    command = commands(main)[path]
    # What the list of commands shows is a whole sentence, not the beginning of one.
    assert not command.get_short_help_str(limit=60).endswith("..."), command.get_short_help_str(limit=60)
    assert all(option.help for option in command.params if isinstance(option, click.Option))
    assert site.files() == before


@pytest.mark.parametrize("arguments", [["sing"], ["call"], ["serve", "--port", "1"], ["log", "show", "--from", "-1"]])
def test_a_command_that_is_written_wrongly_ends_with_2(arguments: list[str], site: Site) -> None:
    ran = site.run(*arguments)
    assert (ran.code, ran.out) == (2, "")
    assert "Usage: onrecord" in ran.err
