"""The settings of a telephone account that work against the promises: values in, findings out.

Three answers are told apart: the setting is not there (404 of the resource), the account does not have the service at
all, and the key may not look. Only the first two show that nothing is set.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Generic, TypeVar

T = TypeVar("T")


class Answer(StrEnum):
    FOUND = "found"
    NONE = "none"  # there is no such resource
    NO_SERVICE = "no_service"  # the account does not have the service that the setting belongs to
    FORBIDDEN = "forbidden"  # the key may not look
    UNREACHED = "unreached"  # nothing usable came back


@dataclass(frozen=True, slots=True)
class Reading(Generic[T]):
    """A setting as it was read. `value` is there only where it was found; `words` are the answer, for a person."""

    answer: Answer
    value: T | None = None
    words: str = ""


@dataclass(frozen=True, slots=True)
class IntelligenceService:
    name: str
    auto_transcribe: bool
    data_logging: bool


@dataclass(frozen=True, slots=True)
class CaptureRule:
    """A rule by which the orchestrator writes calls down. An address is a number or `*`."""

    configuration: str
    from_: str
    to: str


@dataclass(frozen=True, slots=True)
class Trunk:
    name: str
    mode: str
    """The provider's word for whether it records: `do-not-record` or another."""


@dataclass(frozen=True, slots=True)
class AddOn:
    name: str
    products: tuple[str, ...]
    """The products of the provider that it extends, as far as that is enabled."""


@dataclass(frozen=True, slots=True)
class Number:
    e164: str = field(repr=False)
    voice_url: str
    voice_method: str
    fallback_url: str
    status_callback: str
    application_sid: str
    trunk_sid: str


@dataclass(frozen=True, slots=True)
class RecordingForm:
    """A recording of the account, for its form alone. `media_host` is where its sound lies."""

    is_encrypted: bool
    media_host: str


@dataclass(frozen=True, slots=True)
class AccountSettings:
    """`is_media_open`: anybody who knows a recording's address hears it; None where there was none to try.

    `lists` are the lists that the jobs read, by name.
    """

    default_recording: Reading[tuple[str, ...]]
    """The features of the account default configuration of recordings."""
    services: Reading[tuple[IntelligenceService, ...]]
    capture_rules: Reading[tuple[CaptureRule, ...]]
    trunks: Reading[tuple[Trunk, ...]]
    add_ons: Reading[tuple[AddOn, ...]]
    numbers: Reading[tuple[Number, ...]]
    recordings: Reading[tuple[RecordingForm, ...]]
    is_media_open: Reading[bool]
    lists: Mapping[str, Reading[bool]]


@dataclass(frozen=True, slots=True)
class Expected:
    """The settings that a line's number must have, and the hosts that recordings may lie at."""

    lines: tuple[str, ...]
    voice_url: str
    fallback_url: str
    status_callback: str
    media_host: str


@dataclass(frozen=True, slots=True)
class Finding:
    """`is_wrong`: a setting is dangerous; else it could not be told, which is a finding too."""

    check: str
    what: str
    why: str
    where: str
    is_wrong: bool = True

    def __str__(self) -> str:
        return f"{self.check}: {self.what}. {self.why} {self.where}"


@dataclass(frozen=True, slots=True)
class About:
    """The danger of a setting here, and the place to change it."""

    why: str
    where: str


