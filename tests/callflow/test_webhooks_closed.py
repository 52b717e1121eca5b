"""The public face is closed: to whoever has no signature, to whoever has one for something else, to what is no form."""

import gzip
import hmac
import io
import json
from base64 import b64encode
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlencode
from xml.etree.ElementTree import Element

import pytest
from flask import Flask
from werkzeug.test import EnvironBuilder, TestResponse, run_wsgi_app

from callflow.routes import ENDPOINTS
from callflow.signature import BODY_BYTES_MAX, SIGNATURES_MAX
from callflow.urls import Stay
from tests.callflow.conftest import ACCOUNT, BASE, TOKEN, URLS, Delivery, Installation, PhoneCall, Twilio

FORM = "application/x-www-form-urlencoded"
MARK = "m4rk<&>"  # put wherever a request has room, and looked for in the answer
METHODS = ("GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT", "M4RK")
UNKNOWN_PATHS = (
    "/",
    "/voice",
    "/callbacks/",
    "/console",
    "/static/console.css",
    "/.env",
    f"/{MARK}",
    "/voice/answer.xml",
    "/voice/audio/",
    "/voice/audio/x",
    "/voice/audio//x/y",
    "/voice/audio/x/y/z",
)


def ask(app: Flask, path: str, **request: Any) -> TestResponse:
    return app.test_client().open(path, **{"method": "POST", "content_type": FORM, **request})


def signature(url: str, params: Mapping[str, str], *, token: str = TOKEN, digest: str = "sha1") -> str:
    tail = "".join(name + value for name, value in sorted(params.items()))
    return b64encode(hmac.digest(token.encode(), (url + tail).encode(), digest)).decode()


def is_refused(response: TestResponse) -> bool:
    """Refused without a word about what was sent."""
    told = response.data + str(response.headers).encode()
    return response.status_code in range(400, 500) and b"m4rk" not in told.lower() and b"<Response" not in told


def action_of(question: Element) -> str:
    gather = question.find("Gather")
    assert gather is not None
    return gather.attrib["action"].removeprefix(BASE).partition("#")[0]


Untouched = tuple[Installation, PhoneCall, Element]


@pytest.fixture
def untouched(installation: Installation) -> Iterator[Untouched]:
    """The installation, in which a call is under way; whatever the test does, no row of it may change."""
    call = installation.twilio.dial()
    question = call.to_the_question()
    kept = installation.everything()
    yield installation, call, question
    assert installation.everything() == kept


def every_path(call_id: str) -> list[str]:
    """A path of each endpoint with a genuine call's id, and no right to it."""
    values = {"call_id": call_id, "round_": "1", "prompt": "1", "stay": "1-1", "state": "recorded"}
    paths = [
        "/".join([one.path, *(values[name] for name in one.arguments), *["x" * 43] * one.has_mac]) for one in ENDPOINTS
    ]
    return [*paths, f"/voice/audio/{'a' * 64}/{'x' * 43}"]


def test_every_route_but_health_refuses_whoever_has_no_signature(untouched: Untouched) -> None:
    installation, call, _ = untouched
    app = installation.twilio.app
    for path in [*every_path(installation.call(call.sid).id), *UNKNOWN_PATHS]:
        for method in METHODS:
            assert ask(app, path, method=method, data=call.params()).status_code == 403, (method, path)


def test_health_is_open_and_says_nothing_of_the_request(installation: Installation) -> None:
    app = installation.twilio.app
    for path in ("/healthz", "/readyz"):
        for headers in ({}, {"Host": MARK}, {"Host": "[::1"}, {"X-Forwarded-Host": MARK}):
            answer = ask(app, f"{path}?{MARK}", method="GET", headers=headers)
            assert answer.status_code == 200
            assert b"m4rk" not in answer.data
        assert ask(app, path).status_code == 403


