"""Single sign-on by OpenID Connect: the code flow with PKCE, and no other.

A browser goes to the provider with the URL of an attempt that has begun, and comes back with a code; the provider gives
us an ID token for the code. Slow to import: only an installation that has a provider does.
"""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from secrets import token_urlsafe
from typing import Any
from urllib.parse import urlsplit

from joserfc.jwk import KeySet

from outbound.bounded_http import Limits
from outbound.discovery import Endpoints, discovery_url, is_safe, read_discovery
from outbound.id_token import ALGORITHMS, Expected, UnknownKey, is_same, verified_claims
from outbound.kept_document import KeptDocument
from outbound.oauth_client import Client
from outbound.provider_answers import ProviderAnswers, error_name
from outbound.signing_keys import signing_keys
from policies.identity import Begun, Identity, identity_of
from storage.errors import Broken, Refused

KEPT_FOR = timedelta(hours=1)
KEYS_AGAIN_AFTER = timedelta(seconds=30)
# A person waits for these answers, and so does a thread of the console.
LIMITS = Limits(connect_s=5, read_s=5, answer_s=10, answer_bytes_max=256 * 1024)

_CODE_LENGTH_MAX = 8 * 1024
_ONLY_THE_PROVIDER_SIGNS = re.compile("(RS|PS|ES|Ed).+")


@dataclass(frozen=True, slots=True)
class _Published:
    endpoints: Endpoints
    keys: KeySet


class IdentityProvider:
    """May be used by several threads.

    It is the console that keeps an attempt to one browser and to one use: here the same attempt may be finished twice,
    as far as the provider takes its code twice.
    """

    def __init__(
        self,
        issuer: str,
        client_id: str,
        client_secret: str,
        redirect_uri: str,
        *,
        acr_values: str = "",
        algorithms: Collection[str] = ALGORITHMS,
        limits: Limits = LIMITS,
    ) -> None:
        if not is_safe(issuer, issuer):
            raise Refused("single sign-on: the issuer is no https URL")
        if weak := [name for name in algorithms if not _ONLY_THE_PROVIDER_SIGNS.fullmatch(name)]:
            raise Broken(f"single sign-on: others than the provider can sign with {', '.join(weak)}")
        self._issuer, self._algorithms = issuer, tuple(algorithms)
        self._client = Client(client_id, client_secret, redirect_uri, acr_values)
        self._answers = ProviderAnswers(limits)
        self._published = KeptDocument(self._fetch)

    @property
    def name(self) -> str:
        """For people: the host of the issuer."""
        return urlsplit(self._issuer).netloc

    def begin(self, now: datetime) -> Begun:
        """Raises Unavailable, or Refused where the provider publishes something else than it should."""
        endpoint = self._published.within(KEPT_FOR, now).endpoints.authorization
        state, nonce, code_verifier = token_urlsafe(32), token_urlsafe(32), token_urlsafe(48)
        url = self._client.authorization_url(endpoint, state=state, nonce=nonce, code_verifier=code_verifier)
        return Begun(url, state, nonce, code_verifier)

    def finish(self, begun: Begun, answer: Mapping[str, str], *, now: datetime) -> Identity:
        """The person, by the parameters that the browser brings back. The URL of `begun` is not looked at.

        Raises Refused with a reason that holds no token, and Unavailable where the provider gives no answer. In both
        cases the code is spent, and the person must begin anew.
        """
        if not is_same(answer.get("state"), begun.state):
            raise Refused("single sign-on: the answer is not to this attempt (state)")
        endpoints = self._published.within(KEPT_FOR, now).endpoints
        code = _code(answer, self._issuer, names_issuer=endpoints.names_issuer)
        tokens = self._exchanged(endpoints.token, code, begun.code_verifier)
        expected = Expected(
            self._issuer, self._client.id, begun.nonce, tokens.get("access_token"), now, self._algorithms
        )
        identity = identity_of(self._issuer, self._claims(tokens.get("id_token"), expected))
        if identity is None:
            raise Refused("single sign-on: the ID token names nobody (sub)")
        return identity

    def _exchanged(self, endpoint: str, code: str, code_verifier: str) -> dict[str, Any]:
        form, authorization = self._client.token_request(endpoint, code=code, code_verifier=code_verifier)
        return self._answers.post("token endpoint", endpoint, form, authorization=authorization)

    def _claims(self, id_token: object, expected: Expected) -> dict[str, Any]:
        if not isinstance(id_token, str):
            raise Refused("single sign-on: the provider gave no ID token")
        try:
            return verified_claims(id_token, self._published.within(KEPT_FOR, expected.now).keys, expected)
        except UnknownKey:
            # The key may be newer than the set that is kept. No token makes us ask without end.
            return verified_claims(id_token, self._published.within(KEYS_AGAIN_AFTER, expected.now).keys, expected)

    def _fetch(self) -> _Published:
        document = self._answers.get("discovery document", discovery_url(self._issuer))
        endpoints = read_discovery(document, self._issuer)
        return _Published(endpoints, signing_keys(self._answers.get("key set", endpoints.keys)))


def _code(answer: Mapping[str, str], issuer: str, *, names_issuer: bool) -> str:
    """The code of an answer, which is looked at only where it is this provider's."""
    if answer.get("iss", None if names_issuer else issuer) != issuer:
        raise Refused("single sign-on: the answer is that of another issuer")
    if "error" in answer:
        raise Refused(f"single sign-on: the provider refused: {error_name(answer['error'])}")
    code = answer.get("code", "")
    if not 0 < len(code) <= _CODE_LENGTH_MAX:
        raise Refused("single sign-on: the answer holds no code")
    return code
