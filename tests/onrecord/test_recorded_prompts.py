"""A disclosure that a person has spoken: fetched by whoever has our address for it, and heard to its end."""

import hashlib
import io
import wave
from pathlib import Path

import pytest

from onrecord.recorded_prompts import read_prompts
from onrecord.settings.environment import SettingsRejected
from policies.rulebook.read import parse
from storage.database.engine import Database
from storage.rows.prompts import keep_audio
from tests.callflow.conftest import RULEBOOK, URLS, Installation, PhoneCall, install, starts_recording
from tests.conftest import NOON


def wav(seconds: float) -> bytes:
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(b"\1\0" * round(8000 * seconds))
    return out.getvalue()


SOUND = wav(10)
SHA256 = hashlib.sha256(SOUND).hexdigest()


def rules(sha256: str = SHA256, length_s: float = 10.0, file: str = "audio/welcome.wav") -> str:
    return (
        RULEBOOK.read_text()
        + f"""
[[wording]]
variant = "opt_out"
language = "en-US"
version = "1"
disclosure = "Welcome to Email Customer Support. We would like to record this call to check our service."
question = "Press 1 for yes, 2 for no, or 9 to hear this again."
purposes = ["quality"]
disclosure_audio = {{ file = "{file}", sha256 = "{sha256}", length_s = {length_s} }}
approved_by = "A. Lawyer"
approved_on = 2026-11-01
"""
    )


@pytest.fixture
def recorded(used_database: Database) -> Installation:
    used_database.write(lambda connection: keep_audio(connection, SHA256, SOUND, 10_000, NOON))
    return install(used_database, rules())


def fetch(installation: Installation, url: str) -> tuple[int, bytes]:
    answer = installation.twilio.app.test_client().get(url.removeprefix(URLS.public_base_url))
    return answer.status_code, answer.data


def test_the_disclosure_is_played_and_is_the_sound_that_was_approved(recorded: Installation) -> None:
    call = recorded.twilio.dial()
    disclosure = call.arrives()
    play = disclosure.find("Play")
    assert play is not None
    assert fetch(recorded, play.text or "") == (200, SOUND)
    (served,) = [event for event in recorded.events(call.sid) if event["type"] == "disclosure.served"]
    assert served["mode"] == "audio"


def told_after(installation: Installation, seconds: float) -> PhoneCall:
    call = installation.twilio.dial()
    call.hears_the_disclosure(call.arrives(), seconds=seconds)
    return call


@pytest.mark.parametrize(("seconds", "outcome"), [(9.0, "disclosure_cut_short"), (10.0, "open")])
def test_a_recording_must_have_played_and_not_only_half(seconds: float, outcome: str, recorded: Installation) -> None:
    assert recorded.call(told_after(recorded, seconds).sid).outcome == outcome


def test_what_is_heard_again_is_the_recording(recorded: Installation) -> None:
    call = recorded.twilio.dial()
    again = call.presses(call.to_the_question(), "9")
    assert again.find("Play") is not None
    assert starts_recording(call.presses(again, "1"))


def test_a_line_that_never_records_says_so_in_the_recorded_voice(used_database: Database) -> None:
    never = (
        rules()
        .replace('variant = "opt_out"', 'variant = "never"')
        .replace("We would like to record this call to check our service.", "This call is not recorded.")
        .replace('question = "Press 1 for yes, 2 for no, or 9 to hear this again."\npurposes = ["quality"]\n', "")
    )
    answer = install(used_database, never).twilio.dial("+12125550102").arrives()
    assert [child.tag for child in answer] == ["Play", "Dial"]


@pytest.mark.parametrize("mac", ["x" * 43, "", "é" * 10])
def test_nobody_without_our_mac_gets_a_prompt(mac: str, recorded: Installation) -> None:
    assert fetch(recorded, f"/voice/audio/{SHA256}/{mac or 'none'}")[0] == 403
    other = URLS.audio("0" * 64).rpartition("/")[2]
    assert fetch(recorded, f"/voice/audio/{SHA256}/{other}")[0] == 403


def test_a_prompt_that_is_not_kept_is_not_found(recorded: Installation) -> None:
    assert fetch(recorded, URLS.audio("0" * 64)) == (404, b"")


def test_the_rulebook_pins_the_sound(tmp_path: Path) -> None:
    (tmp_path / "audio").mkdir()
    (tmp_path / "audio/welcome.wav").write_bytes(SOUND)
    (prompt,) = read_prompts(parse(rules()), tmp_path)
    assert (prompt.sha256, prompt.body, prompt.length_ms) == (SHA256, SOUND, 10_000)


@pytest.mark.parametrize(
    ("text", "content", "complaint"),
    [
        (rules(), wav(11), "is not the sound that the rulebook states"),
        (rules(length_s=12), SOUND, "is not the sound that the rulebook states"),
        (rules(), b"ID3 an mp3", "cannot be played"),
        (rules(), SOUND[:-100], "cannot be played"),
        (rules(), None, "cannot be played"),
    ],
)
def test_another_sound_than_was_approved_keeps_it_from_starting(
    text: str, content: bytes | None, complaint: str, tmp_path: Path
) -> None:
    (tmp_path / "audio").mkdir()
    if content is not None:
        (tmp_path / "audio/welcome.wav").write_bytes(content)
    with pytest.raises(SettingsRejected, match=complaint):
        read_prompts(parse(text), tmp_path)


def test_the_right_hash_and_length_are_told(tmp_path: Path) -> None:
    (tmp_path / "audio").mkdir()
    (tmp_path / "audio/welcome.wav").write_bytes(SOUND)
    with pytest.raises(SettingsRejected, match=rf'sha256 = "{SHA256}", length_s = 10.0'):
        read_prompts(parse(rules("0" * 64)), tmp_path)
