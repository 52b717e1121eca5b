"""Proofs of single events, as files that need nothing else (`evidence.checkpoints.TlogProof`)."""

from sqlalchemy import Connection

from evidence.checkpoints import TlogProof
from storage import anchors, checkpoints
from storage.checkpoints import SignedCheckpoint
from storage.log_tree import KeptTree


def prove(tree: KeptTree, index: int, known: SignedCheckpoint) -> TlogProof:
    """That the event is in the log of that checkpoint, which must cover it."""
    return TlogProof(index, tuple(tree.inclusion(index, known.size)), known.note)


def tlog_proof(connection: Connection, index: int) -> str | None:
    """The proof against the newest checkpoint, with all cosignatures; None where no checkpoint covers the event yet."""
    newest = checkpoints.newest(connection)
    if newest is None or newest.size <= index:
        return None
    return str(prove(KeptTree(connection), index, anchors.cosigned(connection, newest)))
