"""The absolute URLs Twilio is given, each bound to one call and one step of it.

The path carries our own random call id, never a number, and a MAC over purpose, call and step: a genuine
signature can be replayed, or its parameters cut differently, but not onto another call or step. Characters
are [A-Za-z0-9_-] and there is no query, because Twilio may spell anything else differently when it signs.
"""

import hmac
import re
from base64 import urlsafe_b64encode
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Literal

ANSWER_PATH = "/voice/answer"
FALLBACK_PATH = "/voice/fallback"
CALL_PROGRESS_PATH = "/callbacks/call"

Kind = Literal[
    "language",
    "choice",
    "consent",
    "ended",
    "whisper",
    "join",
    "left",
    "star",
    "withdraw",
    "alone",
    "recording",
    "audio",
    "selftest",
]
RECORDED, UNRECORDED = "recorded", "unrecorded"

# Twilio's connection overrides, no part of the signature: how often and after what to try again, and the
# connect and read limits in ms. A caller waits during a voice request, so the fallback must have its turn
# within Twilio's 15 s. A callback is otherwise repeated only after a failed connection, and then lost.
VOICE_RETRIES = "#rc=2&rp=ct,5xx&ct=2000&rt=5000"
CALLBACK_RETRIES = "#rc=5&rp=all&ct=2000&rt=4000"

_CALL_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")


@dataclass(frozen=True, slots=True)
class Stay:
    """A caller's stay in the conference of a call's round: its number `n` counts from 1. In a path it is `round-n`."""

    round: int
    n: int = 1

    @classmethod
    def read(cls, text: str) -> "Stay":
        """From a path whose MAC has been checked."""
        round_, _, n = text.partition("-")
        return cls(int(round_), int(n))

    @property
    def next(self) -> "Stay":
        return Stay(self.round, self.n + 1)

    def __str__(self) -> str:
        return f"{self.round}-{self.n}"


@dataclass(frozen=True, slots=True)
class Urls:
    """Every method but `check` and `self_test_mark` makes one absolute URL."""

    public_base_url: str
    mac_key: bytes = field(repr=False)

    def answer(self) -> str:
        return f"{self.public_base_url}{ANSWER_PATH}{VOICE_RETRIES}"

    def fallback(self) -> str:
        return f"{self.public_base_url}{FALLBACK_PATH}{VOICE_RETRIES}"

    def call_progress(self) -> str:
        return f"{self.public_base_url}{CALL_PROGRESS_PATH}{CALLBACK_RETRIES}"

    def language(self, call_id: str) -> str:
        """Receives the key of the language menu."""
        return f"{self.public_base_url}/voice/language/{call_id}/{self._mac('language', call_id)}{VOICE_RETRIES}"

    def audio(self, sha256: str) -> str:
        """Serves a recorded prompt. It holds no secret: the MAC keeps others from fetching it."""
        return f"{self.public_base_url}/voice/audio/{sha256}/{self._mac('audio', sha256)}"

    def choice(self, call_id: str, round_: int) -> str:
        """The step after the disclosure of that round has played to its end. Rounds count from 1."""
        mac = self._mac("choice", call_id, str(round_))
        return f"{self.public_base_url}/voice/choice/{call_id}/{round_}/{mac}{VOICE_RETRIES}"

    def consent(self, call_id: str, prompt: int) -> str:
        """Receives the answer to that prompt. Prompts count from 1, and on through the rounds."""
        mac = self._mac("consent", call_id, str(prompt))
        return f"{self.public_base_url}/voice/consent/{call_id}/{prompt}/{mac}{VOICE_RETRIES}"

    def ended(self, call_id: str) -> str:
        return f"{self.public_base_url}/voice/ended/{call_id}/{self._mac('ended', call_id)}{VOICE_RETRIES}"

    def whisper(self, call_id: str, recorded: bool) -> str:
        """The document for the agent, before the agent is connected."""
        state = RECORDED if recorded else UNRECORDED
        mac = self._mac("whisper", call_id, state)
        return f"{self.public_base_url}/voice/whisper/{call_id}/{state}/{mac}{VOICE_RETRIES}"

    def join(self, call_id: str, round_: int) -> str:
        """The document that leads an agent's leg into the conference of that round."""
        mac = self._mac("join", call_id, str(round_))
        return f"{self.public_base_url}/voice/join/{call_id}/{round_}/{mac}{VOICE_RETRIES}"

    def left(self, call_id: str) -> str:
        """Asked for when an agent's leg leaves the conference."""
        return f"{self.public_base_url}/voice/left/{call_id}/{self._mac('left', call_id)}{VOICE_RETRIES}"

    def star(self, call_id: str, stay: "Stay") -> str:
        """The step after that stay of the caller in the conference, which a star or the agent's leaving has ended."""
        return (
            f"{self.public_base_url}/voice/star/{call_id}/{stay}/{self._mac('star', call_id, str(stay))}{VOICE_RETRIES}"
        )

    def withdraw(self, call_id: str, stay: "Stay") -> str:
        """Receives the key of the menu after that stay."""
        mac = self._mac("withdraw", call_id, str(stay))
        return f"{self.public_base_url}/voice/withdraw/{call_id}/{stay}/{mac}{VOICE_RETRIES}"

    def alone(self, call_id: str) -> str:
        """The document for a caller whose agent has left, unnoticed until then."""
        return f"{self.public_base_url}/voice/alone/{call_id}/{self._mac('alone', call_id)}{VOICE_RETRIES}"

    def recording(self, call_id: str) -> str:
        mac = self._mac("recording", call_id)
        return f"{self.public_base_url}/callbacks/recording/{call_id}/{mac}{CALLBACK_RETRIES}"

    def self_test_mark(self, call_sid: str, line: str) -> str:
        """No URL: the mark of a self-test call to that line, which no other caller can make."""
        return self._mac("selftest", call_sid, line)

    def check(self, kind: Kind, call_id: str, step: str, mac: str) -> bool:
        """Whether we made that MAC for that purpose, call and step ("" if the path has none).

        In constant time, and never an exception: every argument may come from an outsider.
        """
        if not (_CALL_ID.fullmatch(call_id) and mac.isascii()):
            return False
        return hmac.compare_digest(self._mac(kind, call_id, step), mac)

    def _mac(self, kind: Kind, call_id: str, step: str = "") -> str:
        if not _CALL_ID.fullmatch(call_id):
            raise ValueError("url: a call id is 1 to 64 characters of A-Z a-z 0-9 _ -")
        mac = hmac.digest(_key_of(self.mac_key, kind), f"{call_id}/{step}".encode(), "sha256")
        return urlsafe_b64encode(mac).rstrip(b"=").decode()


@lru_cache(maxsize=64)
def _key_of(mac_key: bytes, kind: Kind) -> bytes:
    """The key of one kind of URL, derived from that of all as `itsdangerous.Signer` does with `key_derivation="hmac"`:
    URLs that were handed out before stay good.
    """
    return hmac.digest(mac_key, f"onrecord url {kind}".encode(), "sha256")
