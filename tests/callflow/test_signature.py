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

from callflow.signature import BODY_BYTES_MAX, PARAMETERS_MAX, Form, Refusal, raw_target, signed_url, verify

BASE = "https://calls.example.org"
URL = f"{BASE}/voice/answer"
ACCOUNT = "AC" + "0" * 32
SECRET = "0123456789abcdef0123456789abcdef"
OTHER_SECRET = "fedcba9876543210fedcba9876543210"
FORM_TYPE = "application/x-www-form-urlencoded; charset=utf-8"
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
    content_type: str = FORM_TYPE,
    signature: str | None = "",
    account_sid: str = ACCOUNT,
) -> dict[str, str] | Refusal:
    """Verifies a genuine webhook, except for what the test replaces."""
    pairs = list(form.items()) if isinstance(form, Mapping) else list(form)
    verdict = verify(
        secrets,
        url=url,
        body=urlencode(pairs).encode() if body is None else body,
        content_type=content_type,
        signature=signed(pairs) if signature == "" else signature,
        account_sid=account_sid,
    )
    return dict(verdict) if isinstance(verdict, Form) else verdict


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
        content_type="application/json" if vector["raw_body"] else FORM_TYPE,
        signature=vector["signature"],
    )
    assert verdict == Refusal(expected_reason(vector, pairs))


def expected_reason(vector: dict[str, Any], pairs: list[tuple[str, str]]) -> Any:
    """The vectors carry no AccountSid, so a genuine one gets past the MAC and no further."""
    if vector["raw_body"] is not None:
        return "wrong_content_type"  # voice webhooks are forms; JSON bodies are another product's
    if not vector["twilio_python_9.13.0_says"]:
        return "bad_signature"
    return "duplicate_parameter" if len(dict(pairs)) != len(pairs) else "wrong_account"


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
    ],
)
def test_a_url_may_be_signed_with_or_without_its_port(url: str, signed_as: str) -> None:
    assert check(url=url, signature=signed(list(CALL.items()), signed_as)) == CALL


@given(
    body=st.binary(max_size=200) | st.from_regex(rb"[a-zA-Z0-9%&=+]{0,200}", fullmatch=True),
    url=st.text(max_size=60) | urls,
    content_type=st.text(max_size=60) | st.just(FORM_TYPE),
    signature=st.none() | st.text(max_size=60) | st.text(st.characters(categories=["Cs"]), min_size=1),
    secrets=st.lists(st.sampled_from([SECRET, ""]), max_size=3),
)
def test_whatever_an_outsider_sends_is_a_refusal(
    body: bytes, url: str, content_type: str, signature: str | None, secrets: list[str]
) -> None:
    verdict = verify(secrets, url=url, body=body, content_type=content_type, signature=signature, account_sid=ACCOUNT)
    assert isinstance(verdict, Refusal)


@given(st.lists(st.tuples(texts, texts), min_size=1, max_size=6))
def test_a_form_means_to_us_what_was_signed(pairs: list[tuple[str, str]]) -> None:
    pairs = [*pairs, ("AccountSid", ACCOUNT)]
    names = [name for name, _ in pairs]
    verdict = check(pairs)
    assert verdict == (Refusal("duplicate_parameter") if len(set(names)) < len(names) else dict(pairs))


@pytest.mark.parametrize("signature", [None, ""])
def test_a_missing_signature_is_refused(signature: str | None) -> None:
    verdict = verify([SECRET], url=URL, body=b"a=b", content_type=FORM_TYPE, signature=signature, account_sid=ACCOUNT)
    assert verdict == Refusal("no_signature")


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
        URL + "?",
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


@pytest.mark.parametrize("value", ["1", "2", ""])
def test_a_repeated_parameter_is_refused_even_if_it_says_the_same(value: str) -> None:
    assert check([*CALL.items(), ("Digits", value)]) == Refusal("duplicate_parameter")


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
    ("body", "reason"),
    [
        (b"", "bad_signature"),
        (b"&", "bad_form"),
        (b"a", "bad_form"),
        (b"a=b&", "bad_form"),
        (b"a=\xff", "bad_encoding"),
        (b"a=%ff", "bad_encoding"),
        (b"%ff=a", "bad_encoding"),
        (b"a=%ED%A0%80", "bad_encoding"),
        (b"a=%C0%80", "bad_encoding"),
        (b"a=" + b"b" * BODY_BYTES_MAX, "body_too_large"),
        (b"\xff" * 10_000_000, "body_too_large"),
        (b"&".join([b"a=b"] * (PARAMETERS_MAX + 1)), "too_many_parameters"),
        (b"&" * (BODY_BYTES_MAX - 1), "too_many_parameters"),
    ],
    ids=lambda value: ascii(value[:20]),
)
def test_a_body_that_is_no_form_is_refused(body: bytes, reason: Any) -> None:
    assert check(body=body) == Refusal(reason)


def test_the_largest_form_is_taken() -> None:
    form = {f"p{n}": "x" for n in range(PARAMETERS_MAX - 1)} | {"AccountSid": ACCOUNT}
    assert check(form) == form
    room = BODY_BYTES_MAX - len(urlencode({"AccountSid": ACCOUNT, "p": ""}))
    form = {"AccountSid": ACCOUNT, "p": "x" * room}
    assert check(form) == form


@pytest.mark.parametrize(
    "content_type",
    [
        "application/x-www-form-urlencoded",
        "application/x-www-form-urlencoded;charset=UTF-8",
        'Application/X-WWW-Form-Urlencoded ; charset="utf-8"',
    ],
)
def test_a_form_may_spell_its_type_as_it_likes(content_type: str) -> None:
    assert check(content_type=content_type) == CALL


@pytest.mark.parametrize(
    "content_type",
    [
        "",
        "application/json",
        "text/plain",
        "multipart/form-data; boundary=x",
        "application/x-www-form-urlencoded; charset=utf-16",
        "application/x-www-form-urlencoded, application/json",
        "application/x-www-form-urlencoded; charset=utf-8; charset=utf-16",
        "\ud800",
    ],
)
def test_another_content_type_is_refused(content_type: str) -> None:
    assert check(content_type=content_type) == Refusal("wrong_content_type")


def test_a_form_shows_no_value_and_cannot_be_changed() -> None:
    form = Form(CALL)
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
