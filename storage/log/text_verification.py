"""Checks the texts that are kept beside the log and named in it by their hash: wordings, rules, laws, recorded prompts,
the provider's accounts, and the hash of each recording's audio. Each is hashed again and compared with the log.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from sqlalchemy import Connection, Table, select

from evidence.disclosures import read_disclosure
from policies.wording import hashed_texts
from storage.database.tables import (
    audio_object,
    law_version,
    prompt_audio,
    provider_account,
    rulebook_version,
    wording_version,
)
from storage.errors import Broken

_ALTERED = "it was altered since it was published"
_PUBLISHING = {"policy.published": "rules_sha256", "law.published": "sha256", "prompt.published": "prompt_sha256"}
NAMING = frozenset({*_PUBLISHING, "provider.corroborated", "recording.stored"})
"""The types of the events that name a text kept beside the log."""


@dataclass(slots=True)
class Named:
    """The texts that the log names. `answers` maps the digest of a field with a hash to its call, `audio` to its
    recording.
    """

    published: dict[str, dict[str, Mapping[str, Any]]] = field(
        default_factory=lambda: {kind: {} for kind in _PUBLISHING}
    )
    answers: dict[str, str] = field(default_factory=dict)
    audio: dict[str, str] = field(default_factory=dict)

    def add(self, event: Mapping[str, Any]) -> None:
        """Events of the types `NAMING`, in the log's order: the last publishing of a text counts."""
        kind, committed = event["type"], event.get("sd", {})
        if kind in _PUBLISHING:
            self.published[kind][event[_PUBLISHING[kind]]] = event
        elif kind == "provider.corroborated" and "response_sha256" in committed:
            self.answers[committed["response_sha256"]] = event["call"]
        elif kind == "recording.stored" and "audio_sha256" in committed:
            self.audio[committed["audio_sha256"]] = event["recording"]


@dataclass(slots=True)
class Opened:
    """The hashes that are not erased: of the provider's account, by call, and of the audio, by recording."""

    answers: dict[str, str] = field(default_factory=dict)
    audio: dict[str, str] = field(default_factory=dict)

    def add(self, named: Named, digest: str, body: str) -> None:
        for about, found in ((named.answers, self.answers), (named.audio, self.audio)):
            if digest in about:
                found[about[digest]] = str(read_disclosure(body)[1])


def check_texts(connection: Connection, named: Named, opened: Opened) -> None:
    """Raises Broken for the first text that is not the text that the log names."""
    for kind, about, table in (
        ("policy.published", "rulebook", rulebook_version),
        ("law.published", "law pack", law_version),
    ):
        kept = dict(_hashes(connection, table, table.c.text))
        _require_same(about, kept)
        _require_kept(about, named.published[kind], kept)
    kept = {
        row.sha256: row.text for row in connection.execute(select(wording_version.c.sha256, wording_version.c.text))
    }
    for digest, text in kept.items():
        check_wording(digest, text, named.published["prompt.published"].get(digest))
    _require_kept("wording", named.published["prompt.published"], kept)
    _require_same("recorded prompt", dict(_hashes(connection, prompt_audio, prompt_audio.c.body)))
    _check_answers(connection, named, opened)
    _check_audio(connection, opened)


def check_wording(name: str, text: str, published: Mapping[str, Any] | None = None) -> None:
    """`published` is the last event that published it. Raises Broken where the text has another hash, or claims another
    name or approval than was published.
    """
    try:
        wording = json.loads(text)
        is_same = sha256(hashed_texts(wording)).hexdigest() == wording["sha256"] == name
    except (ValueError, TypeError, KeyError, AttributeError):
        is_same = False
    if is_same and published:
        claimed = (published["prompt"], published.get("approved_on", ""), "approved_by" in published.get("sd", {}))
        is_same = claimed == (_name(wording), wording.get("approved_on", ""), bool(wording.get("approved_by")))
    if not is_same:
        raise Broken(f"wording {name}: its text is not the one that the log names: {_ALTERED}")


def check_text(about: str, name: str, text: str) -> None:
    """Raises Broken for a text of another hash."""
    if sha256(text.encode()).hexdigest() != name:
        raise Broken(f"{about} {name}: its text is not the one that the log names: {_ALTERED}")


def _name(wording: Mapping[str, Any]) -> str:
    return f"{wording.get('id')}@{wording.get('version')}"


def _hashes(connection: Connection, table: Table, content: Any) -> Iterator[tuple[str, str]]:
    """Each row's name, which must be its hash, with the hash of its content."""
    for name, kept in connection.execute(select(table.c.sha256, content)):
        yield name, sha256(kept.encode() if isinstance(kept, str) else bytes(kept)).hexdigest()


def _require_same(about: str, kept: Mapping[str, str]) -> None:
    for name, has in kept.items():
        if name != has:
            raise Broken(f"{about} {name}: its text is not the one that the log names: {_ALTERED}")


def _require_kept(about: str, published: Mapping[str, object], kept: Mapping[str, object]) -> None:
    if missing := sorted(published.keys() - kept.keys()):
        raise Broken(f"{about} {missing[0]}: the log says that it was published, and it is not kept: it was deleted")


def _check_answers(connection: Connection, named: Named, opened: Opened) -> None:
    for call_id, body in connection.execute(select(provider_account.c.call_id, provider_account.c.body)):
        if call_id in opened.answers and sha256(bytes(body)).hexdigest() != opened.answers[call_id]:
            raise Broken(
                f"call {call_id}: what is kept of the provider's account is not what the log commits to: it was altered"
            )


def _check_audio(connection: Connection, opened: Opened) -> None:
    query = select(audio_object.c.recording_id, audio_object.c.plain_sha256).where(audio_object.c.name == "master")
    for recording_id, kept in connection.execute(query):
        if opened.audio.get(recording_id, kept) != kept:
            raise Broken(
                f"recording {recording_id}: the hash that is kept of its audio is not the one that the log commits to: "
                f"it was altered"
            )
