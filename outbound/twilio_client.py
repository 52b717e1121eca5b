"""Twilio's own client library over our bounded transport, and its failures as our three families."""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from twilio.base.exceptions import TwilioException
from twilio.http.response import Response

from outbound.bounded_http import Answered, Fields, NoAnswer, Outbound
from outbound.twilio_hosts import Hosts
from storage.errors import Broken, Refused, Unavailable

TWILIO = "https://api.twilio.com"
NOT_YET = (16114, 20009, 20429)  # being modified; not completed, so not deletable; too many requests
CREDENTIALS_REMEDY = "check TWILIO_API_KEY and TWILIO_API_SECRET, or TWILIO_AUTH_TOKEN if those are not set"


@dataclass(frozen=True, slots=True)
class Account:
    """An account and its REST credentials: an API key, or the account's SID and token.

    A stand-in for Twilio's API stands in for its other hosts too, unless they are set: their paths differ.
    """

    sid: str
    user: str
    password: str = field(repr=False)
    base_url: str = TWILIO
    hosts: Hosts = field(default_factory=Hosts)

    def url(self, path: str) -> str:
        return f"{self.base_url}/2010-04-01/Accounts/{self.sid}/{path}"

    def host(self, name: str) -> str:
        """The base URL of the host of that name in `Hosts`."""
        own = f"https://{name}.twilio.com" if self.base_url == TWILIO else self.base_url
        return getattr(self.hosts, name) or own


def client(account: Account, outbound: Outbound) -> Any:
    """The SDK's client. Untyped, like the library.

    It would read an edge and a region from the environment and write them into every host, also 127.0.0.1;
    an environment of its own keeps it from that.
    """
    from twilio.rest import Client  # slow to import, and webhooks never need it

    transport = _Transport(account.base_url, outbound)
    sdk = Client(account.user, account.password, account.sid, http_client=transport, environment={"": ""})
    sdk.api.base_url = account.base_url
    return sdk


@contextmanager
def asking(what: str, *, fine: Collection[int] = ()) -> Iterator[None]:
    """Translate the errors of the block. A refusal by Twilio with a code in `fine` just ends the block.

    Twilio's own texts may hold a phone number, so only status and code are passed on.
    """
    try:
        yield
    except Answered as answer:
        if not (answer.code in fine and 400 <= answer.status < 500):
            raise _family(f"twilio: {what}: {answer}", answer) from answer
    except NoAnswer as error:
        raise Unavailable(f"twilio: {what}: {error}") from error
    except (AttributeError, KeyError, TypeError, ValueError, TwilioException) as error:
        raise Broken(f"twilio: {what}: the answer makes no sense") from error


def _family(said: str, answer: Answered) -> Exception:
    if answer.status in (401, 403):
        return Refused(f"{said}: {CREDENTIALS_REMEDY}")
    # Without a code a server between us answered, and its status says nothing about the recording.
    if answer.code is None or answer.code in NOT_YET or answer.status in (408, 429) or answer.status >= 500:
        return Unavailable(said)
    return Refused(said)


class _Transport:
    """The SDK's HTTP client. Failures are raised here, where the answering server is known."""

    is_async = False

    def __init__(self, base_url: str, outbound: Outbound) -> None:
        self._base_url = base_url
        self._outbound = outbound

    def request(
        self, method: str, url: str, params: Fields | None = None, data: Fields | None = None, **_: object
    ) -> Any:
        if not url.startswith(f"{self._base_url}/"):  # the next page of a list is a URL that Twilio sends
            raise NoAnswer("pointed to another host")
        status, text = self._outbound.ask(method, url, params=params or {}, data=data or {})
        return Response(status, text)
