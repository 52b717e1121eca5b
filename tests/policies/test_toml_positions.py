"""The scan against the standard parser. Every whole number in a generated text is the line that it stands on."""

import tomllib
from collections.abc import Iterator
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.rulebook.toml_positions import Path, positions

VALUES = [
    "@",
    " @ # a comment = [x]",
    "[@, @]",
    "[ # [\n  @,\n\n  # ]\n  [@,\n@], @\n]",
    "[]",
    "{}",
    "{ a = @, b.c = @, 'd e' = [@,\n@] }",
    "[{a = @},\n {a = @}]",
    '"""\n[x]\ny = 1 ""\n\\""""',
    "'''\n[x]\ny = '1\n'''",
    '"a # \\" ] }"',
    "'# \\'",
    "1979-05-27 07:32:00Z",
    "-1.5e3",
    '[""]',
    '""""""',
    '"""a"""""',
    "['''a''''', @]",
]
KEYS = ["k", "k-_1", '"k . ]"', "'k = #'", '"\\u00e9"', "d.e", 'd . "e f".g', "x.\t'y z'"]
HEADERS = ["[t]", "[t.u]", '[ t . "v w" ]', "[[a]]", "[[ a.b ]]", "[a.c]", "[a.b.'c d']", "[[t.'x']]"]

pairs = st.builds("{} ={}".format, st.sampled_from(KEYS), st.sampled_from(VALUES))
statements = st.one_of(pairs, pairs, st.sampled_from(HEADERS), st.sampled_from(["", "# [c] = 1", "\t"]))


def numbered(statements: list[str]) -> str:
    """One text of those statements that fit together, each `@` replaced by its line."""
    text = ""
    for statement in statements:
        longer = text + statement + "\n"
        lines = longer.split("\n")
        candidate = "\n".join(line.replace("@", str(n)) for n, line in enumerate(lines, start=1))
        try:
            tomllib.loads(candidate)
        except tomllib.TOMLDecodeError:
            continue
        text = longer
    return "\n".join(line.replace("@", str(n)) for n, line in enumerate(text.split("\n"), start=1))


def leaves(value: object, path: Path = ()) -> Iterator[tuple[Path, object]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from leaves(inner, (*path, key))
    elif isinstance(value, list):
        for index, inner in zip(count(), value, strict=False):
            yield from leaves(inner, (*path, index))
    yield path, value


@given(st.lists(statements, max_size=12), st.sampled_from(["\n", "\r\n"]))
def test_every_value_is_found_on_its_own_line(parts: list[str], newline: str) -> None:
    text = numbered(parts).replace("\n", newline)
    found = positions(text)
    for path, value in leaves(tomllib.loads(text)):
        assert path in found
        if isinstance(value, int):
            assert found[path] == value


@given(st.lists(statements, max_size=12))
def test_nothing_is_found_that_the_parser_does_not_know(parts: list[str]) -> None:
    text = numbered(parts)
    assert positions(text).keys() <= {path for path, _ in leaves(tomllib.loads(text))}


def test_a_table_is_found_at_its_header_and_a_key_where_it_begins() -> None:
    text = '\n[[line]]\n\nlist = [\n  "a",\n]\n[[line]]\n[line.sub]\n[retention.x]\n'
    assert positions(text) == {
        (): 1,
        ("line",): 2,
        ("line", 0): 2,
        ("line", 0, "list"): 4,
        ("line", 0, "list", 0): 5,
        ("line", 1): 7,
        ("line", 1, "sub"): 8,
        ("retention",): 9,
        ("retention", "x"): 9,
    }


@pytest.mark.parametrize("text", ["", "\n", "# nothing", "   "])
def test_an_empty_text_has_only_its_root(text: str) -> None:
    assert positions(text) == {(): 1}
