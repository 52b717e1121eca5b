"""The signature check agrees with Twilio's own code where that is sound, and never raises where it is not."""

import base64
import hmac
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote_plus, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twilio.request_validator import RequestValidator

from callflow.signature import BODY_BYTES_MAX, SIGNATURES_MAX, Form, Refusal, raw_target, signed_url, verify
from storage.errors import Refused

BASE = "https://calls.example.org"
URL = f"{BASE}/voice/answer"
ACCOUNT = "AC" + "0" * 32
SECRET = "0123456789abcdef0123456789abcdef"
OTHER_SECRET = "fedcba9876543210fedcba9876543210"
CALL = {"AccountSid": ACCOUNT, "CallSid": "CA" + "1" * 32, "From": "+14155550100", "Digits": "1"}
VECTORS = json.loads((Path(__file__).parent / "signature_vectors.json").read_text())


def signed(pairs: Sequence[tuple[str, str]], url: str = URL, secret: str = SECRET) -> str:
    """Twilio's published algorithm, written a second time."""
    text = url + "".join(name + value for name, value in sorted(set(pairs)))
    return base64.b64encode(hmac.new(secret.encode(), text.encode(), "sha1").digest()).decode()


def check(
    form: Mapping[str, str] | Sequence[tuple[str, str]] = CALL,
    *,
    secrets: Sequence[str] = (SECRET,),
    url: str = URL,
    body: bytes | None = None,
    signature: str = "",
    beside: Sequence[str] = (),
    account_sid: str = ACCOUNT,
) -> dict[str, str] | Refusal:
    """Verifies a genuine webhook, except for what the test replaces. `beside`: more signatures, in front of its own."""
    pairs = list(form.items()) if isinstance(form, Mapping) else list(form)
    verdict = verify(
        secrets,
        url=url,
        body=urlencode(pairs).encode() if body is None else body,
        signatures=[*beside, signature or signed(pairs)],
        account_sid=account_sid,
    )
    return dict(verdict) if isinstance(verdict, Form) else verdict


def refused(**sent: Any) -> Any:
    verdict = check(**sent)
    return verdict.reason if isinstance(verdict, Refusal) else verdict


def values(form: Form | Refusal) -> dict[str, set[str]]:
    assert isinstance(form, Form)
    return {name: set(form.all(name)) for name in form}


def pairs_of(params: Mapping[str, Any] | None) -> list[tuple[str, str]]:
    return [
        (name, value)
        for name, values in (params or {}).items()
        for value in (values if isinstance(values, list) else [values])
    ]


def test_a_genuine_webhook_gives_its_form() -> None:
    assert check() == CALL


@pytest.mark.parametrize("vector", VECTORS["vectors"], ids=lambda vector: vector["name"])
def test_the_official_vectors_give_the_official_verdict(vector: dict[str, Any]) -> None:
    pairs = pairs_of(vector["params"])
    verdict = check(
        pairs,
        secrets=[vector["token"]],
        url=vector["url"],
        body=vector["raw_body"] and vector["raw_body"].encode(),
        signature=vector["signature"],
    )
    assert verdict == Refusal(expected_reason(vector, pairs))


def expected_reason(vector: dict[str, Any], pairs: list[tuple[str, str]]) -> Any:
    """The vectors carry no AccountSid, so a genuine one gets past the MAC and no further."""
    if vector["raw_body"] is not None:
        return "bad_signature"  # voice webhooks are forms; JSON bodies are another product's
    return "wrong_account" if vector["expect_valid"] else "bad_signature"


@pytest.mark.parametrize("vector", VECTORS["computed"], ids=lambda vector: vector["name"])
def test_the_computed_vectors_pass_unless_another_algorithm_made_them(vector: dict[str, Any]) -> None:
    verdict = check(
        pairs_of(vector["params"]),
        secrets=[vector["token"]],
        url=vector["url"],
        signature=vector["signature"],
    )
    assert verdict == Refusal("wrong_account" if vector["algorithm"] == "HMAC_SHA1" else "bad_signature")


origins = st.builds(
    lambda scheme, port: f"{scheme}://calls.example.org{port}",
    st.sampled_from(["http", "https"]),
    st.sampled_from(["", ":443", ":80", ":8443"]),
)
paths = st.from_regex(r"/[A-Za-z0-9_/-]{0,30}(\?[A-Za-z0-9_=&-]{1,20})?", fullmatch=True)
urls = st.builds(lambda origin, path: origin + path, origins, paths)
texts = st.text(st.characters(codec="utf-8"), max_size=20)
forms = st.dictionaries(texts, texts, max_size=30).map(lambda form: {**form, "AccountSid": ACCOUNT})


