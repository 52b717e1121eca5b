"""Proofs of single events, as files that need nothing else (`evidence.checkpoints.TlogProof`)."""

from copy import copy
from typing import Self

from sqlalchemy import Connection

from evidence.checkpoints import TlogProof
from storage.database.engine import Views
from storage.log import anchors, checkpoints
from storage.log.checkpoints import SignedCheckpoint
from storage.log.tree import KeptTree


def prove(tree: KeptTree, index: int, checkpoint: SignedCheckpoint) -> TlogProof:
    """The proof that the event is in the log of that checkpoint, which must cover it."""
    return TlogProof(index, tuple(tree.inclusion(index, checkpoint.size)), checkpoint.note)


class Prover:
    """Proofs against the newest checkpoint, with all cosignatures: both, and the tree, are read once for all events.

    `held` is the newest checkpoint that a witness has cosigned: it is preferred for the events that it covers.
    """

    def __init__(self, connection: Connection, views: Views | None = None) -> None:
        """With `views`, proofs may be asked for when that connection is closed."""
        newest = checkpoints.newest(connection)
        self.signed = anchors.cosigned(connection, newest) if newest else None
        self.held = anchors.newest_cosigned(connection)
        self.tree = KeptTree(views) if views else KeptTree.of(connection)

    def within(self, connection: Connection) -> Self:
        """The same proofs, made in a view that is open."""
        prover = copy(self)
        prover.tree = self.tree.within(connection)
        return prover

    def covering(self, index: int) -> SignedCheckpoint | None:
        """The checkpoint that a proof of the event is against; None where none covers the event yet."""
        return next((signed for signed in (self.held, self.signed) if signed and signed.size > index), None)

    def proof(self, index: int) -> TlogProof | None:
        """None where no checkpoint covers the event yet."""
        covering = self.covering(index)
        return None if covering is None else prove(self.tree, index, covering)
