"""TwiML read strictly or leniently.

A real account forgives a misspelt attribute, warns of it in its debugger and ignores it; a stand-in that did so
would let it reach production. So everything that Twilio would refuse or only warn about is an error here, unless its
reader is given a `warn` that lets warnings pass: then the faulty part is left out, as at Twilio.
"""

import codecs
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from typing import Any
from xml.parsers import expat

from simulator.errors import NotSimulated, TwimlRejected
from simulator.whole_numbers import DIGITS_MAX

SIZE_MAX = 64 * 1024
SAY_CHARS_MAX = 4096
DEPTH_MAX = 50  # of elements within each other; Twilio's own bound is not published
CONTENT_TYPES = frozenset({"text/xml", "application/xml", "text/html"})


@dataclass(frozen=True)
class Verb:
    """An element, with its text flattened and its children in order."""

    name: str
    attributes: dict[str, str] = field(default_factory=dict)
    text: str = ""
    children: tuple["Verb", ...] = ()

    def get(self, attribute: str, default: str = "") -> str:
        return self.attributes.get(attribute, default)

    def number(self, attribute: str, default: float) -> float:
        return float(self.attributes.get(attribute, default))

    def is_on(self, attribute: str) -> bool:
        return self.attributes.get(attribute) == "true"


Warn = Callable[[TwimlRejected], None]


def refuse(warning: TwimlRejected) -> None:
    """Take a warning of Twilio's for an error."""
    raise warning


def parse(body: bytes, content_type: str, warn: Warn = refuse) -> tuple[Verb, ...]:
    """The verbs of a document as it came over HTTP. Raises TwimlRejected with Twilio's code."""
    check_size(body)
    if not body.strip():
        raise TwimlRejected(11770, "no TwiML")
    if content_type.partition(";")[0].strip().lower() not in CONTENT_TYPES:
        raise TwimlRejected(12300, content_type or "no content type")
    return parse_document(body, warn)


def check_size(body: bytes) -> None:
    """Raises TwimlRejected for a document that is too large."""
    if len(body) > SIZE_MAX:
        raise TwimlRejected(11750, f"{len(body)} bytes")


def parse_document(body: bytes, warn: Warn = refuse) -> tuple[Verb, ...]:
    """The verbs of a document without checks of size and type, such as REST's `Twiml`."""
    root = _read(body)
    if root.name != "Response":
        raise TwimlRejected(12102, f"<{root.name}>")
    if unknown := [verb.name for verb in root.children if verb.name not in schema()["elements"]]:
        raise TwimlRejected(12200, f"<{unknown[0]}> is no verb")
    return _checked(root, warn).children


@cache
def schema() -> dict[str, Any]:
    text = resources.files("simulator").joinpath("twiml_schema.json").read_text(encoding="utf-8")
    loaded: dict[str, Any] = json.loads(text)
    return loaded


class _Open:
    """An element whose end tag has not come yet."""

    def __init__(self, name: str, attributes: dict[str, str]) -> None:
        self.name = name
        self.attributes = attributes
        self.text: list[str] = []
        self.children: list[Verb] = []

    def close(self) -> Verb:
        text = re.sub(r"\s+", " ", "".join(self.text)).strip()
        return Verb(self.name, self.attributes, text, tuple(self.children))


def _read(body: bytes) -> Verb:
    document = _Open("", {})
    stack = [document]

    def start(name: str, attributes: dict[str, str]) -> None:
        if len(stack) > DEPTH_MAX:
            raise NotSimulated(f"elements more than {DEPTH_MAX} deep within each other")
        stack.append(_Open(name, attributes))

    def end(_: str) -> None:
        closed = stack.pop()
        stack[-1].children.append(closed.close())
        if closed.name in _SPOKEN_MARKUP:
            stack[-1].text += [" ", *closed.text, " "]

    def text(data: str) -> None:
        stack[-1].text.append(data)

    def doctype(*_: object) -> None:
        raise TwimlRejected(12100, "a DOCTYPE is not read")

    parser = expat.ParserCreate("UTF-8")
    parser.StartElementHandler, parser.EndElementHandler = start, end
    parser.CharacterDataHandler, parser.StartDoctypeDeclHandler = text, doctype
    try:
        parser.Parse(_in_utf8(body), True)
    except (expat.ExpatError, UnicodeError, LookupError) as error:
        raise TwimlRejected(12100, str(error)) from error
    return document.children[0]


def _in_utf8(body: bytes) -> bytes:
    """The document out of the encoding that it declares. Raises LookupError for an encoding that there is not."""
    if body.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return body.decode("utf-16").encode()
    declared = re.match(rb"""(?:\xef\xbb\xbf)?<\?xml[^>]*?encoding\s*=\s*["']([A-Za-z0-9._-]+)["']""", body)
    return body.decode(declared[1].decode()).encode() if declared else body


_SPOKEN_MARKUP = frozenset(("break", "emphasis", "lang", "p", "phoneme", "prosody", "s", "say-as", "sub", "w"))


def _checked(verb: Verb, warn: Warn) -> Verb:
    """The element without the parts that Twilio warns of, if `warn` lets them pass."""
    rules = schema()["elements"][verb.name]
    if verb.text and not rules.get("text"):
        warn(TwimlRejected(12200, f"text inside <{verb.name}>"))
    return Verb(
        verb.name,
        {name: value for name, value in verb.attributes.items() if _is_taken(verb.name, name, value, warn)},
        verb.text if rules.get("text") else "",
        tuple(_checked(child, warn) for child in verb.children if _may_stand(child, verb.name, warn)),
    )


def _is_taken(element: str, name: str, value: str, warn: Warn) -> bool:
    """Whether the attribute is one of Twilio's, with a value that Twilio takes."""
    kinds, full_name = schema()["elements"][element]["attributes"], f"{element}.{name}"
    if name not in kinds:
        warn(TwimlRejected(12200, f"<{element}> has no attribute {name}"))
        return False
    if _fits(kinds[name], value) and re.fullmatch(_PATTERNS.get(full_name, ".*"), value, re.DOTALL):
        return True
    warn(TwimlRejected(schema()["value_errors"].get(full_name, 12200), f"<{element} {name}={value!r}>"))
    return False


# In addition to the kinds of values that the schema has.
_PATTERNS = {"Gather.finishOnKey": ".?", "Play.digits": "[0-9*#ABCDwW]*", "Number.sendDigits": "[0-9*#wW]*"}


def _may_stand(child: Verb, parent: str, warn: Warn) -> bool:
    if child.name not in schema()["elements"][parent]["children"]:
        code = schema()["child_errors"].get(parent, 12200)
        warn(TwimlRejected(code, f"<{child.name}> inside <{parent}>"))
        return False
    if child.name == "Say" and not child.text:
        warn(TwimlRejected(13520, "an empty <Say>"))
        return False
    if child.name == "Say" and len(child.text) > SAY_CHARS_MAX:
        warn(TwimlRejected(13521, f"{len(child.text)} characters"))
    return True


def _fits(kind: str | list[str] | dict[str, list[str]], value: str) -> bool:
    match kind:
        case "number":
            return value.isascii() and value.isdigit() and len(value) <= DIGITS_MAX
        case "boolean":
            return value in ("true", "false")
        case {"list": words}:
            return bool(value) and set(value.split()) <= set(words)
        case list():
            return value in kind
        case _:
            return True
