"""A message to a webhook, signed as https://www.standardwebhooks.com describes: libraries of many languages check it.

The signature covers the id, the time of this try and the body. A receiver refuses another signature and a time that is
far from its own, and knows a message that it has had by its id.
"""

from base64 import b64decode, b64encode
from dataclasses import dataclass, field
from datetime import datetime
from hmac import digest

from outbound.bounded_http import Limits, NoAnswer, Outbound
from storage.errors import Refused, Unavailable

SECRET_PREFIX = "whsec_"  # noqa: S105  # of the scheme
# The receiver may be well again later: a time-out, too early, too many requests.
_LATER = frozenset({408, 425, 429})


@dataclass(frozen=True, slots=True)
class SignedWebhook:
    """`secret` is `whsec_` and the key in base64."""

    url: str
    secret: str = field(repr=False)
    limits: Limits = field(default_factory=Limits)

    def send(self, message_id: str, at: datetime, body: str) -> None:
        """Raises Unavailable where a retry may succeed, and Refused where the receiver does not want the message."""
        signed = {
            "webhook-id": message_id,
            "webhook-timestamp": str(int(at.timestamp())),
            "webhook-signature": self.signature(message_id, at, body),
        }
        try:
            # Whatever comes after the status, it is the receipt: read on, a message that was told would be told again.
            outbound = Outbound("", "", limits=self.limits)
            status = outbound.post_for_status(self.url, body.encode(), "application/json", signed)
        except NoAnswer as error:
            raise Unavailable(f"webhook: {error}") from error
        if 200 <= status < 300:
            return
        if status >= 500 or status in _LATER:
            raise Unavailable(f"webhook: answered {status}")
        raise Refused(f"webhook: answered {status}")

    def signature(self, message_id: str, at: datetime, body: str) -> str:
        key = b64decode(self.secret.removeprefix(SECRET_PREFIX))
        signed = f"{message_id}.{int(at.timestamp())}.{body}"
        return f"v1,{b64encode(digest(key, signed.encode(), 'sha256')).decode()}"
