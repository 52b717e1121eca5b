"""The simulator's control API, read once into values: a call as the telephone's side has seen it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Self
from urllib.parse import urlsplit

import requests

_TIMEOUT_S = 10
_CUT_MIN_S = 0.01
_GOODBYE = "/voice/alone/"


@dataclass(frozen=True, slots=True)
class Fetched:
    """A request for a document or for a prompt's sound. `status` is None where no answer came."""

    kind: str
    url: str
    params: Mapping[str, str]
    status: int | None
    twiml: str
    failure: str
    """In Twilio's short word; empty where nothing failed."""
    code: int
    """Twilio's error, 0 where nothing failed."""
    latency_ms: float = 0.0

    @classmethod
    def of(cls, shown: Mapping[str, Any]) -> Self:
        names = ("kind", "url", "params", "status", "twiml", "failure", "code", "latency_ms")
        return cls(**{name: shown[name] for name in names})


@dataclass(frozen=True, slots=True)
class Callback:
    kind: str
    status: int | None
    """None where it was lost, or no answer came."""

    @classmethod
    def of(cls, shown: Mapping[str, Any]) -> Self:
        return cls(shown["kind"], None if shown.get("lost") else shown["status"])


@dataclass(frozen=True, slots=True)
class Heard:
    """A sound on the caller's line. Times are in seconds from the first ring."""

    text: str
    at_s: float
    duration_s: float
    played_s: float

    @classmethod
    def of(cls, shown: Mapping[str, Any]) -> Self:
        return cls(shown["text"], float(shown["at_s"]), float(shown["duration_s"]), float(shown["played_s"]))

    @property
    def to_s(self) -> float | None:
        """When the last word was heard; None where it was cut."""
        return self.at_s + self.duration_s if self.played_s >= self.duration_s - _CUT_MIN_S else None


@dataclass(frozen=True, slots=True)
class DialledLeg:
    call_sid: str
    to: str
    at_s: float

    @classmethod
    def of(cls, shown: Mapping[str, Any]) -> Self:
        return cls(shown["call_sid"], shown["to"], float(shown["at_s"]))


@dataclass(frozen=True, slots=True)
class SeenRecording:
    sid: str
    source: str
    callback: str
    status: str
    started_at_s: float
    duration_s: float | None
    sha256: str | None
    is_deleted: bool

    @classmethod
    def of(cls, shown: Mapping[str, Any]) -> Self:
        names = ("sid", "source", "callback", "status", "started_at_s", "duration_s", "sha256")
        return cls(**{name: shown[name] for name in names}, is_deleted=shown["deleted"])

    @property
    def is_ours(self) -> bool:
        """Whether a document of ours started it: no other names the callback."""
        return self.source == "StartCallRecordingTwiML" and "/callbacks/recording/" in self.callback


@dataclass(frozen=True, slots=True)
class SeenText:
    """A text that was made of a call or of a recording of it. `call_sid` is of the caller's leg or another."""

    kind: str
    call_sid: str
    is_deleted: bool

    @classmethod
    def of(cls, shown: Mapping[str, Any]) -> Self:
        return cls(shown["kind"], shown["call_sid"], shown["deleted"])


@dataclass(frozen=True, slots=True)
class SeenCall:
    call_sid: str
    from_: str
    to: str
    is_over: bool = True
    is_settled: bool = True
    """Whether it is over and nothing of it is on its way."""
    was_connected: bool = False
    left_early: bool = False
    """Whether the caller's plan was to hang up before anybody could be rung."""
    has_hung_up: bool = False
    """Whether the caller ended it, and not the agent or REST."""
    sent_back_at_s: tuple[float, ...] = ()
    """To our goodbye not counted: the agent has left the conference, and nobody else is rung."""
    fetched: tuple[Fetched, ...] = ()
    callbacks: tuple[Callback, ...] = ()
    heard: tuple[Heard, ...] = ()
    legs: tuple[DialledLeg, ...] = ()
    recordings: tuple[SeenRecording, ...] = ()
    texts: tuple[SeenText, ...] = ()

    @classmethod
    def of(cls, shown: Mapping[str, Any], *, left_early: bool = False, texts: Iterable[Mapping[str, Any]] = ()) -> Self:
        """`texts` are those of all calls."""
        legs = {shown["call_sid"], *(leg["call_sid"] for leg in shown["legs"])}
        return cls(
            texts=tuple(text for text in map(SeenText.of, texts) if text.call_sid in legs),
            call_sid=shown["call_sid"],
            from_=shown["from"],
            to=shown["to"],
            is_over=shown["ended"],
            is_settled=shown["settled"],
            was_connected=shown["connected"],
            left_early=left_early,
            has_hung_up=bool(shown["hung_up"]),
            sent_back_at_s=tuple(
                float(entry["at_s"])
                for entry in shown["sent_back"]
                if _GOODBYE not in urlsplit(entry.get("url") or "").path
            ),
            fetched=tuple(map(Fetched.of, shown["documents"])),
            callbacks=tuple(map(Callback.of, shown["callbacks"])),
            heard=tuple(map(Heard.of, shown["heard"])),
            legs=tuple(map(DialledLeg.of, shown["legs"])),
            recordings=tuple(map(SeenRecording.of, shown["recordings"])),
        )


@dataclass(frozen=True, slots=True)
class ControlApi:
    """The simulator at an address."""

    url: str

    def place(self, plan: Mapping[str, Any]) -> str:
        """The sid of the call that was placed."""
        answer = requests.post(f"{self.url}/simulator/calls", json=plan, timeout=_TIMEOUT_S)
        answer.raise_for_status()
        return str(answer.json()["call_sid"])

    def call(self, call_sid: str, *, left_early: bool) -> SeenCall:
        shown = requests.get(f"{self.url}/simulator/calls/{call_sid}", timeout=_TIMEOUT_S).json()
        texts = requests.get(f"{self.url}/simulator/texts", timeout=_TIMEOUT_S).json()["texts"]
        return SeenCall.of(shown, left_early=left_early, texts=texts)

    def change_services(self, services: Mapping[str, Any]) -> None:
        """Change settings of the account, as people do in its console."""
        requests.post(f"{self.url}/simulator/services", json=services, timeout=_TIMEOUT_S).raise_for_status()

    def call_sids(self) -> list[str]:
        """Of every call that was ever placed there."""
        listed = requests.get(f"{self.url}/simulator/calls", timeout=_TIMEOUT_S).json()["calls"]
        return [call["call_sid"] for call in listed]