@given(form=forms, origin=origins, signed_origin=origins, path=paths, forged=st.booleans())
def test_the_verdict_is_that_of_twilios_own_validator(
    form: dict[str, str], origin: str, signed_origin: str, path: str, forged: bool
) -> None:
    signature = signed(list(form.items()), signed_origin + path)
    signature = signature.swapcase() if forged else signature
    genuine = RequestValidator(SECRET).validate(origin + path, form, signature)
    verdict = check(form, url=origin + path, signature=signature)
    assert verdict == (form if genuine else Refusal("bad_signature"))


@pytest.mark.parametrize(
    ("url", "signed_as"),
    [
        ("https://a.example/x", "https://a.example:443/x"),
        ("https://a.example:443/x", "https://a.example/x"),
        ("https://a.example:8443/x", "https://a.example/x"),
        ("http://127.0.0.1:8000/x", "http://127.0.0.1:8000/x"),
        ("http://127.0.0.1/x", "http://127.0.0.1:80/x"),
        ("http://[::1]:8000/x", "http://[::1]/x"),
        ("https://a.example/x", "https://a.example/x?"),
        ("https://a.example/x?", "https://a.example:443/x"),
        ("https://a.example/x?a=it's", "https://a.example/x?a=it%27s"),
        ("https://a.example/x?a=it%27s", "https://a.example/x?a=it's"),
    ],
)
def test_a_url_may_be_signed_in_any_spelling_that_twilio_has_for_it(url: str, signed_as: str) -> None:
    assert check(url=url, signature=signed(list(CALL.items()), signed_as)) == CALL


@given(
    body=st.none() | st.binary(max_size=200) | st.from_regex(rb"[a-zA-Z0-9%&=+]{0,200}", fullmatch=True),
    url=st.text(max_size=60) | urls,
    signatures=st.lists(st.text(max_size=60) | st.text(st.characters(categories=["Cs"]), min_size=1), max_size=6),
    secrets=st.lists(st.sampled_from([SECRET, ""]), max_size=3),
)
def test_whatever_an_outsider_sends_is_a_refusal(
    body: bytes | None, url: str, signatures: list[str], secrets: list[str]
) -> None:
    assert isinstance(verify(secrets, url=url, body=body, signatures=signatures, account_sid=ACCOUNT), Refusal)


@given(st.lists(st.tuples(texts, texts), max_size=6), st.sampled_from(["latin-1", "utf-16", "utf-8"]))
def test_a_form_holds_all_that_was_signed(pairs: list[tuple[str, str]], encoding: str) -> None:
    """Whatever bytes it is made of; the signature is over them as they were sent."""
    raw = [(a.encode(encoding, "ignore"), b.encode(encoding, "ignore")) for a, b in pairs]
    raw.append((b"AccountSid", ACCOUNT.encode()))
    text = URL.encode() + b"".join(name + value for name, value in sorted(set(raw)))
    signature = base64.b64encode(hmac.digest(SECRET.encode(), text, "sha1")).decode()
    verdict = verify([SECRET], url=URL, body=urlencode(raw).encode(), signatures=[signature], account_sid=ACCOUNT)
    sent: dict[str, set[str]] = {}
    for name, value in raw:
        sent.setdefault(name.decode("utf-8", "surrogateescape"), set()).add(value.decode("utf-8", "surrogateescape"))
    assert values(verdict) == sent


@pytest.mark.parametrize("signatures", [[], [""], ["", ""]])
def test_a_missing_signature_is_refused(signatures: list[str]) -> None:
    verdict = verify([SECRET], url=URL, body=b"a=b", signatures=signatures, account_sid=ACCOUNT)
    assert verdict == Refusal("no_signature")


def test_one_good_signature_among_a_few_is_enough() -> None:
    assert check(beside=["A" * 28, ""]) == CALL
    assert refused(beside=["A" * 28] * SIGNATURES_MAX) == "bad_signature"
    assert refused(beside=["A" * 28], signature="B" * 28) == "bad_signature"


def test_the_parameters_of_a_get_stand_in_the_url_that_is_signed() -> None:
    url = f"{URL}?{urlencode(CALL)}"
    verdict = verify([SECRET], url=url, body=None, signatures=[signed([], url)], account_sid=ACCOUNT)
    assert isinstance(verdict, Form)
    assert dict(verdict) == CALL
    for wrong in (f"{url}&Digits=2", url.replace("Digits=1", "Digits=2"), URL):
        assert isinstance(
            verify([SECRET], url=wrong, body=None, signatures=[signed([], url)], account_sid=ACCOUNT), Refusal
        )


