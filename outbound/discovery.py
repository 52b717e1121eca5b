"""The discovery document of an identity provider: its issuer and its endpoints (OpenID Connect Discovery 1.0)."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from storage.errors import Refused

_PATH = "/.well-known/openid-configuration"


@dataclass(frozen=True, slots=True)
class Endpoints:
    """URLs of the provider. They need not be on the issuer's host: the large providers have a host for each, and the
    document that lists them comes from the issuer over TLS.
    """

    authorization: str
    token: str
    keys: str
    names_issuer: bool
    """Whether the answer that a browser brings back says whose it is (RFC 9207)."""


def discovery_url(issuer: str) -> str:
    return issuer.rstrip("/") + _PATH


def read_discovery(document: Mapping[str, Any], issuer: str) -> Endpoints:
    """Raises Refused for the document of another issuer, and for an endpoint that is not safe to be sent a secret."""
    if document.get("issuer") != issuer:
        raise Refused("single sign-on: the discovery document is that of another issuer")
    return Endpoints(
        authorization=_endpoint(document, "authorization_endpoint", issuer),
        token=_endpoint(document, "token_endpoint", issuer),
        keys=_endpoint(document, "jwks_uri", issuer),
        names_issuer=bool(document.get("authorization_response_iss_parameter_supported")),
    )


def is_safe(url: object, issuer: str) -> bool:
    """Whether it is https; or http on loopback, for an issuer that is there as well, since another could have us send
    requests to what listens on this machine alone.
    """
    if not isinstance(url, str) or not re.fullmatch(r"[!-~]+", url) or re.search(r"[\\#]", url):
        return False
    try:
        parts = urlsplit(url)
        port = parts.port  # reading it is what checks it
    except ValueError:
        return False
    if parts.username is not None or not parts.hostname or port == 0:
        return False
    return parts.scheme == "https" or (
        parts.scheme == "http" and issuer.startswith("http:") and _is_loopback(parts.hostname)
    )


def _endpoint(document: Mapping[str, Any], name: str, issuer: str) -> str:
    url = document.get(name)
    if not is_safe(url, issuer):
        raise Refused(f"single sign-on: the discovery document has no {name} that can be trusted")
    return str(url)


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False
