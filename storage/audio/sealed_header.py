"""The first bytes of sealed audio: what a reader needs besides the data key, and the proof that it has the
right one.

    offset  size
    0       8     magic and version, b"onrecS\\x00\\x01"
    8       4     chunk size, big-endian: how many plain bytes each sealed chunk holds
    12      8     plain length, big-endian
    20      32    salt
    52      32    commitment

From the data key, the salt, the sizes and the recording's id, HKDF-SHA256 makes the key of the chunks and
the commitment. AES-GCM alone lets one ciphertext open under two keys; the commitment does not, and because
the sizes go into it, a header that opens is a header nobody has touched.
"""

import hmac
import struct
from dataclasses import dataclass

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from storage.errors import Broken, Refused

HEADER_BYTES = 84
CHUNK_BYTES = 1 << 16
DATA_KEY_BYTES = 32
SALT_BYTES = 32
TAG_BYTES = 16
_MAGIC = b"onrecS\x00\x01"
_LAYOUT = struct.Struct(">8sIQ32s32s")


def plain_length_of(sealed_length: int) -> int:
    """The length of the content by that of the sealed file, which needs no key."""
    chunks = -(-(sealed_length - HEADER_BYTES) // (CHUNK_BYTES + TAG_BYTES))
    return sealed_length - HEADER_BYTES - chunks * TAG_BYTES


@dataclass(frozen=True)
class Header:
    plain_length: int
    salt: bytes
    commitment: bytes
    key: bytes

    @classmethod
    def make(cls, data_key: bytes, recording_id: str, plain_length: int, salt: bytes) -> "Header":
        if len(data_key) != DATA_KEY_BYTES:
            raise Refused("sealing: a data key has 32 bytes")
        bound = struct.pack(">8sIQ", _MAGIC, CHUNK_BYTES, plain_length) + recording_id.encode()
        made = HKDF(SHA256(), length=64, salt=salt, info=bound).derive(data_key)
        return cls(plain_length, salt, commitment=made[32:], key=made[:32])

    @classmethod
    def parse(cls, content: bytes, data_key: bytes, recording_id: str) -> "Header":
        """Broken unless these bytes were made with that data key, for that recording."""
        if len(content) != HEADER_BYTES:
            raise Broken(f"sealing: the audio of {recording_id} is cut off in its header")
        magic, chunk_bytes, plain_length, salt, commitment = _LAYOUT.unpack(content)
        if (magic, chunk_bytes) != (_MAGIC, CHUNK_BYTES):
            raise Broken(f"sealing: what is kept for {recording_id} is not sealed audio that this version can read")
        header = cls.make(data_key, recording_id, plain_length, salt)
        if not hmac.compare_digest(header.commitment, commitment):
            raise Broken(f"sealing: the audio of {recording_id} was sealed with another key, or altered")
        return header

    def __bytes__(self) -> bytes:
        return _LAYOUT.pack(_MAGIC, CHUNK_BYTES, self.plain_length, self.salt, self.commitment)

    @property
    def chunks(self) -> int:
        """At least one: also an empty recording has a chunk that says it ends there."""
        return max(1, -(-self.plain_length // CHUNK_BYTES))

    @property
    def sealed_length(self) -> int:
        return HEADER_BYTES + self.plain_length + self.chunks * TAG_BYTES

    def chunk_offset(self, index: int) -> int:
        return HEADER_BYTES + index * (CHUNK_BYTES + TAG_BYTES)

    def nonce(self, index: int) -> bytes:
        """Unique under a key that is made for one content only; the last byte marks the last chunk."""
        return struct.pack(">7xIB", index, index == self.chunks - 1)
