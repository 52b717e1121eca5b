"""A recording may come back after its deletion, and may begin after its call."""

import pytest

from simulator.sound import to_wav
from tests.simulator.office import DIAL, Office
from tests.simulator.test_account import ask
from tests.simulator.test_rest import client_of, get


def test_a_deleted_recording_comes_back_with_its_sound() -> None:
    office = Office()
    (recording,) = office.call({"presses": ["1"]}).recorder.recordings
    whole, client = to_wav(recording.sound()), client_of(office)
    client.recordings(recording.sid).delete()
    assert get(office, f"Recordings/{recording.sid}.wav").status_code == 404
    assert client.recordings.list() == []
    shown = ask(office, "POST", f"recordings/{recording.sid}/restore")
    assert (shown.status_code, shown.json()["status"], shown.json()["deleted"]) == (200, "completed", False)
    assert get(office, f"Recordings/{recording.sid}.wav").content == whole
    assert [row.sid for row in client.recordings.list()] == [recording.sid]
    assert ask(office, "POST", f"recordings/{recording.sid}/restore").status_code == 409
    assert client.recordings(recording.sid).delete()


@pytest.mark.parametrize("of_child", [False, True])
def test_a_recording_begins_days_after_its_call(of_child: bool) -> None:
    office = Office(answer=DIAL)
    call = office.call()
    assert client_of(office).recordings.list() == []
    office.clock.sleep(3 * 86400)
    sid = call.children[0].sid if of_child else call.sid
    made = ask(office, "POST", "recordings", call_sid=sid, source="OutboundAPI", lasts_s=7)
    assert made.status_code == 201
    (row,) = client_of(office).recordings.list(call_sid=sid)
    assert (row.sid, row.source, row.duration, row.status) == (made.json()["sid"], "OutboundAPI", "7", "completed")
    assert (row.start_time - call.leg.created).days == 3
    media = get(office, f"Recordings/{row.sid}.wav").content
    assert len(media) > 7 * 8000 * 2 * 2
    assert any(media[-8000:])
    assert client_of(office).recordings(row.sid).delete()


def test_no_recording_is_made_for_a_call_that_lasts_or_that_never_was() -> None:
    office = Office()
    answers: list[int] = []
    office.call(
        {"presses": ["1"]},
        hooks={"in_conversation": lambda call: answers.append(
            ask(office, "POST", "recordings", call_sid=call.sid).status_code)},
    )  # fmt: skip
    assert answers == [400]
    assert ask(office, "POST", "recordings", call_sid="CA" + "0" * 32).status_code == 404
    assert ask(office, "POST", "recordings", call_sid="CA" + "0" * 32, colour="red").status_code == 400
    assert ask(office, "POST", "recordings/RE" + "0" * 32 + "/restore").status_code == 404
