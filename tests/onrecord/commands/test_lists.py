"""`onrecord calls`, `onrecord recordings` and `onrecord log tail`: where the other commands' sids come from."""

import json
import secrets
import select
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from policies.incidents import IncidentKind
from storage.moment import Moment
from storage.rows.incidents import raise_incident
from storage.rows.listing_projection import Projection
from tests.onrecord.commands.people import ANN, BOB, People
from tests.onrecord.commands.site import Site


@pytest.fixture(scope="module")
def listed(settled: People, tmp_path_factory: pytest.TempPathFactory) -> People:
    """To be read only."""
    people = settled.at(tmp_path_factory.mktemp("listed") / "site")
    follow(people.site)
    return people


def follow(site: Site) -> None:
    """As a worker does."""
    with closing(site.database()) as database:
        projection = Projection(database)
        while projection.step():
            pass


def calls(site: Site, *options: str) -> list[dict[str, Any]]:
    ran = site.run("calls", *options, "--json")
    assert (ran.code, ran.err) == (0, "")
    found: list[dict[str, Any]] = json.loads(ran.out)["calls"]
    return found


def test_every_call_is_listed_with_the_sid_that_other_commands_take(listed: People) -> None:
    found = calls(listed.site)
    assert {call["call_sid"] for call in found} == {*listed.sids[ANN], *listed.sids[BOB]}
    received = [call["received_at"] for call in found]
    assert received == sorted(received, reverse=True)
    shown = listed.site.run("calls")
    assert (shown.code, shown.err) == (0, "")
    for call in found:
        assert call["call_sid"] in shown.out
        assert listed.site.run("call", call["call_sid"]).code == 0
    assert ANN not in shown.out


@pytest.mark.parametrize(
    ("options", "kept"),
    [
        (("--outcome", "declined"), lambda call: call["outcome"] == "declined"),
        (("--audio", "kept"), lambda call: call["audio"] == "kept"),
        (("--line", "+14155550101"), lambda call: call["line"] == "+14155550101"),
        (("--from", "2020-01-01"), lambda call: True),
        (("--to", "2020-01-01"), lambda call: False),
        (("--outcome", "declined", "--audio", "kept"), lambda call: False),
    ],
    ids=lambda one: " ".join(one) if isinstance(one, tuple) else "",
)
def test_a_filter_keeps_what_it_says(options: tuple[str, ...], kept: Any, listed: People) -> None:
    everything = calls(listed.site)
    assert calls(listed.site, *options) == [call for call in everything if kept(call)]


def test_the_day_that_ends_a_span_is_in_it(listed: People) -> None:
    day = datetime.fromisoformat(calls(listed.site)[0]["received_at"]).date()
    assert calls(listed.site, "--from", f"{day}", "--to", f"{day}") != []
    assert calls(listed.site, "--from", f"{day + timedelta(days=1)}") == []


def test_calls_are_found_by_the_number_that_they_came_from(listed: People) -> None:
    assert {call["call_sid"] for call in calls(listed.site, "--number", BOB)} == {*listed.sids[BOB]}
    assert listed.site.run("calls", "--number", "anonymous").problems == [
        "--number: write a plus, the country's code and the number, digits only"
    ]


def test_a_list_that_is_cut_says_so(listed: People) -> None:
    everything = calls(listed.site)
    ran = json.loads(listed.site.run("calls", "--limit", "3", "--json").out)
    assert (ran["has_more"], ran["calls"]) == (True, everything[:3])
    assert "there are more than these 3: say --limit, or --to\n" in listed.site.run("calls", "--limit", "3").out
    whole = json.loads(listed.site.run("calls", "--limit", str(len(everything)), "--json").out)
    assert (whole["has_more"], whole["calls"], whole["as_of"]) == (False, everything, None)
    assert "there are more" not in listed.site.run("calls").out


def test_every_recording_is_listed_with_its_call(listed: People) -> None:
    site = listed.site
    expected = [
        (call["call_sid"], recording["recording_sid"])
        for call in calls(site)
        for recording in json.loads(site.run("call", call["call_sid"], "--json").out)["recordings"]
    ]
    assert len(expected) >= 4
    found = json.loads(site.run("recordings", "--json").out)["recordings"]
    assert [(one["call_sid"], one["recording_sid"]) for one in found] == expected
    assert all(one["recording_sid"] in site.run("recordings").out for one in found)


def test_recordings_are_filtered_by_their_state_and_their_call(listed: People) -> None:
    site = listed.site
    found = json.loads(site.run("recordings", "--json").out)["recordings"]
    kept = json.loads(site.run("recordings", "--state", "kept", "--json").out)["recordings"]
    assert kept == [one for one in found if one["state"] == "kept"] != []
    of_bob = json.loads(site.run("recordings", "--number", BOB, "--limit", "1", "--json").out)
    assert (of_bob["has_more"], of_bob["recordings"][0]["call_sid"] in listed.sids[BOB]) == (True, True)


@pytest.mark.parametrize("command", ["calls", "recordings"])
def test_a_list_that_is_behind_the_log_says_as_of_when_it_is(command: str, people: People) -> None:
    ran = people.site.run(command)
    assert ran.code == 0
    assert "as of 20" in ran.out
    assert json.loads(people.site.run(command, "--json").out)["as_of"] is not None
    follow(people.site)
    assert "as of" not in people.site.run(command).out


def test_an_erased_call_is_listed_by_our_own_id(people: People) -> None:
    sid = people.sids[ANN][0]
    call_id = json.loads(people.site.run("call", sid, "--json").out)["events"][0]["call"]
    assert people.site.run("erase", "--call", sid, "--basis", "gdpr-17").code == 0
    follow(people.site)
    (erased,) = [call for call in calls(people.site) if call["erased"]]
    assert (erased["call_sid"], erased["id"], erased["caller"]) == (None, call_id, "")
    assert f"{call_id} (erased)" in people.site.run("calls").out


def test_the_logs_last_events_are_a_line_each(listed: People) -> None:
    everything = listed.site.run("log", "show").out.splitlines()
    shown = listed.site.run("log", "tail").out.splitlines()
    assert len(shown) == 10
    for line, leaf in zip(shown, everything[-10:], strict=True):
        event = json.loads(leaf)
        assert line.split()[3] == event["type"]
        assert f"{line.split()[1]}T{line.split()[2]}Z" == event["ts"]
        assert line.endswith(f"call {event['call']}") is ("call" in event)
    assert [int(line.split()[0]) for line in shown] == [*range(len(everything) - 10, len(everything))]
    assert listed.site.run("log", "tail", "-n", "3", "--json").out.splitlines() == everything[-3:]
    assert listed.site.run("log", "tail", "-n", "0").out == ""
    assert len(listed.site.run("log", "tail", "-n", "100000").out.splitlines()) == len(everything)


def test_the_log_is_followed_as_it_grows(site: Site) -> None:
    with site.started("log", "tail", "-n", "0", "--follow") as tail:
        assert tail.stdout is not None
        appended = 0
        while not appended:  # it may not have begun to look: what is appended before that is not for it
            _raise(site, f"sweep:{secrets.token_hex(4)}")
            appended = select.select([tail.stdout], [], [], 1.0)[0] != []
        assert "  incident.opened" in tail.stdout.readline()
        assert tail.poll() is None


def _raise(site: Site, about: str) -> None:
    moment = Moment(datetime.now(UTC), secrets.token_bytes)
    with closing(site.database()) as database:
        database.write(
            lambda connection: raise_incident(
                connection, moment, IncidentKind.JOB_FAILED, about=about, call_id=None, detail="no answer"
            )
        )
