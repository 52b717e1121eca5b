"""Anchors: who else holds which checkpoint, and the receipt they gave for it.

An anchor counts for every earlier checkpoint as well, since its tree extends theirs; it proves nothing of a later one.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, exists, func, insert, select

from evidence.anchor_levels import KINDS, Level
from evidence.events import Event, Value
from evidence.notes import NotANote, NotSigned, Signature, Vkey, read_signature, verified
from storage.database.engine import Views
from storage.database.pages import Paged
from storage.database.tables import log_anchor, log_leaf
from storage.errors import Broken
from storage.log import checkpoints, consent_log
from storage.log.checkpoints import SignedCheckpoint
from storage.moment import Moment

_OWN = '%"type":"anchor.made"%'


@dataclass(frozen=True, slots=True)
class Anchor:
    """`kind` is file, s3, witness or tsa. `receipt` is the evidence: the line of the file, the version that S3 names
    (JSON), cosignature lines, or a time stamp's answer (DER).
    """

    size: int
    kind: str
    place: str
    receipt: bytes
    anchored_at: datetime


_ALL = select(*[log_anchor.c[name] for name in Anchor.__dataclass_fields__])
_PAGES = Paged(_ALL.with_only_columns(log_anchor.c.id, *_ALL.selected_columns), log_anchor.c.id, at_once=200)


def add(
    connection: Connection, moment: Moment, checkpoint: SignedCheckpoint, kind: str, place: str, receipt: bytes
) -> None:
    """Keep the receipt for the checkpoint, and log that it is held."""
    row = {"size": checkpoint.size, "kind": kind, "place": place, "receipt": receipt, "anchored_at": moment.at}
    connection.execute(insert(log_anchor), row)
    public: dict[str, Value] = {"kind": kind, "size": checkpoint.size, "root": checkpoint.checkpoint.root.hex()}
    consent_log.append_events(connection, moment, Event("anchor.made", public, {"place": place}))


def anchors_of(connection: Connection, *, from_size: int = 0) -> list[Anchor]:
    """Anchors of checkpoints of at least that size, the oldest first."""
    rows = connection.execute(_ALL.where(log_anchor.c.size >= from_size).order_by(log_anchor.c.size, log_anchor.c.id))
    return [Anchor(**row._asdict()) for row in rows]


def in_pages(views: Views) -> Iterator[list[Anchor]]:
    """All anchors, those that were made first before the others, a page at a time."""
    return ([Anchor(*row[1:]) for row in page] for page in _PAGES.pages(views))


def last_of(connection: Connection, kind: str, place: str) -> Anchor | None:
    query = _ALL.where(log_anchor.c.kind == kind, log_anchor.c.place == place).order_by(log_anchor.c.id.desc())
    row = connection.execute(query.limit(1)).first()
    return None if row is None else Anchor(**row._asdict())


def newest_of_kinds(connection: Connection) -> list[Anchor]:
    """Of each kind the anchor of the largest checkpoint."""
    newest = _ALL.order_by(log_anchor.c.size.desc(), log_anchor.c.id.desc()).limit(1)
    rows = [connection.execute(newest.where(log_anchor.c.kind == kind)).first() for kind in KINDS]
    return [Anchor(**row._asdict()) for row in rows if row]


def level_of(connection: Connection, size: int) -> Level:
    """The highest level that covers the first `size` events."""
    kinds = connection.scalars(select(log_anchor.c.kind).where(log_anchor.c.size >= size).distinct())
    return _highest(kinds)


def level_among(known: Iterable[Anchor], size: int) -> Level:
    """The same for these anchors alone."""
    return _highest(anchor.kind for anchor in known if anchor.size >= size)


def _highest(kinds: Iterable[str]) -> Level:
    return max((KINDS[kind] for kind in kinds), default=Level.SELF_SIGNED)


def has_news_since(connection: Connection, size: int) -> bool:
    """Whether the log has other events from that size on than those about anchors, which alone need no anchor."""
    news = exists().where(log_leaf.c.idx >= size, ~log_leaf.c.leaf.like(_OWN))
    return bool(connection.scalar(select(news)))


def cosigned(connection: Connection, checkpoint: SignedCheckpoint) -> SignedCheckpoint:
    """The checkpoint with its witnesses' signatures. Raises Broken for a signature that does not verify."""
    is_cosigned = log_anchor.c.size == checkpoint.size, log_anchor.c.kind == "witness"
    more: dict[Signature, None] = {}
    for receipt, place in connection.execute(select(log_anchor.c.receipt, log_anchor.c.place).where(*is_cosigned)):
        more |= dict.fromkeys(_signatures(checkpoint, bytes(receipt), place))
    return SignedCheckpoint(checkpoint.checkpoint, checkpoint.note.with_more(more), checkpoint.signed_at)


def _signatures(checkpoint: SignedCheckpoint, receipt: bytes, vkey: str) -> list[Signature]:
    try:
        lines = list(map(read_signature, receipt.decode().splitlines()))
        is_signed = bool(verified(checkpoint.note.with_more(lines), [Vkey.parse(vkey)]))
    except (NotANote, NotSigned, UnicodeDecodeError):
        is_signed = False
    if not is_signed:
        raise Broken(f"consent log: the signature that {vkey} gave for its first {checkpoint.size} events was altered")
    return lines


def newest_cosigned(connection: Connection) -> SignedCheckpoint | None:
    """The newest checkpoint that a witness has cosigned, with its signatures."""
    size = connection.scalar(select(func.max(log_anchor.c.size)).where(log_anchor.c.kind == "witness"))
    newest = None if size is None else checkpoints.at_size(connection, size)
    return None if newest is None else cosigned(connection, newest)
