"""The console's Spanish: the messages that its pages say, and the catalogue of their translations.

    python -m tests.console.messages

brings `console.po` up to date with the pages, prints which messages have no translation yet, and compiles `console.mo`.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import Any

from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po
from jinja2.ext import babel_extract

from console import sentences
from tests.source import ROOT

FOLDER = ROOT / "console" / "locale" / "es" / "LC_MESSAGES"
PO, MO = "console.po", "console.mo"
ABOUT = (
    "# The console's Spanish. `make messages` brings it up to date with the pages; the translations are written here."
)
# The same on every day, so that the files change only with their messages.
_DATE = datetime(2026, 11, 28, tzinfo=UTC)
_KEYWORDS = {"_": None, "gettext": None, "ngettext": (1, 2)}


def found() -> Catalog:
    """Every message of the console's modules and templates and of the tables of other packages, with its place."""
    catalog = Catalog()
    for path in sorted(ROOT.glob("console/**/*.py")) + sorted(ROOT.glob("console/templates/**/*.html")):
        for msgid in _in_file(path):
            catalog.add(msgid, locations=[(str(path.relative_to(ROOT)), 0)])
    for msgid in sorted({*sentences.constant(), *sentences.WITH_VALUES}):
        catalog.add(msgid, locations=[("console/sentences.py", 0)])
    return catalog


def read(folder: Path = FOLDER) -> Catalog:
    with (folder / PO).open("rb") as file:
        return read_po(file, locale="es", abort_invalid=True)


def updated(catalog: Catalog, template: Catalog) -> Catalog:
    """With the messages of the template alone; none is guessed from another that is like it."""
    catalog.update(template, no_fuzzy_matching=True, update_creation_date=False)
    catalog.obsolete.clear()
    catalog.creation_date = catalog.revision_date = _DATE
    catalog.header_comment = ABOUT
    catalog.project, catalog.version, catalog.msgid_bugs_address = "onrecord", "console", ""
    catalog.last_translator = catalog.language_team = ""
    catalog.fuzzy = False
    return catalog


def compiled(catalog: Catalog) -> bytes:
    made = BytesIO()
    write_mo(made, catalog)
    return made.getvalue()


def missing(catalog: Catalog) -> list[Message]:
    return [message for message in catalog if message.id and not all(said for _, said in pairs(message))]


def pairs(message: Message) -> list[tuple[str, str]]:
    """Each text with its translation, empty for none; of a plural, each form."""
    texts = message.id if isinstance(message.id, tuple) else (message.id,)
    said = message.string if isinstance(message.string, tuple) else (message.string,)
    return [(str(text), str(words or "")) for text, words in zip(texts, said, strict=True)]


def refresh(folder: Path = FOLDER) -> None:
    catalog = updated(read(folder), found())
    with (folder / PO).open("wb") as file:
        write_po(file, catalog, width=120, include_lineno=False)
    (folder / MO).write_bytes(compiled(catalog))
    for message in missing(catalog):
        print(f"no translation yet: {message.id}")


def _in_file(path: Path) -> Iterator[str | tuple[str, ...]]:
    method: Any = "python" if path.suffix == ".py" else babel_extract
    options = {"silent": "false", "newstyle_gettext": "true"}  # a template that cannot be read is an error
    with path.open("rb") as file:
        for _, msgid, _, _ in extract(method, file, _KEYWORDS, options=options):
            yield msgid


if __name__ == "__main__":
    refresh()
