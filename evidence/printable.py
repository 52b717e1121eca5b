"""Texts of people and of other machines, as they are shown: on one line, and without characters that act on a terminal
or turn the reading around.
"""

import re
from collections.abc import Callable
from unicodedata import category

# Spaces before French question marks and the joiners of Devanagari are part of how a text is written.
_WRITTEN = frozenset("\u00a0\u202f\u200c\u200d")
_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})


def escaped(text: str) -> str:
    r"""The text with hidden characters as Python writes them: ESC as `\x1b`, a line's end as `\n`."""
    return _replaced(text, lambda letter: letter.encode("unicode_escape").decode())


def escaped_json(document: str) -> str:
    r"""A JSON document in which hidden characters within its texts stand as `\u` and four digits: an equal document."""
    lines = document.split("\n")  # between values, for within a text JSON allows none
    return "\n".join(_replaced(line, _in_json) for line in lines)


def _replaced(text: str, spelled: Callable[[str], str]) -> str:
    if text.isprintable():
        return text
    return "".join(spelled(letter) if _is_hidden(letter) else letter for letter in text)


def _is_hidden(letter: str) -> bool:
    return category(letter) in _HIDDEN and letter not in _WRITTEN


def _in_json(letter: str) -> str:
    return re.sub("....", r"\\u\g<0>", letter.encode("utf-16-be", "surrogatepass").hex())
