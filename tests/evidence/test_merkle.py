import json
from hashlib import sha256
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from evidence.merkle import EMPTY_ROOT, Frontier, leaf_hash, node_hash, root_of, with_parents

VECTOR = json.loads(Path(__file__).with_name("tlog-vector.json").read_text())


def by_definition(leaves: list[bytes]) -> bytes:
    """RFC 6962 §2.1 to the letter: split at the largest power of two below the size."""
    if not leaves:
        return sha256(b"").digest()
    if len(leaves) == 1:
        return leaf_hash(leaves[0])
    split = 1 << ((len(leaves) - 1).bit_length() - 1)
    return node_hash(by_definition(leaves[:split]), by_definition(leaves[split:]))


def test_the_empty_log_has_the_root_of_nothing() -> None:
    assert root_of([]) == EMPTY_ROOT == by_definition([])


def test_the_root_is_the_definitions_for_every_size() -> None:
    leaves = [str(n).encode() for n in range(300)]
    for size in range(300):
        assert root_of(map(leaf_hash, leaves[:size])) == by_definition(leaves[:size])


@given(st.lists(st.binary(max_size=8), max_size=600))
def test_subtrees_of_256_give_the_same_root_as_their_leaves(leaves: list[bytes]) -> None:
    frontier = Frontier()
    full = len(leaves) // 256 * 256
    for start in range(0, full, 256):
        frontier.push(by_definition(leaves[start : start + 256]), height=8)
    for leaf in leaves[full:]:
        frontier.push(leaf_hash(leaf))
    assert frontier.root() == by_definition(leaves)


def test_the_published_vector_is_met() -> None:
    hashes = [leaf_hash(leaf.encode()) for leaf in VECTOR["leaves"]]
    assert [digest.hex() for digest in hashes] == VECTOR["leaf_hashes_hex"]
    assert root_of(hashes[:3]).hex() == VECTOR["root3_hex"]
    assert root_of(hashes).hex() == VECTOR["root5_hex"]


def test_a_perfect_tree_has_the_same_root_either_way() -> None:
    hashes = [leaf_hash(str(n).encode()) for n in range(256)]
    for height in range(9):
        assert with_parents(hashes[: 1 << height])[height] == [root_of(hashes[: 1 << height])]


def test_a_copied_frontier_goes_its_own_way() -> None:
    first = Frontier()
    first.push(leaf_hash(b"0"))
    second = first.copy()
    second.push(leaf_hash(b"1"))
    assert first.root() == root_of([leaf_hash(b"0")])
    assert second.root() == root_of([leaf_hash(b"0"), leaf_hash(b"1")])