def forgeries(path: str, params: dict[str, str]) -> dict[str, dict[str, Any]]:
    """What a thief of anything but the token could send instead of a genuine request, by what is wrong with it."""
    url = BASE + path
    good = signature(url, params)
    body, accepting = urlencode(params), urlencode({**params, "Digits": "1"})
    header = "X-Twilio-Signature"
    return {
        "no signature": {"headers": {}},
        "an empty one": {"headers": {header: ""}},
        "no base64": {"headers": {header: MARK}},
        "27 characters": {"headers": {header: good[:-1]}},
        "29 characters": {"headers": {header: f"{good}="}},
        "two halves": {"headers": {header: f"{good[:14]},{good[14:]}"}},
        "another one": {"headers": {header: b64encode(bytes(20)).decode()}},
        "not ASCII": {"headers": {header: "é" * 28}},
        "very long": {"headers": {header: "A" * 50_000}},
        "too many": {"headers": {header: f"{'A' * 28}," * SIGNATURES_MAX + good}},
        "SHA-256": {"headers": {header: signature(url, params, digest="sha256")}},
        "no algorithm": {"headers": {header: "", f"{header}s-Settings": "key=x,algorithm=none"}},
        "another token": {"headers": {header: signature(url, params, token="x" * 32)}},
        "an empty token": {"headers": {header: signature(url, params, token="")}},
        "another path": {"headers": {header: signature(f"{BASE}/voice/answer", params)}},
        "another host": {"headers": {header: signature(f"https://evil.example{path}", params), "Host": "evil.example"}},
        "no https": {"headers": {header: signature(f"http://voice.example.com{path}", params)}},
        "a proxy's host": {"headers": {header: good, "X-Forwarded-Host": "evil.example"}, "data": accepting},
        "a proxy's path": {"headers": {header: good, "X-Original-URL": "/healthz"}, "data": accepting},
        "another key": {"headers": {header: good}, "data": accepting},
        "a key more": {"headers": {header: good}, "data": f"{body}&Digits=1"},
        "a name more": {"headers": {header: good}, "data": f"{body}&Unknown="},
        "no form": {"headers": {header: good}, "data": ""},
        "a query": {"headers": {header: good}, "path": f"{path}?Digits=1"},
        "a GET": {"headers": {header: good}, "path": f"{path}?{body}", "method": "GET", "data": b""},
        "a GET with a body": {"headers": {header: good}, "method": "GET"},
        "an escape": {"headers": {header: good}, "path": path.replace("/1/", "%2f1/")},
        "a fragment": {"headers": {header: signature(f"{url}#rc=2", params)}},
        "another method": {"headers": {header: good, "X-HTTP-Method-Override": "POST"}, "method": "PUT"},
    }


def test_a_forged_answer_is_refused_and_decides_nothing(untouched: Untouched) -> None:
    installation, call, question = untouched
    path = action_of(question)
    params = {"AccountSid": ACCOUNT, **call.pressed("2"), "CallerName": MARK}
    for wrong, forged in forgeries(path, params).items():
        answer = ask(installation.twilio.app, **{"path": path, "data": urlencode(params), **forged})
        assert is_refused(answer), wrong
    assert installation.call(call.sid).outcome == "open"


def test_an_outsider_fills_no_log(installation: Installation, caplog: pytest.LogCaptureFixture) -> None:
    clock = installation.twilio.clock
    for minute in range(2):
        clock.passes(60.0)
        for _ in range(50):
            assert ask(installation.twilio.app, "/voice/answer", data=MARK).status_code == 403
            assert ask(installation.twilio.app, f"/{MARK}", headers={"X-Twilio-Signature": MARK}).status_code == 403
        assert len(caplog.records) == 2 * (minute + 1)
    assert [record.getMessage() for record in caplog.records[2:]] == [
        "requests refused: 50, no_signature",
        "requests refused: 50, bad_signature",
    ]


