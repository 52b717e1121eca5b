"""The recorded prompts that a rulebook names: sound files beside it, checked against the hash and length that it
states.

A rulebook states both, so that every copy of it fixes the words and sounds that callers hear.
"""

from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from onrecord.settings.environment import Problem, SettingsRejected
from policies.own_texts import Audio
from policies.rules import Rulebook
from storage.audio.wav import inspect_wav
from storage.errors import Refused, Unavailable

SIZE_BYTES_MAX = 8 * 2**20
_LENGTHS_APART_MS = 100


@dataclass(frozen=True, slots=True)
class RecordedPrompt:
    sha256: str
    body: bytes
    length_ms: int


def read_prompts(rulebook: Rulebook, folder: Path) -> tuple[RecordedPrompt, ...]:
    """Every recorded prompt of a rulebook that lies in `folder`. Raises SettingsRejected with all faults."""
    named = [audio for own in rulebook.wordings for audio in (own.disclosure_audio, own.question_audio) if audio]
    read = [_read(audio, folder / audio.file) for audio in dict.fromkeys(named)]
    if problems := [prompt for prompt in read if isinstance(prompt, Problem)]:
        raise SettingsRejected(*problems)
    return tuple(prompt for prompt in read if isinstance(prompt, RecordedPrompt))


def _read(audio: Audio, path: Path) -> RecordedPrompt | Problem:
    try:
        if path.stat().st_size > SIZE_BYTES_MAX:
            return _problem(path, f"is larger than {SIZE_BYTES_MAX} bytes", "shorten it")
        facts, body = inspect_wav(path), path.read_bytes()
    except (OSError, Refused, Unavailable) as error:
        return _problem(path, f"cannot be played ({error})", "make it a readable WAV of 16-bit PCM")
    found, length_ms = sha256(body).hexdigest(), round(facts.duration_s * 1000)
    if found != audio.sha256 or abs(length_ms - audio.length_ms) > _LENGTHS_APART_MS:
        stated = f'sha256 = "{found}", length_s = {length_ms / 1000:.1f}'
        return _problem(path, "is not the sound that the rulebook states", f"if it is meant, approve it anew: {stated}")
    return RecordedPrompt(found, body, length_ms)


def _problem(path: Path, problem: str, remedy: str) -> Problem:
    return Problem("ONRECORD_RULEBOOK", f"names {path}, which {problem}", remedy)