def test_a_post_is_not_read_from_its_url() -> None:
    url = f"{URL}?{urlencode(CALL)}"
    verdict = verify([SECRET], url=url, body=b"", signatures=[signed([], url)], account_sid=ACCOUNT)
    assert verdict == Refusal("wrong_account")


GENUINE = signed(list(CALL.items()))


@pytest.mark.parametrize(
    "signature",
    [
        GENUINE[:-1],
        GENUINE + "=",
        GENUINE.lower(),
        " " + GENUINE,
        GENUINE + "\n",
        f"{GENUINE},{GENUINE}",
        f"{GENUINE}, {GENUINE}",
        GENUINE.replace(GENUINE[0], "é"),
        "\x00" * 28,
        "\ud800" * 28,
        "?" * 28,
        "A" * 10_000_000,
        base64.b64encode(hmac.new(SECRET.encode(), URL.encode(), "sha256").digest()).decode(),
    ],
    ids=lambda signature: ascii(signature[:32]),
)
def test_any_other_signature_is_refused(signature: str) -> None:
    assert check(signature=signature) == Refusal("bad_signature")


@pytest.mark.parametrize(
    "url",
    [
        URL + "/",
        URL + "??",
        URL + "?a=b",
        URL.upper().replace("HTTPS", "https"),
        URL.replace("/answer", "//answer"),
        URL.replace("/answer", "%2fanswer"),
        URL.replace("https", "http"),
        URL.replace(".org", ".org:8443/voice/answer#"),
        URL.replace("calls.", "other."),
    ],
)
def test_a_signature_for_another_url_is_refused(url: str) -> None:
    assert check(signature=signed(list(CALL.items()), url)) == Refusal("bad_signature")


@pytest.mark.parametrize(
    "url",
    [
        "",
        "/voice/answer",
        "ftp://a/b",
        "https://",
        "https:///x",
        "https://a/\n",
        "https://a/é",
        "https://a b/",
        "https://é/",
        "https://a/\ud800",
        "https://\ud800/",
    ],
)
def test_what_is_no_url_is_refused(url: str) -> None:
    assert check(url=url, signature="A" * 28) == Refusal("bad_url")


def test_either_token_is_taken_while_they_are_rotated() -> None:
    for secrets in ([SECRET, OTHER_SECRET], [OTHER_SECRET, SECRET]):
        assert check(secrets=secrets) == CALL


@pytest.mark.parametrize("secrets", [[], [OTHER_SECRET]])
def test_without_the_right_token_nothing_is_genuine(secrets: list[str]) -> None:
    assert check(secrets=secrets) == Refusal("bad_signature")


def test_an_empty_token_signs_nothing() -> None:
    assert check(secrets=[""], signature=signed(list(CALL.items()), secret="")) == Refusal("bad_signature")


@pytest.mark.parametrize("form", [{**CALL, "AccountSid": "AC" + "9" * 32}, {**CALL, "AccountSid": ""}, {"a": "b"}])
def test_another_accounts_webhook_is_refused(form: dict[str, str]) -> None:
    assert check(form) == Refusal("wrong_account")


def test_a_parameter_that_says_the_same_twice_says_it() -> None:
    assert check([*CALL.items(), ("Digits", "1")]) == CALL


@pytest.mark.parametrize("value", ["2", "", "1 "])
def test_a_parameter_with_several_values_has_none(value: str) -> None:
    pairs = [*CALL.items(), ("Digits", value)]
    body, good = urlencode(pairs).encode(), [signed(pairs)]
    form = verify([SECRET], url=URL, body=body, signatures=good, account_sid=ACCOUNT)
    assert isinstance(form, Form)
    assert ("Digits" in form, form.all("Digits"), form["From"]) == (True, ("1", value), CALL["From"])
    with pytest.raises(Refused, match="Digits: it came with several values"):
        form.get("Digits")


def test_a_forger_is_not_told_about_repeated_parameters() -> None:
    assert check([*CALL.items(), ("Digits", "2")], signature="A" * 28) == Refusal("bad_signature")


def test_a_changed_parameter_is_refused() -> None:
    for name, value in [("Digits", "2"), ("Digits", "1 "), ("Extra", ""), ("Digits ", "1")]:
        body = urlencode({**CALL, name: value}).encode()
        assert check(body=body) == Refusal("bad_signature")