def test_a_forwarded_host_changes_no_verdict(installation: Installation) -> None:
    call = installation.twilio.dial()
    delivery = installation.twilio.sign("/voice/answer", call.params(CallStatus="ringing"))
    for name in ("Host", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Forwarded-Port", "X-Original-URL", "Forwarded"):
        for value in ("evil.example", "host=evil.example", "x:99999", "[::1", ""):
            headers = {"X-Twilio-Signature": delivery.signature, name: value}
            assert ask(installation.twilio.app, delivery.path, data=delivery.body, headers=headers).status_code == 200


def test_a_mac_opens_nothing_but_the_call_and_the_step_it_was_made_for(untouched: Untouched) -> None:
    installation, call, _ = untouched
    twilio = installation.twilio
    ours, other = installation.call(call.sid).id, "0" * 32
    paths = [
        url.removeprefix(BASE).partition("#")[0]
        for call_id in (ours, other)
        for url in (
            URLS.choice(call_id, 1),
            URLS.consent(call_id, 1),
            URLS.consent(call_id, 2),
            URLS.ended(call_id),
            URLS.whisper(call_id, recorded=True),
            URLS.whisper(call_id, recorded=False),
            URLS.recording(call_id),
            URLS.join(call_id, 1),
            URLS.left(call_id),
            URLS.star(call_id, Stay(1, 1)),
            URLS.star(call_id, Stay(1, 2)),
            URLS.withdraw(call_id, Stay(1, 1)),
            URLS.alone(call_id),
        )
    ]
    everything = {**call.recorded("completed"), **call.pressed("1"), "DialCallStatus": "completed"}
    for path in paths:
        for stolen in {path.rpartition("/")[2] for path in paths} - {path.rpartition("/")[2]}:
            changed = f"{path.rpartition('/')[0]}/{stolen}"
            assert twilio.post(changed, everything).status_code == 403, changed


def test_a_genuine_signature_reaches_no_other_path_and_is_never_redirected(untouched: Untouched) -> None:
    installation, call, question = untouched
    ours = action_of(question)
    step, mac = ours.rpartition("/")[::2]
    spelled = [
        *(f"/{ours}", ours.replace("/", "//", 2), ours.replace("/voice/", "/voice//"), f"{ours}//", f"{ours}/x"),
        *(ours.replace("/voice/", "/VOICE/"), ours.upper(), f"{step}%252f{mac}", f"{step}/{mac.swapcase()}"),
        *(f"{ours}.", f"{ours}%00", f"{ours}%0a", f"/.{ours}", f"/voice/..{ours}", ours.replace("/1/", "/-1/")),
        *(ours.replace("/1/", "/1.0/"), ours.replace("/1/", f"/{'9' * 5000}/"), f"/{MARK}"),
        *UNKNOWN_PATHS,
    ]
    for path in spelled:
        answer = installation.twilio.post(path, call.pressed("1"))
        assert answer.status_code in (403, 404), path
        assert is_refused(answer), path


def test_a_trailing_slash_is_the_same_door_and_no_redirect(installation: Installation) -> None:
    answer = installation.twilio.post("/voice/answer/", installation.twilio.dial().params(CallStatus="ringing"))
    assert answer.status_code == 200
    assert answer.data.count(b"<Redirect") == 1


def test_only_a_post_or_a_get_can_be_twilios(untouched: Untouched) -> None:
    installation, call, _ = untouched
    twilio = installation.twilio
    params = {"AccountSid": ACCOUNT, **call.params(CallStatus="ringing")}
    posted = twilio.sign("/voice/answer", params)
    url = f"/voice/answer?{urlencode(params)}"
    got = Delivery(url, b"", signature(BASE + url, {}))
    for method in METHODS:
        for sent, is_theirs in ((posted, method == "POST"), (got, method == "GET")):
            headers = {"X-Twilio-Signature": sent.signature}
            answer = ask(twilio.app, sent.path, method=method, data=sent.body, headers=headers)
            assert (answer.status_code in (403, 405)) != is_theirs, method
            assert is_theirs or is_refused(answer), method


BODIES: dict[str, tuple[str, bytes]] = {
    "nothing": (FORM, b""),
    "JSON": ("application/json", json.dumps({"CallSid": "CA" + "0" * 32}).encode()),
    "JSON called a form": (FORM, json.dumps({"CallSid": MARK}).encode()),
    "multipart": (
        "multipart/form-data; boundary=x",
        b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n--x--',
    ),
    "gzip": (FORM, gzip.compress(b"CallSid=CA1")),
    "UTF-16": (f"{FORM}; charset=utf-16", "CallSid=CA1".encode("utf-16")),
    "no UTF-8": (FORM, b"CallSid=%ff%fe"),
    "raw bytes": (FORM, b"\xff\x00\x01"),
    "surrogates": (FORM, b"CallSid=%ed%a0%80"),
    "no pairs": (FORM, b"m4rk&&&==&"),
    "a thousand parameters": (FORM, b"&".join(b"a%d=1" % n for n in range(1000))),
    "a long value": (FORM, b"Digits=" + b"1" * 60_000),
    "no type": ("", b"CallSid=CA1"),
    "text": ("text/plain", b"CallSid=CA1"),
}


def test_a_body_that_is_no_genuine_form_is_refused(untouched: Untouched) -> None:
    for what, (content_type, data) in BODIES.items():
        headers = {"X-Twilio-Signature": signature(f"{BASE}/voice/answer", {data.decode("latin-1"): ""})}
        for path in ("/voice/answer", "/callbacks/call", "/voice/fallback"):
            answer = ask(untouched[0].twilio.app, path, data=data, content_type=content_type, headers=headers)
            assert is_refused(answer), (what, path)


class Unread(io.RawIOBase):
    """A body that nobody may touch."""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        raise AssertionError("the body was read")


LENGTHS: list[dict[str, str]] = [
    {"CONTENT_LENGTH": str(BODY_BYTES_MAX + 1), "HTTP_X_TWILIO_SIGNATURE": "x"},
    {"CONTENT_LENGTH": str(10**12), "HTTP_X_TWILIO_SIGNATURE": "x"},
    {"CONTENT_LENGTH": "100"},  # without a signature
    {"HTTP_TRANSFER_ENCODING": "chunked", "HTTP_X_TWILIO_SIGNATURE": "x"},
    {"HTTP_TRANSFER_ENCODING": "chunked", "CONTENT_LENGTH": "100", "HTTP_X_TWILIO_SIGNATURE": "x"},
    {"CONTENT_LENGTH": "many", "HTTP_X_TWILIO_SIGNATURE": "x"},
]


def test_a_body_too_long_or_of_unknown_length_is_refused_unread(untouched: Untouched) -> None:
    builder = EnvironBuilder(path="/voice/answer", method="POST", content_type=FORM, base_url=BASE)
    environ = {**builder.get_environ(), "wsgi.input": Unread()}
    environ.pop("CONTENT_LENGTH", None)
    for length in LENGTHS:
        _, status, _ = run_wsgi_app(untouched[0].twilio.app, {**environ, **length})
        assert status.startswith("403"), length


def test_a_body_cut_off_on_its_way_is_refused(untouched: Untouched) -> None:
    installation, call, _ = untouched
    delivery = installation.twilio.sign("/voice/answer", call.params())
    answer = ask(
        installation.twilio.app,
        delivery.path,
        input_stream=io.BytesIO(delivery.body[:10]),
        headers={"X-Twilio-Signature": delivery.signature, "Content-Length": str(len(delivery.body))},
    )
    assert is_refused(answer)


def test_a_request_of_another_account_is_refused(untouched: Untouched) -> None:
    installation, call, _ = untouched
    for account_sid in ("AC" + "b" * 32, "", ACCOUNT.upper()):
        for path in ("/voice/answer", "/voice/fallback", "/callbacks/call"):
            assert is_refused(installation.twilio.post(path, call.params(AccountSid=account_sid)))


def test_parameters_nobody_knows_yet_are_let_in(twilio: Twilio) -> None:
    call = twilio.dial()
    odd = {
        "SpeechResult": MARK,
        "StirVerstat": "TN-Validation-Passed-A",
        "Something New": "\x00\ud7ff",
        "Timestamp": "0",
    }
    assert b"m4rk" not in twilio.post("/voice/answer", call.params(CallStatus="ringing", **odd)).data
