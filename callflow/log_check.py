"""What the consent log is held against: every checkpoint that was signed here, every line of the anchor file, and those
that somebody brings along.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

from sqlalchemy import Connection

from callflow.anchor_file import AnchorFile, read_line
from evidence.checkpoints import Checkpoint
from evidence.notes import NotANote, Note, NotSigned, verified
from storage import anchors, checkpoints
from storage.errors import Broken, Refused
from storage.log_verification import Held


def held_checkpoints(connection: Connection, file: AnchorFile, brought: Sequence[Path] = ()) -> list[Held]:
    """Raises Broken for one that this log has not signed, and Refused for a file that holds none."""
    vkeys = checkpoints.vkeys(connection)
    found = [(one.note, "kept in the database") for one in checkpoints.all_signed(connection)]
    found += [(note, f"in {file.place}") for note in file.all()]
    found += [(note, f"in {path}") for path in brought for note in read_checkpoints(path)]
    for note, by in found:
        try:
            is_signed = bool(verified(note, vkeys))
        except NotSigned as error:
            raise Broken(f"consent log: the checkpoint {by}: {error}: it was forged or damaged") from error
        if not is_signed:
            raise Broken(f"consent log: the checkpoint {by} is signed with a key that this log never had")
    return [Held(Checkpoint.of(note), by) for note, by in found]


def read_checkpoints(path: Path) -> list[Note]:
    """One signed checkpoint, or lines of an anchor file."""
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


def trust_in_words(connection: Connection) -> Iterator[str]:
    """How far the newest checkpoint can be trusted, and which one can be trusted furthest."""
    newest = checkpoints.newest(connection)
    if newest is None:
        yield "no checkpoint has been signed yet: nothing shows that this log is as it was"
        return
    level = anchors.level_of(connection, newest.size)
    yield f"newest checkpoint: {newest.size} events, {newest.signed_at:%Y-%m-%d %H:%M:%S} UTC, {level}"
    for anchor in {one.kind: one for one in anchors.anchors_of(connection)}.values():
        if anchor.size != newest.size:
            yield f"  last held by {anchor.kind} ({anchor.place}): {anchor.size} events, {anchor.anchored_at:%Y-%m-%d}"
