"""Twilio's clock is not ours: every time that it tells is its own, and nothing happens any sooner or later for it."""

from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

import pytest

from simulator.faults import Faults
from simulator.phone_call import PhoneCall
from tests.simulator.office import LINE, Office
from tests.simulator.test_rest import client_of, get

AHEAD_S = (8.0, -20.0, 86_400.0)


def ahead_s(told: str | datetime, moment: datetime | None) -> float:
    assert moment is not None
    told = parsedate_to_datetime(told) if isinstance(told, str) else told
    return round((told - moment).total_seconds())


@pytest.mark.parametrize("seconds", AHEAD_S)
def test_every_time_that_is_told_is_by_twilios_clock(seconds: float) -> None:
    office = Office()
    call = office.call({"presses": ["1"]}, faults={"clock_ahead_s": seconds})
    (recording,), client = call.recorder.recordings, client_of(office)
    office.clock.sleep(1000)
    shown, kept = client.calls(call.sid).fetch(), client.recordings(recording.sid).fetch()
    event = client.calls(call.sid).events.list()[-1]
    asked_at = datetime.fromisoformat(call.journal.of("document")[0]["at"])
    told = [
        (shown.start_time, call.leg.created),
        (shown.date_created, call.leg.created),
        (shown.end_time, call.leg.ended),
        (kept.start_time, recording.started),
        (kept.date_created, recording.started),
        (client.calls(call.sid).recordings.list()[0].start_time, recording.started),
        (office.forms("recording")[0]["RecordingStartTime"], recording.started),
        (office.forms("status")[0]["Timestamp"], call.leg.ended),
        (event.response["date_created"], asked_at),
        (get(office, "Calls.json").headers["Date"], office.clock.now()),
        (get(office, "Nothing.json").headers["Date"], office.clock.now()),
    ]
    assert [ahead_s(one, moment) for one, moment in told] == [pytest.approx(seconds, abs=1)] * len(told)


def test_the_filters_of_lists_are_by_twilios_clock() -> None:
    office = Office()
    office.exchange.faults = Faults(clock_ahead_s=3600)
    office.call({"presses": ["1"]})
    client, later = client_of(office), office.clock.now() + timedelta(minutes=30)
    assert len(client.calls.list(to=LINE, start_time_after=later)) == 1
    assert client.recordings.list(date_created_before=later) == []


@pytest.mark.parametrize("seconds", AHEAD_S)
def test_nothing_happens_sooner_or_later_for_it(seconds: float) -> None:
    def course(call: PhoneCall) -> list[tuple[float, str]]:
        return [(entry.at_s, entry.kind) for entry in call.journal.follow() if entry]

    one, other = (Office().call({"presses": ["1"]}, faults={"clock_ahead_s": ahead}) for ahead in (0, seconds))
    assert course(one) == course(other)
    assert one.leg.duration_s == other.leg.duration_s


def test_a_clock_of_the_configuration_holds_until_a_call_brings_another() -> None:
    office = Office(clock_ahead_s=60)
    now = office.clock.now()
    assert office.exchange.date_text(now) == "Mon, 05 Jan 2026 15:01:00 +0000"
    office.call(faults={"clock_ahead_s": -60})
    assert office.exchange.shifted(now) == datetime(2026, 1, 5, 14, 59, tzinfo=UTC)
    office.call(faults={"chunked": True})
    assert office.exchange.shifted(now) == datetime(2026, 1, 5, 14, 59, tzinfo=UTC)
