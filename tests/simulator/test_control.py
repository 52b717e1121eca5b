"""The control API over HTTP, in real time: somebody places calls, plays the caller, and watches."""

import io
import json
import os
import signal
import subprocess
import sys
import wave
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from simulator.clock import RealClock
from simulator.server import Server
from tests.simulator.office import ACCOUNT, CALLER, DIAL, LINE, RECORD, TOKEN, Office

PLAN = {"from": CALLER, "to": LINE, "caller": {"presses": ["1"], "talks_s": 0.3}}


class Phone:
    """A phone in somebody's hand, at the other end of the control API."""

    def __init__(self, server: Server) -> None:
        self.url = server.url + "/simulator"

    def place(self, **plan: Any) -> str:
        answer = requests.post(f"{self.url}/calls", json={**PLAN, **plan}, timeout=5)
        assert answer.status_code == 201, answer.text
        sid: str = answer.json()["call_sid"]
        return sid

    def watch(self, sid: str) -> Iterator[tuple[str, dict[str, Any]]]:
        """The events of a call, until it is settled."""
        with requests.get(f"{self.url}/calls/{sid}/stream", stream=True, timeout=20) as answer:
            event = ""
            for line in answer.iter_lines(chunk_size=1, decode_unicode=True):
                if line.startswith("event: "):
                    event = line.removeprefix("event: ")
                if line.startswith("data: "):
                    yield event, json.loads(line.removeprefix("data: "))

    def ask(self, path: str, **body: Any) -> requests.Response:
        return requests.post(f"{self.url}/{path}", json=body, timeout=5)

    def show(self, sid: str) -> dict[str, Any]:
        shown: dict[str, Any] = requests.get(f"{self.url}/calls/{sid}", timeout=5).json()
        return shown


@pytest.fixture
def office() -> Office:
    return Office(
        RealClock(),
        answer="<Say>One.</Say><Redirect>/choice</Redirect>",
        consent=f"{RECORD}{DIAL}",
        whisper="",
    )


@pytest.fixture
def phone(office: Office) -> Iterator[Phone]:
    with Server(office.exchange) as server:
        yield Phone(server)


def test_a_call_is_placed_watched_and_shown(office: Office, phone: Phone) -> None:
    sid = phone.place()
    events = list(phone.watch(sid))
    assert events[-1][0] == "settled"
    assert [about["text"] for event, about in events if event == "heard"][:2] == ["One.", "May we record?"]
    shown = phone.show(sid)
    assert (shown["status"], shown["ended"], shown["connected"]) == ("completed", True, True)
    assert [document["url"].rpartition("/")[2] for document in shown["documents"]] == office.asked()
    assert "<Dial" in shown["documents"][2]["twiml"]
    assert {callback["kind"] for callback in shown["callbacks"]} == {"call", "recording"}
    assert [key["key"] for key in shown["keys"]] == ["1"]
    (recording,) = shown["recordings"]
    assert (recording["source"], recording["status"], recording["deleted"]) == (
        "StartCallRecordingTwiML",
        "completed",
        False,
    )


def test_what_was_heard_can_be_listened_to(phone: Phone) -> None:
    sid = phone.place()
    list(phone.watch(sid))
    first = phone.show(sid)["heard"][0]
    sound = requests.get(f"{phone.url}/calls/{sid}/speech/{first['n']}.wav", timeout=5)
    with wave.open(io.BytesIO(sound.content)) as file:
        assert file.getnframes() / 8000 == pytest.approx(first["duration_s"], abs=0.001)
    assert requests.get(f"{phone.url}/calls/{sid}/speech/999.wav", timeout=5).status_code == 404


