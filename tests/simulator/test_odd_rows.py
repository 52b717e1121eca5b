"""What REST lists is not always as documented: rows lack fields, have none of the known values, or are corrected."""

from typing import Any

import pytest
from twilio.rest import Client

from simulator.phone_call import PhoneCall
from tests.simulator.office import Office
from tests.simulator.test_rest import client_of, code_of, get

ACCEPTS = {"presses": ["1"]}


def rows(office: Office, path: str) -> list[dict[str, Any]]:
    (listed,) = [value for value in get(office, path).json().values() if isinstance(value, list)]
    return listed


@pytest.mark.parametrize("name", ["source", "start_time", "duration", "channels", "track", "call_sid"])
def test_a_field_of_a_recording_may_be_null_or_missing(name: str) -> None:
    office = Office()
    nulled = office.call(ACCEPTS, faults={"rows": {"recording": {"fields": {name: None}}}})
    lacking = office.call(ACCEPTS, faults={"rows": {"recording": {"lacks": [name]}}})
    (row,) = rows(office, f"Calls/{nulled.sid}/Recordings.json")
    assert row[name] is None
    (row,) = rows(office, f"Calls/{lacking.sid}/Recordings.json")
    assert name not in row
    listed = client_of(office).recordings.list(call_sid=nulled.sid)
    assert len(listed) == 1  # Twilio's own client takes it


def test_a_status_that_nobody_knows_is_shown_alone_and_in_lists() -> None:
    office = Office()
    call = office.call(ACCEPTS, faults={"rows": {"recording": {"fields": {"status": "archived"}}}})
    sid = call.recorder.recordings[0].sid
    assert get(office, f"Recordings/{sid}.json").json()["status"] == "archived"
    assert [row["status"] for row in rows(office, "Recordings.json")] == ["archived"]


def test_only_rows_of_one_source_or_status_are_odd_where_it_is_named() -> None:
    office = Office()
    rest = {"source": "StartCallRecordingAPI", "fields": {"source": None}}
    call = office.call(
        ACCEPTS,
        faults={"rows": {"recording": rest}},
        hooks={"in_conversation": lambda call: client_of(office).calls(call.sid).recordings.create()},
    )
    listed = rows(office, f"Calls/{call.sid}/Recordings.json")
    assert [row["source"] for row in listed] == [None, "StartCallRecordingTwiML"]


def test_a_call_that_still_rings_may_be_listed_without_its_start() -> None:
    seen = list[Any]()

    def look(path: str) -> None:
        seen.append(rows(office, "Calls.json")[-1]["start_time"])
        seen.append(get(office, path).json()["start_time"])

    office = Office(answer="<Pause length='5'/><Say>One.</Say><Redirect>/choice</Redirect>")
    odd = {"call": {"status": "ringing", "in_lists": True, "fields": {"start_time": None}}}
    office.clock.later(2, lambda: look(f"Calls/{next(iter(office.exchange.calls))}.json"))
    office.call(faults={"rows": odd})
    look(f"Calls/{next(iter(office.exchange.calls))}.json")
    ringing, alone, *later = seen
    assert (ringing, alone is None, later) == (None, False, [alone, alone])


def test_a_duration_that_was_told_wrongly_is_told_again() -> None:
    office = Office()
    call = office.call(ACCEPTS, faults={"recording": {"off_s": 40, "corrected_after_s": 90}})
    (recording,) = call.recorder.recordings
    wrong, right = office.forms("recording")[1:]
    assert int(wrong["RecordingDuration"]) - int(right["RecordingDuration"]) == 40
    assert right["RecordingDuration"] == str(recording.duration_s)
    assert client_of(office).recordings(recording.sid).fetch().duration == right["RecordingDuration"]
    first, last = [entry["at_s"] for entry in call.journal.of("callback") if entry["kind"] == "recording"][1:]
    assert last - first == pytest.approx(90)


@pytest.mark.parametrize("keeps_absent", [False, True])
def test_a_recording_may_end_without_audio_after_it_was_listed(keeps_absent: bool) -> None:
    office, seen = Office(), list[str]()

    def look(call: PhoneCall) -> None:
        seen.extend(one.status for one in client_of(office).recordings.list(call_sid=call.sid))

    faults = {"recording": {"ends_absent": True, "keeps_absent": keeps_absent}}
    call = office.call(ACCEPTS, faults=faults, hooks={"in_conversation": look})
    client: Client = client_of(office)
    (row,) = client.recordings.list(call_sid=call.sid)
    assert (seen, row.status, row.error_code) == (["processing"], "absent", 16101)
    assert [form["RecordingStatus"] for form in office.forms("recording")] == ["in-progress", "absent"]
    if keeps_absent:
        assert code_of(client.recordings(row.sid).delete) == (409, 20009)
    else:
        assert client.recordings(row.sid).delete()
