"""The proof of one event: its line as it is hashed, and that the line is in the log as it was signed.

The files need nothing of ours: the proof has the form of C2SP tlog-proof, and the line holds nothing personal.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, select

from evidence.anchor_levels import Level
from evidence.checkpoints import TlogProof
from evidence.events import timestamp
from evidence.notes import Vkey
from evidence.soundness import Unsound, check_leaf, signed
from storage.database.tables import log_leaf
from storage.errors import Broken
from storage.log import anchors, checkpoints
from storage.log.checkpoints import SIGN_EVERY
from storage.log.proofs import Prover


@dataclass(frozen=True, slots=True)
class EventProof:
    """`leaf` is the event's line, verbatim. `proof` is None while no checkpoint covers the event, which `not_yet` says;
    then the other fields are empty. `size` and `signed_at` are of the checkpoint in the proof, `level` says who else
    holds a checkpoint that covers the event, `vkeys` are the keys that the log was ever signed with.
    """

    index: int
    leaf: str
    call_id: str | None
    proof: TlogProof | None = None
    size: int = 0
    signed_at: datetime | None = None
    level: Level = Level.SELF_SIGNED
    vkeys: tuple[Vkey, ...] = ()

    @property
    def not_yet(self) -> str:
        if self.proof is not None:
            return ""
        return (
            f"No checkpoint covers event {self.index} yet. The log is signed at most every "
            f"{SIGN_EVERY.seconds} seconds while something happens: ask again in a minute."
        )

    @property
    def how_to_check(self) -> list[str]:
        """In lines, for a person with a terminal."""
        return list(_how_to_check(self))

    def files(self) -> dict[str, bytes]:
        """By name, to be saved together: the line, its proof, the keys, and how to check them."""
        name = f"event-{self.index:012d}"
        files = {f"{name}.json": self.leaf, "README.txt": "".join(f"{line}\n" for line in self.how_to_check)}
        if self.proof is not None:
            files |= {f"{name}.tlog-proof": str(self.proof), "keys.txt": "".join(f"{vkey}\n" for vkey in self.vkeys)}
        return {name: text.encode() for name, text in files.items()}


def proof_of(connection: Connection, index: int) -> EventProof | None:
    """None where the log has no such event. Raises Broken for an event that is not as it was signed."""
    row = connection.execute(select(log_leaf.c.leaf, log_leaf.c.call_id).where(log_leaf.c.idx == index)).first()
    if row is None:
        return None
    prover = Prover(connection)
    covering = prover.covering(index)
    if covering is None:
        return EventProof(index, row.leaf, row.call_id)
    proof, vkeys = prover.proof(index), checkpoints.vkeys(connection)
    assert proof is not None
    try:
        check_leaf(index, row.leaf, proof.path, signed(covering.note, vkeys))
    except Unsound as error:
        raise Broken(f"consent log: {error}; run `onrecord log verify`") from error
    return EventProof(
        index=index,
        leaf=row.leaf,
        call_id=row.call_id,
        proof=proof,
        size=covering.size,
        signed_at=covering.signed_at,
        level=anchors.level_of(connection, index + 1),
        vkeys=tuple(vkeys),
    )


def _how_to_check(proven: EventProof) -> Iterator[str]:
    name = f"event-{proven.index:012d}"
    if proven.proof is None or proven.signed_at is None:
        yield proven.not_yet
        return
    yield f"Event {proven.index} of the consent log, in the checkpoint of {proven.size} events"
    yield f"that was signed at {timestamp(proven.signed_at)}: {proven.level}."
    yield ""
    yield f"{name}.json is the event as it is hashed, without a line break at its end."
    yield f"{name}.tlog-proof is its proof (C2SP tlog-proof, RFC 6962 hashes, SHA-256)."
    yield "keys.txt are the log's keys. Ask its operator for them by another way, and compare."
    yield ""
    yield "To check it with a program that comes along, and with all events of its call, make a bundle:"
    yield f"  onrecord log export --call {proven.call_id or 'ID'} -o bundle"
    yield "  python3 bundle/verify.py --key VKEY --checkpoint KEPT"
    yield "VKEY is the log's key as you know it, KEPT a checkpoint that somebody else kept. Without one this"
    yield "proves nothing against the operator, who could have made it all up yesterday."