ABOUT: Mapping[str, About] = {
    "default recording": About(
        "It acts on every call of the account without any TwiML: callers who declined can be recorded, and texts made.",
        "Delete it: Console > Voice > Settings > Recording configuration, or DELETE /v2/AccountDefaultConfiguration/"
        "Recording of the voice host.",
    ),
    "automatic transcription": About(
        "It writes down all recordings of the account, whatever their callers agreed to; the texts outlive them.",
        "Switch it off: Console > Conversational Intelligence > Services > the service > Auto transcribe.",
    ),
    "data logging": About(
        "The provider may use the texts of the account's calls to train with, which no caller was told.",
        "Switch it off: Console > Conversational Intelligence > Services > the service > Data use.",
    ),
    "capture rules": About(
        "The orchestrator writes calls to our lines down as they are spoken, also those of callers who declined.",
        "Delete the rule: Console > Conversation Orchestrator > Configurations.",
    ),
    "trunks": About(
        "Calls through the trunk are recorded from ringing or answer on; no consent can come before that.",
        "Choose do-not-record: Console > Elastic SIP Trunking > Trunks > the trunk > Call recording.",
    ),
    "add-ons": About(
        "The provider hands every recording of the account to the add-on's maker, who keeps a copy of its own.",
        "Remove it: Console > Marketplace > Installed add-ons.",
    ),
    "numbers": About(
        "Calls to the line do not come here, or not in every case: nobody tells those callers, and nobody asks them.",
        "Run `onrecord lines sync`; detach applications and trunks in Console > Phone numbers > the number.",
    ),
    "open media": About(
        "Whoever learns a recording's address hears it, without any password.",
        'Switch on "Enforce HTTP Auth on Media URLs": Console > Voice > Settings > General.',
    ),
    "external storage": About(
        "The provider puts every recording of the account straight into that bucket, also one that must not be.",
        "Switch it off: Console > Voice > Settings > Recordings > External storage. What is there stays: delete it.",
    ),
    "encryption": About(
        "Recordings come encrypted for a key that is not here: none can be taken in.",
        "Switch it off: Console > Voice > Settings > Recordings > Encryption.",
    ),
    "key": About(
        "What may not be looked at may record, and is not found.",
        "Give the key the permission: Console > Account > API keys & tokens.",
    ),
}


def account_findings(settings: AccountSettings, expected: Expected) -> list[Finding]:
    """Every finding, in the order of `ABOUT`."""
    checks: Mapping[str, Callable[[], Iterable[Finding]]] = {
        "default recording": lambda: _default_recording(settings.default_recording),
        "automatic transcription": lambda: _services(settings.services),
        "capture rules": lambda: _capture_rules(settings.capture_rules, expected),
        "trunks": lambda: _trunks(settings.trunks),
        "add-ons": lambda: _add_ons(settings.add_ons),
        "numbers": lambda: _numbers(settings.numbers, expected),
        "open media": lambda: _media(settings.is_media_open),
        "external storage": lambda: _recordings(settings.recordings, expected),
        "key": lambda: _lists(settings.lists),
    }
    return [finding for check in checks.values() for finding in check()]


def _wrong(check: str, what: str) -> Finding:
    about = ABOUT[check]
    return Finding(check, what, about.why, about.where)


def _unread(check: str, reading: Reading[T]) -> Iterator[Finding]:
    """The finding of a setting that could not be read; none where there is nothing to read."""
    if reading.answer is Answer.FORBIDDEN:
        key = ABOUT["key"]
        what = f"the key may not look ({reading.words})"
        yield Finding(check, what, f"{ABOUT[check].why} {key.why}", key.where, is_wrong=False)
    if reading.answer is Answer.UNREACHED:
        what = f"it could not be looked at ({reading.words})"
        yield Finding(check, what, ABOUT[check].why, "Run it again.", is_wrong=False)


def _default_recording(reading: Reading[tuple[str, ...]]) -> Iterator[Finding]:
    yield from _unread("default recording", reading)
    if reading.answer is Answer.FOUND:
        features = f", with {', '.join(reading.value)}" if reading.value else ""
        yield _wrong("default recording", f"the account has a default configuration of recordings{features}")


def _services(reading: Reading[tuple[IntelligenceService, ...]]) -> Iterator[Finding]:
    yield from _unread("automatic transcription", reading)
    for service in reading.value or ():
        if service.auto_transcribe:
            yield _wrong("automatic transcription", f"the service {service.name!r} writes down all recordings")
        if service.data_logging:
            yield _wrong("data logging", f"the service {service.name!r} lets the provider use the texts")