def test_a_removed_parameter_is_refused() -> None:
    assert check(body=urlencode({k: v for k, v in CALL.items() if k != "Digits"}).encode()) == Refusal("bad_signature")


def test_empty_values_and_unknown_parameters_are_kept() -> None:
    form = {**CALL, "CallerCity": "", "SomethingNew": "São Paulo \x00 & = + %"}
    assert check(form) == form


def test_spaces_may_be_written_either_way() -> None:
    form = {**CALL, "CallerCity": "NEW YORK"}
    body = urlencode(form, quote_via=lambda text, *_: quote_plus(text).replace("+", "%20")).encode()
    assert b"%20" in body
    assert check(form, body=body) == form


@pytest.mark.parametrize(
    "body",
    [b"", b"&", b"a", b"a=\xff", b"a=%ff", b"%ff=a", b"a=%zz", b"&" * BODY_BYTES_MAX, b"&a" * (BODY_BYTES_MAX // 2)],
    ids=lambda value: ascii(value[:20]),
)
def test_a_body_that_was_not_signed_is_refused_whatever_it_is(body: bytes) -> None:
    assert check(body=body) == Refusal("bad_signature")


@pytest.mark.parametrize("body", [b"a=" + b"b" * BODY_BYTES_MAX, b"\xff" * 10_000_000])
def test_a_body_over_the_cap_is_refused(body: bytes) -> None:
    assert check(body=body) == Refusal("body_too_large")


def test_the_largest_form_is_taken() -> None:
    form = {f"p{n}": "" for n in range(8000)} | {"AccountSid": ACCOUNT}
    assert len(urlencode(form)) < BODY_BYTES_MAX
    assert check(form) == form
    room = BODY_BYTES_MAX - len(urlencode({"AccountSid": ACCOUNT, "p": ""}))
    form = {"AccountSid": ACCOUNT, "p": "x" * room}
    assert check(form) == form


@pytest.mark.parametrize("odd", [b"&%s", b"%s&", b"&&%s&&&"])
def test_a_form_may_have_empty_places(odd: bytes) -> None:
    assert check(body=odd % urlencode(CALL).encode()) == CALL


def test_a_form_shows_no_value_and_cannot_be_changed() -> None:
    form = Form(CALL.items())
    assert "+1415" not in repr(form) + str(form)
    assert not hasattr(form, "__setitem__")


@pytest.mark.parametrize(
    ("environ", "target"),
    [
        ({"RAW_URI": "/voice/answer?a=%2B", "PATH_INFO": "/other"}, "/voice/answer?a=%2B"),
        ({"REQUEST_URI": "/voice/answer"}, "/voice/answer"),
        ({"PATH_INFO": "/voice/answer", "QUERY_STRING": "a=%2B"}, "/voice/answer?a=%2B"),
        ({"SCRIPT_NAME": "/sub", "PATH_INFO": "/voice/answer", "QUERY_STRING": ""}, "/sub/voice/answer"),
        ({"PATH_INFO": "/voice/ans wer"}, ""),
        ({"PATH_INFO": "/S\xc3\xa3o"}, ""),
        ({"PATH_INFO": "/voice/answer\n"}, ""),
        ({"PATH_INFO": "*"}, ""),
        ({}, ""),
    ],
)
def test_the_raw_target_is_what_was_sent(environ: dict[str, object], target: str) -> None:
    assert raw_target(environ) == target


def test_no_header_has_a_part_in_the_signed_url() -> None:
    forged = {
        f"HTTP_{name}": "evil.example"
        for name in (
            "HOST",
            "FORWARDED",
            "X_FORWARDED_HOST",
            "X_FORWARDED_PREFIX",
            "X_ORIGINAL_URL",
            "X_REWRITE_URL",
        )
    }
    assert signed_url(BASE, raw_target({**forged, "PATH_INFO": "/voice/answer"})) == URL


@pytest.mark.parametrize(
    "target",
    [
        "",
        "*",
        "voice/answer",
        "http://evil/voice/answer",
        "https://calls.example.org/voice/answer",
        "evil:443",
        "/voice/answer#rc=2",
        "/voice/answer\n",
        "/voice/ answer",
        "/vóice",
        "/\ud800",
        "@evil/voice/answer",
    ],
)
def test_a_target_that_is_not_a_plain_path_is_refused(target: str) -> None:
    assert signed_url(BASE, target) == Refusal("bad_url")
