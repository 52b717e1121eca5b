"""Telling the log and Twilio about this installation: what is in force here, and where calls are to come."""

import json
import secrets
from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import version

from sqlalchemy import Connection, insert, select

from callflow.house import House
from callflow.urls import FALLBACK_PATH, Urls
from evidence.events import Event
from policies.consent import Mode
from policies.rules import Rulebook
from policies.wording import Wording, wording_for
from storage import consent_log
from storage.calls import Moment
from storage.database import Database
from storage.incidents import close_incident
from storage.tables import rulebook_version, wording_version


def publish(database: Database, rulebook: Rulebook, text: str) -> None:
    """Keep the rulebook and every wording that can be spoken under it, word for word, and say so in the log."""
    moment = Moment(datetime.now(UTC), secrets.token_bytes)
    database.write(lambda connection: _publish(connection, moment, rulebook, text))


def close(database: Database, incident_id: int) -> bool:
    """False where there is no such open incident."""
    moment = Moment(datetime.now(UTC), secrets.token_bytes)
    return database.write(lambda connection: close_incident(connection, moment, incident_id))


def sync_lines(house: House, *, fallback: str | None = None) -> Iterator[str]:
    """Set the URLs of every line at Twilio. `fallback` is a document elsewhere, with {number} for the line's."""
    from callflow.working import make_provider

    provider, urls = make_provider(house.settings), Urls(house.settings.public_base_url, house.keys.url_mac_key)
    known = {number.e164: number.fallback_url for number in provider.numbers()}
    for line in house.rulebook.lines:
        elsewhere = _elsewhere(fallback, line.number, known.get(line.number, ""))
        provider.configure_number(
            line.number,
            voice_url=urls.answer(),
            fallback_url=elsewhere or urls.fallback(),
            fallback_method="GET" if elsewhere else "POST",  # hosts of static files take no POST
            status_callback=urls.call_progress(),
        )
        worst_day = elsewhere or "here too: see `onrecord lines fallback`"
        yield f"{line.number}: its calls come to {house.settings.public_base_url}; on the worst day, {worst_day}"


def _elsewhere(fallback: str | None, number: str, present: str) -> str:
    """The document to fall back to: the one that is asked for, or one elsewhere that Twilio has been told of before."""
    if fallback is not None:
        return fallback.replace("{number}", number.removeprefix("+"))
    return "" if present.partition("#")[0].endswith(FALLBACK_PATH) else present


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
