"""Values that stand in a URL and that only one session can open: AES-256-GCM under a key made from its token."""

import hmac
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_LABEL = b"onrecord console sealed value v1"
_NONCE_BYTES = 12
_LENGTH_MAX = 400


@dataclass(frozen=True)
class Sealed:
    """Of the session with this token: with another session's nothing opens."""

    token: str = field(repr=False)

    def closed(self, value: str) -> str:
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return urlsafe_b64encode(nonce + self._cipher.encrypt(nonce, value.encode(), None)).rstrip(b"=").decode()

    def opened(self, text: str) -> str | None:
        """None for what this session has not made."""
        if not text.isascii() or len(text) > _LENGTH_MAX:
            return None
        try:
            raw = urlsafe_b64decode(text + "=" * (-len(text) % 4))
            return self._cipher.decrypt(raw[:_NONCE_BYTES], raw[_NONCE_BYTES:], None).decode()
        except (ValueError, InvalidTag):
            return None

    @property
    def _cipher(self) -> AESGCM:
        return AESGCM(hmac.digest(self.token.encode(), _LABEL, "sha256"))
