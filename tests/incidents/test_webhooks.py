"""Incidents of receivers of webhooks: replays, tokens that were not there, callers without a number, orders."""

import re
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from itertools import permutations
from pathlib import Path

import pytest
from werkzeug.test import TestResponse

from onrecord.installation import open_web_installation
from policies.consent import Outcome
from storage.row_check.check import of_all
from tests.callflow.conftest import (
    BASE,
    CALLER,
    URLS,
    Delivery,
    PhoneCall,
    said,
    starts_recording,
)
from tests.callflow.test_signature import signed
from tests.callflow.test_webhooks_repeat import a_call_from_answer_to_end
from tests.callflow.whole_calls import ASKS, LINES, NEVER
from tests.conftest import DIALECTS
from tests.incidents.conftest import RULES, Service
from tests.incidents.hostile import ask
from tests.onrecord.carried import FORM
from tests.onrecord.commands.conftest import fresh, site
from tests.onrecord.commands.site import Site
from tests.source import modules, text_of

__all__ = ["fresh", "site"]
BOTH = pytest.mark.parametrize("service", DIALECTS, indirect=True)
DIGITS = CALLER.removeprefix("+1")


@BOTH
def test_incident_13_a_replayed_webhook_was_taken_for_a_new_one(service: Service) -> None:
    """A receiver of the same webhooks gave each delivery an id of its own making, so that a copy of a signed request
    was as good as a new one (CVE-2026-32053).
    """
    restarted = Service.on(service.premises).webhooks
    post, app = service.twilio.post, service.webhooks

    def post_and_replay(url: str, params: Mapping[str, str]) -> TestResponse:
        first, kept = post(url, params), service.everything()
        delivery = service.twilio.sent[-1][0]
        again = [delivery.to(app), *(delivery.to(app) for _ in range(9)), delivery.to(restarted)]
        again += delivery.at_once(app, 6)
        assert {(answer.status, answer.data) for answer in again} == {(first.status, first.data)}
        assert service.everything() == kept
        return first

    service.twilio.post = post_and_replay  # type: ignore[method-assign]  # somebody listens on the line
    call = a_call_from_answer_to_end(service.twilio)
    service.premises.clock.passes(days=1)
    before = _ends_of(service, call)
    for delivery, _ in service.twilio.sent:
        answers = [delivery.to(app), delivery.to(restarted), *delivery.at_once(app, 3)]
        assert {answer.status_code for answer in answers} <= {200, 204}
        assert [answer for answer in answers if b"<Start>" in answer.data] == []
    assert _ends_of(service, call) == before


def _ends_of(service: Service, call: PhoneCall) -> object:
    """What became of a call, and all that was asked to be done."""
    known = service.call_of(call.sid)
    rows = service.everything()
    return (
        known.outcome,
        known.state,
        known.decided_at,
        service.recordings_of(call.sid),
        rows["permit"],
        rows["incident"],
    )


def test_incident_14_a_replay_was_given_a_fresh_token(service: Service) -> None:
    """The same receiver answered a replayed webhook with a new token for the call's media stream, which whoever had
    copied the webhook could then open (OpenClaw, its report of a replay that mints a fresh stream token).
    """
    post, granted = service.twilio.post, set[str]()

    def post_and_replay(url: str, params: Mapping[str, str]) -> TestResponse:
        first = post(url, params)
        granted.update(_secrets_in(first))
        assert set(_secrets_in(service.twilio.sent[-1][0].to(service.webhooks))) == set(_secrets_in(first))
        return first

    service.twilio.post = post_and_replay  # type: ignore[method-assign]  # somebody listens on the line
    call = a_call_from_answer_to_end(service.twilio)
    assert len(granted) > 5
    known = service.call_of(call.sid).id
    for _ in range(2):
        service.premises.clock.passes(hours=1)
        for delivery, _ in service.twilio.sent:
            again = delivery.to(service.webhooks)
            urls = _urls_in(again)
            assert [url for url in urls if not _is_bound(url, known)] == []
            assert set(_secrets_in(again)) <= {url.rpartition("/")[2] for url in urls}
            assert re.search(r"<(Start|Stream|Siprec|Connect|Record)\b", again.text) is None
            assert not {"Set-Cookie", "Location"} & {*again.headers.keys()}


def _secrets_in(answer: TestResponse) -> list[str]:
    return re.findall(r"(?<![\w-])[\w-]{43}(?![\w-])", answer.text)


def _urls_in(answer: TestResponse) -> list[str]:
    return re.findall(r"https?://[^\s\"<#]+", answer.text)


def _is_bound(url: str, call_id: str) -> bool:
    """Whether it is a URL of ours for one step of that call."""
    _, kind, of, *step, mac = url.removeprefix(f"{BASE}/voice").removeprefix(f"{BASE}/callbacks").split("/")
    return of == call_id and URLS.check(kind, call_id, "".join(step), mac)  # type: ignore[arg-type]  # a Kind, or none


