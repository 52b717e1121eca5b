"""Signed notes: a text, and signatures below it that each name their key (C2SP signed-note v1.0.0), and cosignatures,
in which a witness says when it first saw the text (C2SP tlog-cosignature v1.0.0). Keys are Ed25519.
"""

import re
from base64 import b64decode, b64encode
from binascii import Error as NotBase64
from collections.abc import Iterable
from dataclasses import dataclass, field
from hashlib import sha256

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

ED25519, COSIGNATURE = 0x01, 0x04
_NAME = re.compile(r"[^\s+]+")
_VKEY = re.compile(r"([^\s+]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/=]+)")
_LINE = re.compile(r"— ([^\s+]+) ([A-Za-z0-9+/=]+)")
_KEY_ID_BYTES, _KEY_BYTES, _SIGNATURE_BYTES, _TIME_BYTES = 4, 32, 64, 8


class NotANote(ValueError):
    """The text is not a signed note, or a key is not a vkey."""


class NotSigned(ValueError):
    """A signature is missing, or does not fit."""


@dataclass(frozen=True, slots=True)
class Vkey:
    """A public key with the name of its signer. `key` is 32 bytes; `kind` is ED25519 or COSIGNATURE."""

    name: str
    key: bytes
    kind: int = ED25519

    @property
    def id(self) -> bytes:
        """The four bytes by which signatures name the key."""
        return sha256(self.name.encode() + b"\n" + bytes([self.kind]) + self.key).digest()[:_KEY_ID_BYTES]

    def __str__(self) -> str:
        return f"{self.name}+{self.id.hex()}+{b64encode(bytes([self.kind]) + self.key).decode()}"

    @classmethod
    def parse(cls, text: str) -> "Vkey":
        """Raises NotANote, also for an unknown kind of key."""
        found = _VKEY.fullmatch(text)
        key = _decoded(found[3]) if found else b""
        if not found or len(key) != 1 + _KEY_BYTES or key[0] not in (ED25519, COSIGNATURE):
            raise NotANote("not the vkey of an Ed25519 key: expected NAME+8 hex digits+base64")
        vkey = cls(found[1], key[1:], key[0])
        if vkey.id.hex() != found[2]:
            raise NotANote("the vkey's key ID is not that of its name and key")
        return vkey


@dataclass(frozen=True, slots=True)
class Signature:
    name: str
    key_id: bytes
    value: bytes

    def __str__(self) -> str:
        return f"— {self.name} {b64encode(self.key_id + self.value).decode()}\n"


@dataclass(frozen=True, slots=True)
class Note:
    """`text` ends with a newline; the signatures are over its bytes in UTF-8."""

    text: str
    signatures: tuple[Signature, ...]

    def __str__(self) -> str:
        return f"{self.text}\n{''.join(map(str, self.signatures))}"

    @classmethod
    def parse(cls, written: str) -> "Note":
        """Raises NotANote."""
        text, gap, below = written.rpartition("\n\n")
        lines = below.split("\n")
        if not gap or lines.pop() or not lines or any(char < " " and char != "\n" for char in written):
            raise NotANote("not a signed note: expected a text, an empty line, and signatures")
        return cls(text + "\n", tuple(map(read_signature, lines)))

    def with_more(self, signatures: Iterable[Signature]) -> "Note":
        return Note(self.text, (*self.signatures, *signatures))


def read_signature(line: str) -> Signature:
    """A note's signature line, without its newline. Raises NotANote."""
    found = _LINE.fullmatch(line)
    value = _decoded(found[2]) if found else b""
    if not found or len(value) <= _KEY_ID_BYTES:
        raise NotANote("not a signature: expected — NAME BASE64")
    return Signature(found[1], value[:_KEY_ID_BYTES], value[_KEY_ID_BYTES:])


@dataclass(frozen=True, slots=True)
class Signer:
    """Signs in a name with an Ed25519 seed of 32 bytes."""

    name: str
    seed: bytes = field(repr=False)

    @property
    def vkey(self) -> Vkey:
        return Vkey(self.name, self._key.public_key().public_bytes_raw())

    def sign(self, text: str) -> Signature:
        if not _NAME.fullmatch(self.name) or not text.endswith("\n"):
            raise NotANote("a name has no space or plus, and a text ends with a newline")
        return Signature(self.name, self.vkey.id, self._key.sign(text.encode()))

    @property
    def _key(self) -> Ed25519PrivateKey:
        return Ed25519PrivateKey.from_private_bytes(self.seed)


@dataclass(frozen=True, slots=True)
class Signed:
    """A key whose signature fits. `at` is when its cosigner says that it saw the text: seconds since 1970, UTC."""

    vkey: Vkey
    at: int | None = None


def verified(note: Note, vkeys: Iterable[Vkey]) -> list[Signed]:
    """The signatures by these keys; others are passed over. Raises NotSigned for a signature that does not fit."""
    by_name = {(vkey.name, vkey.id): vkey for vkey in vkeys}
    found = ((by_name.get((signature.name, signature.key_id)), signature) for signature in note.signatures)
    return [_verified(note, signature, vkey) for vkey, signature in found if vkey]


def cosigned_text(text: str, at: int) -> str:
    """The text that a cosigner signs."""
    return f"cosignature/v1\ntime {at}\n{text}"


def _verified(note: Note, signature: Signature, vkey: Vkey) -> Signed:
    at, value, text = None, signature.value, note.text
    if vkey.kind == COSIGNATURE:
        at, value = int.from_bytes(value[:_TIME_BYTES], "big"), value[_TIME_BYTES:]
        text = cosigned_text(text, at)
    try:
        if len(value) != _SIGNATURE_BYTES:
            raise InvalidSignature
        Ed25519PublicKey.from_public_bytes(vkey.key).verify(value, text.encode())
    except InvalidSignature:
        raise NotSigned(f"the signature of {vkey.name} ({vkey.id.hex()}) does not fit the text") from None
    return Signed(vkey, at)


def _decoded(text: str) -> bytes:
    """Empty for text that is not canonical base64: the same bytes have only one accepted text."""
    try:
        value = b64decode(text, validate=True)
    except NotBase64:
        return b""
    return value if b64encode(value).decode() == text else b""
