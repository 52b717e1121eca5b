"""A request that was answered and not settled, as it is kept until it can be."""

import json
from base64 import b64decode, b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from typing import Self


@dataclass(frozen=True, slots=True)
class Kept:
    """`path` holds the arguments in its URL, `answered` the bytes of the answer."""

    endpoint: str
    path: Mapping[str, str]
    body: bytes = field(repr=False)
    token: str
    """The provider's own name for this request, the same each time it is repeated; empty where it sent none."""
    received_at: datetime
    answered: bytes

    @property
    def body_sha256(self) -> str:
        return sha256(self.body).hexdigest()

    def written(self) -> bytes:
        fields = {
            "endpoint": self.endpoint,
            "path": dict(self.path),
            "body": b64encode(self.body).decode(),
            "token": self.token,
            "received_at": self.received_at.isoformat(),
            "answered": b64encode(self.answered).decode(),
        }
        return json.dumps(fields).encode()

    @classmethod
    def read(cls, plain: bytes) -> Self:
        """Raises ValueError, TypeError or KeyError for what `written` did not write."""
        fields = json.loads(plain)
        return cls(
            endpoint=fields["endpoint"],
            path=fields["path"],
            body=b64decode(fields["body"]),
            token=fields["token"],
            received_at=datetime.fromisoformat(fields["received_at"]),
            answered=b64decode(fields["answered"]),
        )
