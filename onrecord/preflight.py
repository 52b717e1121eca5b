"""Checks for problems that prevent a start: nothing is made, and nothing is changed."""

from pathlib import Path
from stat import S_IMODE, S_IRWXG, S_IRWXO
from tempfile import TemporaryFile

from sqlalchemy import make_url

from storage.disk import disk_edge
from storage.errors import Refused

_ROOM_BYTES = 1 << 20


def sqlite_file(database_url: str) -> Path | None:
    """The file of an SQLite URL; None for a database server."""
    url = make_url(database_url)
    return Path(url.database) if url.get_backend_name() == "sqlite" and url.database else None


def require_database_file(database_url: str) -> None:
    """Raises SettingsRejected where an SQLite file is missing: SQLite would make it. A server answers for itself."""
    file = sqlite_file(database_url)
    if file is None:
        return
    with disk_edge(f"DATABASE_URL names {file}, which this user cannot look at"):
        if not file.exists():
            raise Refused(f"DATABASE_URL names {file}, which does not exist: run `onrecord init`, or correct the path")
        if not file.is_file():
            raise Refused(f"DATABASE_URL names {file}, which is no file: name a file")
        if not file.stat().st_size:
            raise Refused(f"DATABASE_URL names {file}, which is empty: run `onrecord init`")


def require_folder(setting: str, folder: Path) -> None:
    """Require a folder that exists and takes a file."""
    with disk_edge(f"{setting} names {folder}, which this user cannot look at"):
        if not folder.is_dir():
            raise Refused(f"{setting} names {folder}, which is no directory: run `onrecord init` to make it")
    require_room(setting, folder)


def require_private_folder(setting: str, folder: Path) -> None:
    """Require a folder that takes a file, and is closed to all but its owner."""
    require_folder(setting, folder)
    mode = folder.stat().st_mode
    if mode & (S_IRWXG | S_IRWXO):
        raise Refused(f"{setting} names {folder}, which other users can open (mode {S_IMODE(mode):04o}): chmod 700 it")


def require_room(setting: str, path: Path) -> None:
    """Require that this folder, or the nearest existing one above it, takes a file: a file without a name is tried."""
    with disk_edge(f"{setting}: {path} can't be written; it needs room and the right to write"):
        folder = next(place for place in (path, *path.absolute().parents) if place.exists())
        if not folder.is_dir():
            raise Refused(f"{setting} names {path}, but {folder} is no directory: name another place")
        with TemporaryFile(dir=folder) as tried:
            tried.write(bytes(_ROOM_BYTES))
