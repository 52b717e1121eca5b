"""Proofs that a leaf is in a tree, and that a longer tree goes on from a shorter tree (RFC 9162 §2.1).

Making a proof takes `subtree(start, height)`: the root of the perfect subtree over the 2**height leaves from `start`
on. Checking a proof takes nothing but the proof.
"""

from collections.abc import Callable, Sequence

from evidence.merkle import EMPTY_ROOT, Frontier, node_hash

Subtree = Callable[[int, int], bytes]


class NotProven(ValueError):
    """The proof does not lead to the root."""


def root_of_range(start: int, end: int, subtree: Subtree) -> bytes:
    """The root over the leaves [start, end). `start` is a multiple of the largest power of two below the range's
    length, or of a larger power, as in every range of a proof.
    """
    if start == end:
        return EMPTY_ROOT
    frontier = Frontier()
    while start < end:
        height = (end - start).bit_length() - 1
        frontier.push(subtree(start, height), height=height)
        start += 1 << height
    return frontier.root()


def inclusion_path(index: int, size: int, subtree: Subtree) -> list[bytes]:
    """The hashes beside the way from a leaf to the root of the first `size` leaves, the leaf's sibling first."""
    if not 0 <= index < size:
        raise ValueError(f"leaf {index} is not in a tree of {size}")
    path: list[bytes] = []
    start, end = 0, size
    while end - start > 1:
        split = start + _split(end - start)
        if index < split:
            path.append(root_of_range(split, end, subtree))
            end = split
        else:
            path.append(root_of_range(start, split, subtree))
            start = split
    return path[::-1]


def consistency_path(old: int, size: int, subtree: Subtree) -> list[bytes]:
    """Proves that the tree of `size` leaves begins with the tree of `old` leaves; empty where `old` is 0 or `size`."""
    if not 0 <= old <= size:
        raise ValueError(f"a tree of {size} leaves does not go on from one of {old}")
    if old in (0, size):
        return []
    path: list[bytes] = []
    start, end, is_whole = 0, size, True  # whether the range is the old tree itself, whose root the reader has
    while old != end:
        split = start + _split(end - start)
        if old <= split:
            path.append(root_of_range(split, end, subtree))
            end = split
        else:
            path.append(root_of_range(start, split, subtree))
            start, is_whole = split, False
    if not is_whole:
        path.append(root_of_range(start, end, subtree))
    return path[::-1]


def root_by_inclusion(index: int, size: int, leaf: bytes, path: Sequence[bytes]) -> bytes:
    """The root that a path leads to from a leaf's hash. Raises NotProven for a path of the wrong length."""
    if not 0 <= index < size:
        raise NotProven(f"leaf {index} is not in a tree of {size}")
    node, last, digest = index, size - 1, leaf
    for beside in path:
        if last == 0:
            raise NotProven("the path is too long")
        if node & 1 or node == last:
            digest = node_hash(beside, digest)
            while not node & 1 and node:
                node, last = node >> 1, last >> 1
        else:
            digest = node_hash(digest, beside)
        node, last = node >> 1, last >> 1
    if last:
        raise NotProven("the path is too short")
    return digest


def check_consistency(old: int, old_root: bytes, size: int, root: bytes, path: Sequence[bytes]) -> None:
    """Raises NotProven unless the tree of `size` leaves with this root begins with the tree of `old` leaves."""
    if old in (0, size):
        if path or (old == size and old_root != root) or (old == 0 and old_root != EMPTY_ROOT):
            raise NotProven(f"the trees of {old} and {size} leaves do not agree")
        return
    if not 0 < old < size:
        raise NotProven(f"a tree of {size} leaves does not go on from one of {old}")
    hashes = list(path) if old & (old - 1) else [old_root, *path]
    if not hashes:
        raise NotProven("the path is too short")
    node, last = old - 1, size - 1
    while node & 1:
        node, last = node >> 1, last >> 1
    before = after = hashes[0]
    for beside in hashes[1:]:
        if last == 0:
            raise NotProven("the path is too long")
        if node & 1 or node == last:
            before, after = node_hash(beside, before), node_hash(beside, after)
            while not node & 1 and node:
                node, last = node >> 1, last >> 1
        else:
            after = node_hash(after, beside)
        node, last = node >> 1, last >> 1
    if last or before != old_root or after != root:
        raise NotProven(f"the tree of {size} leaves does not begin with that of {old}")


def _split(size: int) -> int:
    """The largest power of two below `size`."""
    return 1 << ((size - 1).bit_length() - 1)
