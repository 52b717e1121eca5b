"""Texts of others are shown without characters that act on a terminal, and say which ones they hold."""

import json
from unicodedata import category

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evidence.printable import escaped, escaped_json

ANY_TEXT = st.text(st.characters(exclude_categories=()))
_WRITTEN = {"\u00a0", "\u202f", "\u200c", "\u200d"}


def hidden(text: str) -> set[str]:
    return {letter for letter in text if category(letter) in {"Cc", "Cf", "Cs", "Zl", "Zp"}} - _WRITTEN


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("the disk was full", "the disk was full"),
        ("Qu'est-ce\u00a0? \u0939\u200d", "Qu'est-ce\u00a0? \u0939\u200d"),
        ("a\x1b[31mb", r"a\x1b[31mb"),
        ("a\nb\r\tc", r"a\nb\r\tc"),
        ("\x9b2J\x7f", r"\x9b2J\x7f"),
        ("ab\u202ecd\u2066", r"ab\u202ecd\u2066"),
        ("a\u2028b\u2029c", r"a\u2028b\u2029c"),
        ("a\ud800b", r"a\ud800b"),
        ("a\U000e0041b", r"a\U000e0041b"),
    ],
)
def test_each_hidden_character_is_written_out(text: str, shown: str) -> None:
    assert escaped(text) == shown


@given(ANY_TEXT)
def test_nothing_hidden_is_left(text: str) -> None:
    assert hidden(escaped(text)) == set()


@given(st.recursive(ANY_TEXT, lambda inner: st.lists(inner) | st.dictionaries(ANY_TEXT, inner), max_leaves=5))
def test_an_escaped_document_means_the_same(value: object) -> None:
    document = escaped_json(json.dumps(value, indent=2, ensure_ascii=False))
    assert hidden(document) <= {"\n"}
    assert json.loads(document) == json.loads(json.dumps(value))
