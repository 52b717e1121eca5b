"""TwiML read strictly: an error here is anything that Twilio would refuse or only warn about.

A real account forgives a misspelt attribute and ignores it; a stand-in that did so would let it reach
production.
"""

import json
import re
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from typing import Any
from xml.parsers import expat

from simulator.errors import TwimlRejected

SIZE_MAX = 64 * 1024
SAY_CHARS_MAX = 4096
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


def parse(body: bytes, content_type: str) -> tuple[Verb, ...]:
    """The verbs of a document as it came over HTTP. Raises TwimlRejected with Twilio's code."""
    if len(body) > SIZE_MAX:
        raise TwimlRejected(11750, f"{len(body)} bytes")
    if not body.strip():
        raise TwimlRejected(11770, "no TwiML")
    if content_type.partition(";")[0].strip().lower() not in CONTENT_TYPES:
        raise TwimlRejected(12300, content_type or "no content type")
    return parse_document(body)


def parse_document(body: bytes) -> tuple[Verb, ...]:
    """The verbs of a document without checks of size and type, such as REST's `Twiml`."""
    root = _read(body)
    if root.name != "Response":
        raise TwimlRejected(12102, f"<{root.name}>")
    _check(root)
    return root.children


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

    parser = expat.ParserCreate()
    parser.StartElementHandler, parser.EndElementHandler = start, end
    parser.CharacterDataHandler, parser.StartDoctypeDeclHandler = text, doctype
    try:
        parser.Parse(body, True)
    except expat.ExpatError as error:
        raise TwimlRejected(12100, str(error)) from error
    return document.children[0]


_SPOKEN_MARKUP = frozenset(("break", "emphasis", "lang", "p", "phoneme", "prosody", "s", "say-as", "sub", "w"))


def _check(verb: Verb) -> None:
    rules = schema()["elements"][verb.name]
    for name, value in verb.attributes.items():
        _check_attribute(verb.name, name, value)
    if verb.text and not rules.get("text"):
        raise TwimlRejected(12200, f"text inside <{verb.name}>")
    for child in verb.children:
        if child.name not in rules["children"]:
            code = schema()["child_errors"].get(verb.name, 12200)
            raise TwimlRejected(code, f"<{child.name}> inside <{verb.name}>")
        _check(child)
    if verb.name == "Say":
        _check_spoken(verb)


def _check_attribute(element: str, name: str, value: str) -> None:
    kinds = schema()["elements"][element]["attributes"]
    if name not in kinds:
        raise TwimlRejected(12200, f"<{element}> has no attribute {name}")
    if not _fits(kinds[name], value) or (f"{element}.{name}" == "Gather.finishOnKey" and len(value) > 1):
        code = schema()["value_errors"].get(f"{element}.{name}", 12200)
        raise TwimlRejected(code, f"<{element} {name}={value!r}>")


def _fits(kind: str | list[str] | dict[str, list[str]], value: str) -> bool:
    match kind:
        case "number":
            return value.isascii() and value.isdigit()
        case "boolean":
            return value in ("true", "false")
        case {"list": words}:
            return bool(value) and set(value.split()) <= set(words)
        case list():
            return value in kind
        case _:
            return True


def _check_spoken(verb: Verb) -> None:
    if not verb.text:
        raise TwimlRejected(13520, "an empty <Say>")
    if len(verb.text) > SAY_CHARS_MAX:
        raise TwimlRejected(13521, f"{len(verb.text)} characters")
