"""Checks a bundle before it is handed out: faults in its events, texts and disclosures are found here before its reader
finds them. The reader's program shares no code with this module.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from evidence.bundle import Bundle
from evidence.checkpoints import Checkpoint
from evidence.disclosures import erased_in, read_disclosure
from evidence.events import digest_of
from evidence.merkle import leaf_hash, root_of
from evidence.merkle_proofs import NotProven, check_consistency, root_by_inclusion
from evidence.notes import Note, NotSigned, Vkey, verified

_NAMED = ("prompts/", "rules/", "law/")
_PUBLISHED = ("prompt_sha256", "rules_sha256", "sha256")


class Unsound(ValueError):
    """The bundle differs from the log as it was signed."""


@dataclass(frozen=True, slots=True)
class Line:
    """An event: its index, its line as it is hashed, the fields in it, and the disclosures handed out with it."""

    index: int
    leaf: str
    told: Mapping[str, Any]
    disclosures: Sequence[str] = ()


def check_bundle(bundle: Bundle, events: Sequence[Mapping[str, Any]]) -> list[str]:
    """`events` are the fields of the bundle's events. Returns a line for each missing text. Raises Unsound at the first
    fault.
    """
    newest = signed(bundle.checkpoint, bundle.vkeys)
    pairs = zip(bundle.events, events, strict=True)
    lines = [Line(event.index, event.leaf, fields, event.disclosures) for event, fields in pairs]
    if any(event.proof is None for event in bundle.events):
        _check_whole(lines, newest)
    for event in bundle.events:
        if event.proof:
            check_leaf(event.index, event.leaf, event.proof.path, newest)
    for older in bundle.older:
        earlier = signed(older.note, bundle.vkeys)
        try:
            check_consistency(earlier.size, earlier.root, newest.size, newest.root, older.path)
        except NotProven as error:
            raise Unsound(f"the log does not go on from its checkpoint of {earlier.size} events") from error
    check_calls(lines)
    check_disclosures(lines)
    return list(_check_texts(lines, bundle.texts))


def signed(note: Note, vkeys: Sequence[Vkey]) -> Checkpoint:
    """The checkpoint of a note. Raises Unsound unless one of these keys has signed it."""
    checkpoint = Checkpoint.of(note)
    try:
        is_signed = bool(verified(note, vkeys))
    except NotSigned as error:
        raise Unsound(f"the checkpoint of {checkpoint.size} events: {error}") from error
    if not is_signed:
        raise Unsound(f"the checkpoint of {checkpoint.size} events is signed with no key of this log")
    return checkpoint


def check_leaf(index: int, leaf: str, path: Sequence[bytes], newest: Checkpoint) -> None:
    """Raises Unsound unless the event is in the log as it was signed."""
    try:
        is_in = root_by_inclusion(index, newest.size, leaf_hash(leaf.encode()), path) == newest.root
    except NotProven:
        is_in = False
    if not is_in:
        raise Unsound(f"event {index} is not as it was signed: it was changed since, or another event of the log was")


def check_calls(lines: Sequence[Line]) -> None:
    """Raises Unsound unless the events of each call are there from the first on, with no gap."""
    counts: dict[str, int] = {}
    for line in lines:
        if (call := line.told.get("call")) is None:
            continue
        due = counts.get(call, 0)
        is_whole = line.told["type"] != "call.completed" or line.told.get("events") == due + 1
        if line.told.get("n") != due or not is_whole:
            raise Unsound(f"event {line.index} of call {call} is out of order: one before it is missing")
        counts[call] = due + 1


def check_disclosures(lines: Sequence[Line]) -> None:
    """Raises Unsound unless each disclosure opens a field of its event, and none of the fields was erased."""
    of_calls: dict[str | None, list[Mapping[str, Any]]] = {}
    for line in lines:
        of_calls.setdefault(line.told.get("call"), []).append(line.told)
    gone = {digest: name for call, events in of_calls.items() if call for digest, name in erased_in(events).items()}
    for line in lines:
        for body in line.disclosures:
            if (digest := digest_of(body)) not in line.told.get("sd", {}).values():
                raise Unsound(f"a disclosure of event {line.index} is not what the event commits to: it was altered")
            if digest in gone:
                raise Unsound(
                    f"{gone[digest]} of call {line.told['call']} was erased, as its events say, and is here again: "
                    f"`onrecord reapply-erasures` erases it again"
                )


def _check_whole(lines: Sequence[Line], newest: Checkpoint) -> None:
    if len(lines) != newest.size or root_of(leaf_hash(line.leaf.encode()) for line in lines) != newest.root:
        raise Unsound("the events are not those that were signed: one of them was changed since, or is missing")


def _check_texts(lines: Sequence[Line], texts: Mapping[str, bytes]) -> Iterator[str]:
    kept = {name.split("/")[1][:64]: name for name in texts if name.startswith(_NAMED)}
    for named, name in kept.items():
        if sha256(texts[name]).hexdigest() != named:
            raise Unsound(f"{name} is not the text that the events name by its hash: it was altered")
    published = {
        line.told.get(name) for line in lines for name in _PUBLISHED if line.told["type"].endswith(".published")
    }
    for digest in sorted({*_named_in(lines)} - kept.keys()):
        if digest in published:
            raise Unsound(f"the text {digest}, which an event names, was published and is not kept here any more")
        yield f"the text {digest}, which an event names, was never published here: whoever checks the bundle misses it"
    for line in lines:
        account = texts.get(f"provider/{line.told.get('call')}.json")
        said = [read_disclosure(body) for body in line.disclosures] if account is not None else []
        hashes = [value for name, value in said if name == "response_sha256"]
        if account is not None and hashes and sha256(account).hexdigest() not in hashes:
            raise Unsound(
                f"what the provider said of call {line.told['call']} is not what event {line.index} commits to"
            )


def _named_in(lines: Sequence[Line]) -> Iterator[str]:
    """The hashes of the texts that events of calls name."""
    for line in lines:
        if "call" in line.told:
            law = line.told.get("law") or {}
            named = (line.told.get("prompt_sha256"), line.told.get("rules_sha256"), law.get("sha256"))
            yield from filter(None, named)
