"""Documents: the source of the next document, and the reading of an answer."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urljoin

from simulator import twiml
from simulator.errors import TwimlRejected
from simulator.twiml import Verb, Warn, refuse


@dataclass(frozen=True)
class Step:
    """The next document: a URL to ask with these parameters, or TwiML that came by REST."""

    url: str | None
    method: str = "POST"
    params: Mapping[str, str] = field(default_factory=dict)
    twiml: str | None = None


@dataclass(frozen=True)
class Document:
    """Verbs to run. `url` is the base of relative URLs; TwiML that came by REST has none."""

    url: str | None
    verbs: tuple[Verb, ...]
    audio: bytes = b""
    audio_type: str = ""

    def absolute(self, reference: str) -> str:
        """The URL that the document means. An empty one means the document's own."""
        if "://" in reference:
            return reference
        if self.url is None:
            raise TwimlRejected(15004, "a URL in TwiML that came by REST must be absolute", reference)
        return urljoin(self.url, reference) if reference else self.url


def read_given(text: str, warn: Warn = refuse) -> Document:
    """Reads TwiML that came by REST. Raises TwimlRejected."""
    return Document(None, twiml.parse_document(text.encode(), warn))


def read(url: str | None, body: bytes, content_type: str, warn: Warn = refuse) -> Document:
    """Reads an answer: TwiML, audio to play before hanging up, or plain text. Raises TwimlRejected."""
    kind = media_type(content_type)
    if kind.startswith("audio/"):
        return Document(url, (Verb("Play", text=url or ""),), body, kind)
    if kind == "text/plain":
        return Document(url, _plain(body))
    return Document(url, twiml.parse(body, content_type, warn))


def media_type(content_type: str) -> str:
    return content_type.partition(";")[0].strip().lower()


def _plain(body: bytes) -> tuple[Verb, ...]:
    """TwiML where the text is TwiML, otherwise words to read aloud."""
    twiml.check_size(body)
    try:
        return twiml.parse(body, "text/xml")
    except TwimlRejected:
        return (Verb("Say", text=body.decode("utf-8", "replace").strip()),)