def _capture_rules(reading: Reading[tuple[CaptureRule, ...]], expected: Expected) -> Iterator[Finding]:
    yield from _unread("capture rules", reading)
    for rule in reading.value or ():
        if captures(rule, expected.lines):
            what = f"the configuration {rule.configuration!r} writes down voice calls from {rule.from_} to {rule.to}"
            yield _wrong("capture rules", what)


def captures(rule: CaptureRule, lines: Iterable[str]) -> bool:
    """Whether a rule takes calls to or from one of the lines. Callers may have any number."""
    ours = {"*", *lines}
    return rule.to in ours or rule.from_ in ours - {"*"}


def _trunks(reading: Reading[tuple[Trunk, ...]]) -> Iterator[Finding]:
    yield from _unread("trunks", reading)
    for trunk in reading.value or ():
        if trunk.mode != "do-not-record":
            yield _wrong("trunks", f"the trunk {trunk.name!r} has the mode {trunk.mode or 'unknown'}")


def _add_ons(reading: Reading[tuple[AddOn, ...]]) -> Iterator[Finding]:
    yield from _unread("add-ons", reading)
    for add_on in reading.value or ():
        if products := [product for product in add_on.products if "record" in product.lower()]:
            yield _wrong("add-ons", f"the add-on {add_on.name!r} is given recordings ({', '.join(products)})")


def _numbers(reading: Reading[tuple[Number, ...]], expected: Expected) -> Iterator[Finding]:
    yield from _unread("numbers", reading)
    if reading.answer is not Answer.FOUND:
        return
    numbers = {number.e164: number for number in reading.value or ()}
    for position, line in enumerate(expected.lines, start=1):
        found = numbers.get(line)
        faults = ["the account does not have it"] if found is None else list(_faults(found, expected))
        for fault in faults:
            yield _wrong("numbers", f"line {position}: {fault}")


def _faults(number: Number, expected: Expected) -> Iterator[str]:
    if number.application_sid:
        yield "an application answers it, and its URLs are ignored"
    if number.trunk_sid:
        yield "a trunk answers it, and its URLs are ignored"
    if _without_overrides(number.voice_url) != _without_overrides(expected.voice_url):
        yield "another URL answers it" if number.voice_url else "no URL answers it"
    elif number.voice_method != "POST":
        yield f"it is answered by {number.voice_method or 'no method'}, and not by POST"
    if not number.fallback_url:
        yield "it has no fallback URL: when this service is away, its callers hear an error"
    if _without_overrides(number.status_callback) != _without_overrides(expected.status_callback):
        yield "the ends of its calls are not reported here"


def _without_overrides(url: str) -> str:
    """A URL without the fragment, in which Twilio's connection overrides stand."""
    return url.partition("#")[0]


def _media(reading: Reading[bool]) -> Iterator[Finding]:
    yield from _unread("open media", reading)
    if reading.value:
        yield _wrong("open media", "the account serves recordings to anybody")


def _recordings(reading: Reading[tuple[RecordingForm, ...]], expected: Expected) -> Iterator[Finding]:
    yield from _unread("external storage", reading)
    forms = reading.value or ()
    elsewhere = sorted({form.media_host for form in forms if form.media_host not in ("", expected.media_host)})
    if elsewhere:
        yield _wrong("external storage", f"recordings of the account lie at {', '.join(elsewhere)}")
    if any(form.is_encrypted for form in forms):
        yield _wrong("encryption", "recordings of the account are encrypted")


def _lists(lists: Mapping[str, Reading[bool]]) -> Iterator[Finding]:
    about = ABOUT["key"]
    for name, reading in lists.items():
        if reading.answer in (Answer.FORBIDDEN, Answer.UNREACHED):
            verb = "may not look at" if reading.answer is Answer.FORBIDDEN else "got no answer about"
            where = about.where if reading.answer is Answer.FORBIDDEN else "Run it again."
            yield Finding("key", f"the key {verb} {name} ({reading.words})", about.why, where, is_wrong=False)
