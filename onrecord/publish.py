"""The rules in force here, kept for as long as anybody may ask why a call was decided as it was."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from importlib.metadata import version
from typing import Self

from sqlalchemy import Connection, insert, select, update

from evidence.events import Event, Value
from onrecord.recorded_prompts import RecordedPrompt
from policies.jurisdiction.pack import Law, packaged_law
from policies.reachable import rulings_of
from policies.rules import Rulebook
from policies.wording import Wording
from policies.wording_of_call import words
from storage.database.tables import law_version, rulebook_version, wording_version
from storage.log import consent_log
from storage.moment import Moment
from storage.rows.prompts import keep_audio


@dataclass(frozen=True, slots=True)
class InForce:
    """The rows on the rules of a process: computed before the transaction, so that no writer waits for it."""

    law: Law
    rulebook: Rulebook
    text: str
    wordings: tuple[Wording, ...]
    prompts: tuple[RecordedPrompt, ...]

    @classmethod
    def of(cls, rulebook: Rulebook, text: str, prompts: Sequence[RecordedPrompt], now: datetime) -> Self:
        law = packaged_law()
        return cls(law, rulebook, text, tuple(spoken_under(law, rulebook, now)), tuple(prompts))


def publish_rules(connection: Connection, moment: Moment, rules: InForce, *, starts: bool = True) -> None:
    """Keep law, rulebook, words and sounds, and log those that are new. `starts`: a process starts with them, which is
    logged too.
    """
    named: dict[str, Value] = {"version": rules.law.version, "sha256": rules.law.sha256}
    started: dict[str, Value] = {"sw": version("onrecord"), "rules_sha256": rules.rulebook.sha256, "law": named}
    told = [Event("system.started", started)] if starts else []
    told += _law(connection, moment, rules.law)
    told += _rulebook(connection, moment, rules.rulebook, rules.text)
    told += _wordings(connection, moment, rules.wordings)
    for prompt in rules.prompts:
        keep_audio(connection, prompt.sha256, prompt.body, prompt.length_ms, moment.at)
    consent_log.append_events(connection, moment, *told)


def _law(connection: Connection, moment: Moment, law: Law) -> Iterator[Event]:
    known = select(law_version.c.sha256).where(law_version.c.sha256 == law.sha256)
    if connection.execute(known).first() is None:
        row = {"sha256": law.sha256, "version": law.version, "text": law.text, "adopted_at": moment.at}
        connection.execute(insert(law_version), row)
        yield Event("law.published", {"version": law.version, "sha256": law.sha256})


def _rulebook(connection: Connection, moment: Moment, rulebook: Rulebook, text: str) -> Iterator[Event]:
    known = select(rulebook_version.c.sha256).where(rulebook_version.c.sha256 == rulebook.sha256)
    if connection.execute(known).first() is None:
        row = {"sha256": rulebook.sha256, "text": text, "adopted_at": moment.at}
        connection.execute(insert(rulebook_version), row)
        yield Event("policy.published", {"rules_sha256": rulebook.sha256})


def _wordings(connection: Connection, moment: Moment, spoken: Sequence[Wording]) -> Iterator[Event]:
    """Each wording as it is approved now: the same words, approved later, are published again."""
    known = {
        row.sha256: row.text for row in connection.execute(select(wording_version.c.sha256, wording_version.c.text))
    }
    for wording in spoken:
        text = json.dumps(asdict(wording), ensure_ascii=False, sort_keys=True)
        if known.get(wording.sha256) == text:
            continue
        if wording.sha256 in known:
            kept = wording_version.c.sha256 == wording.sha256
            connection.execute(update(wording_version).where(kept).values(text=text))
        else:
            row = {"sha256": wording.sha256, "text": text, "adopted_at": moment.at}
            connection.execute(insert(wording_version), row)
        known[wording.sha256] = text
        yield _published(wording)


def _published(wording: Wording) -> Event:
    """The texts are kept under their hash, and not in the event: they may hold a number or an address."""
    public = {
        "prompt": f"{wording.id}@{wording.version}",
        "prompt_sha256": wording.sha256,
        "language": wording.language,
        "voice": wording.voice,
        "disclosure_audio_sha256": wording.disclosure_audio,
        "question_audio_sha256": wording.question_audio,
        "approved_on": wording.approved_on,
    }
    return Event("prompt.published", public, {"approved_by": wording.approved_by} if wording.approved_by else {})


def spoken_under(law: Law, rulebook: Rulebook, now: datetime, *, only: str | None = None) -> Iterator[Wording]:
    """All wordings for callers of any line (or of line `only`), from any place."""
    seen: set[str] = set()
    for line in rulebook.lines:
        if only not in (None, line.number):
            continue
        asked = {(ruling.standard, ruling.purposes) for ruling, _ in rulings_of(law, rulebook, line, now)}
        remembering = ((standard.after_a_decline(), purposes) for standard, purposes in asked)
        spoken = asked | {(standard, purposes) for standard, purposes in remembering if standard}
        for language in line.languages:
            for standard, purposes in sorted(spoken, key=str):
                wording = words(
                    rulebook,
                    line,
                    standard.mode,
                    language,
                    purposes,
                    silence_is_consent=standard.silence_is_consent,
                    remembered=standard.remembers_decline,
                )
                if wording.sha256 not in seen:
                    seen.add(wording.sha256)
                    yield wording
