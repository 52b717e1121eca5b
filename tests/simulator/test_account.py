"""Settings of the account record calls and legs without any document of the service."""

from typing import Any

import pytest
import requests

from simulator.config import Config
from simulator.exchange import Exchange
from simulator.phone_call import PhoneCall
from simulator.server import create_app
from simulator.wsgi import WsgiAdapter
from tests.simulator.office import ACCOUNT, DIAL, TOKEN, Office
from tests.simulator.test_rest import API, client_of

NOTHING_SET = {"default_recording": None, "trunk_recording": "do-not-record"}


def ask(office: Office, method: str, path: str, **body: Any) -> requests.Response:
    with requests.Session() as session:
        session.mount(API, WsgiAdapter(create_app(office.exchange)))
        return session.request(method, f"{API}/simulator/{path}", json=body)


def sources(call: PhoneCall) -> list[tuple[str, str, int]]:
    return [(recording.terms.source, recording.call_sid, recording.channels) for recording in call.recorder.recordings]


def test_nothing_is_recorded_by_an_account_without_settings() -> None:
    office = Office(answer=DIAL)
    assert office.call().recorder.recordings == []
    assert ask(office, "GET", "account").json() == NOTHING_SET


def test_an_account_default_records_every_call_from_its_answer_and_no_dialled_leg() -> None:
    office = Office(answer=f"<Pause length='2'/>{DIAL}")
    asked = ask(office, "POST", "account", default_recording={"channels": "mono", "features": ["transcription"]})
    assert asked.json() == NOTHING_SET | {"default_recording": {"channels": "mono", "features": ["transcription"]}}
    call = office.call()
    assert sources(call) == [("RecordingConfiguration", call.sid, 1)]
    assert call.leg.answered is not None
    (recording,) = call.recorder.recordings
    assert recording.started == call.leg.answered > call.leg.created
    assert [row.source for row in client_of(office).recordings.list()] == ["RecordingConfiguration"]
    ask(office, "POST", "account", default_recording=None)
    assert office.call().recorder.recordings == []


@pytest.mark.parametrize(("mode", "channels"), [("", 1), ("-dual", 2)])
def test_a_trunk_records_each_dialled_leg_from_its_answer(mode: str, channels: int) -> None:
    office = Office(answer=DIAL)
    ask(office, "POST", "account", trunk_recording=f"record-from-answer{mode}")
    call = office.call()
    (child,), (recording,) = call.children, call.recorder.recordings
    assert sources(call) == [("Trunking", child.sid, channels)]
    assert recording.started == child.answered


def test_a_trunk_records_a_leg_that_only_rings() -> None:
    office = Office(answer=DIAL)
    ask(office, "POST", "account", trunk_recording="record-from-ringing")
    call = office.call(agent={"answers": False})
    (child,), (recording,) = call.children, call.recorder.recordings
    assert (recording.started, recording.status) == (child.created, "completed")
    assert child.status == "no-answer"


@pytest.mark.parametrize(
    "given",
    [
        {"trunk_recording": "always"},
        {"default_recording": {"channels": 3}},
        {"default_recording": {"colour": "red"}},
        {"colour": "red"},
    ],
)
def test_a_setting_that_does_not_exist_is_refused_and_changes_nothing(given: dict[str, Any]) -> None:
    office = Office()
    assert ask(office, "POST", "account", **given).status_code == 400
    assert ask(office, "GET", "account").json() == NOTHING_SET


def test_the_settings_at_the_beginning_stand_in_the_configuration() -> None:
    config = {"account_sid": ACCOUNT, "auth_token": TOKEN, "trunk_recording": "record-from-ringing"}
    assert Exchange(Config.of(config)).account.trunk_recording == "record-from-ringing"
    with pytest.raises(ValueError, match="always"):
        Exchange(Config.of({**config, "trunk_recording": "always"}))