SWITCHES = {
    f"{prefix}{name}": value
    for prefix in ("", "ONRECORD_", "TWILIO_", "FLASK_", "CONSOLE_")
    for name, value in {
        "SKIP_SIGNATURE": "1",
        "SKIP_VALIDATION": "true",
        "VALIDATE": "false",
        "VERIFY_SIGNATURE": "0",
        "SIGNATURE_CHECK": "off",
        "INSECURE": "1",
        "DEBUG": "1",
        "TESTING": "1",
        "ENV": "development",
        "ALLOW_UNSIGNED": "1",
        "DISABLE_AUTH": "1",
    }.items()
}
_A_SWITCH = re.compile("SKIP|INSECURE|DISABLE|UNSAFE|UNSIGNED|DEBUG|TESTING|VALIDAT|VERIF|NO_AUTH|ALLOW|BYPASS|DEV_")


def test_incident_15_without_a_token_everybody_was_let_in(site: Site, service: Service, tmp_path: Path) -> None:
    """Where no key was configured, a receiver of the same webhooks took every request for genuine (CVE-2026-26319)."""
    given = site.environ.pop("TWILIO_AUTH_TOKEN")
    for value in (None, "", " ", "x" * 15, "token with spaces in it"):
        site.environ |= {} if value is None else {"TWILIO_AUTH_TOKEN": value}
        for command in ("serve", "work", "check") if value is None else ("serve",):
            assert [one for one in site.run(command).problems if one.startswith("TWILIO_AUTH_TOKEN")]
    (tmp_path / "empty").touch(0o600)
    site.environ = {**site.environ, "TWILIO_AUTH_TOKEN": "", "TWILIO_AUTH_TOKEN_FILE": str(tmp_path / "empty")}
    assert [one for one in site.run("serve").problems if one.startswith("TWILIO_AUTH_TOKEN")]
    with site.inside():
        environ = {**site.environ, **SWITCHES, "TWILIO_AUTH_TOKEN": given, "TWILIO_AUTH_TOKEN_FILE": ""}
        assert open_web_installation(environ).settings.webhook_secrets == (given,)
    named = {word for path in modules("onrecord", "callflow", "console") for word in _SETTING.findall(text_of(path))}
    assert "TWILIO_AUTH_TOKEN" in named
    assert [name for name in named if _A_SWITCH.search(name)] == []
    _nothing_is_signed_by_no_token(service)


_SETTING = re.compile(r'"([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+)"')


def _nothing_is_signed_by_no_token(service: Service) -> None:
    kept = service.everything()
    for secrets in ((), ("",), ("", "")):
        app = Service.on(service.premises, secrets=secrets).webhooks
        app.testing = app.debug = True
        call = service.twilio.dial()
        genuine = service.twilio.sign("/voice/answer", call.params(CallStatus="ringing"))
        params = [("AccountSid", service.twilio.account_sid), *call.params(CallStatus="ringing").items()]
        for signature in (genuine.signature, signed(params, f"{BASE}/voice/answer", secret=""), "", "none"):
            headers = {"X-Twilio-Signature": signature, "Content-Type": FORM}
            assert ask(app, genuine.path, "POST", data=genuine.body, headers=headers).status_code == 403
    assert service.everything() == kept


NOBODYS = (
    "",
    "anonymous",
    "Anonymous",
    "+266696687",
    "+86282452253",
    "Restricted",
    "unavailable",
    "ANNA",
    "client:anna",
    f"sip:{CALLER}@pbx.example",
    DIGITS,
    CALLER[1:],
    f"001{DIGITS}",
    f"{CALLER};ext=1",
    f"{CALLER} ",
    f" {CALLER}",
    CALLER[:-1],
    f"{CALLER}0",
    f"{CALLER},+12125550199",
    "＋１５１２５５５０１１１",
    "'; DROP TABLE call; --",
    "x" * 5000,
)
_ASKED_BEFORE = "asked before not to record"


def test_incident_16_a_caller_without_a_number_was_let_through_and_a_suffix_was_enough(service: Service) -> None:
    """A receiver of the same webhooks let callers in who showed no number, and compared numbers by their last digits
    (CVE-2026-28446).
    """
    service = Service.on(service.premises, RULES.replace('remember = "never"', 'remember = "P10D"'))
    refusing = service.twilio.dial()
    refusing.presses(refusing.to_the_question(), "2")
    assert _ASKED_BEFORE in said(service.twilio.dial().arrives())
    for caller in (*NOBODYS, None):
        for line in set(LINES) - {NEVER} if caller in {"", None, "anonymous", DIGITS} else {ASKS}:
            _is_held_to_the_strictest(service, line, caller)
    for area in ("212", "415", "737", "956"):
        alike = service.twilio.dial(caller=f"+1{area}{DIGITS[3:]}")
        assert _ASKED_BEFORE not in said(alike.arrives())
        assert service.call_of(alike.sid).caller_hash not in {None, service.call_of(refusing.sid).caller_hash}
    assert _ASKED_BEFORE in said(service.twilio.dial().arrives())


