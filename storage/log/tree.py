"""The tree above the log's leaves, as it is kept: one hash for every full 256 children, level upon level.

To compute the root of a long log, or a proof in it, then takes a few hundred hashes.
"""

from sqlalchemy import Connection, bindparam, insert, select

from evidence.merkle import root_of_perfect
from evidence.merkle_proofs import consistency_path, inclusion_path, root_of_range
from storage.database.prepared_statements import Prepared
from storage.database.tables import log_leaf, log_node
from storage.errors import Broken

FAN_OUT = 256
HEIGHT = 8  # 2**8 == FAN_OUT
_LEAVES = Prepared(
    select(log_leaf.c.hash)
    .where(log_leaf.c.idx.between(bindparam("first"), bindparam("last")))
    .order_by(log_leaf.c.idx)
)
_NODES = Prepared(
    select(log_node.c.hash)
    .where(log_node.c.lvl == bindparam("level"), log_node.c.n.between(bindparam("first"), bindparam("last")))
    .order_by(log_node.c.n)
)
_INSERT_NODE = Prepared(insert(log_node))


class KeptTree:
    """The tree in a connection's view. It caches the hashes it reads: share an instance for all proofs of a bundle."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._blocks: dict[tuple[int, int], list[bytes]] = {}

    def root(self, size: int) -> bytes:
        """The root over the first `size` events."""
        return root_of_range(0, size, self._subtree)

    def inclusion(self, index: int, size: int) -> list[bytes]:
        return inclusion_path(index, size, self._subtree)

    def consistency(self, old: int, size: int) -> list[bytes]:
        return consistency_path(old, size, self._subtree)

    def _subtree(self, start: int, height: int) -> bytes:
        level, rest = divmod(height, HEIGHT)
        block, within = divmod(start >> HEIGHT * level, FAN_OUT)
        hashes = self._block(level, block)[within : within + (1 << rest)]
        if len(hashes) != 1 << rest:
            raise Broken(f"consent log: events from {start} on are missing, or what is kept of their hashes is")
        return root_of_perfect(hashes)

    def _block(self, level: int, n: int) -> list[bytes]:
        if (level, n) not in self._blocks:
            self._blocks[level, n] = read_block(self._connection, level, n)
        return self._blocks[level, n]


def read_block(connection: Connection, level: int, n: int) -> list[bytes]:
    """The hashes of the n-th FAN_OUT nodes of a level, as far as there are any; level 0 are the leaves."""
    asked = {"first": n * FAN_OUT, "last": n * FAN_OUT + FAN_OUT - 1}
    rows = _LEAVES.all(connection, asked) if level == 0 else _NODES.all(connection, {"level": level, **asked})
    return [bytes(digest) for (digest,) in rows]


def close_subtrees(connection: Connection, before: int, size: int) -> None:
    """Keep the roots of the subtrees that became full when the log grew to `size` events."""
    for full in range(before // FAN_OUT, size // FAN_OUT):
        _close(connection, level=1, n=full)


def _close(connection: Connection, *, level: int, n: int) -> None:
    root = root_of_perfect(read_block(connection, level - 1, n))
    _INSERT_NODE.run(connection, {"lvl": level, "n": n, "hash": root})
    if (n + 1) % FAN_OUT == 0:
        _close(connection, level=level + 1, n=n // FAN_OUT)
