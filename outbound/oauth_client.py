"""This installation as a client of an identity provider: where it sends a browser, and how it asks for tokens (OAuth
2.0, RFC 6749, with PKCE, RFC 7636).
"""

from dataclasses import dataclass, field
from urllib.parse import quote

from authlib.oauth2.auth import ClientAuth
from authlib.oauth2.client import OAuth2Client
from authlib.oauth2.rfc6749.parameters import prepare_token_request

_SCOPE = "openid email profile"


@dataclass(frozen=True, slots=True)
class Client:
    """Without a secret it is a public client, which PKCE alone protects."""

    id: str
    secret: str = field(repr=False)
    redirect_uri: str
    acr_values: str = ""
    """The classes of authentication that are wished for (OpenID Connect Core 1.0, 3.1.2.1); none where it is empty."""

    def authorization_url(self, endpoint: str, *, state: str, nonce: str, code_verifier: str) -> str:
        client = OAuth2Client(None, self.id, redirect_uri=self.redirect_uri, scope=_SCOPE, code_challenge_method="S256")
        wished = {"acr_values": self.acr_values} if self.acr_values else {}
        url, _ = client.create_authorization_url(
            endpoint, state=state, nonce=nonce, code_verifier=code_verifier, **wished
        )
        return str(url)

    def token_request(self, endpoint: str, *, code: str, code_verifier: str) -> tuple[str, str]:
        """The form, and the Authorization header, which is empty for a public client."""
        form = prepare_token_request(
            "authorization_code", redirect_uri=self.redirect_uri, code=code, code_verifier=code_verifier
        )
        _, headers, form = self._authentication().prepare("POST", endpoint, {}, form)
        return form, headers.get("Authorization", "")

    def _authentication(self) -> ClientAuth:
        if not self.secret:
            return ClientAuth(self.id, None, "none")
        # Both are form-encoded before they go into the header (RFC 6749, 2.3.1), which Authlib leaves to its caller.
        return ClientAuth(quote(self.id, safe=""), quote(self.secret, safe=""), "client_secret_basic")
