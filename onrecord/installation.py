"""The composition root: the parts of an installation, made from its settings for the processes and commands.

Nothing starts half configured: every problem with the settings, the rulebook, the keys, the database and the audio
store is found first and reported together.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from callflow.conversation import Conversation
from callflow.urls import Urls
from compliance.anchors.anchor import Anchoring
from compliance.anchors.anchor_file import STDOUT, AnchorFile
from compliance.anchors.restored_backup import require_unrestored
from compliance.erase import Eraser
from compliance.staff.administration import Administration
from onrecord.accepted_rulebook import taken_over
from onrecord.anchoring import anchoring_of
from onrecord.not_ready import NotReady, collecting
from onrecord.preflight import (
    require_database_file,
    require_folder,
    require_private_folder,
    require_room,
    sqlite_file,
)
from onrecord.recorded_prompts import RecordedPrompt, read_prompts
from onrecord.rulebook_file import parse_rulebook, read_rulebook
from onrecord.settings.environment import Problem, Settings, SettingsRejected, read_settings
from onrecord.settings.key_file import Keys, read_keys
from policies.rules import Rulebook
from storage.audio.contract import AudioStore
from storage.audio.opening import open_store
from storage.database.engine import Database
from storage.database.readiness import DatabaseCheck
from storage.database.schema import check_schema
from storage.errors import NotMigrated, Refused, Unavailable
from storage.jobs.queue import JobQueue
from storage.journal.request_journal import RequestJournal


@dataclass(frozen=True)
class Installation:
    """Everything a process of this installation needs. Close it in the end."""

    settings: Settings
    keys: Keys
    rulebook: Rulebook
    rulebook_text: str
    prompts: tuple[RecordedPrompt, ...]
    database: Database
    store: AudioStore
    jobs: JobQueue

    def conversation(self) -> Conversation:
        return make_conversation(self.rulebook, self.settings, self.keys, self.jobs)

    @property
    def eraser(self) -> Eraser:
        return Eraser(self.database, self.jobs, self.keys.number_hash_key, self.settings.erasures)

    @property
    def administration(self) -> Administration:
        return Administration(self.database, self.rulebook.console)

    @property
    def anchoring(self) -> Anchoring:
        return anchoring_of(self.settings, self.database)

    def close(self) -> None:
        self.database.close()


def open_installation(environ: Mapping[str, str], *, restored: bool = False) -> Installation:
    """Raises NotReady with every problem there is. `restored`: an older copy of the database is no problem."""
    problems: list[str] = []
    settings = collecting(problems, lambda: read_settings(environ))
    # Where the telephone's settings are wrong, what else is wrong is said all the same.
    known = settings or collecting([], lambda: read_settings(environ, need="places"))
    if known is None:
        raise NotReady(problems)
    keys = collecting(problems, lambda: read_keys(known.key_file))
    text = collecting(problems, lambda: read_rulebook(known.rulebook))
    rulebook = collecting(problems, lambda: parse_rulebook(text, known.rulebook)) if text is not None else None
    prompts = collecting(problems, lambda: read_prompts(rulebook, known.rulebook.parent)) if rulebook else None
    database = collecting(problems, lambda: open_database(known.database_url))
    store = collecting(problems, lambda: _checked(open_store(known.audio_store)))
    collecting(problems, lambda: require_folder("ONRECORD_SPOOL", known.spool))
    collecting(problems, lambda: require_private_folder("ONRECORD_JOURNAL", known.journal))
    collecting(problems, lambda: _require_anchors(known))
    collecting(problems, lambda: require_room("ONRECORD_ERASURES", known.erasures.parent))
    if database and not restored:
        collecting(problems, lambda: _require_unrestored(database, known.anchor_file))
    if problems or not (settings and keys and rulebook and text and database and store) or prompts is None:
        if database:
            database.close()
        raise NotReady(problems)
    return Installation(settings, keys, rulebook, text, prompts, database, store, JobQueue(database))


@dataclass(frozen=True)
class WebInstallation:
    """The parts that a web server needs: the database may be away for now, and the audio store plays no part."""

    settings: Settings
    rulebook: Rulebook
    conversation: Conversation
    database: Database
    jobs: JobQueue
    journal: RequestJournal
    keys: Keys


def open_web_installation(environ: Mapping[str, str]) -> WebInstallation:
    """For a web server that is started again while a part is away: callers are put through all the same. Raises
    NotReady for problems that prevent even that.
    """
    problems: list[str] = []
    settings = collecting(problems, lambda: read_settings(environ))
    if settings is None:
        raise NotReady(problems)
    keys = collecting(problems, lambda: read_keys(settings.key_file))
    rulebook = collecting(problems, lambda: _rules_in_force(settings, environ))
    database = collecting(problems, lambda: Database.later(settings.database_url))
    if not (keys and rulebook and database):
        raise NotReady(problems)
    jobs = JobQueue(database)
    conversation = make_conversation(rulebook, settings, keys, jobs)
    journal = RequestJournal(settings.journal, keys.journal_key)
    return WebInstallation(settings, rulebook, conversation, database, jobs, journal, keys)


def _rules_in_force(settings: Settings, environ: Mapping[str, str]) -> Rulebook:
    """The rulebook that `serve` handed over; the file's, where this process was not started by it."""
    text = taken_over(environ)
    return parse_rulebook(read_rulebook(settings.rulebook) if text is None else text, settings.rulebook)


