"""The Merkle tree of RFC 6962 §2.1, built from the left without keeping every leaf.

A hash is 32 bytes of SHA-256. Leaves and inner nodes are hashed under different prefixes, so that a node can never pass
for a leaf.
"""

from collections.abc import Iterable, Sequence
from hashlib import sha256

EMPTY_ROOT = sha256(b"").digest()


def leaf_hash(leaf: bytes) -> bytes:
    return sha256(b"\x00" + leaf).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    return sha256(b"\x01" + left + right).digest()


def parents(hashes: Sequence[bytes]) -> list[bytes]:
    """The nodes above, left to right; a last hash that has no sibling yet has no parent either."""
    return [sha256(b"\x01" + left + right).digest() for left, right in zip(hashes[::2], hashes[1::2], strict=False)]


def with_parents(hashes: Sequence[bytes]) -> list[Sequence[bytes]]:
    """The hashes, and level upon level the roots of the perfect subtrees over them: those of height h are in [h]."""
    levels = [hashes]
    while len(levels[-1]) > 1:
        levels.append(parents(levels[-1]))
    return levels


class Frontier:
    """The perfect subtrees that cover a growing tree from left to right: all that its root depends on."""

    def __init__(self) -> None:
        self._subtrees: list[tuple[int, bytes]] = []

    def push(self, digest: bytes, *, height: int = 0) -> None:
        """Add a perfect subtree of 2**height leaves. Subtrees already there are at least as high."""
        while self._subtrees and self._subtrees[-1][0] == height:
            digest = node_hash(self._subtrees.pop()[1], digest)
            height += 1
        assert not self._subtrees or self._subtrees[-1][0] > height, "a taller subtree came after a lower one"
        self._subtrees.append((height, digest))

    def copy(self) -> "Frontier":
        other = Frontier()
        other._subtrees = list(self._subtrees)
        return other

    def root(self) -> bytes:
        """The tree's root: the right-hand subtrees are folded into the left-hand ones."""
        if not self._subtrees:
            return EMPTY_ROOT
        root = self._subtrees[-1][1]
        for _, digest in reversed(self._subtrees[:-1]):
            root = node_hash(digest, root)
        return root


def root_of(leaf_hashes: Iterable[bytes]) -> bytes:
    frontier = Frontier()
    for digest in leaf_hashes:
        frontier.push(digest)
    return frontier.root()