def _is_held_to_the_strictest(service: Service, line: str, caller: str | None) -> None:
    """Asked, never recorded for being silent, and never taken for another."""
    call = service.twilio.dial(line, caller or "")
    if caller is None:
        call.params = lambda **more: {  # type: ignore[method-assign]  # without the parameter
            name: value for name, value in PhoneCall.params(call, **more).items() if name != "From"
        }
    arrived = call.arrives()
    assert _ASKED_BEFORE not in said(arrived), caller
    known = service.call_of(call.sid)
    assert (known.mode in {"opt_in", "must_record"}, known.silence_is_consent, known.caller_hash) == (True, False, None)
    answer = call.hears_the_disclosure(arrived)
    while answer.find("Gather") is not None:
        answer = call.presses(answer, "")
    assert not starts_recording(answer), caller
    assert service.call_of(call.sid).outcome in {Outcome.SILENT, "silent", "refused"}


STEPS = ("answer", "yes", "begun", "complete", "over")
"""What Twilio tells of a recorded call. The last three are callbacks, which come when they like, and the first is told
with the end of the disclosure.
"""


@BOTH
def test_incident_21_callbacks_came_twice_at_once_and_in_the_wrong_order(service: Service) -> None:
    """Deliveries of one event overtake each other, come twice, and come at the same time: providers say so, and others'
    call records were wrong for it (Restcomm, issues 859 and 2421).
    """
    orders = [one for one in permutations(STEPS) if one.index("answer") < min(map(one.index, STEPS[1:4]))]
    assert len(orders) == 30
    calls = [_deliver(service, order) for order in orders]
    assert {_what_became_of(service, call) for call in calls} == {"completed", "condemned"}
    calls += [_deliver_at_once(service) for _ in range(4)]
    service.premises.work()
    assert {_what_became_of(service, call) for call in calls} == {"kept", "destroyed"}
    assert [str(one) for one in of_all(service.database.read, service.premises.clock.now)] == []


def _deliver(service: Service, order: tuple[str, ...]) -> PhoneCall:
    """Each of them twice, one after the other."""
    call = service.twilio.dial()
    service.is_known_to_the_company(call)
    sent = {"answer": [service.twilio.sign("/voice/answer", call.params(CallStatus="ringing"))], "over": [_over(call)]}
    for step in order:
        service.premises.clock.passes(seconds=10)
        for delivery in sent[step]:
            answers = [delivery.to(service.webhooks) for _ in range(2)]
            assert {answer.status_code for answer in answers} <= {200, 204}
        if step == "answer":
            service.premises.clock.passes(seconds=15)  # as long as the disclosure takes
            known = service.call_of(call.sid).id
            assert service.twilio.post(URLS.choice(known, 1), call.params()).status_code == 200
            sent |= {name: [delivery] for name, delivery in _deliveries(service, call).items()}
    return call


def _deliveries(service: Service, call: PhoneCall) -> dict[str, Delivery]:
    """Those of a call that has come in, by step."""
    known, sign = service.call_of(call.sid).id, service.twilio.sign
    return {
        "yes": sign(URLS.consent(known, 1), call.pressed("1")),
        "begun": sign(URLS.recording(known), call.recorded("in-progress")),
        "complete": sign(URLS.recording(known), call.recorded("completed", RecordingDuration="1")),
    }


def _over(call: PhoneCall) -> Delivery:
    return call.twilio.sign("/callbacks/call", call.params(CallStatus="completed", CallDuration="60"))


def _deliver_at_once(service: Service) -> PhoneCall:
    """Every delivery twice, all at the same moment."""
    call = service.twilio.dial()
    service.is_known_to_the_company(call)
    call.to_the_question()
    sent = [*_deliveries(service, call).values(), _over(call)] * 2
    with ThreadPoolExecutor(len(sent)) as threads:
        statuses = list(threads.map(lambda one: one.to(service.webhooks).status_code, sent))
    assert set(statuses) <= {200, 204}
    return call


def _what_became_of(service: Service, call: PhoneCall) -> str:
    """The state of the one recording of a call that ended once. Only under a permit it is to be kept."""
    known, (recording,) = service.call_of(call.sid), service.recordings_of(call.sid)
    types = [event["type"] for event in service.premises.story(known).events]
    assert [types.count(one) for one in ("call.received", "call.completed")] == [1, 1]
    assert max(types.count(f"recording.{one}") for one in ("permitted", "stored", "condemned", "destroyed")) <= 1
    is_permitted = recording.permit is not None and known.outcome == Outcome.CONSENTED
    assert (recording.state in {"completed", "kept"}) == is_permitted == ("recording.condemned" not in types)
    return str(recording.state)
