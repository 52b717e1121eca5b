"""Going on after a restored backup: under a new name, since a name that has signed more events never signs fewer."""

from collections.abc import Sequence

from compliance.anchors.anchor import Anchoring
from compliance.anchors.restored_backup import fallen_short_of
from evidence.notes import Note
from storage.log import checkpoints
from storage.log.checkpoints import SignedCheckpoint


def resume(anchoring: Anchoring, brought: Sequence[Note] = ()) -> SignedCheckpoint | None:
    """Go on under a new name, durable before it is noted outside; None where the database is the right one.

    `brought` are checkpoints that somebody else holds: a database that was restored together with its anchor file
    falls short of no checkpoint that is to be found here.
    """
    noted = [*anchoring.file.newest(), *brought]
    with anchoring.database.read() as connection:
        over = fallen_short_of(connection, noted)
    if over is None:
        return None
    moment, signing = anchoring.moment(), anchoring.signing
    signed = anchoring.database.write(lambda connection: checkpoints.resume(connection, moment, signing, over))
    anchoring.file.note_newest(signed)
    anchoring.anchor_in_file()
    return signed
