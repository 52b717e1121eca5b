"""Whether a bundle holds, before anybody gets it: what its reader would find of events, texts and disclosures is found
here first. The program that the reader has shares nothing with this one.
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
    """What was to be handed out is not what the log has signed."""


@dataclass(frozen=True, slots=True)
class Line:
    """An event: its place, its line as it is hashed, what that says, and the disclosures that go out with it."""

    index: int
    leaf: str
    told: Mapping[str, Any]
    disclosures: Sequence[str] = ()


def check_bundle(bundle: Bundle, events: Sequence[Mapping[str, Any]]) -> list[str]:
    """`events` are what the bundle's events say. Returns what its reader will miss. Raises Unsound with the first thing
    that does not hold.
    """
    newest = signed(bundle.checkpoint, bundle.vkeys)
    lines = [Line(one.index, one.leaf, told, one.disclosures) for one, told in zip(bundle.events, events, strict=True)]
    if any(one.proof is None for one in bundle.events):
        _check_whole(lines, newest)
    for one in bundle.events:
        if one.proof:
            check_leaf(one.index, one.leaf, one.proof.path, newest)
    for older in bundle.older:
        known = signed(older.note, bundle.vkeys)
        try:
            check_consistency(known.size, known.root, newest.size, newest.root, older.path)
        except NotProven as error:
            raise Unsound(f"the log does not go on from its checkpoint of {known.size} events") from error
    check_calls(lines)
    check_disclosures(lines)
    return list(_check_texts(lines, bundle.texts))


def signed(note: Note, vkeys: Sequence[Vkey]) -> Checkpoint:
    """A checkpoint that one of these keys has signed."""
    known = Checkpoint.of(note)
    try:
        is_signed = bool(verified(note, vkeys))
    except NotSigned as error:
        raise Unsound(f"the checkpoint of {known.size} events: {error}") from error
    if not is_signed:
        raise Unsound(f"the checkpoint of {known.size} events is signed with no key of this log")
    return known


def check_leaf(index: int, leaf: str, path: Sequence[bytes], newest: Checkpoint) -> None:
    """That an event is in the log as it was signed."""
    try:
        is_in = root_by_inclusion(index, newest.size, leaf_hash(leaf.encode()), path) == newest.root
    except NotProven:
        is_in = False
    if not is_in:
        raise Unsound(f"event {index} is not as it was signed: it was changed since, or another event of the log was")


def check_calls(lines: Sequence[Line]) -> None:
    """That each call's events are there from the first on, and none between them is left out."""
    counts: dict[str, int] = {}
    for one in lines:
        if (call := one.told.get("call")) is None:
            continue
        due = counts.get(call, 0)
        is_whole = one.told["type"] != "call.completed" or one.told.get("events") == due + 1
        if one.told.get("n") != due or not is_whole:
            raise Unsound(f"event {one.index} of call {call} is out of order: one before it is missing")
        counts[call] = due + 1


def check_disclosures(lines: Sequence[Line]) -> None:
    """That each opens a field of its event, and none was erased."""
    of_calls: dict[str | None, list[Mapping[str, Any]]] = {}
    for one in lines:
        of_calls.setdefault(one.told.get("call"), []).append(one.told)
    gone = {digest: name for call, told in of_calls.items() if call for digest, name in erased_in(told).items()}
    for one in lines:
        for body in one.disclosures:
            if (digest := digest_of(body)) not in one.told.get("sd", {}).values():
                raise Unsound(f"a disclosure of event {one.index} is not what the event commits to: it was altered")
            if digest in gone:
                raise Unsound(
                    f"{gone[digest]} of call {one.told['call']} was erased, as its events say, and is here again: "
                    f"`onrecord reapply-erasures` erases it again"
                )


def _check_whole(lines: Sequence[Line], newest: Checkpoint) -> None:
    if len(lines) != newest.size or root_of(leaf_hash(one.leaf.encode()) for one in lines) != newest.root:
        raise Unsound("the events are not those that were signed: one of them was changed since, or is missing")


def _check_texts(lines: Sequence[Line], texts: Mapping[str, bytes]) -> Iterator[str]:
    kept = {name.split("/")[1][:64]: name for name in texts if name.startswith(_NAMED)}
    for named, name in kept.items():
        if sha256(texts[name]).hexdigest() != named:
            raise Unsound(f"{name} is not the text that the events name by its hash: it was altered")
    published = {one.told.get(name) for one in lines for name in _PUBLISHED if one.told["type"].endswith(".published")}
    for digest in sorted({*_named_in(lines)} - kept.keys()):
        if digest in published:
            raise Unsound(f"the text {digest}, which an event names, was published and is not kept here any more")
        yield f"the text {digest}, which an event names, was never published here: whoever checks the bundle misses it"
    for one in lines:
        account = texts.get(f"provider/{one.told.get('call')}.json")
        said = [read_disclosure(body) for body in one.disclosures] if account is not None else []
        hashes = [value for name, value in said if name == "response_sha256"]
        if account is not None and hashes and sha256(account).hexdigest() not in hashes:
            raise Unsound(f"what the provider said of call {one.told['call']} is not what event {one.index} commits to")


def _named_in(lines: Sequence[Line]) -> Iterator[str]:
    """The hashes of the texts that events of calls name."""
    for one in lines:
        if "call" in one.told:
            law = one.told.get("law") or {}
            named = (one.told.get("prompt_sha256"), one.told.get("rules_sha256"), law.get("sha256"))
            yield from filter(None, named)
