import json
from base64 import b64encode
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evidence.merkle import leaf_hash, root_of
from evidence.merkle_proofs import (
    NotProven,
    check_consistency,
    consistency_path,
    inclusion_path,
    root_by_inclusion,
    root_of_range,
)
from tests.evidence.test_merkle import by_definition

VECTOR = json.loads(Path(__file__).with_name("tlog-vector.json").read_text())
LEAVES = [str(n).encode() for n in range(130)]
HASHES = [leaf_hash(leaf) for leaf in LEAVES]
ROOTS = [root_of(HASHES[:size]) for size in range(len(LEAVES) + 1)]


def subtree_of(hashes: list[bytes]) -> Callable[[int, int], bytes]:
    return lambda start, height: root_of(hashes[start : start + (1 << height)])


SUBTREE = subtree_of(HASHES)


def by_recursion(index: int, leaves: list[bytes]) -> list[bytes]:
    """RFC 9162 §2.1.3.1 to the letter."""
    if len(leaves) == 1:
        return []
    split = 1 << ((len(leaves) - 1).bit_length() - 1)
    if index < split:
        return [*by_recursion(index, leaves[:split]), by_definition(leaves[split:])]
    return [*by_recursion(index - split, leaves[split:]), by_definition(leaves[:split])]


def subproof(old: int, leaves: list[bytes], *, whole: bool) -> list[bytes]:
    """RFC 9162 §2.1.4.1 to the letter."""
    if old == len(leaves):
        return [] if whole else [by_definition(leaves)]
    split = 1 << ((len(leaves) - 1).bit_length() - 1)
    if old <= split:
        return [*subproof(old, leaves[:split], whole=whole), by_definition(leaves[split:])]
    return [*subproof(old - split, leaves[split:], whole=False), by_definition(leaves[:split])]


@pytest.mark.parametrize("size", [1, 2, 3, 5, 8, 13, 31, 32, 33, 64, 100, 130])
def test_the_paths_are_the_definitions_for_every_leaf_and_every_older_size(size: int) -> None:
    for index in range(size):
        assert inclusion_path(index, size, SUBTREE) == by_recursion(index, LEAVES[:size])
    for old in range(1, size + 1):
        assert consistency_path(old, size, SUBTREE) == subproof(old, LEAVES[:size], whole=True)


def test_every_leaf_is_proven_in_every_tree() -> None:
    for size in range(1, 70):
        for index in range(size):
            path = inclusion_path(index, size, SUBTREE)
            assert root_by_inclusion(index, size, HASHES[index], path) == ROOTS[size]


def test_every_tree_is_proven_to_go_on_from_every_older_one() -> None:
    for size in range(70):
        for old in range(size + 1):
            check_consistency(old, ROOTS[old], size, ROOTS[size], consistency_path(old, size, SUBTREE))


@given(st.data())
def test_no_other_leaf_index_size_or_path_leads_to_the_root(data: st.DataObject) -> None:
    size = data.draw(st.integers(2, 100))
    index = data.draw(st.integers(0, size - 1))
    path = inclusion_path(index, size, SUBTREE)
    wrong = bytearray(data.draw(st.sampled_from([HASHES[index], *path])))
    wrong[data.draw(st.integers(0, 31))] ^= 1 << data.draw(st.integers(0, 7))
    other = [bytes(wrong) if bytes(wrong) != one and _differs_in_a_bit(one, bytes(wrong)) else one for one in path]
    leaf = HASHES[index] if other != path else bytes(wrong)
    assert root_by_inclusion(index, size, leaf, other) != ROOTS[size]
    for longer in ([*path, HASHES[0]], path[:-1]):
        with pytest.raises(NotProven):
            root_by_inclusion(index, size, HASHES[index], longer)


def _differs_in_a_bit(one: bytes, other: bytes) -> bool:
    return sum((a ^ b).bit_count() for a, b in zip(one, other, strict=True)) == 1


@given(st.data())
def test_a_tree_that_was_rewritten_has_no_proof_that_it_goes_on(data: st.DataObject) -> None:
    size = data.draw(st.integers(2, 100))
    old = data.draw(st.integers(1, size - 1))
    changed = data.draw(st.integers(0, old - 1))
    rewritten = [*HASHES[:changed], leaf_hash(b"another"), *HASHES[changed + 1 : size]]
    path = consistency_path(old, size, subtree_of(rewritten))
    with pytest.raises(NotProven):
        check_consistency(old, ROOTS[old], size, root_of(rewritten), path)


@pytest.mark.parametrize(("old", "size"), [(1, 2), (2, 3), (4, 8), (5, 8), (6, 7)])
def test_a_path_too_long_or_too_short_proves_nothing(old: int, size: int) -> None:
    path = consistency_path(old, size, SUBTREE)
    for wrong in ([*path, HASHES[0]], path[:-1], []):
        with pytest.raises(NotProven):
            check_consistency(old, ROOTS[old], size, ROOTS[size], wrong)


@pytest.mark.parametrize(("old", "size"), [(2, 1), (4, 2), (8, 4)])
def test_a_tree_that_lost_leaves_does_not_go_on_although_its_root_stayed(old: int, size: int) -> None:
    """The root of the longer tree is all that is asked for where that is perfect, and would lead to itself."""
    with pytest.raises(NotProven, match="does not go on"):
        check_consistency(old, ROOTS[old], size, ROOTS[old], [])


@pytest.mark.parametrize(("old", "size"), [(3, 2), (-1, 2)])
def test_a_shorter_tree_never_goes_on_from_a_longer_one(old: int, size: int) -> None:
    with pytest.raises(ValueError, match="does not go on"):
        consistency_path(old, size, SUBTREE)
    with pytest.raises(NotProven):
        check_consistency(old, ROOTS[old], size, ROOTS[size], [])


def test_from_nothing_every_tree_goes_on_and_equal_sizes_must_be_equal() -> None:
    check_consistency(0, ROOTS[0], 7, ROOTS[7], [])
    for old, old_root, size, root, path in [
        (0, ROOTS[1], 7, ROOTS[7], []),
        (0, ROOTS[0], 7, ROOTS[7], [HASHES[0]]),
        (7, ROOTS[7], 7, ROOTS[6], []),
    ]:
        with pytest.raises(NotProven):
            check_consistency(old, old_root, size, root, path)


def test_the_root_of_no_leaves_is_that_of_nothing() -> None:
    assert root_of_range(0, 0, SUBTREE) == ROOTS[0]


def test_a_leaf_that_is_not_in_the_tree_has_no_path() -> None:
    with pytest.raises(ValueError, match="leaf 3"):
        inclusion_path(3, 3, SUBTREE)
    with pytest.raises(NotProven):
        root_by_inclusion(3, 3, HASHES[3], [])


def test_the_published_vectors_paths_are_met() -> None:
    hashes = [leaf_hash(leaf.encode()) for leaf in VECTOR["leaves"]]
    shown = VECTOR["tlog_proof_index2"].split("\n\n")[0].split("\n")[2:]
    assert [_base64(one) for one in inclusion_path(2, 5, subtree_of(hashes))] == shown
    asked = VECTOR["add_checkpoint_body"].split("\n\n")[0].split("\n")[1:]
    assert [_base64(one) for one in consistency_path(3, 5, subtree_of(hashes))] == asked


def _base64(digest: bytes) -> str:
    return b64encode(digest).decode()
