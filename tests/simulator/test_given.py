"""A mistake in a configuration, a plan or a fault is told in the words of whoever wrote it."""

import socket
from pathlib import Path
from typing import Any

import pytest

from simulator.__main__ import _address, main
from simulator.config import Config
from simulator.exchange import Exchange
from simulator.faults import Faults
from simulator.plans import CallPlan
from simulator.server import create_app
from tests.simulator.office import ACCOUNT, LINE, TOKEN, Office

CONFIG = {"account_sid": ACCOUNT, "auth_token": TOKEN, "numbers": {LINE: {}}}
CALL = {"from": "+15550001111", "to": LINE}


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"colour": "red"}, "the configuration: there is no colour, but account_sid, auth_token"),
        ({"auth_token": None}, "the configuration: auth_token is to be text, not None"),
        ({"words_per_minute": "fast"}, "the configuration: words_per_minute is to be a whole number, not 'fast'"),
        ({"strict": "no"}, "the configuration: strict is to be true or false, not 'no'"),
        ({"api_key": "SK1"}, "the configuration: api_secret is missing"),
        ({"numbers": [LINE]}, "numbers: an object is expected, not"),
        ({"auth_token": ""}, "auth_token is empty"),
        ({"words_per_minute": 0}, "words_per_minute is to be from 1 to 1000, not 0"),
        ({"clock_ahead_s": float("inf")}, "clock_ahead_s is to be a number, not inf"),
        ({"clock_ahead_s": 1e300}, "clock_ahead_s is to be a number, not 1e+300"),
        ({"timing": {"ring_s": -1}}, "timing: ring_s is below zero"),
        ({"api_keys": {"SK1": 5}}, "api_keys, SK1: the key and its secret are to be text"),
        ({"numbers": {"555": {}}}, "numbers: '555' is no number with its country code"),
        ({"numbers": {LINE: {"voice_url": "nope"}}}, f"numbers, {LINE}: voice_url is 'nope', which is no URL"),
        ({"numbers": {LINE: {"voice_method": "PUT"}}}, f"numbers, {LINE}: voice_method is 'PUT', which is neither"),
        ({"numbers": {LINE: {"url": "x"}}}, f"numbers, {LINE}: there is no url, but voice_url"),
        ({"numbers": {LINE: {"voice_url": 1}}}, f"numbers, {LINE}: voice_url is to be text, not 1"),
        ({"timing": {"ring": 1}}, "timing: there is no ring, but request_s"),
        ({"timing": {"ring_s": "1"}}, "timing: ring_s is to be a number, not '1'"),
        ({"timing": {"ring_s": True}}, "timing: ring_s is to be a number, not True"),
        ({"default_recording": 1}, "default_recording"),
    ],
)
def test_a_configuration_with_a_mistake_names_it(given: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match="(?s).*") as caught:
        Config.of({**CONFIG, **given})
    assert words in str(caught.value)


def test_a_configuration_that_lacks_its_account_says_so() -> None:
    with pytest.raises(ValueError, match="the configuration: account_sid is missing"):
        Config.of({"auth_token": TOKEN})
    with pytest.raises(ValueError, match="the configuration: an object is expected"):
        Config.of([])  # type: ignore[arg-type]  # as JSON may have it


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"form": "x"}, "a call: there is no form, but from, to"),
        ({"call_sid": 5}, "a call: call_sid is to be text, not 5"),
        ({"label": 5}, "a call: label is to be text, not 5"),
        ({"manual": "no"}, "a call: manual is to be true or false, not 'no'"),
        ({"geo": ["US"]}, "geo: an object is expected"),
        ({"geo": {"city": 5}}, "geo: city is to be text, not 5"),
        ({"sent_back": 5}, "sent_back: a list is expected, not 5"),
        ({"caller": {"presses": "12"}}, "presses: a list is expected, not '12'"),
        ({"agent": {"presses": 5}}, "presses: a list is expected, not 5"),
        ({"faults": {"extra_params": {"a": 5}}}, "extra_params: a is to be text, or a list of texts, not 5"),
        ({"faults": {"callbacks": {"call": {"lose": 5}}}}, "lose: a list is expected, not 5"),
        ({"faults": {"rows": {"call": {"lacks": 5}}}}, "lacks: a list is expected, not 5"),
        ({"faults": {"rest": {"status": 200}}}, "rest: status is to be from 400 to 599, not 200"),
        ({"from": 5}, "a call: from is missing, or is no text"),
        ({"caller": {"press": ["1"]}}, "a caller: there is no press, but talks_s"),
        ({"caller": {"talks_s": "long"}}, "a caller: talks_s is to be a number, not 'long'"),
        ({"caller": {"presses": [{"digit": "1"}]}}, "a press: there is no digit, but digits"),
        ({"caller": {"presses": [{"after_s": 1}]}}, "a press: digits is missing"),
        ({"agent": {"rings": 1}}, "an agent: there is no rings, but answers"),
        ({"sent_back": [{"pressed": ["1"]}]}, "a caller: there is no pressed"),
        ({"faults": {"voices": {}}}, "faults: there is no voices, but media_404"),
        ({"faults": {"voice": {"twice": 1}}}, "voice: there is no twice, but only"),
        ({"faults": {"callbacks": {"call": {"late": 1}}}}, "callbacks: there is no late, but duplicate"),
        ({"faults": {"rest": {"next": "all"}}}, "rest: next is to be a whole number, not 'all'"),
    ],
)
def test_a_plan_with_a_mistake_names_it_to_whoever_places_the_call(given: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match="(?s).*") as caught:
        CallPlan.of({**CALL, **given})
    assert words in str(caught.value)
    answer = create_app(Office().exchange).test_client().post("/simulator/calls", json={**CALL, **given})
    assert answer.status_code == 400
    assert words in answer.get_json()["message"]
    assert "__init__" not in answer.get_json()["message"]


