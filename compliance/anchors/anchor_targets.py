"""An anchor target: somebody who holds checkpoints of the log, so that nobody here can sign another history."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

from sqlalchemy import Connection

from storage.database.engine import Database
from storage.errors import Broken, Unavailable
from storage.log import checkpoints, consent_log
from storage.log.checkpoints import SignedCheckpoint
from storage.log.tree import KeptTree
from storage.moment import Moment

Give = Callable[[SignedCheckpoint, int, Moment], bytes]


@dataclass(frozen=True, slots=True)
class AnchorTarget:
    """`give` hands over a checkpoint, with the size of the last checkpoint that the target holds, and returns the
    receipt.
    """

    kind: str
    place: str
    every: timedelta
    give: Give


Consistency = Callable[[int, int], Sequence[bytes]]


class Witness(Protocol):
    def cosign(self, checkpoint: SignedCheckpoint, last_size: int, consistency: Consistency) -> bytes:
        """Raises Unavailable, Refused, or Broken for a checkpoint that does not go on from the last."""
        ...


def cosign(database: Database, witness: Witness, checkpoint: SignedCheckpoint, last_size: int, _: Moment) -> bytes:
    """Have a witness sign the checkpoint, with consistency proofs out of the database."""

    def consistency(old: int, size: int) -> Sequence[bytes]:
        with database.read() as connection:
            if old > size:
                raise _beyond(connection, old)
            return KeptTree.of(connection).consistency(old, size)

    return witness.cosign(checkpoint, last_size, consistency)


def _beyond(connection: Connection, size: int) -> Exception:
    """The error where a witness has seen more events than the checkpoint has that it was asked to cosign."""
    newest = checkpoints.newest(connection)
    if newest and newest.size >= size:
        return Unavailable("witness: somebody gave it a later checkpoint meanwhile")
    has = consent_log.size(connection)
    return Broken(
        f"witness: it has seen {size} events of this log, and the log has {has}: events were removed, or an older copy "
        f"of the database was restored"
    )
