"""TwiML as the self-test hears it: read from the bytes, with nothing of what wrote them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from xml.etree import ElementTree

# Whatever takes the sound of a call away: into a recording, a stream, a transcript.
_RECORDING_VERBS = frozenset({"Record", "Recording", "Siprec", "Stream", "Transcription"})
_NOT_RECORDED = frozenset({"", "false", "do-not-record"})
_SPOKEN = frozenset({"Say", "Play"})


class Unreadable(ValueError):
    """Twilio could not carry it out."""


@dataclass(frozen=True, slots=True)
class Verb:
    """`text` has its white space made one; `within` names the verbs around it, outermost first."""

    name: str
    text: str
    attributes: Mapping[str, str]
    within: tuple[str, ...]

    @property
    def records(self) -> bool:
        """Also by an attribute, as <Dial record> does."""
        named = [value for name, value in self.attributes.items() if name.lower().startswith("record")]
        if self.within[-1:] == ("Stop",):
            return False
        return self.name in _RECORDING_VERBS or any(value.lower() not in _NOT_RECORDED for value in named)


@dataclass(frozen=True, slots=True)
class Document:
    """The verbs of an answer in the order in which they are written, each before those in it."""

    verbs: tuple[Verb, ...]

    def first(self, name: str) -> Verb | None:
        return next((verb for verb in self.verbs if verb.name == name), None)

    @property
    def recording(self) -> list[Verb]:
        return [verb for verb in self.verbs if verb.records]

    @property
    def spoken(self) -> list[Verb]:
        """What the caller hears, within a <Gather> or not."""
        return [verb for verb in self.verbs if verb.name in _SPOKEN and "Dial" not in verb.within]

    @property
    def dialled(self) -> frozenset[tuple[str, str]]:
        """Noun and address of each that <Dial> rings."""
        return frozenset((verb.name, verb.text) for verb in self.verbs if verb.within == ("Dial",))


def read(body: bytes) -> Document:
    """Raises Unreadable."""
    if b"<!" in body.replace(b"<!--", b""):
        raise Unreadable("it declares what TwiML does not have")
    try:
        root = ElementTree.fromstring(body)  # noqa: S314 - our own answer, and without declarations
    except (ElementTree.ParseError, ValueError) as error:
        raise Unreadable("it is no XML") from error
    if root.tag != "Response":
        raise Unreadable("it is no TwiML")
    return Document(tuple(_verbs(root, ())))


def plain(text: str) -> str:
    """White space does not sound."""
    return " ".join(text.split())


def _verbs(parent: ElementTree.Element, within: tuple[str, ...]) -> Iterator[Verb]:
    for one in parent:
        yield Verb(one.tag, plain("".join(one.itertext())), dict(one.attrib), within)
        yield from _verbs(one, (*within, one.tag))
