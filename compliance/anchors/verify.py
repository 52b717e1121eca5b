"""The checkpoints that the consent log is checked against: all that were signed here, every line of the anchor file,
and those that somebody brings along.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection

from compliance.anchors.anchor_file import AnchorFile, read_line
from compliance.anchors.restored_backup import fallen_short_of, short_in_words, was_lost
from evidence.checkpoints import Checkpoint
from evidence.notes import NotANote, Note, NotSigned, Vkey, verified
from storage.database.engine import Views
from storage.errors import Broken, Refused
from storage.log import anchors, checkpoints
from storage.log.checkpoints import Origin
from storage.log.followed_log import Held

_AT_ONCE = 500  # a signature takes a tenth of a millisecond

Found = tuple[Note, str]
"""A checkpoint, and in whose hands it was found."""


def held_checkpoints(views: Views, file: AnchorFile, brought: Sequence[Path] = ()) -> list[Held]:
    """All checkpoints to check the log against, without the lost ones of the anchor file (`lost_checkpoints`).

    Raises Broken for a checkpoint that this log has not signed, or that was brought and is lost; Refused for a file
    that holds no checkpoint.
    """
    lines = _noted(file)  # before the database is read, which would lack a checkpoint that is signed meanwhile
    with views() as connection:
        _require_names_known(connection, _Signers.of(connection), file)
    given = [(note, "kept in the database") for note in checkpoints.all_notes(views)]
    given += [(note, f"in {path}") for path in brought for note in read_checkpoints(path)]
    for signers, some in _some_at_once(views, given):
        for note, by in some:
            signers.require_signed(note, by)
            if signers.has_lost(note):
                raise Broken(
                    f"consent log: the checkpoint {by} is of events that a restored backup has lost, as the log says "
                    f"itself (backup.restored): nothing here can be held against it"
                )
    noted: list[Found] = []
    for signers, some in _some_at_once(views, [(note, f"in {file.place}") for note in lines]):
        left = [(note, by) for note, by in some if not signers.has_lost(note)]
        for note, by in left:
            signers.require_signed(note, by)
        noted += left
    return [Held(Checkpoint.of(note), by) for note, by in (*given, *noted)]


def lost_checkpoints(views: Views, file: AnchorFile) -> list[Checkpoint]:
    """Checkpoints in the anchor file that this log has signed, of events that restored backups have lost."""
    found: list[Checkpoint] = []
    for signers, some in _some_at_once(views, [(note, f"in {file.place}") for note in _noted(file)]):
        lost = [(note, by) for note, by in some if signers.has_lost(note)]
        for note, by in lost:
            signers.require_signed(note, by)
        found += [Checkpoint.of(note) for note, _ in lost]
    return found


def _some_at_once(views: Views, notes: Sequence[Found]) -> Iterator[tuple["_Signers", Sequence[Found]]]:
    """Some of the checkpoints at a time, with the log's names and keys, in a view that is open until the next. Names
    and keys are only added, and a checkpoint was signed after them.
    """
    for start in range(0, len(notes), _AT_ONCE):
        with views() as connection:
            yield _Signers.of(connection), notes[start : start + _AT_ONCE]


def _noted(file: AnchorFile) -> list[Note]:
    """Every line of the file, and the newest checkpoint beside it, which may be later than the last line."""
    return list(dict.fromkeys((*file.all(), *file.newest())))


def _require_names_known(connection: Connection, signers: "_Signers", file: AnchorFile) -> None:
    """A resumption excuses no copy of the database that is restored later."""
    unknown = [note for note in file.newest() if not signers.knows(Checkpoint.of(note))]
    if (note := fallen_short_of(connection, unknown)) is not None:
        raise Broken(short_in_words(connection, Checkpoint.of(note), file.place))


@dataclass(frozen=True, slots=True)
class _Signers:
    """Every name and key that the log was signed with, as far as it knows them."""

    connection: Connection
    vkeys: Sequence[Vkey]
    origins: Sequence[Origin]

    @classmethod
    def of(cls, connection: Connection) -> "_Signers":
        return cls(connection, checkpoints.vkeys(connection), checkpoints.origins(connection))

    def has_lost(self, note: Note) -> bool:
        """Whether the log says that the checkpoint is lost. Of several names that were lost one after the other the log
        knows the last; of the others only that it was restored.
        """
        checkpoint = Checkpoint.of(note)
        if self.knows(checkpoint):
            return was_lost(self.connection, checkpoint, self.origins)
        return any(origin.resumed_over is not None for origin in self.origins)

    def knows(self, checkpoint: Checkpoint) -> bool:
        return checkpoint.origin in {origin.origin for origin in self.origins}

    def require_signed(self, note: Note, by: str) -> None:
        name = Checkpoint.of(note).origin
        vkeys = [Vkey(name, vkey.key) for vkey in self.vkeys] if self.has_lost(note) else self.vkeys
        try:
            is_signed = bool(verified(note, vkeys))
        except NotSigned as error:
            raise Broken(f"consent log: the checkpoint {by}: {error}: it was forged or damaged") from error
        if not is_signed:
            raise Broken(f"consent log: the checkpoint {by} is signed with a key that this log never had")


def read_checkpoints(path: Path) -> list[Note]:
    """Reads a file with a signed checkpoint, or with lines of an anchor file."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise Refused(f"{path}: can't be read: {error}") from None
    if text.startswith("{"):
        return [read_line(line, str(path)) for line in text.splitlines()]
    try:
        note = Note.parse(text)
        Checkpoint.of(note)
    except NotANote as error:
        raise Refused(f"{path}: {error}") from None
    return [note]


def lost_in_words(views: Views, file: AnchorFile) -> Iterator[str]:
    lost = lost_checkpoints(views, file)
    if lost:
        most = max(checkpoint.size for checkpoint in lost)
        yield f"checkpoints of events that restored backups have lost: {len(lost)}, of up to {most} events"


def trust_in_words(connection: Connection) -> Iterator[str]:
    """How far the newest checkpoint can be trusted, and which one can be trusted furthest."""
    newest = checkpoints.newest(connection)
    if newest is None:
        yield "no checkpoint has been signed yet: nothing shows that this log is as it was"
        return
    level = anchors.level_of(connection, newest.size)
    yield f"newest checkpoint: {newest.size} events, {newest.signed_at:%Y-%m-%d %H:%M:%S} UTC, {level}"
    for anchor in anchors.newest_of_kinds(connection):
        if anchor.size != newest.size:
            yield f"  last held by {anchor.kind} ({anchor.place}): {anchor.size} events, {anchor.anchored_at:%Y-%m-%d}"
