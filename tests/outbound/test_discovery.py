"""A discovery document is that of its issuer, and its endpoints are where a secret may be sent."""

import pytest

from outbound.discovery import Endpoints, discovery_url, is_safe, read_discovery
from storage.errors import Refused

ISSUER, ON_LOOPBACK = "https://idp.example/tenant", "http://127.0.0.1:8080"
DOCUMENT = {
    "issuer": ISSUER,
    "authorization_endpoint": "https://login.example/authorize?tenant=a",
    "token_endpoint": "https://tokens.example/token",
    "jwks_uri": "https://keys.example/keys",
}


def test_the_endpoints_may_be_on_other_hosts_than_the_issuer() -> None:
    assert read_discovery(DOCUMENT, ISSUER) == Endpoints(
        "https://login.example/authorize?tenant=a",
        "https://tokens.example/token",
        "https://keys.example/keys",
        names_issuer=False,
    )


@pytest.mark.parametrize("announced", [True, "true", 1])
def test_a_provider_that_announces_that_it_names_itself_must_do_so(announced: object) -> None:
    document = {**DOCUMENT, "authorization_response_iss_parameter_supported": announced}
    assert read_discovery(document, ISSUER).names_issuer


@pytest.mark.parametrize("issuer", [None, "", ISSUER + "/", ISSUER.upper(), "https://idp.example", [ISSUER]])
def test_the_document_of_another_issuer_is_refused(issuer: object) -> None:
    with pytest.raises(Refused, match="that of another issuer"):
        read_discovery({**DOCUMENT, "issuer": issuer}, ISSUER)


@pytest.mark.parametrize("name", ["authorization_endpoint", "token_endpoint", "jwks_uri"])
@pytest.mark.parametrize("url", [None, "http://idp.example/x", "http://127.0.0.1/x", "javascript:alert(1)"])
def test_an_endpoint_that_is_not_safe_is_refused(name: str, url: object) -> None:
    with pytest.raises(Refused, match=f"has no {name} that can be trusted"):
        read_discovery({**DOCUMENT, name: url}, ISSUER)


@pytest.mark.parametrize(
    ("url", "issuer", "safe"),
    [
        ("https://idp.example", ISSUER, True),
        ("https://[2001:db8::1]:8443/a?b=c", ISSUER, True),
        ("http://127.0.0.1:1/a", ON_LOOPBACK, True),
        ("http://localhost:1/a", ON_LOOPBACK, True),
        ("http://[::1]:1/a", ON_LOOPBACK, True),
        ("http://localhost:1/a", ISSUER, False),
        ("http://192.0.2.1/a", ON_LOOPBACK, False),
        ("http://localhost.example/a", ON_LOOPBACK, False),
        ("https://alice@idp.example/a", ISSUER, False),
        ("https://@idp.example/a", ISSUER, False),
        ("https://idp.example/a#b", ISSUER, False),
        ("https://idp.example\\@other.example/a", ISSUER, False),
        ("https://idp.example/a b", ISSUER, False),
        ("https://idp.exämple/a", ISSUER, False),
        ("https://idp.example:0/a", ISSUER, False),
        ("https://idp.example:99999/a", ISSUER, False),
        ("https://[::1/a", ISSUER, False),
        ("https:///a", ISSUER, False),
        ("file:///etc/passwd", ISSUER, False),
        ("//idp.example/a", ISSUER, False),
        (7, ISSUER, False),
    ],
)
def test_a_url_is_safe_over_tls_or_on_this_machine(url: object, issuer: str, safe: bool) -> None:
    assert is_safe(url, issuer) is safe


@pytest.mark.parametrize("issuer", ["https://idp.example", "https://idp.example/"])
def test_the_document_stands_below_the_issuer(issuer: str) -> None:
    assert discovery_url(issuer) == "https://idp.example/.well-known/openid-configuration"
