"""What a person reads of a page, or hears of it by a screen reader: its texts and the attributes that are texts."""

import re
from collections.abc import Iterator
from html.parser import HTMLParser

from tests.test_arrows import names

BEGIN, END = "⟦", "⟧"
"""Around each message of the catalogue that is no language's (`Marked`)."""

_VOID = names("area base br col embed hr img input link meta source track wbr")
_NO_WORDS = names("script style code kbd")
_READ = names("title aria-label placeholder alt aria-valuetext hx-confirm label")
_MARK = re.compile(f"[{BEGIN}{END}]")


class Texts(HTMLParser):
    """`found` are the words that stand outside of marks, each with its element. An element in another language than
    `language`, one of code, and one of a person's own words (`dir="auto"`) are left out.
    """

    def __init__(self, page: str, language: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self._language = language
        self._open: list[tuple[str, bool]] = []  # each element, and whether it is left out
        self._depth = 0
        self.feed(page)
        self.close()
        assert self._depth == 0, "a mark that is not closed"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        is_other = given.get("lang", self._language) != self._language
        is_out = self._is_out or is_other or tag in _NO_WORDS or given.get("dir") == "auto"
        if not is_out:
            self._keep(tag, *_texts_of(tag, given))
        if tag not in _VOID:
            self._open.append((tag, is_out))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """As in a drawing: `<rect/>`."""
        self.handle_starttag(tag, attrs)
        if tag not in _VOID:
            self._open.pop()

    def handle_endtag(self, tag: str) -> None:
        opened, _ = self._open.pop()
        assert opened == tag, f"<{opened}> is closed by </{tag}>"

    def handle_data(self, data: str) -> None:
        """A message may hold an element: marks are counted throughout the page."""
        left, self._depth = outside(data, self._depth)
        if not self._is_out:
            self._keep(self._open[-1][0] if self._open else "", left)

    @property
    def _is_out(self) -> bool:
        return bool(self._open) and self._open[-1][1]

    def _keep(self, tag: str, *texts: str) -> None:
        words = (" ".join(outside(text)[0].split()) for text in texts)
        self.found += [f"<{tag}> {text}" for text in words if re.search(r"[^\W\d_]", text)]


def outside(text: str, depth: int = 0) -> tuple[str, int]:
    """The text that stands outside of marks, and how many are open at its end."""
    left, at = [], 0
    for mark in _MARK.finditer(text):
        if depth == 0:
            left.append(text[at : mark.start()])
        depth += 1 if mark[0] == BEGIN else -1
        at = mark.end()
    return "".join([*left, text[at:] if depth == 0 else ""]), depth


def _texts_of(tag: str, given: dict[str, str]) -> Iterator[str]:
    yield from (value for name, value in given.items() if name in _READ or name.startswith("data-says-"))
    if tag == "input" and given.get("type") in ("submit", "button", "reset"):
        yield given.get("value", "")


def source_texts(template: str, language: str = "es") -> list[str]:
    """Of a template: the words that are no message. What Jinja puts in is seen on a page, and cut out here."""
    without = re.sub(r"\{#.*?#\}|\{%.*?%\}|\{\{.*?\}\}", " ", template, flags=re.DOTALL)
    in_a_tag = re.compile(r"[\w-]+=\" \"")  # of a macro that is put into a tag
    return [text for text in _Source(without, language).found if in_a_tag.sub("", text.partition("> ")[2]).strip()]


class _Source(Texts):
    """A template may be a part of a page, and close in a condition what it opened in one."""

    def handle_endtag(self, tag: str) -> None:
        while self._open and self._open[-1][0] != tag:
            self._open.pop()
        if self._open:
            self._open.pop()
