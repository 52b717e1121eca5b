"""Making an installation, and telling Twilio and the log about it."""

import json
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path

from sqlalchemy import Connection, insert, make_url, select

from callflow.house import House, NotReady
from callflow.keys import create_key_file
from callflow.settings import Settings, SettingsRejected, read_settings
from callflow.urls import Urls
from evidence.events import Event
from policies.consent import Mode
from policies.rules import Rulebook
from policies.wording import Wording, wording_for
from storage import consent_log
from storage.audio_store import open_store
from storage.calls import Moment
from storage.database import Database
from storage.errors import Refused, Unavailable
from storage.job_queue import create_job_tables
from storage.schema import migrate
from storage.tables import rulebook_version, wording_version


def initialise(environ: Mapping[str, str]) -> Iterator[str]:
    """Make what is missing and say so, a line each; what is there stays as it is."""
    try:
        settings = read_settings(environ, need="database")
    except SettingsRejected as error:
        raise NotReady([str(problem) for problem in error.problems]) from None
    try:
        if not settings.rulebook.exists():
            settings.rulebook.write_text(files("callflow").joinpath("example.toml").read_text("utf-8"), "utf-8")
            yield f"{settings.rulebook}: a rulebook to start from; edit it before the first call"
        if not settings.key_file.exists():
            create_key_file(settings.key_file)
            yield f"{settings.key_file}: new keys; keep a copy where the database is not"
        _make_places(settings)
        database = Database.open(settings.database_url)
        try:
            migrate(database)
            create_job_tables(database)
        finally:
            database.close()
        yield "database: its tables are at the version this program needs"
        open_store(settings.audio_store).check()
        yield f"{settings.audio_store}: usable"
    except (Refused, Unavailable, SettingsRejected, OSError) as error:
        raise NotReady(str(error).splitlines()) from None


def publish(database: Database, rulebook: Rulebook, text: str) -> None:
    """Keep the rulebook and every wording that can be spoken under it, word for word, and say so in the log."""
    moment = Moment(datetime.now(UTC), secrets.token_bytes)
    database.write(lambda connection: _publish(connection, moment, rulebook, text))


def sync_lines(house: House, *, fallback: str | None = None) -> Iterator[str]:
    """Set the URLs of every line at Twilio. `fallback` is a document elsewhere, with {number} for the line's."""
    from callflow.working import make_provider

    provider, urls = make_provider(house.settings), Urls(house.settings.public_base_url, house.keys.url_mac_key)
    for line in house.rulebook.lines:
        provider.configure_number(
            line.number,
            voice_url=urls.answer(),
            fallback_url=fallback.replace("{number}", line.number.removeprefix("+")) if fallback else urls.fallback(),
            fallback_method="GET" if fallback else "POST",  # hosts of static files take no POST
            status_callback=urls.call_progress(),
        )
        yield f"{line.number}: its calls come to {house.settings.public_base_url}"


def _make_places(settings: Settings) -> None:
    url = make_url(settings.database_url)
    if url.get_backend_name() == "sqlite" and url.database:
        Path(url.database).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if settings.audio_store.startswith("dir:"):
        Path(settings.audio_store.removeprefix("dir:")).mkdir(mode=0o700, parents=True, exist_ok=True)
    settings.spool.mkdir(mode=0o700, parents=True, exist_ok=True)


def _publish(connection: Connection, moment: Moment, rulebook: Rulebook, text: str) -> None:
    told = [Event("system.started", {"sw": version("onrecord"), "rules_sha256": rulebook.sha256})]
    known_rulebook = select(rulebook_version.c.sha256).where(rulebook_version.c.sha256 == rulebook.sha256)
    if connection.execute(known_rulebook).first() is None:
        row = {"sha256": rulebook.sha256, "text": text, "adopted_at": moment.at}
        connection.execute(insert(rulebook_version), row)
        told.append(Event("policy.published", {"rules_sha256": rulebook.sha256}))
    known = set(connection.scalars(select(wording_version.c.sha256)))
    for wording in _wordings(rulebook):
        if wording.sha256 not in known:
            known.add(wording.sha256)
            told.append(_publish_wording(connection, moment, wording))
    consent_log.append(connection, told, call_id=None, first_n=None, at=moment.at, random=moment.random)


def _publish_wording(connection: Connection, moment: Moment, wording: Wording) -> Event:
    text = json.dumps(asdict(wording), ensure_ascii=False, sort_keys=True)
    connection.execute(insert(wording_version), {"sha256": wording.sha256, "text": text, "adopted_at": moment.at})
    public = {
        "prompt": f"{wording.id}@{wording.version}",
        "prompt_sha256": wording.sha256,
        "language": wording.language,
        "voice": wording.voice,
        "disclosure": wording.disclosure,
        "question": wording.question,
    }
    return Event("prompt.published", public)


def _wordings(rulebook: Rulebook) -> Iterator[Wording]:
    """All that can be said to a caller of any line, whatever the law of the place they call from."""
    for line in rulebook.lines:
        for language in line.languages:
            for mode in Mode:
                for silence in {False, line.silence_is_consent}:
                    yield wording_for(mode, language, rulebook.business.name, line.purposes, silence_is_consent=silence)
