"""Where a bundle goes: a folder, a zip, or standard output, which gets the zip."""

from collections.abc import Mapping
from pathlib import Path

from compliance.bundle.export import check_place, write_bundle, zipped
from onrecord.commands.base import STANDARD_OUTPUT
from onrecord.terminal import check_takes_bytes, say_bytes

_FOLDER = "bundle"


def check_output(place: Path) -> None:
    """Called first, so that no export is logged that can't be written. Raises Refused or Unavailable."""
    if place == STANDARD_OUTPUT:
        check_takes_bytes("-o -")
    else:
        check_place(place)


def write_output(files: Mapping[str, bytes], place: Path) -> None:
    """Raises Refused where the name is taken by then."""
    if place == STANDARD_OUTPUT:
        say_bytes([zipped(files, _FOLDER)])
    else:
        write_bundle(files, place)
