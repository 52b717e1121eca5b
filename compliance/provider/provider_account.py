"""What Twilio tells of a call, read as the steps of ours that it asked for and the documents that it got.

Only what was asked of us about this call counts: Twilio lists requests to its own API as well, and another call's URL
opens nothing here.
"""

import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import replace
from urllib.parse import urldefrag
from xml.etree import ElementTree as ET

from policies.corroboration import Document, Key, Request
from storage.provider import FINAL_STATUSES, ProviderRequest

_STEP = re.compile(
    r"/voice/(?:(?P<plain>answer|fallback)"
    r"|(?P<named>language|ended)/(?P<call>[^/]+)/[^/]+"
    r"|choice/(?P<told>[^/]+)/(?P<round>[1-9][0-9]{0,2})/[^/]+"
    r"|consent/(?P<asked>[^/]+)/(?P<prompt>[1-9][0-9]{0,2})/[^/]+)/?"
)
_AUDIO = re.compile(r"/voice/audio/(?P<sha256>[0-9a-f]{64})/")
_SPOKEN = ("Say", "Play")
_RECORDING = frozenset({"Record", "Recording", "Siprec", "Stream", "Transcription"})
# All that a step of ours gives which has failed: the caller is connected, or the call ends.
_WITHOUT_WORDS = frozenset({"Response", "Dial", "Number", "Client", "Sip", "Hangup", "Stop"})
_LENGTH_MAX = 64 * 1024  # Twilio carries out nothing longer (its error 11750)


def addresses_in(body: str, call_id: str) -> set[str]:
    """The public addresses that an answer of ours named: it may have been another then than it is now."""
    steps = rf"(https?://[^\s<>\"']+)/voice/(?:language|choice|consent|ended)/{re.escape(call_id)}/"
    return {address.lower() for address in re.findall(steps, body)}


def ours(requests: Iterable[ProviderRequest], addresses: Collection[str]) -> list[ProviderRequest]:
    """Those that were sent to this service: its steps and its callbacks, each as often as it was sent."""
    return [one for one in requests if _path(one, addresses) is not None]


def steps_of(requests: Iterable[ProviderRequest], addresses: Collection[str], call_id: str) -> list[Request]:
    """The steps among them, in no order."""
    found = (_step(one, addresses, call_id) for one in requests)
    return [one for one in found if one is not None]


def _path(asked: ProviderRequest, addresses: Collection[str]) -> str | None:
    """What of its URL comes after one of our addresses."""
    url = urldefrag(asked.url).url.partition("?")[0]
    return next((url[len(one) :] for one in addresses if url.lower().startswith(f"{one}/")), None)


def _step(asked: ProviderRequest, addresses: Collection[str], call_id: str) -> Request | None:
    match = _STEP.fullmatch(_path(asked, addresses) or "")
    if match is None or (match["call"] or match["told"] or match["asked"] or call_id) != call_id:
        return None
    document, has_failed = (_arrived(asked.body) if 200 <= asked.status < 300 else None), asked.status >= 300
    is_over = asked.parameters.get("callstatus") in FINAL_STATUSES
    plainly = Request("", asked.asked_at, document=document, is_over=is_over, has_failed=has_failed)
    if match["round"]:
        return replace(plainly, step=f"choice:{match['round']}")
    if match["prompt"] is None:
        return replace(plainly, step=match["plain"] or match["named"])
    digits = asked.parameters.get("digits", "")
    has_hung_up = is_over and not digits
    prompt = 0 if has_hung_up else int(match["prompt"])
    key = None if has_hung_up else Key.of(digits)
    return replace(plainly, step=f"consent:{match['prompt']}", prompt=prompt, key=key)


def _arrived(body: str) -> Document | None:
    """What is no document of ours came from somebody else, and is like none that is kept here."""
    return document_of(body) or (Document(body) if body.strip() else None)


def document_of(body: str) -> Document | None:
    """None for what no step of ours answers, whatever Twilio would make of it."""
    if "<!" in body or len(body) > _LENGTH_MAX:  # a document type could hold entities that grow without end
        return None
    try:
        root = ET.fromstring(body)  # noqa: S314 - there are no entities in it
        written = ET.canonicalize(body, strip_text=True)
    except (ET.ParseError, UnicodeEncodeError):  # JSON can say what no text can hold
        return None
    return Document(
        body=written,
        disclosed=frozenset(_words(root)) if _leads_to_the_question(root) else frozenset(),
        asked=frozenset(word for gather in root.iter("Gather") if _asks(gather) for word in _words(gather)),
        starts_recording=any(map(_records, _begun(root))),
        has_words=any(element.tag not in _WITHOUT_WORDS or _records(element) for element in _begun(root)),
    )


def _begun(root: ET.Element) -> Iterator[ET.Element]:
    """All elements but those that are named to be stopped."""
    stopped = {id(element) for stop in root.iter("Stop") for element in stop}
    return (element for element in root.iter() if id(element) not in stopped)


def _records(element: ET.Element) -> bool:
    """Also by an attribute, as <Dial record> does."""
    return element.tag in _RECORDING or element.get("record", "false") not in ("false", "do-not-record")


def _leads_to_the_question(root: ET.Element) -> bool:
    """The disclosure is what is said on the way there; all else that is said comes after the decision."""
    redirects = any("/voice/choice/" in (redirect.text or "") for redirect in root.findall("Redirect"))
    return redirects or any(_asks(gather) for gather in root.findall("Gather"))


def _asks(gather: ET.Element) -> bool:
    """Whether it is the question, and not the choice of a language."""
    return "/voice/consent/" in gather.get("action", "")


def _words(element: ET.Element) -> Iterator[str]:
    for spoken in element:
        if spoken.tag not in _SPOKEN:
            continue
        text = (spoken.text or "").strip()
        audio = _AUDIO.search(text) if spoken.tag == "Play" else None
        yield audio["sha256"] if audio else text
