"""Whatever stands in a row, whoever wrote it: no command prints it so that it acts on a terminal or forges a line."""

import json
import secrets
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import Column, Connection, insert, select, update

from evidence.events import Event
from policies.incidents import IncidentKind
from storage.database.tables import (
    call,
    call_listing,
    delay,
    incident,
    legal_hold,
    pause,
    recording,
    staff,
    staff_scope,
)
from storage.moment import Moment
from storage.rows import calls
from storage.rows.incidents import raise_incident
from storage.rows.listing_projection import Projection
from tests.evidence.test_printable import hidden
from tests.onrecord.commands.people import ANN, People
from tests.onrecord.commands.site import Ran, Site

HOSTILE = "\x1b[31mred\x1b]0;title\x07\nFORGED: line\r\x9b2J\u202egnp\u2028end"
SHOWN = r"\x1b[31mred\x1b]0;title\x07\nFORGED: line\r\x9b2J\u202egnp\u2028end"
# By command, the columns whose text it prints. CALL stands for the call's sid.
PRINTED: dict[tuple[str, ...], tuple[Column[str], ...]] = {
    ("call", "CALL"): (
        call.c.reason,
        call.c.rules_sha256,
        recording.c.recording_sid,
        recording.c.object_key,
        delay.c.reason,
        incident.c.detail,
    ),
    ("certificate", "CALL"): (incident.c.detail, call.c.outcome),
    ("incidents",): (incident.c.detail, incident.c.about),
    ("hold", "list"): (legal_hold.c.reason, legal_hold.c.placed_by, legal_hold.c.released_by),
    ("pauses",): (pause.c.asked_by,),
    ("user", "list"): (staff.c.team, staff_scope.c.value),
    ("calls",): (call_listing.c.line, call_listing.c.outcome, call_listing.c.caller_masked),
    ("recordings",): (recording.c.recording_sid,),
}
CASES = [(command, column) for command, columns in PRINTED.items() for column in columns]


def fill(site: Site, call_id: str) -> None:
    """A row in each of the tables."""
    moment = Moment(datetime.now(UTC), secrets.token_bytes)

    def rows(connection: Connection) -> None:
        at = moment.at
        kept = connection.scalar(select(recording.c.id).where(recording.c.call_id == call_id))
        for incident_kind, about, of_call in (
            (IncidentKind.JOB_FAILED, "sweep:", None),
            (IncidentKind.RECORDING_IN_DOUBT, str(kept), call_id),
        ):
            raise_incident(connection, moment, incident_kind, about=about, call_id=of_call, detail="what it was")
        connection.execute(
            insert(delay).values(
                recording_id=kept, job="intake", reason="late", since=at, tried_at=at, tries=1, failures=0
            )
        )
        connection.execute(
            insert(pause).values(
                call_id=call_id, recording_id=kept, asked_at=at, asked_by="carol", limit_at=at, at_limit="stop"
            )
        )

    with closing(site.database()) as database:
        Projection(database).look()
        database.write(rows)


@pytest.fixture(scope="module")
def filled(settled: People, tmp_path_factory: pytest.TempPathFactory) -> tuple[People, str, str]:
    """Two people's calls, with rows of every kind; and the sid and the id of a call of whom a recording is kept."""
    people = settled.at(tmp_path_factory.mktemp("filled") / "site")
    sid = people.sids[ANN][0]
    call_id = json.loads(people.site.run("call", sid, "--json").out)["events"][0]["call"]
    for command in (
        ("hold", "place", "--call", sid, "--because", "case 17"),
        ("hold", "release", "1", "--because", "it is over"),
        ("user", "add", "carol", "--role", "supervisor", "--line", "+14155550100", "--in-team", "leads"),
        ("log", "checkpoint"),
    ):
        assert people.site.run(*command).code == 0, command
    fill(people.site, call_id)
    return people, sid, call_id


def run(site: Site, command: tuple[str, ...], call_id: str, *options: str) -> Ran:
    return site.run(*(call_id if word == "CALL" else word for word in command), *options)


