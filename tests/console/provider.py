"""An identity provider in memory: it sends nobody anywhere, and gives an identity for a code as a real one would."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from urllib.parse import parse_qs, urlencode, urlsplit

from policies.identity import Begun, Identity
from storage.errors import Refused, Unavailable

ISSUER = "https://id.example.com"


@dataclass(frozen=True)
class _Code:
    nonce: str
    code_verifier: str
    identity: Identity


@dataclass
class Provider:
    """With `gives_twice` it takes a code more than once, as some do. `is_away`: it gives no answer."""

    name: str = "id.example.com"
    gives_twice: bool = False
    is_away: bool = False
    _begun: dict[str, Begun] = field(default_factory=dict)
    _codes: dict[str, _Code] = field(default_factory=dict)

    def begin(self, now: datetime) -> Begun:
        self._require_there()
        state = secrets.token_urlsafe(16)
        url = f"{ISSUER}/authorize?{urlencode({'state': state})}"
        self._begun[state] = Begun(url, state, secrets.token_urlsafe(16), secrets.token_urlsafe(16))
        return self._begun[state]

    def finish(self, begun: Begun, answer: Mapping[str, str], *, now: datetime) -> Identity:
        if answer.get("state") != begun.state:
            raise Refused("single sign-on: the answer is not to this attempt (state)")
        self._require_there()
        held = self._codes.get(answer.get("code", ""))
        if held is None or (held.nonce, held.code_verifier) != (begun.nonce, begun.code_verifier):
            raise Refused("single sign-on: the provider refused: invalid_grant")
        if not self.gives_twice:
            del self._codes[answer["code"]]
        return held.identity

    def agrees(self, url: str, subject: str, *, acr: str = "") -> str:
        """The person signs in at the URL that their browser was sent to. Returns the path that it comes back by."""
        state = parse_qs(urlsplit(url).query)["state"][0]
        begun, code = self._begun[state], secrets.token_urlsafe(16)
        identity = Identity(ISSUER, subject, "", f"{subject}@example.com", True, (), acr)
        self._codes[code] = _Code(begun.nonce, begun.code_verifier, identity)
        return f"/enter/sign-on/back?{urlencode({'state': state, 'code': code})}"

    def _require_there(self) -> None:
        if self.is_away:
            raise Unavailable("single sign-on: no answer")