def make_conversation(rulebook: Rulebook, settings: Settings, keys: Keys, jobs: JobQueue) -> Conversation:
    return Conversation(rulebook, Urls(settings.public_base_url, keys.url_mac_key), keys.number_hash_key, jobs)


def open_records(environ: Mapping[str, str]) -> Database:
    """The database alone, for reading; the rest of the installation may be missing. Raises NotReady."""
    problems: list[str] = []
    settings = collecting(problems, lambda: read_settings(environ, need="database"))
    database = collecting(problems, lambda: open_at_this_version(settings.database_url)) if settings else None
    if database is None:
        raise NotReady(problems)
    return database


def open_database(url: str) -> Database:
    """The database, at the schema this program needs, and with room to write."""
    require_database_file(url)
    if file := sqlite_file(url):
        require_room("DATABASE_URL", file.parent)
    database = open_at_this_version(url)
    try:
        with _remedy_named():
            DatabaseCheck(database)()
            JobQueue(database).check()
    except BaseException:
        database.close()
        raise
    return database


def open_at_this_version(url: str) -> Database:
    require_database_file(url)
    database = connect(url)
    try:
        with _remedy_named():
            check_schema(database)
    except BaseException:
        database.close()
        raise
    return database


@contextmanager
def _remedy_named() -> Iterator[None]:
    try:
        yield
    except NotMigrated as error:
        raise Refused(f"{error}; run `onrecord init`") from error


def connect(url: str) -> Database:
    """Raises SettingsRejected where nothing answers, in one line and without the secrets in the URL."""
    try:
        return Database.open(url)
    except Unavailable as error:
        reason = str(error).splitlines()[0].removeprefix("database (DATABASE_URL): ")
        remedy = "start it, or correct the URL" if sqlite_file(url) is None else "restore its copy, or name another"
        raise SettingsRejected(
            Problem("DATABASE_URL", f"names a database that cannot be used ({reason})", remedy)
        ) from None


def _require_unrestored(database: Database, anchor_file: str) -> None:
    noted = AnchorFile(anchor_file).newest()
    with database.read() as connection:
        require_unrestored(connection, noted, anchor_file)


def _require_anchors(settings: Settings) -> None:
    if settings.anchor_file != STDOUT:
        require_room("ONRECORD_ANCHOR_FILE", Path(settings.anchor_file).parent)
    if settings.time_stamp:
        from outbound.time_stamp_authority import TimeStampAuthority  # slow to import, and few have one

        TimeStampAuthority(settings.time_stamp, settings.time_stamp_ca).certificates()


def _checked(store: AudioStore) -> AudioStore:
    store.check()
    return store
