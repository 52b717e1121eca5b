"""`onrecord init`: checks everything first, and then makes the missing parts; existing parts stay as they are.

Run again, it goes on where it ended: each part that it makes is whole or not there.
"""

from collections.abc import Iterator, Mapping
from importlib.resources import files
from pathlib import Path

from onrecord.installation import connect
from onrecord.not_ready import NotReady, collecting
from onrecord.preflight import require_room, sqlite_file
from onrecord.settings.environment import Problem, Settings, SettingsRejected, read_settings
from onrecord.settings.key_file import create_key_file, read_keys
from storage.audio.opening import open_store
from storage.database.engine import Database
from storage.database.readiness import holds_sealed_audio
from storage.database.schema import check_known, migrate
from storage.disk import disk_edge, make_folder, write_private
from storage.jobs.queue import create_job_tables


def initialise(environ: Mapping[str, str], *, keys_are_lost: bool = False) -> Iterator[str]:
    """Yields a line for each part that it made. Raises NotReady, with every problem there is, before it makes anything.

    `keys_are_lost` allows new keys where recordings were sealed with others, which nobody can open then.
    """
    problems: list[str] = []
    settings = collecting(problems, lambda: read_settings(environ, need="places"))
    if settings is not None:
        _look(settings, problems, keys_are_lost=keys_are_lost)
    if settings is None or problems:
        raise NotReady(problems)
    making = _make(settings)
    while line := collecting(problems, lambda: next(making, "")):
        yield line
    if problems:
        raise NotReady(problems)


def _look(settings: Settings, problems: list[str], *, keys_are_lost: bool) -> None:
    collecting(problems, lambda: _look_at_database(settings, keys_are_lost=keys_are_lost))
    collecting(problems, lambda: _look_at_store(settings.audio_store))
    collecting(problems, lambda: require_room("ONRECORD_SPOOL", settings.spool))
    collecting(problems, lambda: require_room("ONRECORD_JOURNAL", settings.journal))
    if settings.key_file.exists():
        collecting(problems, lambda: read_keys(settings.key_file))
    else:
        collecting(problems, lambda: require_room("ONRECORD_KEY_FILE", settings.key_file.parent))
    if not settings.rulebook.exists():
        collecting(problems, lambda: require_room("ONRECORD_RULEBOOK", settings.rulebook.parent))


def _look_at_database(settings: Settings, *, keys_are_lost: bool) -> None:
    file = sqlite_file(settings.database_url)
    if file is not None:
        require_room("DATABASE_URL", file.parent)
        if not file.exists() or not file.stat().st_size:
            return
    database = connect(settings.database_url)
    try:
        check_known(database)
        if not settings.key_file.exists() and not keys_are_lost and holds_sealed_audio(database):
            raise _lost(settings.key_file)
    finally:
        database.close()


def _lost(key_file: Path) -> SettingsRejected:
    return SettingsRejected(
        Problem(
            "ONRECORD_KEY_FILE",
            f"names {key_file}, which does not exist, and the database holds recordings that were sealed with its keys",
            "restore it from its copy (`onrecord init --keys-are-lost` makes new ones, and nobody opens the old ones)",
        )
    )


def _look_at_store(place: str) -> None:
    if place.startswith("dir:"):
        require_room("AUDIO_STORE", Path(place.removeprefix("dir:")))
    else:
        open_store(place).check()


def _make(settings: Settings) -> Iterator[str]:
    _make_places(settings)
    database = Database.open(settings.database_url)
    try:
        migrate(database)
        create_job_tables(database)
    finally:
        database.close()
    yield "database: its tables are at the version this program needs"
    if not settings.key_file.exists():
        with disk_edge(f"ONRECORD_KEY_FILE: {settings.key_file} can't be written"):
            create_key_file(settings.key_file)
        yield f"{settings.key_file}: new keys; keep a copy where the database is not"
    if not settings.rulebook.exists():
        write_private(settings.rulebook, files("onrecord").joinpath("example.toml").read_bytes())
        yield f"{settings.rulebook}: a rulebook to start from; edit it before the first call"
    open_store(settings.audio_store).check()
    yield f"{settings.audio_store}: usable"


def _make_places(settings: Settings) -> None:
    file = sqlite_file(settings.database_url)
    wanted = {
        "ONRECORD_SPOOL": settings.spool,
        "ONRECORD_JOURNAL": settings.journal,
        "ONRECORD_RULEBOOK": settings.rulebook.parent,
    }
    if file is not None:
        wanted["DATABASE_URL"] = file.parent
    if settings.audio_store.startswith("dir:"):
        wanted["AUDIO_STORE"] = Path(settings.audio_store.removeprefix("dir:"))
    for setting, folder in wanted.items():
        with disk_edge(f"{setting}: {folder} can't be made"):
            make_folder(folder)
