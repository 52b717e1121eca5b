"""The composition root: the parts of one installation, made from its settings and handed to whoever runs.

Nothing starts half configured: every problem with the settings, the rulebook, the keys, the database and the audio
store is found first and reported together.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from callflow.conversation import Conversation
from callflow.keys import Keys, read_keys
from callflow.settings import Problem, Settings, SettingsRejected, read_settings
from callflow.urls import Urls
from policies.rulebook import RulebookRejected, parse
from policies.rules import Rulebook
from storage.audio_store import AudioStore, open_store
from storage.database import Database
from storage.errors import Refused, Unavailable
from storage.job_queue import JobQueue
from storage.schema import check_schema

T = TypeVar("T")


class NotReady(Exception):
    """What keeps this installation from starting, a line each."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


@dataclass(frozen=True)
class House:
    """Everything a process of this installation needs. Close it in the end."""

    settings: Settings
    keys: Keys
    rulebook: Rulebook
    rulebook_text: str
    database: Database
    store: AudioStore
    jobs: JobQueue

    def conversation(self) -> Conversation:
        return Conversation(self.rulebook, Urls(self.settings.public_base_url, self.keys.url_mac_key))

    def close(self) -> None:
        self.database.close()


def open_house(environ: Mapping[str, str]) -> House:
    """Raises NotReady with every problem there is."""
    try:
        settings = read_settings(environ)
    except SettingsRejected as error:
        raise NotReady([str(problem) for problem in error.problems]) from None
    problems: list[str] = []
    keys = _tried(problems, lambda: read_keys(settings.key_file))
    text = _tried(problems, lambda: read_rulebook(settings.rulebook))
    rulebook = _tried(problems, lambda: parse(text)) if text is not None else None
    database = _tried(problems, lambda: open_database(settings))
    store = _tried(problems, lambda: _checked(open_store(settings.audio_store)))
    if problems or not (keys and rulebook and text and database and store):
        if database:
            database.close()
        raise NotReady(problems)
    return House(settings, keys, rulebook, text, database, store, JobQueue(database))


def read_rulebook(path: Path) -> str:
    try:
        return path.read_bytes().decode()  # not read_text: the hash is of the file as it is
    except FileNotFoundError:
        raise SettingsRejected(
            Problem("ONRECORD_RULEBOOK", f"names {path}, which does not exist", "run `onrecord init` to get one")
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsRejected(
            Problem("ONRECORD_RULEBOOK", f"names {path}: {error}", "make it a readable UTF-8 file")
        ) from None


def open_database(settings: Settings) -> Database:
    """The database, at the schema this program needs."""
    database = Database.open(settings.database_url)
    try:
        check_schema(database)
        JobQueue(database).check()
    except BaseException:
        database.close()
        raise
    return database


def _checked(store: AudioStore) -> AudioStore:
    store.check()
    return store


def _tried(problems: list[str], attempt: Callable[[], T]) -> T | None:
    try:
        return attempt()
    except RulebookRejected as error:
        problems.extend(str(error).splitlines())
    except SettingsRejected as error:
        problems.extend(str(problem) for problem in error.problems)
    except (Refused, Unavailable) as error:
        problems.append(str(error))
    return None
