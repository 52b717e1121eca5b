"""What Twilio is told, rendered from `twiml_templates`. Only a `Permit` can be rendered into a start of a recording."""

from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined

from callflow.urls import Urls
from policies.rulebook import Line
from policies.wording import Wording
from storage.calls import Permit


def disclose(wording: Wording, *, choice_url: str, audio_url: str = "") -> bytes:
    """`audio_url`: of the disclosure's recording, where a person has spoken it."""
    return _render("disclose.xml", wording=wording, choice_url=choice_url, audio_url=audio_url)


def choose(
    wording: Wording, *, consent_url: str, again: bool, disclosure_audio_url: str = "", question_audio_url: str = ""
) -> bytes:
    return _render(
        "choose.xml",
        wording=wording,
        consent_url=consent_url,
        again=again,
        disclosure_audio_url=disclosure_audio_url,
        question_audio_url=question_audio_url,
    )


def record(permit: Permit, line: Line, wording: Wording, urls: Urls) -> bytes:
    return _render(
        "record.xml",
        line=line,
        wording=wording,
        recording_url=urls.recording(permit.call_id),
        ended_url=urls.ended(permit.call_id),
        whisper_url=urls.whisper(permit.call_id, recorded=True),
    )


def suppress(call_id: str, line: Line, wording: Wording, urls: Urls, *, text: str) -> bytes:
    return _render(
        "suppress.xml",
        line=line,
        wording=wording,
        text=text,
        ended_url=urls.ended(call_id),
        whisper_url=urls.whisper(call_id, recorded=False),
    )


def refuse(wording: Wording, *, text: str) -> bytes:
    """Say `text`, and end a call that may not go on unrecorded."""
    return _render("refuse.xml", wording=wording, text=text)


def connect(line: Line, *, ended_url: str = "") -> bytes:
    """The caller gets through, unrecorded, whatever failed here. Where the call is known, its end is reported."""
    return _render("connect.xml", line=line, ended_url=ended_url)


def ended(wording: Wording, *, text: str) -> bytes:
    """Hang up, after saying `text` where there is something to say."""
    return _render("ended.xml", wording=wording, text=text)


def whisper(wording: Wording, *, recorded: bool) -> bytes:
    text = wording.whisper_recorded if recorded else wording.whisper_not_recorded
    return _render("whisper.xml", wording=wording, text=text)


def nothing() -> bytes:
    return _render("nothing.xml")


def hangup() -> bytes:
    return _render("hangup.xml")


def _render(template: str, **values: object) -> bytes:
    return _templates().get_template(template).render(values).encode()


@cache
def _templates() -> Environment:
    return Environment(
        loader=PackageLoader("twiml_templates", ""),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        auto_reload=False,
    )
