"""An event as a canonical line, which is the log's leaf, with everything personal behind a commitment.

The line is JSON in the form of RFC 8785, restricted to values that every library writes alike: ASCII keys, strings,
integers below 2**53, booleans, null, lists and objects; no floats. A personal field stands in the line only as the
digest of a disclosure (RFC 9901): base64url of `[salt, name, value]`. Deleting the disclosure erases the field; the
line, and every proof made over it, stays as it was.
"""

import json
import re
from base64 import urlsafe_b64encode
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256

from evidence.catalogue import fault_of

Value = str | int | bool | None | Sequence["Value"] | Mapping[str, "Value"]
SALT_BYTES = 16
VERSION = 1
_CANONICAL = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False)
_SURROGATE = re.compile("[\ud800-\udfff]")
# Forms that can name a person: a number as E.164 writes it (the shortest in use have six digits), Twilio's name for a
# call or a recording, an address to reach somebody at, and the name of an object that holds audio. The part before an @
# is looked for from its beginning, or in few characters: from each of many to the end, a long line would take minutes.
_PERSONAL = re.compile(
    r"""\+[1-9][0-9]{5,14}(?![0-9])
    |(?<![0-9A-Za-z])[A-Z]{2}[0-9a-f]{32}(?![0-9A-Za-z])
    |(?<![a-z])(?:sips?|tel|client|mailto|whatsapp):
    |(?:(?<![^\s"/<>@])[^\s"/<>@]+|[^\s"/<>@]{1,64})@[^\s"/<>@]+\.[a-z]{2,}
    |[0-9a-f]{32}/[a-z]+-[0-9a-f]{8}\.sealed""",
    re.VERBOSE,
)
# A part that each form holds: far faster to look for, and most lines hold none.
_TEXTS_IN_FORMS = ("sip:", "sips:", "tel:", "client:", "mailto:", "whatsapp:", ".sealed")
_PARTS_OF_FORMS = tuple(map(re.compile, (r"\+[1-9][0-9]{5}", r"[A-Z][A-Z][0-9a-f]{32}", r"@[^\s\"/<>@]+\.[a-z]{2}")))


class NotCanonical(ValueError):
    """The event holds a value that two libraries could write differently."""


class Personal(ValueError):
    """A public field can name a person: a leaf is never erased."""


class NotInCatalogue(ValueError):
    """`evidence.catalogue` has no such type of event, or not with these fields."""


@dataclass(frozen=True, slots=True)
class Event:
    """An event to be logged. `public` stays for ever and holds nothing personal; `private` can be erased.

    Raises NotInCatalogue for a type or a field that is not in the catalogue.
    """

    type: str
    public: Mapping[str, Value] = field(default_factory=dict)
    private: Mapping[str, Value] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if fault := fault_of(self.type, self.public.keys(), self.private.keys()):
            raise NotInCatalogue(fault)


@dataclass(frozen=True, slots=True)
class Leaf:
    """`line` is hashed verbatim; `disclosures` maps each digest in it to the body that opens it."""

    line: str
    disclosures: Mapping[str, str]


def write_leaf(event: Event, *, call: str | None, n: int | None, at: datetime, random: Callable[[int], bytes]) -> Leaf:
    """The line of an event, the n-th of its call (`call` and `n` are None for events of the system). `random(k)` gives
    k random bytes.

    Raises Personal where a public field can name a person, and NotCanonical.
    """
    opened = {name: _disclose(name, value, salt=random(SALT_BYTES)) for name, value in sorted(event.private.items())}
    fields: dict[str, Value] = {**event.public, "ts": timestamp(at), "type": event.type, "v": VERSION}
    if call is not None:
        fields |= {"call": call, "n": n}
    if opened:
        fields["sd"] = {name: digest for name, (digest, _) in opened.items()}
    line = canonical(fields)
    if names_somebody(line):
        raise Personal(f"event {event.type}: a public field holds a number, an address or a name of the provider's")
    return Leaf(line, dict(opened.values()))


def names_somebody(line: str) -> bool:
    """Whether a line can name a person. A guard rail: it knows forms, and can't know every name."""
    return _holds_part_of_form(line) and _PERSONAL.search(line) is not None


def without_names(text: str) -> str:
    """The text with every match of `names_somebody` struck out."""
    return _PERSONAL.sub("(erased)", text)


def canonical(value: Value) -> str:
    """The canonical text of a value. Raises NotCanonical for a value without one."""
    _check(value)
    return _CANONICAL.encode(value)


def digest_of(disclosure: str) -> str:
    """The digest under which a disclosure's body stands in its leaf."""
    return _base64url(sha256(disclosure.encode("ascii")).digest())


def timestamp(at: datetime) -> str:
    """UTC to the millisecond, as in 2026-11-22T07:12:00.123Z."""
    if at.tzinfo is None:
        raise NotCanonical("an event's time must say its time zone")
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _holds_part_of_form(line: str) -> bool:
    return any(text in line for text in _TEXTS_IN_FORMS) or any(part.search(line) for part in _PARTS_OF_FORMS)


def _disclose(name: str, value: Value, *, salt: bytes) -> tuple[str, str]:
    body = _base64url(canonical([_base64url(salt), name, value]).encode())
    return digest_of(body), body


def _base64url(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def _check(value: Value) -> None:
    if isinstance(value, str):
        if not value.isascii() and _SURROGATE.search(value):
            raise NotCanonical("a lone surrogate has no UTF-8 form")
    elif value is None or isinstance(value, bool):
        return
    elif isinstance(value, int):
        if abs(value) >= 2**53:
            raise NotCanonical(f"the integer {value} is beyond 2**53")
    elif isinstance(value, list | tuple):
        for inner in value:
            _check(inner)
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            if not (isinstance(key, str) and key.isascii()):
                raise NotCanonical(f"the key {key!r} is not ASCII")
            _check(inner)
    else:
        raise NotCanonical(f"a {type(value).__name__} has no canonical form")
