"""Law packs that installations keep in their databases word for word: those whose shape was another."""

import json
from pathlib import Path

from policies.jurisdiction.pack import Law, read_law

FOLDER = Path(__file__).parent
NAMES = ("jurisdictions.json", "retention.json", "area_codes.csv")


def read_version(version: str) -> Law:
    """The pack as an installation of that day wrote it into its database."""
    parts = {name: (FOLDER / version / name).read_text(encoding="utf-8") for name in NAMES}
    return read_law(json.dumps(parts))


FIRST = read_version("2026-11-24")
"""The first pack, whose sources are words without a day."""
