"""The texts that events name by SHA-256, as files of a bundle: words and recordings as played, rules, and the law."""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from sqlalchemy import Connection, select

from compliance.bundle.selection import hashes_in
from policies.wording import hashed_texts
from storage.database.tables import law_version, prompt_audio, rulebook_version, wording_version
from storage.log.text_verification import check_wording


def texts_of(connection: Connection, events: Iterable[Mapping[str, Any]]) -> dict[str, bytes]:
    """By file name. A text that is no longer kept is left out, and the verifier says so."""
    named = {sha256 for event in events for sha256 in hashes_in(event)}
    wordings = wordings_of(connection, named)
    found = {f"prompts/{sha256}.json": hashed_texts(wording) for sha256, wording in wordings.items()}
    sounds = {wording[name] for wording in wordings.values() for name in ("disclosure_audio", "question_audio")}
    for row in connection.execute(select(prompt_audio).where(prompt_audio.c.sha256.in_(sounds))):
        found[f"prompts/{row.sha256}.wav"] = bytes(row.body)
    found |= dict(_kept(connection, rulebook_version, named, "rules/{}.toml"))
    return found | dict(_kept(connection, law_version, named, "law/{}.json"))


def wordings_of(connection: Connection, named: Iterable[str]) -> dict[str, dict[str, Any]]:
    """By their hash. Raises Broken for a wording whose text has another hash."""
    query = select(wording_version.c.sha256, wording_version.c.text).where(wording_version.c.sha256.in_([*named]))
    rows = connection.execute(query).all()
    for row in rows:
        check_wording(row.sha256, row.text)
    return {row.sha256: json.loads(row.text) for row in rows}


def _kept(connection: Connection, table: Any, named: Iterable[str], name: str) -> Iterator[tuple[str, bytes]]:
    query = select(table.c.sha256, table.c.text).where(table.c.sha256.in_([*named]))
    for row in connection.execute(query):
        yield name.format(row.sha256), row.text.encode()
