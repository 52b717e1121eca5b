"""Calls that have heard the disclosure and the question, and the signed request that Twilio sends when 1 is pressed."""

import secrets
from base64 import b64encode
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hmac import digest
from urllib.parse import urlencode, urlsplit

from sqlalchemy import Connection

from callflow.forms import Heard, IncomingCall
from onrecord.installation import Installation
from storage.moment import Moment

_CALLER = "+15125550111"
_DISCLOSURE = timedelta(seconds=30)
_AT_ONCE = 200
_PLACE = {"City": "AUSTIN", "State": "TX", "Zip": "78701", "Country": "US"}


@dataclass
class WaitingCalls:
    """Their requests, one each, in HTTP's own bytes."""

    installation: Installation
    _requests: list[bytes] = field(default_factory=list)

    def at_least(self, count: int) -> list[bytes]:
        """All that were never sent; as many calls as are missing are taken through answer and disclosure first."""
        while len(self._requests) < count:
            self._requests += self.installation.database.write(self._some_calls)
        return self._requests

    def used(self, count: int) -> None:
        """The first `count` were sent."""
        del self._requests[:count]

    def _some_calls(self, connection: Connection) -> list[bytes]:
        return [self._call(connection) for _ in range(_AT_ONCE)]

    def _call(self, connection: Connection) -> bytes:
        conversation = self.installation.conversation()
        now = datetime.now(UTC)
        dialled, told = (Moment(at, secrets.token_bytes) for at in (now - _DISCLOSURE, now))
        heard = IncomingCall("CA" + secrets.token_hex(16), _CALLER, conversation.rulebook.lines[0].number, "ringing")
        known = conversation.receive(connection, dialled, "", heard)
        conversation.answer(connection, dialled, "", heard)
        conversation.choice(connection, told, "", known.id, 1, Heard(heard.call_sid, has_hung_up=False))
        return self._pressed(heard, conversation.urls.consent(known.id, 1).partition("#")[0])

    def _pressed(self, heard: IncomingCall, url: str) -> bytes:
        form = _form(self.installation.settings.account_sid, heard)
        body = urlencode(form)
        head = (
            f"POST {urlsplit(url).path} HTTP/1.1",
            f"Host: {urlsplit(url).netloc}",
            "User-Agent: TwilioProxy/1.1",
            "Accept: */*",
            "Content-Type: application/x-www-form-urlencoded; charset=UTF-8",
            f"Content-Length: {len(body)}",
            f"X-Twilio-Signature: {_signature(self.installation.settings.webhook_secrets[0], url, form)}",
        )
        return "\r\n".join([*head, "", body]).encode()


def _form(account_sid: str, heard: IncomingCall) -> dict[str, str]:
    """All that Twilio sends, so that reading it costs what it costs in earnest."""
    places = {f"{whose}{what}": said for whose in ("From", "To", "Caller", "Called") for what, said in _PLACE.items()}
    return {
        **places,
        "AccountSid": account_sid,
        "ApiVersion": "2010-04-01",
        "CallSid": heard.call_sid,
        "CallStatus": "in-progress",
        "Called": heard.to,
        "Caller": heard.from_,
        "Digits": "1",
        "Direction": "inbound",
        "FinishedOnKey": "",
        "From": heard.from_,
        "To": heard.to,
        "msg": "Gather End",
    }


def _signature(token: str, url: str, form: dict[str, str]) -> str:
    signed = url + "".join(name + value for name, value in sorted(form.items()))
    return b64encode(digest(token.encode(), signed.encode(), "sha1")).decode()
