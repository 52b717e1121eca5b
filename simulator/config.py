"""The account that the exchange plays: its credentials, its numbers, and how fast things happen."""

import json
import uuid
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from simulator.addresses import E164, is_url
from simulator.given import an_object, made

WORDS_PER_MINUTE_MAX = 1000


@dataclass
class Number:
    """A number of the account, as IncomingPhoneNumbers shows it. REST may change it."""

    e164: str
    voice_url: str = ""
    voice_method: str = "POST"
    voice_fallback_url: str = ""
    voice_fallback_method: str = "POST"
    status_callback: str = ""
    status_callback_method: str = "POST"
    # An application or a trunk answers in the place of the voice URL; here they are shown, and the URL is asked.
    voice_application_sid: str = ""
    trunk_sid: str | None = None
    city: str = ""
    state: str = ""
    zip: str = ""
    country: str = "US"
    # For the phone in the browser only; Twilio knows neither.
    label: str = ""
    description: str = ""

    def __post_init__(self) -> None:
        """Raises ValueError for a URL or a method that is none."""
        for name in ("voice_url", "voice_fallback_url", "status_callback"):
            if not is_url(getattr(self, name)):
                raise ValueError(f"{name} is {getattr(self, name)!r}, which is no URL, such as http://127.0.0.1:5000/x")
        for name in ("voice_method", "voice_fallback_method", "status_callback_method"):
            if getattr(self, name) not in ("GET", "POST"):
                raise ValueError(f"{name} is {getattr(self, name)!r}, which is neither GET nor POST")

    @property
    def sid(self) -> str:
        return "PN" + uuid.uuid5(uuid.NAMESPACE_URL, f"tel:{self.e164}").hex


@dataclass(frozen=True)
class Timing:
    """Durations of the network, of Twilio and of people, in seconds."""

    request_s: float = 0.02  # from the end of a verb to the request that follows it
    update_s: float = 0.15  # from the answer to a REST update of a call to its effect
    callback_s: float = 0.1  # from an event to its status callback
    processing_s: float = 1.5  # from the end of a recording to `completed`
    ring_s: float = 1.5  # until the agent picks up
    think_s: float = 0.6  # from the end of a question to the key
    recording_min_s: float = 1.0  # a shorter recording is `absent`; Twilio does not publish its minimum
    events_s: float = 900.0  # from the end of a call until the requests about it can be listed

    def __post_init__(self) -> None:
        """Raises ValueError for a duration below zero."""
        if wrong := [name for name, value in asdict(self).items() if value < 0]:
            raise ValueError(f"{wrong[0]} is below zero")


@dataclass(frozen=True)
class Config:
    account_sid: str
    auth_token: str
    numbers: dict[str, Number]
    api_keys: dict[str, str] = field(default_factory=dict)
    api_url: str = "https://api.twilio.com"
    observer_url: str = ""
    words_per_minute: int = 160  # how fast everybody speaks
    timing: Timing = Timing()
    # Twilio does not document the fate of a key pressed while no Gather listens. By default the key is lost; with
    # type_ahead the next Gather takes it.
    type_ahead: bool = False
    # How far Twilio's clock is ahead of this machine's, in every time it writes: behind it if negative.
    clock_ahead_s: float = 0.0
    # The SDK says that a recording's call_sid always is the parent's of two legs; REST has been seen to name the child.
    recordings_name_parent: bool = False
    # Whether a conference's recording may be stopped before its conference ends, and whether REST names no call for it.
    conference_stops: bool = True
    conference_calls_null: bool = False
    # The account's settings at the beginning; the control API changes them.
    default_recording: dict[str, Any] | None = None
    trunk_recording: str = "do-not-record"
    # Whether a document that Twilio would only warn about is an error.
    strict: bool = True

    def __post_init__(self) -> None:
        """Raises ValueError for a setting whose value nobody could use."""
        for name in ("account_sid", "auth_token"):
            if not getattr(self, name):
                raise ValueError(f"{name} is empty")
        if not 1 <= self.words_per_minute <= WORDS_PER_MINUTE_MAX:
            raise ValueError(f"words_per_minute is to be from 1 to {WORDS_PER_MINUTE_MAX}, not {self.words_per_minute}")

    @classmethod
    def read(cls, path: Path) -> "Config":
        """From a file. Raises OSError or ValueError."""
        try:
            return cls.of(json.loads(path.read_text(encoding="utf-8")))
        except (json.JSONDecodeError, UnicodeDecodeError) as error:
            raise ValueError(f"{path} is not JSON: {error}") from error

    @classmethod
    def of(cls, given: dict[str, Any]) -> "Config":
        """From JSON. Raises ValueError that names the setting which is unknown, missing or of a wrong kind."""
        given = an_object("the configuration", given)
        numbers = {e164: _number(e164, about) for e164, about in an_object("numbers", given.pop("numbers", {})).items()}
        timing = made(Timing, "timing", given.pop("timing", {}))
        keys = an_object("api_keys", given.pop("api_keys", {}))
        if key := given.pop("api_key", None):
            if "api_secret" not in given:
                raise ValueError("the configuration: api_secret is missing")
            keys[key] = given.pop("api_secret")
        if wrong := [name for name, secret in keys.items() if not (isinstance(name, str) and isinstance(secret, str))]:
            raise ValueError(f"api_keys, {wrong[0]}: the key and its secret are to be text")
        return made(cls, "the configuration", given, numbers=numbers, timing=timing, api_keys=keys)

    def served_at(self, url: str) -> "Config":
        return replace(self, api_url=url)


def _number(e164: str, about: object) -> Number:
    if not E164.fullmatch(e164):
        raise ValueError(f"numbers: {e164!r} is no number with its country code, such as +12125550100")
    return made(Number, f"numbers, {e164}", about, e164=e164)