@pytest.mark.parametrize(("command", "column"), CASES, ids=lambda one: str(one) if isinstance(one, Column) else one[0])
def test_a_hostile_text_is_shown_escaped(
    command: tuple[str, ...], column: Column[str], filled: tuple[People, str, str], tmp_path: Path
) -> None:
    people, _, call_id = filled
    site = people.at(tmp_path / "site").site
    names_the_call = {"call": "id", "call_listing": "call_id", "recording": "call_id"}.get(column.table.name)
    rows = update(column.table).values({column.name: HOSTILE})
    if names_the_call:
        rows = rows.where(column.table.c[names_the_call] == call_id)

    def poison(connection: Connection) -> None:
        connection.exec_driver_sql("PRAGMA ignore_check_constraints = ON")
        connection.execute(rows)

    with closing(site.database()) as database:
        database.write(poison)
    ran = run(site, command, call_id)
    told = ran.out + ran.err
    assert SHOWN in told
    assert hidden(told) <= {"\n"}
    assert not any(line.startswith("FORGED") for line in told.splitlines())
    assert hidden(run(site, command, call_id, "--json").out) <= {"\n"}


def test_the_words_of_an_event_are_shown_escaped_in_the_log_and_in_a_bundle(
    filled: tuple[People, str, str], tmp_path: Path
) -> None:
    people, sid, call_id = filled
    site = people.at(tmp_path / "site").site

    def hold(connection: Connection) -> None:
        held, moment = calls.existing(connection, call_id), Moment(datetime.now(UTC), secrets.token_bytes)
        event = Event("privacy.released", {"hold": 1}, {"actor": HOSTILE, "reason": HOSTILE})
        calls.append_events(connection, moment, held, event)

    with closing(site.database()) as database:
        database.write(hold)
    shown = site.run("log", "show", sid)
    assert r"\x1b[31mred" in shown.out or r"\u001b[31mred" in shown.out
    assert hidden(shown.out) <= {"\n"}
    assert site.run("log", "export", "--call", sid, "--disclose", "all", "-o", "case").code == 0
    readme = (site.folder / "case/README.txt").read_text()
    assert SHOWN in readme
    assert hidden(readme) <= {"\n"}


@pytest.mark.parametrize(
    "command",
    [
        ("hold", "place", "--call", "CALL", "--because", HOSTILE),
        ("hold", "place", "--call", "CALL", "--because", ""),
        ("hold", "release", "1", "--because", HOSTILE),
        ("hold", "release", "1", "--because", " "),
        ("incidents", "close", "1", "--why", HOSTILE),
        ("incidents", "close", "1", "--why", "\t"),
        ("incidents", "close", "1", "--why", "it was mended", "--as", HOSTILE),
        ("incidents", "close", "1", "--why", "it was mended", "--as", ""),
        ("withdraw", "CALL", "--as", HOSTILE),
        ("withdraw", "CALL", "--as", ""),
        ("withdraw", "CALL", "--by-agent", HOSTILE),
        ("withdraw", "CALL", "--by-agent", ""),
        ("pause", "CALL", "--as", HOSTILE),
        ("resume", "CALL", "--as", ""),
        ("erase", "--call", "CALL", "--basis", "gdpr-17", "--requester", HOSTILE),
        ("erase", "--call", "CALL", "--basis", "gdpr-17", "--ticket", HOSTILE),
        ("erase", "--call", "CALL", "--basis", "gdpr-17", "--as", HOSTILE),
        ("user", "add", "dan", "--role", "admin", "--as", HOSTILE),
        ("user", "add", "dan", "--role", "admin", "--name", HOSTILE),
    ],
    ids=repr,
)
def test_words_that_do_not_print_are_refused_and_nothing_is_done(
    command: tuple[str, ...], filled: tuple[People, str, str]
) -> None:
    people, _, call_id = filled
    site = people.site
    before = site.run("log", "show").out
    ran = run(site, command, call_id)
    assert ran.code in {1, 2}
    assert (ran.out, ran.err.startswith("onrecord: ")) == ("", True)
    assert hidden(ran.err) <= {"\n"}
    assert site.run("log", "show").out == before
