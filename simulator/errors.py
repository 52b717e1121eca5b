"""Errors on the line with Twilio's own numbers, and failures of the simulator, which have none."""

import traceback
from http import HTTPStatus
from pathlib import Path

# The texts are ours; the numbers are Twilio's error dictionary.
MEANINGS = {
    11100: "not a URL",
    11200: "the URL could not be retrieved",
    11201: "the connection timed out",
    11202: "the connection was refused",
    11203: "the answer took too long",
    11205: "the connection failed",
    11210: "the host name is not known",
    11215: "more than ten redirects",
    11220: "the TLS handshake failed",
    11750: "the document is larger than 64 kB",
    11770: "the answer is empty",
    12100: "the document is not XML",
    12102: "the root element is not Response",
    12200: "the document breaks the schema",
    12300: "the content type is not one Twilio takes",
    13201: "this verb cannot run on a dialled leg",
    13420: "the audio is of a kind that cannot be played",
    13520: "nothing to say",
    13521: "too much to say",
}

# The codes that Twilio's dictionary lists as warnings: its debugger tells them, and the call goes on.
WARNINGS = frozenset({
    *(12200, 13210, 13212, 13213, 13215, 13216, 13217, 13218, 13219, 13221, 13222, 13223, 13310, 13312, 13313, 13314),
    *(13320, 13326, 13327, 13410, 13430, 13510, 13512, 13520, 13521, 13610, 13611, 13612, 13616, 13622, 13699, 13710),
    *(13810, 13910),
})  # fmt: skip


class CallError(Exception):
    """A voice error as Twilio's debugger would list it. On the caller's leg it leads to the fallback URL."""

    def __init__(self, code: int, detail: str, url: str = "") -> None:
        super().__init__(f"{code} {MEANINGS.get(code, 'TwiML')}: {detail}")
        self.code = code
        self.detail = detail
        self.url = url


class TwimlRejected(CallError):
    """The document arrived, and is no TwiML that Twilio runs."""


class FetchFailed(CallError):
    """The document, the audio or the callback could not be exchanged over HTTP."""


class SimulatorFailure(Exception):
    """The simulator cannot go on. It says nothing of the service under test, and leads to no fallback URL.

    `why` is not_simulated, endless or broke.
    """

    why = "broke"

    def __init__(self, detail: str, url: str = "") -> None:
        super().__init__(detail)
        self.detail = detail
        self.url = url


class NotSimulated(SimulatorFailure):
    """The service uses a part of Twilio that the simulator does not have."""

    why = "not_simulated"


class Endless(SimulatorFailure):
    """The documents of the service lead to each other for ever."""

    why = "endless"


def failure_to_json(error: Exception) -> dict[str, str]:
    """A failure of the simulator in words; of an unforeseen exception, its kind and its place in the source too."""
    if isinstance(error, SimulatorFailure):
        return {"why": error.why, "detail": error.detail, "url": error.url}
    places = [f"{Path(frame.filename).name}:{frame.lineno}" for frame in traceback.extract_tb(error.__traceback__)[-1:]]
    return {"why": SimulatorFailure.why, "detail": " ".join([f"{type(error).__name__}: {error}", *places]), "url": ""}


class RestError(Exception):
    """A REST request that is answered with an error, in Twilio's JSON."""

    def __init__(self, status: HTTPStatus | int, code: int, message: str) -> None:
        super().__init__(message)
        self.status = int(status)
        self.code = code
        self.message = message
