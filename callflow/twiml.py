"""TwiML documents: each a value that a decision names, rendered from `twiml_templates`.

Only a `Permit` can be rendered into a start of a recording.
"""

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from html import escape

from jinja2 import Environment, PackageLoader, StrictUndefined, Template

from callflow.urls import Stay, Urls
from policies.rules import MENU_KEYS_MAX, Line
from policies.wording import Wording, menu_line, voice_of
from storage.rows.permits import Permit


@dataclass(frozen=True, slots=True)
class Menu:
    """Each language is offered in its own words, by its place in the list."""

    languages: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Disclosure:
    """Plays to its end, uninterrupted, and leads on to the choice of that round."""

    wording: Wording
    round: int


@dataclass(frozen=True, slots=True)
class Question:
    """Playing number `prompt` of the question; `again`: the disclosure is repeated first."""

    wording: Wording
    prompt: int
    again: bool


@dataclass(frozen=True, slots=True)
class StartOfRecording:
    wording: Wording
    permit: Permit


@dataclass(frozen=True, slots=True)
class OngoingRecording:
    """The recording of an earlier round runs: it is announced again, and not started again."""

    wording: Wording


@dataclass(frozen=True, slots=True)
class Unrecorded:
    """Say `text`, or play the recorded prompt of the hash `audio`, and connect; `stops`: a recording runs."""

    wording: Wording
    text: str
    audio: str = ""
    stops: bool = False


@dataclass(frozen=True, slots=True)
class Refusal:
    """Say `text`, and end a call that may not go on unrecorded; `stops`: a recording runs."""

    wording: Wording
    text: str
    stops: bool = False


@dataclass(frozen=True, slots=True)
class Connection:
    """The caller is connected, and nothing is said; `reports_end`: Twilio reports the end of the conversation."""

    reports_end: bool = True
    stops: bool = False


@dataclass(frozen=True, slots=True)
class Parting:
    """Hang up, after saying `text` where there is something to say."""

    wording: Wording
    text: str


@dataclass(frozen=True, slots=True)
class Meeting:
    """The caller comes into the conference with the agent, after `text`, if any. `heeds_star`: a star ends the stay,
    which leads on to the menu. `stops`: a recording runs.
    """

    wording: Wording
    stay: Stay
    heeds_star: bool = True
    text: str = ""
    stops: bool = False


@dataclass(frozen=True, slots=True)
class WithdrawalMenu:
    """After that stay in the conference: the key that withdraws the consent, and the way back."""

    wording: Wording
    text: str
    stay: Stay


@dataclass(frozen=True, slots=True)
class HangUp:
    """Hang up without a word."""


@dataclass(frozen=True, slots=True)
class Nothing:
    """For a caller who has left."""


NOTHING = Nothing()

Document = (
    Menu
    | Disclosure
    | Question
    | StartOfRecording
    | OngoingRecording
    | Unrecorded
    | Refusal
    | Connection
    | Parting
    | Meeting
    | WithdrawalMenu
    | HangUp
    | Nothing
)


def render(document: Document, call_id: str, line: Line, urls: Urls) -> bytes:  # noqa: PLR0911  # one for each
    match document:
        case Menu(languages):
            return menu(languages, language_url=urls.language(call_id))
        case Disclosure(wording, round_):
            return disclose(wording, urls, choice_url=urls.choice(call_id, round_))
        case Question(wording, prompt, again):
            return choose(wording, urls, consent_url=urls.consent(call_id, prompt), again=again)
        case StartOfRecording(wording, permit):
            return record(permit, line, wording, urls)
        case OngoingRecording(wording):
            return recorded(call_id, line, wording, urls)
        case Unrecorded(wording, text, audio, stops):
            return suppress(call_id, line, wording, urls, text=text, audio=audio, stops=stops)
        case Refusal(wording, text, stops):
            return refuse(wording, text=text, stops=stops)
        case Connection(reports_end, stops):
            return connect(line, ended_url=urls.ended(call_id) if reports_end else "", stops=stops)
        case Parting(wording, text):
            return ended(wording, text=text)
        case Meeting() | WithdrawalMenu():
            return _of_meeting(document, call_id, urls)
        case HangUp():
            return hangup()
        case Nothing():
            return nothing()


def _of_meeting(document: Meeting | WithdrawalMenu, call_id: str, urls: Urls) -> bytes:
    if isinstance(document, Meeting):
        return meet(call_id, urls, document)
    return withdrawal_menu(document.wording, document.text, withdraw_url=urls.withdraw(call_id, document.stay))


def menu(languages: Sequence[str], *, language_url: str) -> bytes:
    """Offer each language in its own words, by its place in the list."""
    offered = [
        {"language": language, "voice": voice_of(language), "text": menu_line(language, str(key))}
        for key, language in enumerate(languages[:MENU_KEYS_MAX], start=1)
    ]
    return _render("menu.xml", offered=offered, language_url=language_url)


def disclose(wording: Wording, urls: Urls, *, choice_url: str) -> bytes:
    return _fill("disclose.xml", {"choice_url": choice_url}, wording=wording, audio_url=_audio_of(urls))


