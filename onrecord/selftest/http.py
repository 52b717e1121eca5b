"""Twilio's part in a call of the self-test: requests as Twilio sends them, to the same public address.

They are signed here without the code that checks signatures, so that both do not share a mistake. Neither proxies nor
credentials come from the environment, no redirect is followed, and no address but our own is asked.
"""

import hmac
from base64 import b64encode
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from time import monotonic

import requests
from urllib3.exceptions import HTTPError, ReadTimeoutError

CONNECT_S, ANSWER_S = 2.0, 5.0  # as long as Twilio is told to wait for a step (see `callflow.urls`)
_BYTES_MAX = 9 * 2**20  # a recorded prompt may have eight million
_CHUNK_BYTES = 64 * 1024


class NotReached(Exception):
    """No connection, or a connection that broke."""


class TooSlow(Exception):
    """Twilio would have turned to the fallback by then."""


class Elsewhere(Exception):
    """The address is not below the one that Twilio reaches us by."""


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    content_type: str
    body: bytes


class Wire:
    """The way to our own public address. For one thread."""

    def __init__(self, base_url: str, account_sid: str, token: str, *, answer_s: float = ANSWER_S) -> None:
        self.base_url = base_url
        self._account_sid, self._token, self._answer_s = account_sid, token.encode(), answer_s
        self._session = requests.Session()
        self._session.trust_env = False

    def post(self, url: str, params: Mapping[str, str], *, forged: bool = False) -> Answer:
        """A signed webhook or, `forged`, one whose signature is another's. Raises NotReached, TooSlow, Elsewhere."""
        url = url.partition("#")[0]  # the overrides of Twilio's timeouts, which it keeps to itself
        params = {"AccountSid": self._account_sid, "ApiVersion": "2010-04-01", **params}
        key = self._token[::-1] + b"forged" if forged else self._token
        signed = url + "".join(name + value for name, value in sorted(params.items()))
        signature = b64encode(hmac.digest(key, signed.encode(), "sha1")).decode()
        return self._ask("POST", url, {"X-Twilio-Signature": signature}, params)

    def get(self, url: str) -> Answer:
        """As Twilio fetches a prompt."""
        return self._ask("GET", url, {}, {})

    def _ask(self, method: str, url: str, headers: Mapping[str, str], params: Mapping[str, str]) -> Answer:
        if not url.startswith(f"{self.base_url}/"):
            raise Elsewhere
        deadline = monotonic() + self._answer_s
        with (
            _reaching(),
            self._session.request(
                method,
                url,
                data=params,
                # A connection that was kept may be closed from the other end just as it is used again.
                headers={**headers, "Connection": "close", "Accept-Encoding": "identity"},
                timeout=(CONNECT_S, self._answer_s),
                allow_redirects=False,
                stream=True,
            ) as response,
        ):
            return Answer(response.status_code, response.headers.get("Content-Type", ""), _whole(response, deadline))


def _whole(response: requests.Response, deadline: float) -> bytes:
    body = bytearray()
    while chunk := response.raw.read1(_CHUNK_BYTES, decode_content=False):
        body += chunk
        if monotonic() > deadline:
            raise TooSlow
        if len(body) > _BYTES_MAX:
            raise NotReached  # whatever that is, it is not ours
    return bytes(body)


@contextmanager
def _reaching() -> Iterator[None]:
    """The libraries' errors are not passed on: they hold addresses."""
    try:
        yield
    except (requests.ReadTimeout, ReadTimeoutError) as error:
        raise TooSlow from error
    except (OSError, HTTPError, ValueError) as error:  # each error of requests is an OSError
        raise NotReached(type(error).__name__) from error
