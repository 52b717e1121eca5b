"""Detects an older copy of the database that somebody has restored, in place of the database last signed in.

A log that goes on from an older copy would sign another history under the same name, and each of its proofs could be
called a forgery. So nothing starts on an older copy until a person says that it was restored (`onrecord log resume`).
"""

from collections.abc import Sequence
from itertools import pairwise

from sqlalchemy import Connection

from evidence.checkpoints import Checkpoint
from evidence.notes import Note
from storage.errors import Refused
from storage.log import checkpoints, consent_log
from storage.log.checkpoints import Origin

REMEDY = (
    "if an older copy of the database was restored, `onrecord log resume --after-restore` goes on under a new name; "
    "otherwise put the right database back"
)


def require_unrestored(connection: Connection, noted: Sequence[Note], place: str) -> None:
    """Raises Refused for a database that falls short of the checkpoints noted outside it, at `place`."""
    note = fallen_short_of(connection, noted)
    if note is not None:
        raise Refused(f"{short_in_words(connection, Checkpoint.of(note), place)}: {REMEDY}")


def fallen_short_of(connection: Connection, noted: Sequence[Note]) -> Note | None:
    """The longest of these checkpoints that this database does not go on from; None where all is well."""
    origins = checkpoints.origins(connection)
    short = [note for note in noted if not _goes_on_from(connection, note, origins)]
    return max(short, key=lambda note: Checkpoint.of(note).size, default=None)


def was_lost(connection: Connection, checkpoint: Checkpoint, origins: Sequence[Origin]) -> bool:
    """Whether the checkpoint covers events that a restored backup has lost, as the log says itself.

    Under a name that has a successor in the log, a checkpoint is lost if it is as long as the log was when the next
    name began (`backup.restored` itself is counted there). A shorter checkpoint is lost if it is later than all that
    this database has signed under the name, and other events stand in its place: a service that runs on a restored
    copy appends to it, and can't sign. Under a name that was lost itself, it is if the log says it was resumed over it.
    """
    after = next((later for before, later in pairwise(origins) if before.origin == checkpoint.origin), None)
    if after is None:
        return checkpoint.origin not in {origin.origin for origin in origins} and checkpoint.origin in _resumed_over(
            origins
        )
    if checkpoint.size >= after.first_size:
        return True
    return checkpoint.size > checkpoints.signed_as(connection, checkpoint.origin) and not checkpoints.continues(
        connection, checkpoint
    )


def _resumed_over(origins: Sequence[Origin]) -> set[str]:
    return {Checkpoint.of(Note.parse(origin.resumed_over)).origin for origin in origins if origin.resumed_over}


def _goes_on_from(connection: Connection, note: Note, origins: Sequence[Origin]) -> bool:
    noted = Checkpoint.of(note)
    if was_lost(connection, noted, origins) or any(origin.resumed_over == str(note) for origin in origins):
        return True  # the log says that it fell short, and why
    return noted.origin in {origin.origin for origin in origins} and checkpoints.continues(connection, noted)


def short_in_words(connection: Connection, noted: Checkpoint, place: str) -> str:
    """The message where the database does not go on from a checkpoint that was noted at `place`."""
    size = consent_log.size(connection)
    begins = f"consent log: the database does not go on from what was noted in {place}"
    if noted.origin not in {origin.origin for origin in checkpoints.origins(connection)}:
        return f"{begins}: the checkpoint there is signed as {noted.origin}, a name that this database does not have"
    if noted.size > size:
        return f"{begins}: it has {size} events, and had {noted.size} when it was last signed"
    return f"{begins}: its first {noted.size} events are others than those that were signed"