def test_a_person_presses_the_keys_and_hangs_up(office: Office, phone: Phone) -> None:
    sid = phone.place(manual=True)
    for event, about in phone.watch(sid):
        if (event, about.get("text")) == ("heard", "May we record?"):
            assert phone.ask(f"calls/{sid}/keys", digits="2").status_code == 204
        if (event, about.get("stage")) == ("stage", "in_conversation"):
            assert phone.ask(f"calls/{sid}/hangup").status_code == 204
    assert office.forms("consent")[0]["Digits"] == "2"
    assert office.forms("ended")[0]["CallStatus"] == "completed"
    assert phone.ask(f"calls/{sid}/hangup").status_code == 409


def test_a_person_sends_the_call_back_and_a_sid_is_used_again(office: Office, phone: Phone) -> None:
    sid = phone.place(sent_back=[{"moment": None, "presses": ["2"], "talks_s": 0.3}], caller={"presses": ["1"]})
    for event, about in phone.watch(sid):
        if (event, about.get("stage")) == ("stage", "in_conversation") and not office.forms("ended"):
            assert phone.ask("calls", **{**PLAN, "call_sid": sid}).status_code == 400
            assert phone.ask(f"calls/{sid}/sent-back").status_code == 204
    assert [form["Digits"] for form in office.forms("consent")] == ["1", "2"]
    assert len(phone.show(sid)["sent_back"]) == 1
    assert phone.ask(f"calls/{sid}/sent-back").status_code == 409
    assert phone.place(call_sid=sid) == sid
    list(phone.watch(sid))


def test_mistakes_are_answered_and_never_a_crash(phone: Phone) -> None:
    assert phone.ask("calls").status_code == 400
    assert phone.ask("calls", **{**PLAN, "to": "+19990000000"}).status_code == 400
    assert phone.ask("calls", **{**PLAN, "caller": {"presses": ["yes"]}}).status_code == 400
    assert phone.ask("faults", sms={}).status_code == 400
    assert phone.ask("calls/CA" + "0" * 32 + "/keys", digits="1").status_code == 404
    assert requests.post(f"{phone.url}/calls", data="no json", timeout=5).status_code == 400
    assert requests.get(f"{phone.url}/healthz", timeout=5).json()["status"] == "ok"


def test_faults_are_set_for_the_calls_that_follow(office: Office, phone: Phone) -> None:
    assert phone.ask("faults", callbacks={"recording": {"lose": True}}).status_code == 200
    sid = phone.place()
    list(phone.watch(sid))
    assert office.forms("recording") == []
    assert [callback.get("lost", False) for callback in phone.show(sid)["callbacks"]].count(True) == 2


def test_many_calls_at_once_all_end_well(phone: Phone) -> None:
    sids = [phone.place() for _ in range(20)]
    for sid in sids:
        list(phone.watch(sid))
    shown = [phone.show(sid) for sid in sids]
    assert {call["status"] for call in shown} == {"completed"}
    assert [len(call["recordings"]) for call in shown] == [1] * 20
    assert [error for call in shown for error in call["errors"]] == []


def test_the_command_says_where_it_listens_and_ends_cleanly_when_told(tmp_path: Path) -> None:
    config = tmp_path / "exchange.json"
    config.write_text(json.dumps({"account_sid": ACCOUNT, "auth_token": TOKEN, "numbers": {LINE: {}}}))
    command = [sys.executable, "-m", "simulator", "--listen", "127.0.0.1:0", "--config", str(config)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        assert requests.get(f"{url}/simulator/healthz", timeout=5).json()["status"] == "ok"
        os.kill(process.pid, signal.SIGTERM)
        assert process.wait(10) == 0


def test_a_configuration_with_a_mistake_ends_the_command_with_2(tmp_path: Path) -> None:
    config = tmp_path / "exchange.json"
    config.write_text(json.dumps({"account_sid": ACCOUNT, "auth_token": TOKEN, "numbers": {}, "colour": "red"}))
    command = [sys.executable, "-m", "simulator", "--config", str(config)]
    assert subprocess.run(command, capture_output=True, check=False, timeout=20).returncode == 2
