"""Whether the database is the one that the log was last signed in, or an older copy that somebody has restored.

A log that goes on from an older copy would sign another history under the same name, and each of its proofs could be
called a forgery. So nothing starts on one, until a person says that it was restored (`onrecord log resume`).
"""

from sqlalchemy import Connection, select

from callflow.anchor_file import AnchorFile
from callflow.anchoring import Anchoring
from evidence.checkpoints import Checkpoint
from evidence.notes import Note
from storage import checkpoints, consent_log
from storage.checkpoints import SignedCheckpoint
from storage.errors import Refused
from storage.log_tables import log_origin

REMEDY = (
    "if an older copy of the database was restored, `onrecord log resume --after-restore` goes on under a new name; "
    "otherwise put the right database back"
)


def require_unrestored(connection: Connection, anchors: AnchorFile) -> None:
    """Raises Refused for a database that falls short of what was noted outside it."""
    note = fallen_short_of(connection, anchors)
    if note is not None:
        raise Refused(f"{_in_words(connection, Checkpoint.of(note), anchors)}: {REMEDY}")


def fallen_short_of(connection: Connection, anchors: AnchorFile) -> Note | None:
    """The longest checkpoint that was noted outside and that this database does not go on from; None where all is
    well. Raises Broken for a file that is damaged.
    """
    short = [note for note in anchors.newest() if not _goes_on_from(connection, note)]
    return max(short, key=lambda note: Checkpoint.of(note).size, default=None)


def _goes_on_from(connection: Connection, note: Note) -> bool:
    noted = Checkpoint.of(note)
    origins = connection.execute(select(log_origin.c.origin, log_origin.c.resumed_over)).all()
    if any(row.resumed_over == str(note) for row in origins):
        return True  # that it fell short is in the log, and why
    return noted.origin in {row.origin for row in origins} and checkpoints.continues(connection, noted)


def _in_words(connection: Connection, noted: Checkpoint, anchors: AnchorFile) -> str:
    size, origin = consent_log.size(connection), checkpoints.current_origin(connection)
    begins = f"consent log: the database does not go on from what was noted in {anchors.place}"
    if origin is None or noted.origin != origin.origin:
        return f"{begins}: the checkpoint there is signed as {noted.origin}, a name that this database does not have"
    if noted.size > size:
        return f"{begins}: it has {size} events, and had {noted.size} when it was last signed"
    return f"{begins}: its first {noted.size} events are others than those that were signed"


def resume(anchoring: Anchoring) -> SignedCheckpoint | None:
    """Go on under a new name, durable before it is noted outside; None where the database is the right one."""
    with anchoring.database.read() as connection:
        over = fallen_short_of(connection, anchoring.file)
    if over is None:
        return None
    moment, signing = anchoring.moment(), anchoring.signing
    signed = anchoring.database.write(lambda connection: checkpoints.resume(connection, moment, signing, over))
    anchoring.file.note_newest(signed)
    for holder in anchoring.holders():
        if holder.kind == "file":
            anchoring.anchor(holder)
    return signed