def choose(wording: Wording, urls: Urls, *, consent_url: str, again: bool) -> bytes:
    return _fill("choose.xml", {"consent_url": consent_url}, wording=wording, again=again, audio_url=_audio_of(urls))


def record(permit: Permit, line: Line, wording: Wording, urls: Urls) -> bytes:
    of_call = {
        "recording_url": urls.recording(permit.call_id),
        "ended_url": urls.ended(permit.call_id),
        "whisper_url": urls.whisper(permit.call_id, recorded=True),
    }
    return _fill("record.xml", of_call, line=line, wording=wording)


def recorded(call_id: str, line: Line, wording: Wording, urls: Urls) -> bytes:
    """Go on with the running recording: it is announced again, and not started again."""
    of_call = {"ended_url": urls.ended(call_id), "whisper_url": urls.whisper(call_id, recorded=True)}
    return _fill("recorded.xml", of_call, line=line, wording=wording)


def suppress(
    call_id: str, line: Line, wording: Wording, urls: Urls, *, text: str, audio: str = "", stops: bool = False
) -> bytes:
    """`audio`: the hash of the recorded prompt that says `text`, where there is one; `stops`: a recording runs."""
    of_call = {"ended_url": urls.ended(call_id), "whisper_url": urls.whisper(call_id, recorded=False)}
    audio_url = _audio_of(urls)(audio)
    return _fill("suppress.xml", of_call, stops=stops, line=line, wording=wording, text=text, audio_url=audio_url)


def refuse(wording: Wording, *, text: str, stops: bool = False) -> bytes:
    """Say `text`, and end a call that may not go on unrecorded; `stops`: a recording runs."""
    return _fill("refuse.xml", {}, wording=wording, text=text, stops=stops)


def connect(line: Line, *, ended_url: str = "", stops: bool = False) -> bytes:
    """The caller is connected, unrecorded, whatever failed here. Where the call is known, its end is reported.

    `stops`: the caller said no, and a recording may run.
    """
    return _render("connect.xml", line=line, ended_url=ended_url, stops=stops)


def meet(call_id: str, urls: Urls, meeting: Meeting) -> bytes:
    """The caller comes into the conference. It needs no row, so it can be answered whatever failed here."""
    return _render(
        "meet.xml",
        meeting=meeting,
        name=_conference(call_id, meeting.stay.round),
        star=urls.star(call_id, meeting.stay),
    )


def withdrawal_menu(wording: Wording, text: str, *, withdraw_url: str) -> bytes:
    return _render("withdrawal_menu.xml", wording=wording, text=text, withdraw_url=withdraw_url)


def join(call_id: str, round_: int, urls: Urls, wording: Wording | None) -> bytes:
    """The agent comes into the conference. The whisper is said again, since the redirect may have cut it short."""
    name, text = _conference(call_id, round_), wording.whisper_recorded if wording else ""
    return _render("join.xml", wording=wording, text=text, name=name, left_url=urls.left(call_id))


def ended(wording: Wording, *, text: str) -> bytes:
    """Hang up, after saying `text` where there is something to say."""
    return _fill("ended.xml", {}, wording=wording, text=text)


def whisper(wording: Wording, *, recorded: bool) -> bytes:
    text = wording.whisper_recorded if recorded else wording.whisper_not_recorded
    return _fill("whisper.xml", {}, wording=wording, text=text)


def nothing() -> bytes:
    return _render("nothing.xml")


def hangup() -> bytes:
    return _render("hangup.xml")


def _conference(call_id: str, round_: int) -> str:
    """The name of a conference: each round of a call has its own, where an agent of an earlier round may still be."""
    return f"onrecord-{call_id}-{round_}"


@lru_cache(maxsize=8)
def _audio_of(urls: Urls) -> Callable[[str], str]:
    """The URL of a recorded prompt by its hash; none where a voice speaks."""
    return lambda sha256: urls.audio(sha256) if sha256 else ""


def _render(template: str, **values: object) -> bytes:
    return _template(template).render(values).encode()


def _fill(template: str, urls: Mapping[str, str], **values: Hashable) -> bytes:
    """A document in which nothing but the `urls` is of one call: the rest, from line and wording, is rendered once."""
    document = _with_marks(template, tuple(urls), tuple(values.items()))
    for name, url in urls.items():
        document = document.replace(_mark(name), escape(url))
    return document.encode()


@lru_cache(maxsize=1024)
def _with_marks(template: str, urls: tuple[str, ...], values: tuple[tuple[str, Hashable], ...]) -> str:
    return _template(template).render({name: _mark(name) for name in urls}, **dict(values))


def _mark(url: str) -> str:
    """The place of a URL. No text can hold it: it is no character of XML."""
    return f"\0{url}\0"


@cache
def _template(name: str) -> Template:
    return _templates().get_template(name)


@cache
def _templates() -> Environment:
    return Environment(
        loader=PackageLoader("twiml_templates", ""),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        auto_reload=False,
    )
