"""Gathers a bundle (`evidence.bundle`), as of the newest checkpoint.

It is read in many views, since one for as long as an export of the whole log takes would keep alive all that is changed
meanwhile. Events and checkpoints below that size never change, nor do texts under their hash. A disclosure may be
erased between two views: the bundle has it, or has not, and what was read of a selected call is of one view.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib.resources import files
from itertools import islice
from typing import Any, TypeVar

from sqlalchemy import Connection, select

from compliance.anchors.receipts import check_receipt
from compliance.bundle.of_call import OfCall
from compliance.bundle.request import Request
from compliance.bundle.selection import Selection, hashes_in, leaves_of
from compliance.bundle.texts import texts_of, wordings_of
from evidence.bundle import Bundle, Older, ProvenEvent
from evidence.bundle_readme import About, BundledCall, ToldEvent, readme
from evidence.checkpoints import Checkpoint
from evidence.disclosures import read_disclosure
from evidence.events import timestamp
from evidence.notes import Note, Vkey, verified
from evidence.soundness import check_bundle
from storage.database.engine import Views
from storage.database.tables import disclosure
from storage.errors import Refused
from storage.log import anchors, checkpoints, consent_log
from storage.log.anchors import Anchor
from storage.log.checkpoints import SignedCheckpoint
from storage.log.proofs import prove
from storage.log.tree import KeptTree

T = TypeVar("T")
R = TypeVar("R")

_AT_ONCE = 500
_SCOPES = {
    "all": "It is the whole log.",
    "call": "It is about the calls that are listed below.",
    "number": "It is about the calls from one number.",
    "dates": "It is about all calls of some days.",
}
_SUFFIXES = {"file": "jsonl", "s3": "json", "tsa": "tsr"}


@dataclass(frozen=True, slots=True)
class _Logged:
    """An event's index, its line, and the content of the line."""

    index: int
    leaf: str
    event: Mapping[str, Any]

    @property
    def digests(self) -> Mapping[str, str]:
        found: Mapping[str, str] = self.event.get("sd", {})
        return found


