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
from onrecord.senders import require_means
from onrecord.settings.environment import Problem, Settings, SettingsRejected, read_settings
from onrecord.settings.key_file import Keys, read_keys
from policies.rulebook.read import RulebookRejected, parse
from policies.rules import Rulebook
from storage.audio.contract import AudioStore
from storage.audio.opening import open_store
from storage.database.engine import Database
from storage.database.readiness import DatabaseCheck
from storage.database.schema import check_schema
from storage.errors import NotMigrated, Refused, Unavailable
from storage.jobs.queue import JobQueue
from storage.journal.request_journal import RequestJournal
from storage.rows.rules_in_force import RulesInForce, adopted_text


@dataclass(frozen=True)
class CheckedRules:
    """A rulebook with its text; and, where it was read from the operator's file, the sounds beside it that it names."""

    rulebook: Rulebook
    text: str
    prompts: tuple[RecordedPrompt, ...] = ()


@dataclass(frozen=True)
class Installation:
    """Everything a process of this installation needs. Close it in the end.

    `checked` are the rules that it was opened with; `rules` follow whichever rulebook is in force.
    """

    settings: Settings
    keys: Keys
    checked: CheckedRules
    rules: RulesInForce
    database: Database
    store: AudioStore
    jobs: JobQueue

    @property
    def rulebook(self) -> Rulebook:
        return self.rules.seen

    def conversation(self) -> Conversation:
        return make_conversation(self.rules, self.settings, self.keys, self.jobs)

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


def open_installation(
    environ: Mapping[str, str], *, restored: bool = False, edited: bool = False, store_is_asked: bool = True
) -> Installation:
    """Raises NotReady with every problem there is. `restored`: an older copy of the database is no problem; without
    `store_is_asked` an audio store that is away is none either.

    Under the rulebook in force, whatever the operator's file says by now. With `edited`, and where no rulebook was ever
    in force, under that of the file.
    """
    problems: list[str] = []
    settings = collecting(problems, lambda: read_settings(environ))
    # Where the telephone's settings are wrong, what else is wrong is said all the same.
    known = settings or collecting([], lambda: read_settings(environ, need="places"))
    if known is None:
        raise NotReady(problems)
    keys = collecting(problems, lambda: read_keys(known.key_file))
    database_problems: list[str] = []
    database = collecting(database_problems, lambda: open_database(known.database_url))
    adopted = None if edited or database is None else collecting(problems, lambda: _adopted(database))
    checked = adopted or collecting(problems, lambda: _checked_rules(known.rulebook))
    problems += database_problems
    store = collecting(problems, lambda: open_store(known.audio_store))
    if store and store_is_asked:
        collecting(problems, store.check)
    collecting(problems, lambda: require_folder("ONRECORD_SPOOL", known.spool))
    collecting(problems, lambda: require_private_folder("ONRECORD_JOURNAL", known.journal))
    collecting(problems, lambda: _require_anchors(known))
    if settings and checked:
        collecting(problems, lambda: require_means(settings, checked.rulebook))
    collecting(problems, lambda: require_room("ONRECORD_ERASURES", known.erasures.parent))
    if database and not restored:
        collecting(problems, lambda: _require_unrestored(database, known.anchor_file))
    if problems or not (settings and keys and checked and database and store):
        if database:
            database.close()
        raise NotReady(problems)
    rules = RulesInForce(checked.rulebook)
    return Installation(settings, keys, checked, rules, database, store, JobQueue(database))


@dataclass(frozen=True)
class WebInstallation:
    """The parts that a web server needs: the database may be away for now, and the audio store plays no part."""

    settings: Settings
    rules: RulesInForce
    conversation: Conversation
    database: Database
    jobs: JobQueue
    journal: RequestJournal
    keys: Keys

    @property
    def rulebook(self) -> Rulebook:
        return self.rules.seen


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
    rules = RulesInForce(rulebook)
    conversation = make_conversation(rules, settings, keys, jobs)
    journal = RequestJournal(settings.journal, keys.journal_key)
    return WebInstallation(settings, rules, conversation, database, jobs, journal, keys)


def _rules_in_force(settings: Settings, environ: Mapping[str, str]) -> Rulebook:
    """The rulebook that `serve` handed over, as it was accepted; the file's, in a process not started by it."""
    text = taken_over(environ)
    return parse_rulebook(read_rulebook(settings.rulebook), settings.rulebook) if text is None else parse(text)


def _checked_rules(path: Path) -> CheckedRules:
    """The rules of the operator's file, about to come in force."""
    text = read_rulebook(path)
    rulebook = parse_rulebook(text, path)
    return CheckedRules(rulebook, text, read_prompts(rulebook, path.parent))


def _adopted(database: Database) -> CheckedRules | None:
    """The rules in force; None where none were adopted yet, or this program cannot read them."""
    with database.read() as connection:
        text = adopted_text(connection)
    try:
        return None if text is None else CheckedRules(parse(text), text)
    except RulebookRejected:
        return None


def make_conversation(rules: RulesInForce, settings: Settings, keys: Keys, jobs: JobQueue) -> Conversation:
    return Conversation(rules, Urls(settings.public_base_url, keys.url_mac_key), keys.number_hash_key, jobs)


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
