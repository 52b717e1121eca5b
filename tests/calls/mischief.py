"""What others do while a call goes on: start recordings, restart the service, deliver a request again, do its jobs."""

import re
from functools import partial
from urllib.parse import urlsplit

from simulator.phone_call import Hook, PhoneCall
from simulator.plans import MOMENTS
from simulator.recordings import Terms
from simulator.signing import signature, signed_url
from tests.calls.call_runner import RULEBOOK, TOKEN, Town
from tests.calls.random_calls import Meanwhile
from tests.calls.script import NUMBERS

_REPEATED_WITHIN_S = 55.0
_EDITS: dict[str, tuple[str, str]] = {
    "consent": (r"(?m)^consent = .*(\nsilence_is_consent = .*)?$", 'consent = "notice"'),
    "purposes": (r'purposes = \["quality"\]', 'purposes = ["training", "proof"]'),
    "agents": (r"connect_to = .*", 'connect_to = ["+12125550177"]'),
    "name": ("Email Customer Support", "Somebody Else"),
    "languages": (r"languages = .*", 'languages = ["es-US"]'),
    "retention": (r'keep = "P90D"', 'keep = "P3D"'),
    "prompts": (r"(?m)^consent =", "prompts_max = 1\nconsent ="),
}


def rulebook(edit: str = "", line: str = "") -> str:
    """The rulebook of all call scripts, or one in which something is different."""
    text = RULEBOOK.read_text(encoding="utf-8")
    if edit == "removed":
        return text.replace(NUMBERS[line], "+12125550188")
    if edit == "moved":
        return text.replace("US-TX", "DE")
    return re.sub(*_EDITS[edit], text) if edit else text


def hooks_of(town: Town, line: str, things: tuple[Meanwhile, ...]) -> dict[str, Hook]:
    return {moment: partial(_set_off, town, line, _of(things, moment)) for moment in MOMENTS if _of(things, moment)}


def do_afterwards(town: Town, things: tuple[Meanwhile, ...], call: PhoneCall) -> None:
    for thing in _of(things, "afterwards"):
        _replay(town, thing, call)


def _of(things: tuple[Meanwhile, ...], moment: str) -> list[Meanwhile]:
    return [thing for thing in things if thing.moment == moment]


def _set_off(town: Town, line: str, things: list[Meanwhile], call: PhoneCall) -> None:
    for thing in things:
        call.clock.intend(thing.after_s, partial(_do, town, line, thing, call))


def _do(town: Town, line: str, thing: Meanwhile, call: PhoneCall) -> None:
    match thing.what:
        case "rogue":
            _record(town, thing, call)
        case "restart":
            town.face.start(rulebook(thing.how, line))
        case "replay":
            _replay(town, thing, call)
        case "worker":
            town.do_round()


def _record(town: Town, thing: Meanwhile, call: PhoneCall) -> None:
    """By REST as anybody with the credentials could, or as Twilio's own settings do."""
    if thing.how == "StartCallRecordingAPI":
        town.start_rogue(call)
    else:
        call.recorder.start(Terms(source=thing.how))


def _replay(town: Town, thing: Meanwhile, call: PhoneCall) -> None:
    """Deliver one of the requests so far once more, late, as it was. In the call only what is late and no new request:
    after a minute the same bytes are one, and after the next step those that sent the call back.
    """
    requests = [
        one
        for one in (*call.journal.of("document"), *call.journal.of("callback"))
        if one.get("status")
        and (thing.moment == "afterwards" or call.elapsed() - one["at_s"] < _REPEATED_WITHIN_S)
        and (one["params"].get("CallStatus") != "in-progress" or not urlsplit(one["url"]).path.endswith("/answer"))
    ]
    if not requests or call.faults.wrong_signature:
        return
    again = requests[int(thing.how) % len(requests)]
    if not urlsplit(again["url"]).path.startswith(("/voice/", "/callbacks/")):
        return
    headers = {"X-Twilio-Signature": signature(TOKEN, signed_url(again["url"]), again["params"])}
    with town.exchange.new_session() as session:
        answer = session.post(again["url"], data=again["params"], headers=headers, timeout=10)
    assert answer.status_code < 300, f"{again['url']} came again and was answered {answer.status_code}"
