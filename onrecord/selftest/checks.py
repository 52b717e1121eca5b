"""The checks of the self-test on the answers that it got. Each check has a name, and finds a fault or nothing.

The words and the standard are those of the call in the log; the answers are as Twilio would get them.
"""

import io
import wave
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from compliance.twiml_reading import Twiml, Verb, plain
from policies.consent import Outcome
from policies.rules import Destination
from policies.wording import Wording, spoken_length_s
from storage.rows.calls import Call

CHECKS: Mapping[str, str] = {
    "reachable": "the service answers at its public address",
    "in_time": "each step is answered while Twilio waits",
    "answers": "each step is answered with what Twilio can carry out",
    "signature": "a request that Twilio did not sign is refused and leaves no trace",
    "disclosure": "callers hear the disclosure, word for word as it is kept",
    "uncut": "no key can cut the disclosure short",
    "gate": "nothing records before the caller has chosen",
    "question": "callers are asked, word for word as it is kept",
    "declined": "a caller who declines is not recorded",
    "silent": "a caller who says nothing is recorded only where silence is consent",
    "too_early": "a caller who was not told to the end is not recorded",
    "never": "on a line that never records nobody is recorded",
    "accepted": "a caller who agrees is recorded, from both sides, and hears it on the recording",
    "told": "callers who are not recorded are told so",
    "connected": "callers are connected to the line's agents",
    "refused": "a line without unrecorded calls ends them politely",
    "logged": "the log says of each call what its caller heard",
}
_NOUNS = {"number": "Number", "client": "Client", "sip": "Sip"}
# The events of a call that say what its caller was told and what became of it. Others may stand between them.
_TELLING = frozenset(
    {
        "disclosure.served",
        "disclosure.completed",
        "consent.choice",
        "recording.permitted",
        "recording.suppressed",
        "call.refused",
        "call.completed",
    }
)
Fetch = Callable[[str], bytes | None]
"""A recorded prompt by its URL; None where there is none."""


@dataclass(frozen=True, slots=True)
class Finding:
    """`wrong` is empty where all is as it should be."""

    check: str
    wrong: str = ""


def finding(check: str, holds: bool, wrong: str) -> Finding:
    return Finding(check, "" if holds else wrong)


@dataclass(frozen=True, slots=True)
class Prompt:
    """Words of a wording and, where a recording of them is played, its hash."""

    wording: Wording
    text: str
    audio: str

    def is_said(self, verb: Verb, fetch: Fetch) -> bool:
        if verb.name == "Play":
            sound = fetch(verb.text) if self.audio else None
            return sound is not None and sha256(sound).hexdigest() == self.audio and sound_length_s(sound) > 0
        in_its_voice = verb.attributes.get("language") == self.wording.language
        return not self.audio and in_its_voice and verb.text == plain(self.text)

    def length_s(self, verb: Verb, fetch: Fetch) -> float:
        """How long the verb's sound lasts, in seconds."""
        return sound_length_s(fetch(verb.text) or b"") if verb.name == "Play" else spoken_length_s(verb.text)


def sound_length_s(sound: bytes) -> float:
    """The length of a sound in seconds; 0 where it is no WAV."""
    try:
        with wave.open(io.BytesIO(sound)) as opened:
            return float(opened.getnframes() / opened.getframerate())
    except (wave.Error, EOFError, ZeroDivisionError):
        return 0.0


def disclosed(heard: Twiml, disclosure: Prompt, fetch: Fetch) -> Iterator[Finding]:
    said = [verb for verb in heard.spoken if disclosure.is_said(verb, fetch)]
    yield finding("disclosure", bool(said), "what is said is not the disclosure that is kept")
    first = heard.verbs[:1]
    if heard.spoken:
        alone = bool(first) and first[0].name in ("Say", "Play")
        yield finding("uncut", alone, "the disclosure does not come first, where no key can cut it short")
    yield before_the_choice(heard)


def before_the_choice(heard: Twiml) -> Finding:
    return finding("gate", not heard.recording, "a recording is started before the caller has chosen")