def test_faults_and_settings_of_the_account_name_their_mistakes_too() -> None:
    with pytest.raises(ValueError, match="faults: there is no colour"):
        Faults.of({"colour": "red"})
    app = create_app(Office().exchange).test_client()
    for path in ("account", "services", "faults"):
        answer = app.post(f"/simulator/{path}", json={"colour": "red"})
        assert (answer.status_code, "there is no colour" in answer.get_json()["message"]) == (400, True)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--config", "{folder}/absent.json"], "No such file"),
        (["--config", "{folder}/torn.json"], "is not JSON"),
        (["--listen", "nowhere"], "--listen is 'nowhere', which is no address: write HOST:PORT"),
        (["--listen", "127.0.0.1:99999"], "which is no address"),
        (["--listen", "127.0.0.1:{taken}"], "', where nothing can be served: Address already in use"),
        (["--config", "{folder}/binary.json"], "is not JSON"),
        (["--voice-url", "http://[::1"], "--voice-url is 'http://[::1', which is no URL"),
        (["--voice-url", "http://app.test:99999/"], "which is no URL"),
        (["--voice-url", "ftp://app.test/"], "which is no URL"),
        (["--voice-url", "localhost/voice"], "--voice-url is 'localhost/voice', which is no URL"),
        (["--config", "{folder}/whole.json", "--voice-url", "http://127.0.0.1/"], "name the URL there"),
    ],
)
def test_options_that_cannot_be_used_end_the_program_with_2_and_a_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], words: str
) -> None:
    (tmp_path / "torn.json").write_text("{")
    (tmp_path / "binary.json").write_bytes(b"\xff\xfe")
    (tmp_path / "whole.json").write_text(f'{{"account_sid": "{ACCOUNT}", "auth_token": "x"}}')
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert main([argument.format(folder=tmp_path, taken=port) for argument in arguments]) == 2
    said = capsys.readouterr().err
    assert said.startswith("simulator: ")
    assert words in said
    assert said.count("\n") == 1


@pytest.mark.parametrize("content", [None, "no certificates"])
def test_an_authority_that_cannot_be_read_is_told_at_the_start(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, content: str | None
) -> None:
    authority = tmp_path / "authority.pem"
    if content:
        authority.write_text(content)
    monkeypatch.setenv("SSL_CERT_FILE", str(authority))
    assert main([]) == 2
    said = capsys.readouterr().err
    assert said.startswith(f"simulator: SSL_CERT_FILE is '{authority}', which is no file of certificates")


def test_an_address_may_be_one_of_ip_version_6() -> None:
    assert (_address("[::1]:0"), _address("127.0.0.1:8010")) == (("::1", 0), ("127.0.0.1", 8010))


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"default_recording": {"channels": []}}, "default_recording: channels is [], which is none of mono, dual"),
        ({"default_recording": {"trim": "a bit"}}, "default_recording: trim is 'a bit', which is none of trim-silence"),
        ({"default_recording": {"track": 5}}, "default_recording: track is 5, which is none of both"),
        ({"default_recording": {"colour": 5}}, "default_recording: there is no colour, but channels"),
        ({"trunk_recording": "x"}, "trunk_recording is 'x', which is none of do-not-record"),
    ],
)
def test_settings_of_recording_name_their_mistakes_at_the_start_and_later(given: dict[str, Any], words: str) -> None:
    config = Config.of({**CONFIG, **given})
    with pytest.raises(ValueError, match="(?s).*") as caught:
        Exchange(config)
    assert words in str(caught.value)
    answer = create_app(Office().exchange).test_client().post("/simulator/account", json=given)
    assert (answer.status_code, words in answer.get_json()["message"]) == (400, True)
