"""A person is let in by an ID token that the provider gave for this very attempt, and by nothing else."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from functools import partial
from hashlib import sha256
from urllib.parse import parse_qs, parse_qsl, urlsplit

import pytest
import requests
from flask import Response

from outbound.bounded_http import Limits
from outbound.id_token import ALGORITHMS
from outbound.identity_provider import IdentityProvider
from policies.identity import Begun, Identity
from storage.errors import Broken, Refused, Unavailable
from tests.conftest import NOON
from tests.outbound.identity_provider_stub import (
    ABSENT,
    CALLBACK,
    CLIENT,
    SECRET,
    Behaviour,
    TheProvider,
    encoded,
    identity_provider,
    key_for,
)
from tests.outbound.wrong_sign_ons import NOW, STRANGER, WRONG, Wrong

LIMITS = Limits(connect_s=30, read_s=30, answer_s=30, answer_bytes_max=64 * 1024)


@pytest.fixture
def provider() -> Iterator[TheProvider]:
    with identity_provider() as provider:
        yield provider


def ours(
    provider: TheProvider, *, secret: str = SECRET, algorithms: tuple[str, ...] = ALGORITHMS, limits: Limits = LIMITS
) -> IdentityProvider:
    return IdentityProvider(provider.url, CLIENT, secret, CALLBACK, algorithms=algorithms, limits=limits)


def answer_to(begun: Begun) -> dict[str, str]:
    """The parameters with which the provider sends a browser back."""
    with requests.Session() as browser:
        browser.trust_env = False
        sent_back = browser.get(begun.url, allow_redirects=False, timeout=5).headers["Location"]
    assert sent_back.startswith(f"{CALLBACK}?")
    return dict(parse_qsl(urlsplit(sent_back).query))


def sign_on(asked: IdentityProvider) -> Identity:
    begun = asked.begin(NOON)
    return asked.finish(begun, answer_to(begun), now=NOON)


ALICE = Identity("", "alice-1", "Alice Example", "alice@staff.example", True, ("pwd", "otp", "mfa"))


def attempt(wrong: Wrong, provider: TheProvider, *, is_wrong: bool, patience_s: float = 3) -> Identity:
    """The same attempt with the wrong, or without it: nothing else differs. An endless answer is waited for so long."""
    provider.behaviour = Behaviour()
    wrong.honest(provider.behaviour)
    if is_wrong:
        wrong.tell(provider.behaviour, provider)
    limits = replace(LIMITS, answer_s=patience_s) if is_wrong and wrong.is_endless else LIMITS
    asked = ours(provider, algorithms=wrong.algorithms, limits=limits)
    begun = asked.begin(NOON)
    answer = answer_to(begun)
    if not is_wrong:
        return asked.finish(begun, answer, now=NOON)
    return asked.finish(wrong.kept(begun), wrong.brings(answer), now=NOON)


@pytest.mark.parametrize("wrong", [pytest.param(wrong, id=wrong.what) for wrong in WRONG])
def test_nobody_is_let_in_by(wrong: Wrong, provider: TheProvider) -> None:
    with pytest.raises(wrong.error, match=wrong.why) as refused:
        attempt(wrong, provider, is_wrong=True)
    assert [secret for secret in (*provider.given, SECRET) if secret in str(refused.value)] == []
    assert attempt(wrong, provider, is_wrong=False) == replace(ALICE, issuer=provider.url)


def test_of_all_these_wrongs_none_lets_anybody_in(provider: TheProvider) -> None:
    let_in = []
    for wrong in WRONG:
        try:
            let_in.append((wrong.what, attempt(wrong, provider, is_wrong=True, patience_s=0.3)))
        except (Refused, Unavailable):
            continue
    assert (len(WRONG) >= 90, let_in) == (True, [])


@pytest.mark.parametrize("alg", ALGORITHMS)
def test_a_person_is_let_in_by_a_token_under(alg: str, provider: TheProvider) -> None:
    provider.behaviour.key = key_for(alg)
    assert sign_on(ours(provider)) == replace(ALICE, issuer=provider.url)


@pytest.mark.parametrize("alg", ["none", "HS256", "HS512", "hs256", ""])
def test_no_algorithm_that_others_can_sign_with_can_be_allowed(alg: str) -> None:
    with pytest.raises(Broken, match="others than the provider"):
        IdentityProvider("https://idp.example", CLIENT, SECRET, CALLBACK, algorithms=("RS256", alg))


def test_the_browser_is_sent_with_what_binds_the_answer_to_this_attempt(provider: TheProvider) -> None:
    begun = ours(provider).begin(NOON)
    url = urlsplit(begun.url)
    assert f"{url.scheme}://{url.netloc}{url.path}" == f"{provider.url}/authorize"
    assert parse_qs(url.query) == {
        "tenant": ["a"],
        "response_type": ["code"],
        "client_id": [CLIENT],
        "redirect_uri": [CALLBACK],
        "scope": ["openid email profile"],
        "state": [begun.state],
        "nonce": [begun.nonce],
        "code_challenge": [encoded(sha256(begun.code_verifier.encode()).digest())],
        "code_challenge_method": ["S256"],
    }


def test_something_as_good_as_a_passkey_is_asked_for_where_that_is_wished(provider: TheProvider) -> None:
    asked = IdentityProvider(provider.url, CLIENT, SECRET, CALLBACK, acr_values="phr")
    assert parse_qs(urlsplit(asked.begin(NOON).url).query)["acr_values"] == ["phr"]
    assert asked.name == urlsplit(provider.url).netloc


def test_no_two_attempts_share_a_secret_and_none_is_shown(provider: TheProvider) -> None:
    asked = ours(provider)
    attempts = [asked.begin(NOON) for _ in range(20)]
    secrets = {secret for begun in attempts for secret in (begun.state, begun.nonce, begun.code_verifier)}
    assert len(secrets) == 60
    assert min(map(len, secrets)) >= 43
    assert [begun for begun in attempts if any(secret in repr(begun) for secret in secrets)] == []


def test_the_code_is_exchanged_with_the_verifier_and_the_client_secret(provider: TheProvider) -> None:
    asked = ours(provider)
    begun = asked.begin(NOON)
    answer = answer_to(begun)
    asked.finish(begun, answer, now=NOON)
    assert provider.forms == [
        {
            "grant_type": "authorization_code",
            "code": answer["code"],
            "redirect_uri": CALLBACK,
            "code_verifier": begun.code_verifier,
        }
    ]


def test_a_wrong_client_secret_is_refused_and_not_shown(provider: TheProvider) -> None:
    with pytest.raises(Refused, match="token endpoint answered 401: invalid_client$"):
        sign_on(ours(provider, secret="another"))


def test_a_client_without_a_secret_sends_its_name(provider: TheProvider) -> None:
    provider.is_public = True
    assert sign_on(ours(provider, secret="")).subject == "alice-1"
    assert provider.forms[0]["client_id"] == CLIENT


def test_an_attempt_is_finished_without_its_url(provider: TheProvider) -> None:
    asked = ours(provider)
    begun = asked.begin(NOON)
    assert asked.finish(replace(begun, url=""), answer_to(begun), now=NOON).subject == "alice-1"


def test_an_attempt_is_finished_by_another_process_than_began_it(provider: TheProvider) -> None:
    begun = ours(provider).begin(NOON)
    assert ours(provider).finish(begun, answer_to(begun), now=NOON).subject == "alice-1"


def test_an_answer_to_no_attempt_sends_no_request(provider: TheProvider) -> None:
    begun = ours(provider).begin(NOON)
    answer = answer_to(begun)
    provider.asked.clear()
    for wrong in ({**answer, "state": "another"}, {"code": "c"}, {}):
        with pytest.raises(Refused, match="state"):
            ours(provider).finish(begun, wrong, now=NOON)
    assert provider.asked == []


def test_the_answer_to_an_earlier_attempt_is_refused(provider: TheProvider) -> None:
    asked = ours(provider)
    earlier = asked.begin(NOON)
    answer = answer_to(earlier)
    assert asked.finish(earlier, answer, now=NOON).subject == "alice-1"
    with pytest.raises(Refused, match="state"):
        asked.finish(asked.begin(NOON), answer, now=NOON)
    with pytest.raises(Refused, match="invalid_grant"):  # the same attempt again: the provider knows its code is used
        asked.finish(earlier, answer, now=NOON)


def test_no_request_goes_where_a_token_points(provider: TheProvider) -> None:
    with identity_provider() as stranger:
        stranger.behaviour.key = STRANGER
        provider.behaviour.sign = STRANGER.sign
        for name in ("jku", "x5u"):
            provider.behaviour.header = {"kid": STRANGER.kid, name: f"{stranger.url}/keys"}
            with pytest.raises(Refused, match="key of its own"):
                sign_on(ours(provider))
        assert stranger.asked == []


def test_a_redirect_is_followed_nowhere(provider: TheProvider) -> None:
    with identity_provider() as stranger:
        for path in ("/.well-known/openid-configuration", "/keys", "/token"):
            provider.behaviour = Behaviour()
            provider.behaviour.instead[path] = partial(Response, b"", 302, {"Location": f"{stranger.url}{path}"})
            with pytest.raises(Refused, match="answered 302"):
                sign_on(ours(provider))
        assert stranger.asked == []


ALL_RIGHT: dict[str, dict[str, object]] = {
    "a list with one audience": {"aud": [CLIENT]},
    "several audiences and us as the authorised party": {"aud": [CLIENT, "another"], "azp": CLIENT},
    "one audience and us as the authorised party": {"azp": CLIENT},
    "no hash of the access token": {"at_hash": ABSENT},
    "a start at the edge of the clock skew": {"nbf": NOW + 60},
    "an issue at the edge of the clock skew": {"iat": NOW + 60},
    "an issue as long ago as may be": {"iat": NOW - 660},
    "an end at the edge of the clock skew": {"exp": NOW - 59},
    "a time with a fraction": {"exp": NOW + 0.5},
    "a subject of 255 characters": {"sub": "a" * 255},
    "nothing about the person": {"name": ABSENT, "email": ABSENT, "email_verified": ABSENT, "amr": ABSENT},
}


@pytest.mark.parametrize("claims", ALL_RIGHT.values(), ids=ALL_RIGHT)
def test_a_person_is_let_in_with(claims: dict[str, object], provider: TheProvider) -> None:
    provider.behaviour.claims = claims
    assert sign_on(ours(provider)).subject == claims.get("sub", "alice-1")


@pytest.mark.parametrize("typ", ["JWT", "jwt", ABSENT], ids=["JWT", "jwt", "none"])
def test_a_person_is_let_in_by_a_token_whatever_the_case_of_its_type(typ: object, provider: TheProvider) -> None:
    provider.behaviour.header = {"typ": typ, "x5t": "QUJD", "nobody": "knows this"}
    assert sign_on(ours(provider)).subject == "alice-1"


def test_a_token_without_the_id_of_its_key_is_checked_by_the_only_key(provider: TheProvider) -> None:
    provider.behaviour.header = {"kid": ABSENT}
    assert sign_on(ours(provider)).subject == "alice-1"
    provider.behaviour.published = [provider.behaviour.key.jwk, key_for("ES256").jwk]
    with pytest.raises(Refused, match="a key that the provider lacks"):
        sign_on(ours(provider))


def test_keys_for_something_else_do_not_hide_the_one_that_signs(provider: TheProvider) -> None:
    odd = [
        7,
        {},
        {"kty": "AKP"},
        {"kty": ["RSA"]},
        {"kty": "OKP", "crv": ["Ed25519"], "x": "QUJD"},
        {**key_for("ES256").jwk, "y": "QUJD"},
        {**key_for("ES256").jwk, "crv": "P-1"},
        {**key_for("ES256").jwk, "key_ops": [["verify"]]},
        {"kty": "RSA"},
        {"kty": "oct", "k": "QQ"},
    ]
    provider.behaviour.published = [*odd, provider.behaviour.key.jwk]
    assert sign_on(ours(provider)).subject == "alice-1"


@pytest.mark.parametrize("announced", [False, ABSENT], ids=["denied", "not said"])
def test_a_provider_that_does_not_announce_its_name_need_not_say_it(announced: object, provider: TheProvider) -> None:
    provider.behaviour.discovery = {"authorization_response_iss_parameter_supported": announced}
    provider.behaviour.answer = {"iss": ABSENT}
    assert sign_on(ours(provider)).subject == "alice-1"


def test_the_documents_of_the_provider_are_read_once_an_hour(provider: TheProvider) -> None:
    asked = ours(provider)
    documents = ["/.well-known/openid-configuration", "/keys"]
    for after, seen in ((0, 1), (1, 1), (3599, 1), (3600, 2), (7199, 2), (7200, 3)):
        asked.begin(NOON + timedelta(seconds=after))
        assert provider.asked == documents * seen
    asked.begin(NOON)  # the clock was set back
    assert provider.asked == documents * 4


def test_a_key_that_is_new_is_asked_for_but_not_for_every_token(provider: TheProvider) -> None:
    asked = ours(provider)
    asked.begin(NOON)
    provider.behaviour.key = key_for("RS256", "next")

    def finished(after_s: int) -> Identity:
        now = NOON + timedelta(seconds=after_s)
        begun = asked.begin(now)
        return asked.finish(begun, answer_to(begun), now=now)

    for after_s in (0, 10, 29):
        with pytest.raises(Refused, match="a key that the provider lacks"):
            finished(after_s)
    assert provider.asked.count("/keys") == 1
    assert finished(30).subject == "alice-1"
    assert provider.asked.count("/keys") == 2
    provider.behaviour.header = {"kid": "nobody"}
    for after_s in range(31, 91):
        with pytest.raises(Refused, match="a key that the provider lacks"):
            finished(after_s)
    assert provider.asked.count("/keys") == 4
    provider.behaviour.header = {}
    assert finished(91).subject == "alice-1"


def test_a_provider_that_is_gone_is_unavailable_and_not_asked_by_every_visitor(provider: TheProvider) -> None:
    asked = ours(provider)
    provider.behaviour.instead["/keys"] = lambda: Response(b"", 503)
    for after_s in (0, 1, 9):
        with pytest.raises(Unavailable, match="^single sign-on: the key set answered 503$"):
            asked.begin(NOON + timedelta(seconds=after_s))
    assert provider.asked.count("/keys") == 1
    provider.behaviour = Behaviour()
    with pytest.raises(Unavailable):
        asked.begin(NOON + timedelta(seconds=9))
    assert asked.begin(NOON + timedelta(seconds=10)).url


def test_a_provider_that_nothing_listens_for_is_unavailable(provider: TheProvider) -> None:
    with identity_provider() as gone:
        asked, began = ours(gone), ours(gone)
        begun = began.begin(NOON)
        answer = answer_to(begun)
    with pytest.raises(Unavailable, match="the discovery document gave no answer"):
        asked.begin(NOON)
    with pytest.raises(Unavailable, match="the token endpoint gave no answer"):
        began.finish(begun, answer, now=NOON)


@pytest.mark.parametrize(
    "issuer", ["http://idp.example", "ftp://idp.example", "idp.example", "", "https://a@b.example"]
)
def test_an_issuer_that_is_not_safe_is_refused(issuer: str) -> None:
    with pytest.raises(Refused, match="the issuer is no https URL"):
        IdentityProvider(issuer, CLIENT, SECRET, CALLBACK)
