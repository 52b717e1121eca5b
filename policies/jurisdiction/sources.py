"""The source of a record: a text of the law, or a page about it, and the day on which it was read."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

Written = str | Mapping[str, str]
"""A source as the pack has it: words alone, of which no day is known, or a table with the day."""


@dataclass(frozen=True, slots=True)
class Source:
    """`read` is the day on which the page at `url` was read, None where only `what` is known. Unless `is_opened`, the
    page is not the text of `what` itself and only gives it.
    """

    what: str
    url: str = ""
    read: date | None = None
    is_opened: bool = True

    def __str__(self) -> str:
        if self.read is None:
            return self.what
        if self.is_opened:
            return f"{self.what}: {self.url} (read {self.read})"
        return f"{self.what}: not opened; as given by {self.url} (read {self.read})"

    @property
    def has_address(self) -> bool:
        """Whether it names a page that a reader can open."""
        return "://" in (self.url or self.what)

    @classmethod
    def of(cls, written: Written) -> "Source":
        """The source as a pack of any version has it."""
        if isinstance(written, str):
            return cls(written)
        is_opened = "url" in written
        url = written["url" if is_opened else "as_given_by"]
        return cls(written["source"], url, date.fromisoformat(written["read"]), is_opened)
