"""The rulebook in force, kept in a file for the web servers of this machine by the `onrecord serve` that started them.

A web server that dies is started again at once, also while the database is away. It must start, and under the rules in
force, even if the operator's file has changed since.
"""

from collections.abc import Mapping
from pathlib import Path

from storage.disk import disk_edge, make_folder, write_private

VARIABLE = "ONRECORD_RULES_IN_FORCE"
NAME = "rules-in-force.toml"


def hand_over(text: str, folder: Path) -> dict[str, str]:
    """Write the text into that folder, whole or not at all. Returns the variable by which a web server finds it.

    Raises Unavailable where the disk does not take it.
    """
    with disk_edge(f"write of {NAME}"):
        make_folder(folder)
    file = folder / NAME
    write_private(file, text.encode())
    return {VARIABLE: str(file.absolute())}


def taken_over(environ: Mapping[str, str]) -> str | None:
    """The text that was handed over; None where this process was not started by `onrecord serve`.

    Raises Unavailable where it cannot be read.
    """
    path = environ.get(VARIABLE)
    if not path:
        return None
    with disk_edge(f"read of {path}"):
        return Path(path).read_bytes().decode()
