"""Twilio's account of a call, read as the steps of ours that it requested and the documents that it got.

Only requests to us about this call count: Twilio lists requests to its own API as well, and another call's URL opens
nothing here.
"""

import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import replace
from urllib.parse import urldefrag

from compliance import twiml_reading
from compliance.twiml_reading import Twiml, Unreadable, Verb
from policies.consent import WITHDRAWAL_DIGIT
from policies.corroboration import Document, Key, Request
from storage.provider import FINAL_STATUSES, ProviderRequest

_STEP = re.compile(
    r"/voice/(?:(?P<plain>answer|fallback)"
    r"|(?P<named>language|ended|alone)/(?P<call>[^/]+)/[^/]+"
    r"|(?P<met>star|withdraw)/(?P<meeting>[^/]+)/(?P<stay>[1-9][0-9]{0,2}-[1-9][0-9]{0,2})/[^/]+"
    r"|choice/(?P<told>[^/]+)/(?P<round>[1-9][0-9]{0,2})/[^/]+"
    r"|consent/(?P<asked>[^/]+)/(?P<prompt>[1-9][0-9]{0,2})/[^/]+)/?"
)
_AUDIO = re.compile(r"/voice/audio/(?P<sha256>[0-9a-f]{64})/")
# The only verbs in the answer of a step of ours that failed: the caller is connected, or the call ends.
_WITHOUT_WORDS = frozenset({"Dial", "Number", "Client", "Sip", "Hangup", "Stop", "Conference"})


def addresses_in(body: str, call_id: str) -> set[str]:
    """The public addresses that an answer of ours named: the address may have changed since."""
    steps = rf"(https?://[^\s<>\"']+)/voice/(?:language|choice|consent|ended|star|withdraw)/{re.escape(call_id)}/"
    return {address.lower() for address in re.findall(steps, body)}


def ours(requests: Iterable[ProviderRequest], addresses: Collection[str]) -> list[ProviderRequest]:
    """The requests that were sent to this service: its steps and its callbacks, each as often as it was sent."""
    return [request for request in requests if _path(request, addresses) is not None]


def steps_of(requests: Iterable[ProviderRequest], addresses: Collection[str], call_id: str) -> list[Request]:
    """The steps of the call among the requests, in no order."""
    found = (_step(step, addresses, call_id) for step in requests)
    return [step for step in found if step is not None]


def _path(asked: ProviderRequest, addresses: Collection[str]) -> str | None:
    """The part of its URL that follows one of our addresses."""
    url = urldefrag(asked.url).url.partition("?")[0]
    return next((url[len(address) :] for address in addresses if url.lower().startswith(f"{address}/")), None)


def _step(asked: ProviderRequest, addresses: Collection[str], call_id: str) -> Request | None:
    match = _STEP.fullmatch(_path(asked, addresses) or "")
    if match is None or (match["call"] or match["told"] or match["asked"] or match["meeting"] or call_id) != call_id:
        return None
    document, has_failed = (_arrived(asked.body) if 200 <= asked.status < 300 else None), asked.status >= 300
    is_over = asked.parameters.get("callstatus") in FINAL_STATUSES
    plainly = Request("", asked.asked_at, document=document, is_over=is_over, has_failed=has_failed)
    if match["round"]:
        return replace(plainly, step=f"choice:{match['round']}")
    if match["stay"]:
        withdraws = match["met"] == "withdraw" and asked.parameters.get("digits") == WITHDRAWAL_DIGIT
        return replace(plainly, step=f"{match['met']}:{match['stay']}", withdraws=withdraws)
    if match["prompt"] is None:
        return replace(plainly, step=match["plain"] or match["named"])
    digits = asked.parameters.get("digits", "")
    has_hung_up = is_over and not digits
    prompt = 0 if has_hung_up else int(match["prompt"])
    key = None if has_hung_up else Key.of(digits)
    return replace(plainly, step=f"consent:{match['prompt']}", prompt=prompt, key=key)


def _arrived(body: str) -> Document | None:
    """A document that is not of our making equals none that is kept here."""
    return document_of(body) or (Document(body) if body.strip() else None)


def document_of(body: str) -> Document | None:
    """None for a body that no step of ours answers, whatever Twilio would make of it."""
    try:
        answer = twiml_reading.read(body.encode("utf-8", "surrogatepass"))  # JSON can say what no text can hold
    except Unreadable:
        return None
    questions = [verb for verb in answer.verbs if verb.asks_for_consent]
    begun = [verb for verb in answer.verbs if not verb.is_stopped]
    return Document(
        body=answer.canonical,
        disclosed=frozenset(_words(answer.inside(None))) if _leads_to_the_question(answer) else frozenset(),
        asked=frozenset(words for question in questions for words in _words(answer.inside(question))),
        starts_recording=bool(answer.recording),
        has_words=any(verb.name not in _WITHOUT_WORDS or verb.records for verb in begun),
    )


def _leads_to_the_question(answer: Twiml) -> bool:
    """The disclosure is said on the way to the question; all else that is said comes after the decision."""
    return any(
        verb.asks_for_consent or (verb.name == "Redirect" and "/voice/choice/" in verb.text)
        for verb in answer.inside(None)
    )


def _words(verbs: Iterable[Verb]) -> Iterator[str]:
    for verb in verbs:
        if verb.is_spoken:
            audio = _AUDIO.search(verb.text) if verb.name == "Play" else None
            yield audio["sha256"] if audio else verb.text
