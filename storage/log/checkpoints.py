"""Signed checkpoints of the consent log, and the names and keys that it signs with.

A name that has signed a tree never signs a smaller or a different tree: before each signature the newest checkpoint is
checked against the tree, and after a restored backup the log goes on under a new name (`resume`).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Select, bindparam, func, insert, select

from evidence.checkpoints import Checkpoint
from evidence.events import Event
from evidence.notes import Note, Signer, Vkey
from storage.database.engine import Views
from storage.database.pages import Paged
from storage.database.prepared_statements import Prepared
from storage.database.tables import log_checkpoint, log_key, log_origin
from storage.errors import Broken
from storage.log import consent_log
from storage.log.tree import KeptTree
from storage.moment import Moment

SIGN_EVERY = timedelta(minutes=1)
_SIGNING = 7_236_419  # a lock between processes on Postgres: any number that nobody else takes in this database


@dataclass(frozen=True, slots=True)
class Signing:
    """The keys to sign the log with: Ed25519 seeds, the present key's first. `host` begins the names of the log."""

    host: str
    seeds: Sequence[bytes] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Origin:
    """A name of the log. `resumed_over` is the checkpoint that a restored log fell short of."""

    id: int
    origin: str
    first_size: int
    resumed_over: str | None


@dataclass(frozen=True, slots=True)
class SignedCheckpoint:
    checkpoint: Checkpoint
    note: Note
    signed_at: datetime

    @property
    def size(self) -> int:
        return self.checkpoint.size


def sign(connection: Connection, moment: Moment, signing: Signing) -> SignedCheckpoint:
    """The checkpoint of the log as it stands, signed now unless it is already. Durable with the transaction.

    A new name or key is logged first. Raises Broken where the log is not the log that was signed before. Nobody who
    appends waits for it: what is signed is the log as it is committed, and what this transaction has added.
    """
    _take_turn(connection)  # or a newer checkpoint of another process would be compared with an older log
    origin = current_origin(connection) or _name(connection, moment, signing)
    signers = [Signer(origin.origin, seed) for seed in signing.seeds]
    _introduce(connection, moment, origin, signers)
    tree, last = KeptTree.of(connection), newest(connection)
    size = consent_log.size(connection)
    if last and not (last.size <= size and tree.root(last.size) == last.checkpoint.root):
        raise Broken(
            f"consent log: its first {last.size} events are not those that were signed at "
            f"{last.signed_at:%Y-%m-%d %H:%M:%S}: they were changed since, and it signs nothing more"
        )
    if last and last.size == size:
        return last
    text = Checkpoint(origin.origin, size, tree.root(size)).text
    note = Note(text, tuple(signer.sign(text) for signer in signers))
    row = {"size": size, "origin_id": origin.id, "note": str(note), "signed_at": moment.at}
    connection.execute(insert(log_checkpoint), row)
    return SignedCheckpoint(Checkpoint.of(note), note, moment.at)


def continues(connection: Connection, checkpoint: Checkpoint) -> bool:
    """Whether the log begins with the events of that checkpoint."""
    is_long_enough = checkpoint.size <= consent_log.size(connection)
    return is_long_enough and KeptTree.of(connection).root(checkpoint.size) == checkpoint.root


def is_due(connection: Connection, now: datetime) -> bool:
    """Whether there are new events and the last checkpoint is a minute old, or from a time that the clock was ahead."""
    last = newest(connection)
    return has_news(connection) and (last is None or not now - SIGN_EVERY < last.signed_at <= now)


def has_news(connection: Connection) -> bool:
    """Whether there are events that no checkpoint covers."""
    last = newest(connection)
    return consent_log.size(connection) > (last.size if last else 0)


def unsigned_since(connection: Connection) -> datetime | None:
    """The time of the first event that no checkpoint covers."""
    last = newest(connection)
    start = last.size if last else 0
    leaf = next(consent_log.leaves(connection, start), None)
    return None if leaf is None else datetime.fromisoformat(consent_log.read_event(start, leaf)["ts"])


def newest(connection: Connection) -> SignedCheckpoint | None:
    return _first(connection, _SIGNED.order_by(log_checkpoint.c.size.desc()))


def first_covering(connection: Connection, index: int) -> SignedCheckpoint | None:
    """The earliest checkpoint whose tree has the event."""
    row = _COVERING.first(connection, {"index": index})
    return None if row is None else _made(*row)


def at_size(connection: Connection, size: int) -> SignedCheckpoint | None:
    return _first(connection, _SIGNED.where(log_checkpoint.c.size == size))


