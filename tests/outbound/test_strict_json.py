"""JSON is read only where every reader would read the same."""

import pytest

from outbound.strict_json import json_object


@pytest.mark.parametrize(
    "text",
    [
        b"", b"7", b"[]", b"null", b'"{}"', b"{", b"\xff", b"\xef\xbb\xbf{}", '{"a": 1}'.encode("utf-16"),
        b'{"a": 1, "a": 1}', b'{"b": {"a": 1, "a": 1}}', b'{"a": 1, "\\u0061": 2}', b'{"a": NaN}', b'{"a": -Infinity}',
        b'{"a": ' + b"[" * 9999 + b"]" * 9999 + b"}", b'{"a": ' + b"9" * 9999 + b"}",
    ],
)  # fmt: skip
def test_json_that_readers_differ_about_is_none(text: bytes) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        json_object(text)


def test_an_object_of_json_is_read() -> None:
    assert json_object('{"a": {"a": "é"}, "b": [1.5, null]} '.encode()) == {"a": {"a": "é"}, "b": [1.5, None]}