@dataclass(frozen=True)
class Gathering:
    views: Views
    request: Request
    signed: SignedCheckpoint
    """With every cosignature that was given for it."""
    tree: KeptTree
    of_calls: Sequence[OfCall]
    """Empty for the whole log, whose calls the README does not list."""
    anchors: Sequence[Anchor]
    """Those that were made before, by size."""
    more: Mapping[str, bytes]
    """Further files, by name."""
    uncosigned: str = ""
    """Why the witness did not cosign; empty where it did, or there is none."""
    complain: Callable[[str], object] = lambda _: None

    def bundle(self, made_at: str) -> Bundle:
        """`made_at` is an RFC 3339 time. Raises Refused for a checkpoint of `since` that is none of this log's, and
        Broken where the bundle would not verify.
        """
        made = Bundle(
            events=[self._proven(logged) for logged in self._events],
            checkpoint=self.signed.note,
            older=[Older(older.note, self.tree.consistency(older.size, self.signed.size)) for older in self._earlier()],
            vkeys=self._vkeys,
            witnesses=[*dict.fromkeys(Vkey.parse(anchor.place) for anchor in self._held if anchor.kind == "witness")],
            readme=readme(self._about(made_at), self._calls()),
            verifier=files("evidence").joinpath("verify.py").read_text(encoding="utf-8"),
            texts={
                **self._texts(),
                **self._receipts(),
                **{name: content for of_call in self.of_calls for name, content in of_call.files.items()},
                **self.more,
            },
        )
        for missing in check_bundle(made, [logged.event for logged in self._events]):
            self.complain(missing)
        return made

    @cached_property
    def _events(self) -> list[_Logged]:
        """Without the events after the checkpoint, which can't be proven yet."""
        last = self.signed.size
        if self.request.selection.is_everything:
            signed = islice(consent_log.hashed_leaves(self.views), last)
            leaves = [(index, leaf) for index, leaf, _ in signed]
        else:
            leaves = leaves_of(self.views, self._call_ids)
        return [_Logged(index, leaf, consent_log.read_event(index, leaf)) for index, leaf in leaves if index < last]

    @cached_property
    def _call_ids(self) -> list[str]:
        return [of_call.call_id for of_call in self.of_calls]

    @cached_property
    def _vkeys(self) -> list[Vkey]:
        with self.views() as connection:
            return checkpoints.vkeys(connection)

    def _texts(self) -> dict[str, bytes]:
        with self.views() as connection:
            return texts_of(connection, [logged.event for logged in self._events])

    @cached_property
    def _last(self) -> int:
        return self._events[-1].index if self._events else 0

    @cached_property
    def _bodies(self) -> dict[str, str]:
        """The disclosures to include, by digest."""
        wanted = [
            digest
            for logged in self._events
            for name, digest in logged.digests.items()
            if self.request.disclosing([name])
        ]
        mine = {digest: body for of_call in self.of_calls for digest, body in of_call.bodies.items()}
        found = {digest: mine[digest] for digest in wanted if digest in mine}
        others = [digest for digest in wanted if digest not in found]
        for start in range(0, len(others), _AT_ONCE):
            some = disclosure.c.digest.in_(others[start : start + _AT_ONCE])
            with self.views() as connection:
                rows = connection.execute(select(disclosure.c.digest, disclosure.c.body).where(some)).all()
            found |= {row.digest: row.body for row in rows}
        return found

    @cached_property
    def _held(self) -> list[Anchor]:
        """Of each kind of anchor: for each event of a call the first that covers it and the last that does not, which
        date the event from both sides; and the anchor that covers most.
        """
        by_kind: dict[str, list[Anchor]] = {}
        for anchor in self.anchors:
            if anchor.size <= self.signed.size:
                by_kind.setdefault(anchor.kind, []).append(anchor)
        found = {id(anchor): anchor for held in by_kind.values() for anchor in (*self._that_date(held), held[-1])}
        return sorted(found.values(), key=lambda anchor: (anchor.size, anchor.anchored_at))

    def _that_date(self, held: Sequence[Anchor]) -> Iterator[Anchor]:
        sizes = [anchor.size for anchor in held]
        firsts = {bisect_right(sizes, logged.index) for logged in self._events if "call" in logged.event}
        places = firsts | {place - 1 for place in firsts}
        return (held[place] for place in sorted(places) if 0 <= place < len(held))

    def _proven(self, logged: _Logged) -> ProvenEvent:
        proof = None if self.request.selection.is_everything else prove(self.tree, logged.index, self.signed)
        return ProvenEvent(logged.index, logged.leaf, proof, self._shown(logged))

    def _shown(self, logged: _Logged) -> list[str]:
        return [self._bodies[digest] for digest in logged.digests.values() if digest in self._bodies]

    def _earlier(self) -> list[SignedCheckpoint]:
        """The earlier checkpoints, with cosignatures, that the newest is proven to extend: the first over all of the
        events, those that anchor targets hold, each line of the anchor file, since anybody may have got it, and those
        that were brought along.
        """
        lines = [anchor.size for anchor in self.anchors if anchor.kind == "file"]
        sizes = [*dict.fromkeys([*(anchor.size for anchor in self._held), *lines])]
        wanted = [*self._read(self._brought, self.request.since)]
        wanted += self._read(checkpoints.first_covering, [self._last])
        wanted += self._read(checkpoints.at_size, sizes)
        by_size = {signed.size: signed for signed in wanted if signed and signed.size < self.signed.size}
        return [*self._read(anchors.cosigned, [by_size[size] for size in sorted(by_size)])]

    def _read(self, read: Callable[[Connection, T], R], wanted: Sequence[T]) -> Iterator[R]:
        """Each of them, some in a view at a time."""
        for start in range(0, len(wanted), _AT_ONCE):
            with self.views() as connection:
                found = [read(connection, one) for one in wanted[start : start + _AT_ONCE]]
            yield from found

    def _brought(self, connection: Connection, note: Note) -> SignedCheckpoint | None:
        noted, size = Checkpoint.of(note), consent_log.size(connection)
        if noted.size > size:
            raise Refused(
                f"log export: the log is shorter than the checkpoint that was kept (--since): it has {size} events, "
                f"and had {noted.size}"
            )
        if not checkpoints.continues(connection, noted):
            raise Refused(f"log export: the log does not go on from the checkpoint of {noted.size} events (--since)")
        if not verified(note, self._vkeys):
            raise Refused(
                f"log export: the checkpoint of {noted.size} events (--since) is signed with no key of this log"
            )
        return SignedCheckpoint(noted, note, self.signed.signed_at)

    def _receipts(self) -> dict[str, bytes]:
        """Receipts of the anchor targets, with the checkpoints they are for. Witnesses' signatures stand in those."""
        found: dict[str, bytes] = {}
        kept = [anchor for anchor in self._held if anchor.kind in _SUFFIXES]
        signed_for = self._read(checkpoints.at_size, [anchor.size for anchor in kept])
        for anchor, signed in zip(kept, signed_for, strict=True):
            name = f"anchors/{anchor.size:012d}-{anchor.kind}"
            found[f"{name}.{_SUFFIXES[anchor.kind]}"] = bytes(anchor.receipt)
            if signed:
                check_receipt(anchor, signed)
                found |= {f"{name}.checkpoint": str(signed.note).encode()} if anchor.kind != "file" else {}
        return found

    def _about(self, made_at: str) -> About:
        holders = [
            f"Held by {anchor.kind} ({anchor.place}) since {timestamp(anchor.anchored_at)}: "
            f"{sum(event.index < anchor.size for event in self._events)} of these events."
            for anchor in self._held
        ]
        if self.uncosigned:
            held = max((anchor.size for anchor in self._held if anchor.kind == "witness"), default=0)
            left = sum(event.index >= held for event in self._events)
            holders.append(f"The witness was asked for this bundle, and did not cosign it: {self.uncosigned}.")
            holders.append(f"No checkpoint that it has cosigned covers the last {left} of these events.")
        return About(
            operator=self.request.operator,
            made_at=made_at,
            scope=f"{_SCOPES[self.request.selection.scope]}{_days(self.request.selection)}",
            count=len(self._events),
            disclosed=sorted({read_disclosure(body)[0] for body in self._bodies.values()}),
            size=self.signed.size,
            signed_at=timestamp(self.signed.signed_at),
            level=anchors.level_among(self.anchors, self.signed.size),
            holders=holders,
            is_partial=not self.request.selection.is_everything,
        )

    def _calls(self) -> list[BundledCall]:
        """The selected calls with their events, for the README; none for the whole log, which would be too long."""
        with self.views() as connection:
            words = wordings_of(connection, {named for logged in self._events for named in hashes_in(logged.event)})
        events: dict[str, list[ToldEvent]] = {}
        selected = frozenset(self._call_ids)
        for logged in self._events:
            if logged.event.get("call") in selected:
                shown = {
                    name: read_disclosure(self._bodies[d])[1] for name, d in logged.digests.items() if d in self._bodies
                }
                events.setdefault(logged.event["call"], []).append(ToldEvent(logged.index, {**logged.event, **shown}))
        return [BundledCall(call_id, events[call_id], words) for call_id in self._call_ids if call_id in events]


def _days(selection: Selection) -> str:
    """A line for the README that says which days were selected, so that nobody takes a bundle for all of a number."""
    said = [f"{name} {timestamp(at)}" for name, at in (("from", selection.since), ("before", selection.until)) if at]
    return f"\nOf these, the ones that came in {' and '.join(said)}." if said else ""