def signed_as(connection: Connection, origin: str) -> int:
    """The size of the newest checkpoint that is kept under a name; 0 where there is none."""
    mine = log_origin.c.origin == origin
    query = select(func.max(log_checkpoint.c.size)).join(log_origin, log_origin.c.id == log_checkpoint.c.origin_id)
    return connection.scalar(query.where(mine)) or 0


def all_notes(views: Views) -> list[Note]:
    """The checkpoints by their size, read a page at a time."""
    return [Note.parse(note) for page in _NOTES.pages(views) for _, note in page]


def origins(connection: Connection) -> list[Origin]:
    """Every name that the log was signed under, the oldest first."""
    return [Origin(**row._asdict()) for row in connection.execute(_ORIGIN.order_by(log_origin.c.id))]


def vkeys(connection: Connection) -> list[Vkey]:
    """Every key that the log was ever signed with, the oldest first."""
    rows = connection.scalars(select(log_key.c.vkey).order_by(log_key.c.origin_id, log_key.c.added_at))
    return [Vkey.parse(vkey) for vkey in rows]


def resume(connection: Connection, moment: Moment, signing: Signing, over: Note) -> SignedCheckpoint:
    """Go on under a new name after a restored backup. `over` is the checkpoint that the log falls short of."""
    _take_turn(connection)
    consent_log.lock(connection)
    lost = Checkpoint.of(over)
    restored: dict[str, Any] = {
        "over_origin": lost.origin,
        "over_size": lost.size,
        "over_root": lost.root.hex(),
        "restored_size": consent_log.size(connection),
    }
    consent_log.append_events(connection, moment, Event("backup.restored", restored))
    _name(connection, moment, signing, resumed_over=str(over))
    return sign(connection, moment, signing)


_ORIGIN = select(log_origin.c.id, log_origin.c.origin, log_origin.c.first_size, log_origin.c.resumed_over)
_SIGNED = select(log_checkpoint.c.note, log_checkpoint.c.signed_at)
_COVERING = Prepared(_SIGNED.where(log_checkpoint.c.size > bindparam("index")).order_by(log_checkpoint.c.size).limit(1))
_NOTES = Paged(select(log_checkpoint.c.size, log_checkpoint.c.note), log_checkpoint.c.size)


def current_origin(connection: Connection) -> Origin | None:
    """The name that the log is signed under now; None before the first signature."""
    row = connection.execute(_ORIGIN.order_by(log_origin.c.id.desc())).first()
    return None if row is None else Origin(**row._asdict())


def _take_turn(connection: Connection) -> None:
    """Nobody else signs until the transaction ends. SQLite has one writer at a time anyway."""
    if connection.dialect.name == "postgresql":
        connection.execute(select(func.pg_advisory_xact_lock(_SIGNING)))


def _name(connection: Connection, moment: Moment, signing: Signing, *, resumed_over: str | None = None) -> Origin:
    """Take a new random name: two logs that go on from the same backup must not share a name."""
    origin = f"{signing.host}/onrecord/{moment.random(4).hex()}"
    size = consent_log.size(connection)
    row = {"origin": origin, "first_size": size, "began_at": moment.at, "resumed_over": resumed_over}
    connection.execute(insert(log_origin), row)
    consent_log.append_events(connection, moment, Event("log.named", {"origin": origin, "from_size": size}))
    named = current_origin(connection)
    assert named is not None
    return named


def _introduce(connection: Connection, moment: Moment, origin: Origin, signers: Sequence[Signer]) -> None:
    introduced = set(connection.scalars(select(log_key.c.vkey).where(log_key.c.origin_id == origin.id)))
    for vkey in (signer.vkey for signer in signers):
        if str(vkey) in introduced:
            continue
        row = {"vkey": str(vkey), "origin_id": origin.id, "added_at": moment.at}
        connection.execute(insert(log_key), row)
        key = {"origin": origin.origin, "key_id": vkey.id.hex(), "public_key": vkey.key.hex()}
        consent_log.append_events(connection, moment, Event("key.rotated" if introduced else "key.introduced", key))


def _first(connection: Connection, query: Select[Any]) -> SignedCheckpoint | None:
    row = connection.execute(query.limit(1)).first()
    return None if row is None else _read(row)


def _read(row: Any) -> SignedCheckpoint:
    return _made(row.note, row.signed_at)


def _made(text: str, signed_at: datetime) -> SignedCheckpoint:
    note = Note.parse(text)
    return SignedCheckpoint(Checkpoint.of(note), note, signed_at)
