"""Errors on the line, with Twilio's own numbers for them."""

from http import HTTPStatus

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


class RestError(Exception):
    """A REST request that is answered with an error, in Twilio's JSON."""

    def __init__(self, status: HTTPStatus | int, code: int, message: str) -> None:
        super().__init__(message)
        self.status = int(status)
        self.code = code
        self.message = message
