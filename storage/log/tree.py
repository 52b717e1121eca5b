"""The tree above the log's leaves: one hash is kept for every full 16 children, level upon level.

To compute the root of a long log, or a proof in it, then takes some hundred hashes.

`storage.log.tree_keeper` keeps them a moment after the leaves. A hash that is not kept yet is computed from the level
below, so roots and proofs are the same at any size, whatever is kept.
"""

from collections.abc import Sequence
from contextlib import nullcontext
from functools import partial
from typing import Self

from sqlalchemy import Connection, bindparam, select

from evidence.merkle import parents, with_parents
from evidence.merkle_proofs import consistency_path, inclusion_path, root_of_range
from storage.database.engine import Views
from storage.database.prepared_statements import Prepared
from storage.database.tables import log_leaf, log_node
from storage.errors import Broken

FAN_OUT = 16
HEIGHT = 4  # 2**4 == FAN_OUT
_LEAVES = Prepared(
    select(log_leaf.c.idx, log_leaf.c.hash)
    .where(log_leaf.c.idx.between(bindparam("first"), bindparam("last")))
    .order_by(log_leaf.c.idx),
    is_of_past=True,  # the size of the tree is signed, or was read, which wrote all that waited
)
_NODES = Prepared(
    select(log_node.c.n, log_node.c.hash)
    .where(log_node.c.lvl == bindparam("level"), log_node.c.n.between(bindparam("first"), bindparam("last")))
    .order_by(log_node.c.n),
    is_of_past=True,
)


class KeptTree:
    """The tree, read in views of its own. It caches the hashes it reads: share an instance for all proofs of a bundle.

    Leaves below a committed size never change, so views of different times give the same hashes.
    """

    def __init__(self, views: Views, known: "KeptTree | None" = None) -> None:
        self._views = views
        self._blocks: dict[tuple[int, int, int], list[Sequence[bytes]]] = known._blocks if known else {}

    @classmethod
    def of(cls, connection: Connection) -> Self:
        """The tree in a view that is open."""
        return cls(lambda: nullcontext(connection))

    def within(self, connection: Connection) -> "KeptTree":
        """The same in a view that is open: both share what they read."""
        return KeptTree(lambda: nullcontext(connection), self)

    def root(self, size: int) -> bytes:
        """The root over the first `size` events."""
        return root_of_range(0, size, partial(self._subtree, size))

    def inclusion(self, index: int, size: int) -> list[bytes]:
        return inclusion_path(index, size, partial(self._subtree, size))

    def consistency(self, old: int, size: int) -> list[bytes]:
        return consistency_path(old, size, partial(self._subtree, size))

    def _subtree(self, size: int, start: int, height: int) -> bytes:
        level, rest = divmod(height, HEIGHT)
        block, within = divmod(start >> HEIGHT * level, FAN_OUT)
        full = (size >> HEIGHT * level) - block * FAN_OUT
        return self._block(level, block, min(full, FAN_OUT))[rest][within >> rest]

    def _block(self, level: int, block: int, count: int) -> list[Sequence[bytes]]:
        """The first `count` hashes of a block, and above them those of all their perfect subtrees."""
        if (level, block, count) not in self._blocks:
            with self._views() as connection:
                hashes = hashes_of(connection, level, block * FAN_OUT, count)
            self._blocks[level, block, count] = with_parents(hashes)
        return self._blocks[level, block, count]


def hashes_of(connection: Connection, level: int, first: int, count: int) -> list[bytes]:
    """The hashes of nodes of a level, all of whose leaves are there; level 0 are the leaves."""
    asked = {"first": first, "last": first + count - 1}
    rows = _LEAVES.all(connection, asked) if level == 0 else _NODES.all(connection, {"level": level, **asked})
    kept = len(rows)
    if (level == 0 and kept < count) or (rows and rows[-1][0] != first + kept - 1):
        start = first * FAN_OUT**level
        raise Broken(f"consent log: events from {start} on are missing, or what is kept of their hashes is")
    missing = subtree_roots(connection, level, first + kept, count - kept) if kept < count else []
    return [*(bytes(digest) for _, digest in rows), *missing]


def subtree_roots(connection: Connection, level: int, first: int, count: int) -> list[bytes]:
    """The roots of the subtrees from number `first` on, from the level below."""
    return closed(hashes_of(connection, level - 1, first * FAN_OUT, count * FAN_OUT))


def closed(hashes: Sequence[bytes]) -> list[bytes]:
    """The roots of the full subtrees over these nodes, one level of the kept tree up."""
    for _ in range(HEIGHT):
        hashes = parents(hashes)
    return list(hashes)
