"""Calls that came while nothing of ours was up: found in Twilio's list, once, and told as what they are."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from callflow.callbacks import Callbacks
from callflow.conversation import Conversation
from callflow.missed import MissedCalls
from callflow.urls import Urls
from policies.consent import Outcome
from policies.rulebook import parse
from storage import calls
from storage.calls import Call
from storage.errors import Unavailable
from storage.provider import ProviderCall
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
    conversation = Conversation(parse(RULEBOOK.read_text(encoding="utf-8")), urls, b"N" * 32, premises.jobs)
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
    office.look(seconds=30)
    assert office.call(sid) is None
    office.look(seconds=31)
    known = office.call(sid)
    assert known is not None
    assert (known.state, known.outcome) == ("suppressed", Outcome.NOT_ASKED)
    office.premises.company.hang_up(sid)
    office.look(seconds=15)
    office.premises.sweep()
    ended = office.call(sid)
    assert ended is not None
    assert (ended.state, ended.outcome) == ("ended", Outcome.NOT_ASKED)


def test_a_recording_of_a_call_that_does_not_reach_us_is_stopped_while_they_talk(office: Office) -> None:
    company = office.premises.company
    recording_sid = company.start(company.ring(LINE), WAV, BY_REST)
    office.look(seconds=61)
    office.premises.clock.passes(seconds=6)
    office.premises.sweep()
    office.premises.work()
    assert not company.holds(recording_sid)


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

    def calls_since(moment: datetime) -> tuple[ProviderCall, ...]:
        asked_from.append(office.premises.clock.now - moment)
        return listed(moment)

    office.premises.company.calls_since = calls_since  # type: ignore[method-assign]  # a listener, not a change
    for _ in range(4):
        office.look(minutes=10)
    assert asked_from[1:] == [timedelta(minutes=13)] * 3
