"""People on the line speak, each in a voice of their own, and a text always sounds the same."""

import struct
import sys

import numpy as np
import pytest

from simulator import speech
from simulator.sentences import conversation
from simulator.sound import RATE, NotPlayable, Samples, from_wav, key_tone, resample, seconds, silence, to_wav, tone

LANGUAGES = ["en-US", "en-GB", "es-US", "fr-CA", "de-DE", "pt-BR", "hi-IN"]


@pytest.fixture(autouse=True)
def unhurried() -> None:
    """How fast people speak is set for the whole process, and another test may have set it."""
    speech.hurry(160)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_has_a_conversation_that_can_be_spoken(language: str) -> None:
    turns = conversation(language)
    for who, text in (next(turns), next(turns)):
        spoken = speech.say(text, language, who)
        assert 1 < seconds(spoken) < 8
        assert np.abs(spoken).max() > 5000


class Unsteady(speech.Espeak):
    """Says tones of these lengths in turn, in seconds."""

    def __init__(self, *said_s: float) -> None:
        self._rate, self._left = RATE, [tone((440,), length_s) for length_s in said_s]

    def _say(self, data: bytes, voice: str) -> Samples:
        return self._left.pop(0)


@pytest.mark.parametrize("said_s", [(0.4, 2.0, 2.1), (2.0, 0.4, 1.9), (2.0, 2.1, 0.4), (2.0, 2.9, 1.9)])
def test_a_text_that_the_library_breaks_off_or_draws_out_once_is_said_as_long_as_it_is(
    said_s: tuple[float, ...],
) -> None:
    assert seconds(Unsteady(*said_s).say("May we record this call?", "en-us")) == pytest.approx(2.0, abs=0.11)


def test_prompt_agent_and_caller_have_voices_of_their_own() -> None:
    voices = {speech.say("Hello, how are you?", "en-US", role).tobytes() for role in speech.ROLES}
    assert len(voices) == 3


def test_the_same_words_are_the_same_sound_again() -> None:
    assert speech.say("One two three.") is speech.say("One two three.")


def test_without_the_wheel_people_babble_in_time_with_their_words() -> None:
    short, long = speech.babble("Hello.", "agent"), speech.babble("Hello, this is a longer sentence.", "agent")
    assert 0.1 < seconds(short) < seconds(long)
    assert speech.babble("Hello.", "caller").tobytes() != short.tobytes()


def test_a_missing_wheel_is_noticed_and_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "espeakng_loader", None)
    speech._load.cache_clear()
    try:
        assert speech.engine_name() == "synthetic"
    finally:
        monkeypatch.undo()
        speech._load.cache_clear()


def test_prompts_may_be_stereo_at_another_rate_or_of_8_bits_or_mu_law() -> None:
    def wav(form: int, channels: int, rate: int, bits: int, frames: bytes) -> bytes:
        header = struct.pack("<HHIIHH", form, channels, rate, rate * channels * bits // 8, channels * bits // 8, bits)
        chunks = b"fmt " + struct.pack("<I", 16) + header + b"data" + struct.pack("<I", len(frames)) + frames
        return b"RIFF" + struct.pack("<I", 4 + len(chunks)) + b"WAVE" + chunks

    stereo = np.tile(np.array([1000, 3000], dtype="<i2"), 44100).tobytes()
    assert seconds(from_wav(wav(1, 2, 44100, 16, stereo))) == pytest.approx(1.0, abs=0.001)
    assert from_wav(wav(1, 2, 8000, 16, stereo))[0] == 2000
    assert list(from_wav(wav(1, 1, 8000, 8, bytes([128, 255, 0, 128])))) == [0, 32512, -32768, 0]
    assert list(from_wav(wav(7, 1, 8000, 8, bytes([0xFF, 0x80, 0x00, 0x7F])))) == [0, 32124, -32124, 0]


def test_a_wav_comes_back_as_it_went() -> None:
    sound = tone((440,), 0.5)
    assert from_wav(to_wav([sound])).tobytes() == sound.tobytes()
    assert from_wav(to_wav([sound, sound])).tobytes() == sound.tobytes()


def test_what_is_no_wav_is_not_playable() -> None:
    for data in (b"", b"RIFF", b"ID3 an mp3", b"RIFF\x10\0\0\0WAVEfmt \xff\xff\xff\xff"):
        with pytest.raises(NotPlayable):
            from_wav(data)


def test_resampling_keeps_the_length_and_what_the_telephone_can_carry() -> None:
    at = np.arange(22050) / 22050
    low = (np.sin(2 * np.pi * 1000 * at) * 8000).astype(np.int16)
    high = (np.sin(2 * np.pi * 6000 * at) * 8000).astype(np.int16)
    assert seconds(resample(low, 22050)) == pytest.approx(1.0, abs=0.001)
    assert np.abs(resample(low, 22050)).max() > 7000
    assert np.abs(resample(high, 22050)[100:-100]).max() < 200


def test_keys_have_a_tone_each() -> None:
    assert len({key_tone(key).tobytes() for key in "0123456789*#ABCD"}) == 16
    assert not silence(0.1).any()
