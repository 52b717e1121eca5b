"""The README names every licence of an installation's libraries that asks more of who passes them on than a notice."""

import re
from importlib.metadata import distributions, metadata

import pytest

from tests.source import ROOT

ASKS_MORE = re.compile(r"GPL|\bMPL|\bEPL|\bEUPL|General Public|Mozilla Public")
LOCKED = set(re.findall(r"^([a-z0-9-]+)==", (ROOT / "requirements/demo.txt").read_text(encoding="utf-8"), re.MULTILINE))
INSTALLED = {re.sub(r"[-_.]+", "-", found.metadata["Name"]).lower() for found in distributions()}
NOTE = (ROOT / "README.md").read_text(encoding="utf-8").rpartition("MIT licence.")[2]


def licence_of(library: str) -> str:
    """The licence as the library's own metadata has it; a text in full is cut to its title."""
    told = metadata(library)
    classifiers = [name for name in told.get_all("Classifier") or () if name.startswith("License")]
    return " ".join([*(told.get_all("License-Expression") or ()), (told["License"] or "")[:80], *classifiers])


@pytest.mark.parametrize("library", [name for name in sorted(LOCKED & INSTALLED) if ASKS_MORE.search(licence_of(name))])
def test_a_library_whose_licence_asks_more_than_a_notice_is_named(library: str) -> None:
    name = library.removesuffix("-binary")
    assert re.search(rf"\b{name}\b", NOTE), f"{library}: {licence_of(library)}"


@pytest.mark.parametrize(("library", "asks"), [("psycopg", True), ("certifi", True), ("flask", False)])
def test_a_licence_is_read_from_the_library(library: str, asks: bool) -> None:
    assert bool(ASKS_MORE.search(licence_of(library))) is asks