def asked(heard: Twiml, question: Prompt, fetch: Fetch) -> Iterator[Finding]:
    yield before_the_choice(heard)
    said = [verb for verb in heard.spoken if question.is_said(verb, fetch)]
    yield finding("question", bool(said), "what is asked is not the question that is kept")


def not_recorded(check: str, heard: Twiml, told: Prompt, fetch: Fetch) -> Iterator[Finding]:
    yield finding(check, not heard.recording, "a recording is started")
    said = any(told.is_said(verb, fetch) for verb in heard.spoken)
    yield finding("told", said, "the caller is not told that nothing is recorded")


def recorded(check: str, heard: Twiml, wording: Wording) -> Iterator[Finding]:
    """Both sides are recorded, from before the tag on, and there is no second recording."""
    names = [verb.name for verb in heard.verbs]
    if not heard.recording:
        yield Finding(check, "no recording is started")
        return
    started, *more = heard.recording
    asked_for = (started.name, started.within) == ("Recording", ("Start",))
    yield finding(check, asked_for, "another recording is started than the one that is stored")
    both = started.attributes.get("track") == "both" and started.attributes.get("channels") == "dual"
    yield finding(check, both, "not both sides are recorded, each in a channel of its own")
    heard_of = bool(started.attributes.get("recordingStatusCallback"))
    yield finding(check, heard_of, "the service is not told of the recording")
    yield finding(check, not more, "more than one recording is started")
    at = heard.verbs.index(started)
    tag = [verb.text for verb in heard.verbs[at:] if verb.name == "Say"][:1]
    yield finding(check, tag == [plain(wording.recorded_tag)], "the recording does not begin with the notice")
    yield finding(check, "Dial" not in names[:at], "the agents are rung before the recording starts")


def connected(heard: Twiml, destinations: Sequence[Destination]) -> Finding:
    agents = {(_NOUNS[destination.kind], destination.address) for destination in destinations}
    return finding("connected", heard.dialled == agents, "it is not the line's agents who are rung")


def refused(check: str, heard: Twiml, told: Prompt, fetch: Fetch) -> Iterator[Finding]:
    yield finding(check, not heard.recording, "a recording is started")
    polite = any(told.is_said(verb, fetch) for verb in heard.spoken) and heard.verbs[-1].name == "Hangup"
    yield finding("refused", polite and not heard.dialled, "the call is not ended with the words for it")


@dataclass(frozen=True, slots=True)
class Lived:
    """A call as its caller experienced it, to be compared with the log."""

    events: tuple[str, ...]
    digits: tuple[str, ...]
    outcome: Outcome
    language: str


def logged(lived: Lived, known: Call, events: Sequence[Mapping[str, Any]]) -> Iterator[Finding]:
    told = tuple(event["type"] for event in events if event["type"] in _TELLING)
    yield finding("logged", told == lived.events, f"the log tells of {_listed(told)}, not of {_listed(lived.events)}")
    digits = tuple(event["digit"] for event in events if event["type"] == "consent.choice")
    yield finding("logged", digits == lived.digits, "the log tells of other keys than were pressed")
    yield finding("logged", known.outcome == lived.outcome, f"the outcome is {known.outcome}, not {lived.outcome}")
    closing = next((event for event in events if event["type"] == "call.completed"), {})
    yield finding("logged", closing.get("events") == len(events), "the log's count of the call's events is another")
    for event in events:
        if event["type"] == "call.received":
            marked = known.synthetic and event.get("synthetic") is True
            yield finding("logged", marked, "the call is not marked as the self-test's")
            yield finding("logged", event["mode"] == known.mode, "the log tells of another mode")
        elif event["type"] == "disclosure.served":
            named = event["prompt_sha256"] == known.wording_sha256
            yield finding("logged", named, "the log names other words than the call was held to")
        elif event["type"] == "language.chosen":
            yield finding("logged", event["language"] == lived.language, "the key chose another language")


def _listed(types: Sequence[str]) -> str:
    return ", ".join(types) or "nothing"
