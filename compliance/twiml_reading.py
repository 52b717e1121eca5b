"""Reads our own TwiML back from its bytes, independently of the code that wrote it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from xml.etree import ElementTree

# Verbs that take the sound of a call away: into a recording, a stream, a transcript.
_RECORDING_VERBS = frozenset({"Record", "Recording", "Siprec", "Stream", "Transcription"})
_NOT_RECORDED = frozenset({"", "false", "do-not-record"})
_SPOKEN = frozenset({"Say", "Play"})
_SIZE_BYTES_MAX = 64 * 1024  # Twilio carries out nothing larger (its error 11750)
_DEPTH_MAX = 16  # three levels are all that we write


class Unreadable(ValueError):
    """No TwiML, or none that we write."""


@dataclass(frozen=True, slots=True)
class Verb:
    """A verb, or a noun in a verb. `text` has its white space collapsed; `parent` is None at the top of the answer."""

    name: str
    text: str
    attributes: Mapping[str, str]
    parent: "Verb | None"

    @property
    def within(self) -> tuple[str, ...]:
        """The verbs around it, outermost first."""
        return (*self.parent.within, self.parent.name) if self.parent else ()

    @property
    def is_stopped(self) -> bool:
        """Whether it is named only to be ended."""
        return self.parent is not None and self.parent.name == "Stop"

    @property
    def records(self) -> bool:
        """Whether it starts a recording, be it by an attribute, as in <Dial record>."""
        if self.is_stopped:
            return False
        named = [value for name, value in self.attributes.items() if name.lower().startswith("record")]
        return self.name in _RECORDING_VERBS or any(value.lower() not in _NOT_RECORDED for value in named)

    @property
    def is_spoken(self) -> bool:
        return self.name in _SPOKEN

    @property
    def asks_for_consent(self) -> bool:
        """Whether it is the question, and not the choice of a language."""
        return self.name == "Gather" and "/voice/consent/" in self.attributes.get("action", "")


@dataclass(frozen=True, slots=True)
class Twiml:
    """The verbs of an answer in the order in which they are written, each before those in it.

    `canonical` is the whole answer, in the way of writing that all answers of the same meaning share.
    """

    canonical: str
    verbs: tuple[Verb, ...]

    def first(self, name: str) -> Verb | None:
        return next((verb for verb in self.verbs if verb.name == name), None)

    def inside(self, parent: Verb | None) -> list[Verb]:
        """The verbs directly in a verb; with None, those at the top of the answer."""
        return [verb for verb in self.verbs if verb.parent is parent]

    @property
    def recording(self) -> list[Verb]:
        return [verb for verb in self.verbs if verb.records]

    @property
    def spoken(self) -> list[Verb]:
        """The verbs that the caller hears, within a <Gather> or not."""
        return [verb for verb in self.verbs if verb.is_spoken and "Dial" not in verb.within]

    @property
    def dialled(self) -> frozenset[tuple[str, str]]:
        """Noun and address of each that <Dial> rings."""
        rung = [verb for verb in self.verbs if verb.within == ("Dial",) and verb.name != "Conference"]
        return frozenset((verb.name, verb.text) for verb in rung)


def read(body: bytes) -> Twiml:
    """Raises Unreadable."""
    if len(body) > _SIZE_BYTES_MAX:
        raise Unreadable("it is larger than Twilio takes")
    try:
        text = body.decode()  # and no other encoding, in which a declaration would go unseen
        if "<!" in text:  # a document type could hold entities that grow without end
            raise Unreadable("it holds a declaration or a comment")
        root = ElementTree.fromstring(text)  # noqa: S314 - there are no entities in it
        canonical = ElementTree.canonicalize(text, strip_text=True)
    except (ElementTree.ParseError, UnicodeDecodeError) as error:
        raise Unreadable("it is no XML") from error
    if root.tag != "Response":
        raise Unreadable("it is no TwiML")
    return Twiml(canonical, tuple(_verbs(root, None, _DEPTH_MAX)))


def plain(text: str) -> str:
    """Collapses white space, which does not sound."""
    return " ".join(text.split())


def _verbs(element: ElementTree.Element, parent: Verb | None, depth_left: int) -> Iterator[Verb]:
    for child in element:
        if not depth_left:
            raise Unreadable("it is nested deeper than any TwiML")
        verb = Verb(child.tag, plain("".join(child.itertext())), dict(child.attrib), parent)
        yield verb
        yield from _verbs(child, verb, depth_left - 1)
