"""A mistake in a configuration, a plan or a fault is told in the words of whoever wrote it."""

from pathlib import Path
from typing import Any

import pytest

from simulator.__main__ import main
from simulator.config import Config
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
        (["--voice-url", "localhost/voice"], "--voice-url is 'localhost/voice', which is no URL"),
        (["--config", "{folder}/whole.json", "--voice-url", "http://127.0.0.1/"], "name the URL there"),
    ],
)
def test_options_that_cannot_be_used_end_the_program_with_2_and_a_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], words: str
) -> None:
    (tmp_path / "torn.json").write_text("{")
    (tmp_path / "whole.json").write_text(f'{{"account_sid": "{ACCOUNT}", "auth_token": "x"}}')
    assert main([argument.format(folder=tmp_path) for argument in arguments]) == 2
    said = capsys.readouterr().err
    assert said.startswith("simulator: ")
    assert words in said
    assert said.count("\n") == 1
