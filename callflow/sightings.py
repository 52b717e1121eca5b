"""What Twilio tells of a call, read as the steps of ours that it asked for and the documents that it got.

Only what was asked of us about this call counts: Twilio lists requests to its own API as well, and another call's URL
opens nothing here.
"""

import re
from collections.abc import Iterable, Iterator
from urllib.parse import urldefrag
from xml.etree import ElementTree as ET

from callflow.forms import FINAL_STATUSES
from policies.corroboration import Document, Key, Request
from storage.provider import ProviderRequest

_STEP = re.compile(
    r"/voice/(?:(?P<plain>answer|fallback)"
    r"|(?P<named>language|choice|ended)/(?P<call>[^/]+)/[^/]+"
    r"|consent/(?P<asked>[^/]+)/(?P<prompt>[1-9][0-9]{0,2})/[^/]+)/?"
)
_AUDIO = re.compile(r"/voice/audio/(?P<sha256>[0-9a-f]{64})/")
_SPOKEN = ("Say", "Play")


def ours(requests: Iterable[ProviderRequest], public_base_url: str) -> list[ProviderRequest]:
    """Those that were sent to this service: its steps and its callbacks, each as often as it was sent."""
    return [one for one in requests if one.url.lower().startswith(f"{public_base_url}/")]


def steps_of(requests: Iterable[ProviderRequest], public_base_url: str, call_id: str) -> list[Request]:
    """The steps among them, in no order."""
    found = (_step(one, public_base_url, call_id) for one in ours(requests, public_base_url))
    return [one for one in found if one is not None]


def _step(asked: ProviderRequest, public_base_url: str, call_id: str) -> Request | None:
    match = _STEP.fullmatch(urldefrag(asked.url).url[len(public_base_url) :])
    if match is None or (match["call"] or match["asked"] or call_id) != call_id:
        return None
    document = document_of(asked.body) if 200 <= asked.status < 300 else None
    if match["prompt"] is None:
        return Request(match["plain"] or match["named"], asked.asked_at, document=document)
    digits = asked.parameters.get("digits", "")
    has_hung_up = asked.parameters.get("callstatus") in FINAL_STATUSES and not digits
    prompt = 0 if has_hung_up else int(match["prompt"])
    key = None if has_hung_up else Key.of(digits)
    return Request(f"consent:{match['prompt']}", asked.asked_at, prompt, key, document)


def document_of(body: str) -> Document | None:
    """None for what is no document of ours: Twilio could not carry it out either."""
    if "<!" in body:  # a document type, which could hold entities that grow without end
        return None
    try:
        root = ET.fromstring(body)  # noqa: S314 - there are no entities in it
        written = ET.canonicalize(body, strip_text=True)
    except ET.ParseError:
        return None
    return Document(
        body=written,
        disclosed=frozenset(_words(root)) if _leads_to_the_question(root) else frozenset(),
        asked=frozenset(word for gather in root.iter("Gather") if _asks(gather) for word in _words(gather)),
        starts_recording=root.find("Start/Recording") is not None,
        has_words=any(root.find(f".//{name}") is not None for name in (*_SPOKEN, "Gather", "Start")),
    )


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
