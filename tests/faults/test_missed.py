"""Calls that came while nothing of ours was up: found in Twilio's list, once, and told as what they are."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from callflow.callbacks import Callbacks
from callflow.conversation import Conversation
from callflow.urls import Urls
from onrecord.processes.missed_calls import MissedCalls
from policies.consent import Outcome
from policies.rulebook.read import parse
from storage.errors import Unavailable
from storage.provider import Listed, ProviderCall
from storage.rows import calls
from storage.rows.calls import Call
from storage.rows.incidents import open_incidents
from storage.rows.rules_in_force import RulesInForce
from tests.faults.phone_company import BY_REST
from tests.faults.premises import LINE, WAV, Premises

RULEBOOK = Path(__file__).parents[1] / "callflow" / "rulebook.toml"


@dataclass(frozen=True)
class Office:
    """Premises whose list of calls was looked at once already."""

    premises: Premises
    missed: MissedCalls

    def look(self, **after: float) -> None:
        self.premises.clock.passes(**after)
        self.missed.look()

    def call(self, sid: str) -> Call | None:
        with self.premises.shop.database.read() as connection:
            return calls.peek_sid(connection, sid)


@pytest.fixture
def office(premises: Premises) -> Office:
    urls = Urls("https://voice.example.com", b"U" * 32)
    conversation = Conversation(
        RulesInForce(parse(RULEBOOK.read_text(encoding="utf-8"))), urls, b"N" * 32, premises.jobs
    )
    shop = premises.shop
    made = Office(premises, MissedCalls(shop.database, shop.provider, Callbacks(conversation), shop.moment))
    made.look()
    premises.clock.passes(seconds=1)
    return made


def test_a_call_that_never_reached_us_is_written_down_as_not_asked_once(office: Office) -> None:
    sid = office.premises.company.ring(LINE)
    office.premises.company.hang_up(sid)
    for _ in range(3):
        office.look(seconds=15)
    known = office.call(sid)
    assert known is not None
    assert (known.state, known.outcome, known.reason) == ("ended", Outcome.NOT_ASKED, "the service did not answer")
    types = [event["type"] for event in office.premises.story(known).events]
    assert types == ["call.received", "recording.suppressed", "call.completed"]


def test_a_recording_of_a_call_that_never_reached_us_is_destroyed(office: Office) -> None:
    company = office.premises.company
    sid = company.ring(LINE)
    recording_sid = company.start(sid, WAV, BY_REST)
    company.hang_up(sid)
    company.complete(recording_sid)
    office.look(seconds=15)
    office.premises.clock.passes(seconds=11)
    office.premises.sweep()
    office.premises.work()
    assert not company.holds(recording_sid)
    known = office.call(sid)
    assert known is not None
    assert office.premises.incidents(known) == {"recording_without_permit"}


def test_a_call_under_way_may_reach_us_yet_but_not_for_long(office: Office) -> None:
    sid = office.premises.company.ring(LINE)
    office.look(seconds=30)  # how long it was on the line by Twilio's clock does not count
    assert office.call(sid) is None
    office.look(seconds=60)
    assert office.call(sid) is None
    office.look(seconds=1)
    known = office.call(sid)
    assert known is not None
    assert (known.state, known.outcome) == ("suppressed", Outcome.NOT_ASKED)
    office.premises.company.hang_up(sid)
    office.look(seconds=61)
    office.premises.sweep()
    ended = office.call(sid)
    assert ended is not None
    assert (ended.state, ended.outcome) == ("ended", Outcome.NOT_ASKED)


def test_a_recording_of_a_call_that_does_not_reach_us_is_stopped_while_they_talk(office: Office) -> None:
    company = office.premises.company
    recording_sid = company.start(company.ring(LINE), WAV, BY_REST)
    office.look(seconds=15)
    office.look(seconds=61)
    office.premises.clock.passes(seconds=6)
    office.premises.sweep()
    office.premises.work()
    assert not company.holds(recording_sid)


def test_a_call_that_rings_and_has_no_time_yet_is_not_taken_for_missed(office: Office) -> None:
    sid = office.premises.company.ring(LINE)
    ringing = replace(office.premises.company.calls[sid], status="ringing", came_in_at=None)
    office.premises.company.calls[sid] = ringing
    for _ in range(4):
        office.look(seconds=15)
        assert office.call(sid) is None, "it is about to reach us"
    office.look(seconds=15)
    office.look(seconds=15)
    known = office.call(sid)
    assert known is not None
    assert known.outcome == Outcome.NOT_ASKED


@pytest.mark.parametrize("tells_time", [True, False])
@pytest.mark.parametrize("ahead_s", [-86_400, -180, -61, 0, 61, 180, 86_400])
def test_no_live_call_is_taken_for_missed_because_two_clocks_are_apart(
    office: Office, ahead_s: int, tells_time: bool
) -> None:
    company = office.premises.company
    company.is_ahead, company.tells_time = timedelta(seconds=ahead_s), tells_time
    sid = company.ring(LINE)
    for _ in range(4):
        office.look(seconds=15)
        assert office.call(sid) is None


@pytest.mark.parametrize("ahead_s", [-86_400, -180, 0, 180, 86_400])
def test_a_missed_call_is_found_however_far_the_clocks_are_apart_and_little_is_listed(
    office: Office, ahead_s: int
) -> None:
    company = office.premises.company
    company.is_ahead = timedelta(seconds=ahead_s)
    office.look(seconds=15)
    old = company.ring(LINE)
    company.calls[old] = replace(company.calls[old], came_in_at=company.now() - timedelta(hours=1))
    sid = company.ring(LINE)
    for one in (old, sid):
        company.hang_up(one)
    office.look(seconds=15)
    assert office.call(sid) is not None
    assert office.call(old) is None, "what was gone through is not listed again"


@pytest.mark.parametrize("was_ahead", [timedelta(days=1), timedelta(days=400)])
def test_a_clock_that_was_set_right_skips_no_call(office: Office, was_ahead: timedelta) -> None:
    company, clock = office.premises.company, office.premises.clock
    clock.now, company.is_ahead = clock.now + was_ahead, -was_ahead
    office.look(seconds=15)
    clock.now, company.is_ahead = clock.now - was_ahead, timedelta(0)
    sid = company.ring(LINE)
    company.hang_up(sid)
    office.look(seconds=15)
    assert office.call(sid) is not None


def test_a_call_that_cannot_be_written_down_keeps_no_other_from_it(office: Office) -> None:
    company = office.premises.company
    odd, sound = company.ring(LINE), company.ring(LINE)
    for one in (odd, sound):
        company.hang_up(one)
    company.unread = 1
    office.look(seconds=15)
    assert None not in (office.call(odd), office.call(sound))
    with office.premises.shop.database.read() as connection:
        [told] = [one for one in open_incidents(connection) if one.kind == "list_not_understood"]
    assert told.detail.startswith("1 calls")


def test_clocks_that_are_apart_are_an_incident_until_they_are_not(office: Office) -> None:
    def told() -> list[str]:
        with office.premises.shop.database.read() as connection:
            return [one.detail for one in open_incidents(connection) if one.kind == "clocks_apart"]

    company = office.premises.company
    for ahead_s, said in [(0, []), (59, []), (-59, []), (-120, ["120 s ahead of"]), (0, []), (90, ["90 s behind"])]:
        company.is_ahead = timedelta(seconds=ahead_s)
        office.look(seconds=15)
        assert len(told()) == len(said)
        assert all(words in told()[0] for words in said)


def test_a_call_that_reached_us_stays_as_it_is(office: Office) -> None:
    known = office.premises.call(Outcome.DECLINED)
    office.premises.company.hang_up(known.call_sid)
    office.look(seconds=15)
    assert office.call(known.call_sid) == known


def test_a_call_to_a_number_that_is_none_of_our_lines_is_none_of_our_business(office: Office) -> None:
    sid = office.premises.company.ring("+12125559999")
    office.premises.company.hang_up(sid)
    office.look(seconds=15)
    assert office.call(sid) is None


def test_a_caller_with_an_unusual_number_is_written_down_too(office: Office) -> None:
    for caller in ("", "anonymous", "sip:someone@example.com", "+266696687"):
        sid = office.premises.company.ring(LINE, caller)
        office.premises.company.hang_up(sid)
        office.look(seconds=15)
        assert office.call(sid) is not None


def test_what_was_before_our_time_is_not_dug_up(office: Office) -> None:
    company = office.premises.company
    sid = company.ring(LINE)
    company.hang_up(sid)
    long_ago = office.premises.clock.now.replace(year=2020)
    company.calls[sid] = replace(company.calls[sid], came_in_at=long_ago)
    office.look(seconds=15)
    assert office.call(sid) is None


def test_a_look_that_failed_is_made_up_for(office: Office) -> None:
    sid = office.premises.company.ring(LINE)
    office.premises.company.hang_up(sid)
    office.premises.company.trouble["calls_since"] = [Unavailable("503")]
    with pytest.raises(Unavailable):
        office.look(days=2)
    office.look(seconds=15)
    assert office.call(sid) is not None


def test_a_call_that_is_listed_late_is_found(office: Office) -> None:
    company = office.premises.company
    sid = company.ring(LINE)
    company.hang_up(sid)
    late = company.calls.pop(sid)
    office.look(seconds=60)
    company.calls[sid] = late
    office.look(seconds=15)
    assert office.call(sid) is not None


def test_the_list_is_gone_through_from_where_the_last_look_ended(office: Office) -> None:
    """However long we have been here, little is listed again."""
    asked_from = []
    listed = office.premises.company.calls_since

    def calls_since(moment: datetime) -> Listed[ProviderCall]:
        asked_from.append(office.premises.clock.now - moment)
        return listed(moment)

    office.premises.company.calls_since = calls_since  # type: ignore[method-assign]  # a listener, not a change
    for _ in range(4):
        office.look(minutes=10)
    assert asked_from[1:] == [timedelta(minutes=13)] * 3
