"""Checkpoints (C2SP tlog-checkpoint v1.0.0): the root that the log of this name had at this size. And proofs as files
(C2SP tlog-proof): the index of a leaf, the path to the root, and the signed checkpoint with this root.
"""

import re
from base64 import b64decode, b64encode
from collections.abc import Sequence
from dataclasses import dataclass

from evidence.merkle_proofs import NotProven, root_by_inclusion
from evidence.notes import NotANote, Note

PROOF_HEADER = "c2sp.org/tlog-proof@v1"
_SIZE = re.compile(r"0|[1-9][0-9]{0,18}")
_ROOT_BYTES = 32


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """`root` is of the first `size` events, 32 bytes."""

    origin: str
    size: int
    root: bytes

    @property
    def text(self) -> str:
        return f"{self.origin}\n{self.size}\n{b64encode(self.root).decode()}\n"

    @classmethod
    def of(cls, note: Note) -> "Checkpoint":
        """Read from the text of a note. Raises NotANote for a note that is no checkpoint, or has extension lines."""
        lines = note.text.split("\n")
        if len(lines) != 4 or not lines[0] or not _SIZE.fullmatch(lines[1]):
            raise NotANote("not a checkpoint: expected the origin, the size and the root, a line each")
        return cls(lines[0], int(lines[1]), read_hash(lines[2]))


@dataclass(frozen=True, slots=True)
class TlogProof:
    """Proves that the event at `index` is in the log of the checkpoint, with nothing else needed to check it."""

    index: int
    path: tuple[bytes, ...]
    checkpoint: Note

    def __str__(self) -> str:
        return f"{PROOF_HEADER}\nindex {self.index}\n{_lines(self.path)}\n{self.checkpoint}"

    @classmethod
    def parse(cls, written: str) -> "TlogProof":
        """Raises NotANote."""
        above, gap, checkpoint = written.partition("\n\n")
        header, *lines = above.split("\n")
        index = lines[0].removeprefix("index ") if lines else ""
        if not gap or header != PROOF_HEADER or not _SIZE.fullmatch(index):
            raise NotANote(f"not a tlog-proof: expected {PROOF_HEADER}, the index, hashes, and a checkpoint")
        return cls(int(index), tuple(map(read_hash, lines[1:])), Note.parse(checkpoint))

    def check(self, leaf: bytes) -> Checkpoint:
        """The checkpoint that holds the event with this leaf hash; its signature is not checked. Raises NotProven."""
        checkpoint = Checkpoint.of(self.checkpoint)
        if root_by_inclusion(self.index, checkpoint.size, leaf, self.path) != checkpoint.root:
            raise NotProven(f"event {self.index} is not as the checkpoint has it")
        return checkpoint


def consistency_text(old: int, path: Sequence[bytes], checkpoint: Note) -> str:
    """A checkpoint and the proof that it goes on from the tree of `old` leaves, as a request to a witness (C2SP
    tlog-witness, add-checkpoint).
    """
    return f"old {old}\n{_lines(path)}\n{checkpoint}"


def read_hash(text: str) -> bytes:
    """32 bytes in base64. Raises NotANote."""
    try:
        value = b64decode(text, validate=True)
    except ValueError:  # also for what is not ASCII
        value = b""
    if len(value) != _ROOT_BYTES or b64encode(value).decode() != text:
        raise NotANote("not a hash: expected 32 bytes in base64")
    return value


def _lines(hashes: Sequence[bytes]) -> str:
    return "".join(f"{b64encode(digest).decode()}\n" for digest in hashes)
