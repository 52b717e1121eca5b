"""One consented call, as Twilio tells of it: eight signed requests, each to an address from an answer before it."""

import re
import secrets
from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hmac import digest
from html import unescape
from urllib.parse import urlencode, urlsplit

PLACE = {"City": "AUSTIN", "State": "TX", "Zip": "78701", "Country": "US"}
PLACES = {f"{whose}{what}": said for whose in ("From", "To", "Caller", "Called") for what, said in PLACE.items()}
AGENT = "+14155550123"


@dataclass(frozen=True)
class Step:
    """`after_s`: how long after the answer before it Twilio sends this request. `wanted`: what the answer must hold.

    `address`: of which attribute or element of an answer the URL is; a path is the service's own.
    """

    name: str
    after_s: float
    wanted: bytes
    address: str
    says: Mapping[str, str] = field(default_factory=dict)


_URL = {
    "redirect": re.compile(rb"<Redirect[^>]*>([^<]+)<"),
    "gather": re.compile(rb'<Gather[^>]* action="([^"]+)"'),
    "whisper": re.compile(rb'<Number[^>]* url="([^"]+)"'),
    "recording": re.compile(rb'recordingStatusCallback="([^"]+)"'),
    "dial": re.compile(rb'<Dial[^>]* action="([^"]+)"'),
}
_RECORDING = {"RecordingSource": "StartCallRecordingTwiML", "RecordingChannels": "2", "RecordingTrack": "both"}
_ENDED = {
    "CallStatus": "completed",
    "CallDuration": "60",
    "SequenceNumber": "0",
    "CallbackSource": "call-progress-events",
}
STEPS = (
    Step("answer", 0.0, b"<Redirect", "/voice/answer", {"CallStatus": "ringing"}),
    Step("choice", 8.0, b"<Gather", "redirect"),  # the disclosure can't have played sooner
    Step("consent", 1.0, b"<Recording ", "gather", {"Digits": "1", "FinishedOnKey": "", "msg": "Gather End"}),
    Step("whisper", 0.5, b"<Say", "whisper", {"Direction": "outbound-dial"}),
    Step("recording in-progress", 0.25, b"", "recording", {**_RECORDING, "RecordingStatus": "in-progress"}),
    Step(
        "dial ended",
        0.5,
        b"<Response",
        "dial",
        {"DialCallStatus": "completed", "DialBridged": "true", "DialCallDuration": "30"},
    ),
    Step(
        "recording completed", 0.25, b"", "recording", {**_RECORDING, "ErrorCode": "0", "RecordingStatus": "completed"}
    ),
    Step("call completed", 0.25, b"", "/callbacks/call", _ENDED),
)
WITHOUT_SOUND = tuple(step for step in STEPS if step.name != "recording completed")
"""For the worker there is then nothing to fetch."""


@dataclass(frozen=True)
class Caller:
    """Whose calls they are, and who signs for them."""

    base_url: str
    account_sid: str
    token: str
    line: str
    number: str = "+15125550111"
    recording_s: int = 30


@dataclass
class WholeCall:
    """`request` and `answered` take turns, once for each of the steps."""

    caller: Caller
    steps: Sequence[Step] = STEPS
    sid: str = field(default_factory=lambda: "CA" + secrets.token_hex(16))
    step: int = 0
    _addresses: dict[str, str] = field(default_factory=dict)

    @property
    def is_over(self) -> bool:
        return self.step == len(self.steps)

    def request(self) -> bytes:
        step = self.steps[self.step]
        path = step.address if step.address.startswith("/") else self._addresses[step.address]
        return signed(self.caller, path, self._form(step))

    def answered(self, answer: bytes) -> bool:
        """Whether it is what was wanted. One that is not ends the call."""
        if not answer.startswith((b"HTTP/1.1 200 ", b"HTTP/1.1 204 ")):
            return False
        if self.steps[self.step].wanted not in answer:
            return False
        for name, url in _URL.items():
            if found := url.search(answer):
                self._addresses[name] = urlsplit(unescape(found[1].decode())).path
        self.step += 1
        return True

    def _form(self, step: Step) -> dict[str, str]:
        caller = self.caller
        form = {
            **PLACES,
            "AccountSid": caller.account_sid,
            "ApiVersion": "2010-04-01",
            "CallSid": self.sid,
            "CallStatus": "in-progress",
            "Called": caller.line,
            "Caller": caller.number,
            "Direction": "inbound",
            "From": caller.number,
            "To": caller.line,
            **step.says,
        }
        if step.name == "whisper":
            form |= {"CallSid": "CA" + self.sid[:1:-1], "ParentCallSid": self.sid, "To": AGENT, "Called": AGENT}
        if step.address == "recording":
            form["RecordingSid"] = "RE" + self.sid[2:]
        if step.name == "recording completed":
            form["RecordingDuration"] = str(caller.recording_s)
        return form


def signed(caller: Caller, path: str, form: Mapping[str, str]) -> bytes:
    """In HTTP's own bytes, with all that Twilio sends, so that reading it costs what it costs in earnest."""
    url, body = caller.base_url + path, urlencode(form)
    text = url + "".join(name + value for name, value in sorted(form.items()))
    head = (
        f"POST {path} HTTP/1.1",
        f"Host: {urlsplit(url).netloc}",
        "User-Agent: TwilioProxy/1.1",
        "Accept: */*",
        "Content-Type: application/x-www-form-urlencoded; charset=UTF-8",
        f"Content-Length: {len(body)}",
        f"X-Twilio-Signature: {b64encode(digest(caller.token.encode(), text.encode(), 'sha1')).decode()}",
    )
    return "\r\n".join([*head, "", body]).encode()


class HeardByNobody(WholeCall):
    """The same requests to a server that knows nothing of calls and always answers alike."""

    def request(self) -> bytes:
        address = self.steps[self.step].address
        self._addresses.setdefault(address, f"/voice/{address}/{self.sid[2:]}/{'0' * 43}")
        return super().request()

    def answered(self, answer: bytes) -> bool:
        self.step += 1
        return answer.startswith(b"HTTP/1.1 200 ")
