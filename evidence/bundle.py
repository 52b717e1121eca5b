"""A bundle: the files, with stable names, from which an outsider can check events of the log without us.

The manifest, a note that the log signs, lists each file: none can be changed, added or left out unseen. `verify.py`
among them is the program that checks the whole bundle.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256

from evidence.checkpoints import Checkpoint, TlogProof, consistency_text
from evidence.notes import COSIGNATURE, Note, Signer, Vkey

FORMAT = "onrecord-bundle/v1"


@dataclass(frozen=True, slots=True)
class ProvenEvent:
    """A leaf, word for word, and its proof; None where the bundle holds the whole log."""

    index: int
    leaf: str
    proof: TlogProof | None
    disclosures: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Older:
    """An earlier checkpoint, and the path that proves that the log goes on from it."""

    note: Note
    path: Sequence[bytes]


@dataclass(frozen=True, slots=True)
class Bundle:
    """`texts` are further files by their names: wordings, rules, laws, receipts, derived views."""

    events: Sequence[ProvenEvent]
    checkpoint: Note
    older: Sequence[Older]
    vkeys: Sequence[Vkey]
    witnesses: Sequence[Vkey]
    readme: str
    verifier: str
    texts: Mapping[str, bytes] = field(default_factory=dict)


def files_of(bundle: Bundle, signers: Sequence[Signer], made_at: str) -> dict[str, bytes]:
    """Every file by its name. `made_at` is an RFC 3339 time."""
    files = {
        "README.txt": bundle.readme,
        "keys.txt": _keys(bundle),
        "checkpoint": str(bundle.checkpoint),
        "events.jsonl": "".join(f"{event.leaf}\n" for event in bundle.events),
        "disclosures.jsonl": "".join(map(_disclosures, bundle.events)),
        "verify.py": bundle.verifier,
    }
    for event in bundle.events:
        if event.proof:
            files[f"proofs/{event.index:012d}.tlog-proof"] = str(event.proof)
    for older in bundle.older:
        size = Checkpoint.of(older.note).size
        files[f"consistency/{size:012d}"] = consistency_text(size, older.path, older.note)
    written = {name: text.encode() for name, text in files.items()} | dict(bundle.texts)
    return written | {"manifest": _manifest(written, signers, made_at)}


def _keys(bundle: Bundle) -> str:
    """As a C2SP tlog-policy."""
    lines = ["# Ask the operator for these by another way than this bundle, and compare."]
    lines += [f"log {vkey}" for vkey in bundle.vkeys]
    lines += [f"witness {vkey.name} {vkey}" for vkey in bundle.witnesses if vkey.kind == COSIGNATURE]
    return "\n".join([*lines, "quorum none"]) + "\n"


def _disclosures(event: ProvenEvent) -> str:
    return "".join(f"{json.dumps({'index': event.index, 'd': body})}\n" for body in event.disclosures)


def _manifest(files: Mapping[str, bytes], signers: Sequence[Signer], made_at: str) -> bytes:
    listed = "".join(f"{sha256(content).hexdigest()} {name}\n" for name, content in sorted(files.items()))
    text = f"{FORMAT}\n{made_at}\n{listed}"
    return str(Note(text, tuple(signer.sign(text) for signer in signers))).encode()
