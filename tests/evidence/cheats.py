"""A log whose operator cheats: they have its key, write any leaf they like, and put any file into a bundle."""

import json
from base64 import urlsafe_b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from evidence.bundle import Bundle, Older, ProvenEvent, files_of
from evidence.checkpoints import Checkpoint, TlogProof
from evidence.events import Value, canonical, digest_of
from evidence.merkle import leaf_hash, root_of
from evidence.merkle_proofs import consistency_path, inclusion_path
from evidence.notes import COSIGNATURE, Note, Signature, Signer, Vkey, cosigned_text

SIGNER = Signer("log.example/1", b"\x07" * 32)
AT = "2026-11-25T00:00:00.000Z"
Files = dict[str, bytes]


@dataclass(frozen=True)
class Cosigner:
    """A witness."""

    name: str = "witness.example"
    key: Ed25519PrivateKey = field(default_factory=lambda: Ed25519PrivateKey.from_private_bytes(b"\x03" * 32))

    @property
    def vkey(self) -> Vkey:
        return Vkey(self.name, self.key.public_key().public_bytes_raw(), COSIGNATURE)

    def on(self, note: Note, at: int) -> Signature:
        value = at.to_bytes(8, "big") + self.key.sign(cosigned_text(note.text, at).encode())
        return Signature(self.name, self.vkey.id, value)


Cosigned = tuple[Cosigner, int]


@dataclass(frozen=True)
class Log:
    leaves: Sequence[str]

    def signed(self, size: int | None = None) -> Note:
        return signed(len(self.leaves) if size is None else size, self._root(0, size))

    def whole(self, texts: Mapping[str, bytes] | None = None) -> Files:
        return self._files([ProvenEvent(index, leaf, None) for index, leaf in enumerate(self.leaves)], (), texts or {})

    def part(
        self,
        *indexes: int,
        older: Sequence[int] = (),
        bodies: Sequence[str] = (),
        cosigned: Mapping[int, Cosigned] | None = None,
    ) -> Files:
        """`bodies` are of the first event, `cosigned` is by the size of the checkpoint: who did it, and when."""
        events = [self._proven(index, bodies if index == indexes[0] else ()) for index in indexes]
        size, by_size = len(self.leaves), dict(cosigned or {})
        notes = {one: self._cosigned(one, by_size) for one in (*older, *by_size) if one < size}
        earlier = [Older(note, consistency_path(one, size, self._subtree)) for one, note in notes.items()]
        files = self._files(events, earlier, {})
        return sealed(_in_place_of(files, self.signed(), self._cosigned(size, by_size)))

    def _cosigned(self, size: int, by_size: Mapping[int, Cosigned]) -> Note:
        note = self.signed(size)
        return note.with_more([by_size[size][0].on(note, by_size[size][1])] if size in by_size else [])

    def _proven(self, index: int, bodies: Sequence[str]) -> ProvenEvent:
        path = inclusion_path(index, len(self.leaves), self._subtree)
        return ProvenEvent(index, self.leaves[index], TlogProof(index, tuple(path), self.signed()), bodies)

    def _files(self, events: Sequence[ProvenEvent], older: Sequence[Older], texts: Mapping[str, bytes]) -> Files:
        made = Bundle(events, self.signed(), older, [SIGNER.vkey], (), "read me\n", "", texts)
        return files_of(made, [SIGNER], AT)

    def _root(self, start: int, end: int | None) -> bytes:
        return root_of(leaf_hash(leaf.encode()) for leaf in self.leaves[start:end])

    def _subtree(self, start: int, height: int) -> bytes:
        return self._root(start, start + (1 << height))


def _in_place_of(files: Files, before: Note, after: Note) -> Files:
    """In the checkpoint and in each proof, which names it word for word."""
    ends = str(before).encode()
    return {
        name: content.removesuffix(ends) + str(after).encode() if content.endswith(ends) else content
        for name, content in files.items()
    }


def signed(size: int, root: bytes) -> Note:
    text = Checkpoint(SIGNER.name, size, root).text
    return Note(text, (SIGNER.sign(text),))


def sealed(files: Files, by: Signer = SIGNER) -> Files:
    """With a manifest that the log signs, whatever the files are."""
    listed = "".join(f"{sha256(c).hexdigest()} {name}\n" for name, c in sorted(files.items()) if name != "manifest")
    text = f"onrecord-bundle/v1\n{AT}\n{listed}"
    return {**files, "manifest": str(Note(text, (by.sign(text),))).encode()}


def renumbered(files: Files, old: int, new: int) -> Files:
    """The proof of one event, said to be of another place in the log."""
    proof = files[f"proofs/{old:012d}.tlog-proof"].replace(f"index {old}\n".encode(), f"index {new}\n".encode())
    rest = {name: content for name, content in files.items() if name != f"proofs/{old:012d}.tlog-proof"}
    return sealed({**rest, f"proofs/{abs(new):012d}.tlog-proof": proof})


def event(kind: str, **fields: Value) -> str:
    return canonical({"ts": AT, "type": kind, "v": 1, **fields})


def at(ts: str) -> int:
    """Seconds since 1970."""
    return int(datetime.fromisoformat(ts).timestamp())


def disclosure(name: str, value: object) -> tuple[str, str]:
    """The digest that an event has, and the body that opens it."""
    body = urlsafe_b64encode(json.dumps(["c2FsdA", name, value]).encode()).decode().rstrip("=")
    return digest_of(body), body
