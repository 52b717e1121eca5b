"""Checks the texts that are kept beside the log and named in it by their hash: wordings, rules, laws, recorded prompts,
the provider's accounts, and the hash of each recording's audio. Each is hashed again and compared with the log.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from sqlalchemy import Connection, Table, select

from evidence.disclosures import read_disclosure
from policies.wording import hashed_texts
from storage.database.engine import Views
from storage.database.pages import Paged
from storage.database.tables import (
    audio_object,
    law_version,
    prompt_audio,
    provider_account,
    rulebook_version,
    wording_version,
)
from storage.errors import Broken

_PROMPTS = Paged(select(prompt_audio.c.sha256, prompt_audio.c.body), prompt_audio.c.sha256, at_once=10)
_ACCOUNTS = select(provider_account.c.call_id, provider_account.c.body)
_MASTERS = select(audio_object.c.recording_id, audio_object.c.plain_sha256).where(audio_object.c.name == "master")
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


def check_texts(connection: Connection, named: Named) -> None:
    """Raises Broken for the first text that is not the text that the log names: `named` in the events of this view,
    since a wording that is approved again is changed together with the event that says so.
    """
    for kind, about, table in (
        ("policy.published", "rulebook", rulebook_version),
        ("law.published", "law pack", law_version),
    ):
        kept = _texts(connection, table)
        for name, text in kept.items():
            check_text(about, name, text)
        _require_kept(about, named.published[kind], kept)
    kept = _texts(connection, wording_version)
    for digest, text in kept.items():
        check_wording(digest, text, named.published["prompt.published"].get(digest))
    _require_kept("wording", named.published["prompt.published"], kept)


def _texts(connection: Connection, table: Table) -> dict[str, str]:
    return {row.sha256: row.text for row in connection.execute(select(table.c.sha256, table.c.text))}


def check_prompts(views: Views) -> None:
    """Raises Broken for the first sound of a recorded prompt that has another hash than its name."""
    for page in _PROMPTS.pages(views):
        for name, body in page:
            if sha256(bytes(body)).hexdigest() != name:
                raise Broken(_altered("recorded prompt", name))


def check_hashes(connection: Connection, named: Named, disclosures: Sequence[tuple[str, str]]) -> None:
    """Raises Broken where what is kept of the provider's account, or of the audio, is not what its hash says among
    these disclosures.
    """
    if answers := _opened(named.answers, disclosures):
        for call_id, body in connection.execute(_ACCOUNTS.where(provider_account.c.call_id.in_(answers))):
            if sha256(bytes(body)).hexdigest() != answers[call_id]:
                raise Broken(_other_account(call_id))
    if audio := _opened(named.audio, disclosures):
        for recording_id, kept in connection.execute(_MASTERS.where(audio_object.c.recording_id.in_(audio))):
            if kept != audio[recording_id]:
                raise Broken(_other_audio(recording_id))


def _opened(named: Mapping[str, str], disclosures: Sequence[tuple[str, str]]) -> dict[str, str]:
    """The hashes among the disclosures, by what they are of."""
    return {named[digest]: str(read_disclosure(body)[1]) for digest, body in disclosures if digest in named}


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
        raise Broken(_altered("wording", name))


def check_text(about: str, name: str, text: str) -> None:
    """Raises Broken for a text of another hash."""
    if sha256(text.encode()).hexdigest() != name:
        raise Broken(_altered(about, name))


def _name(wording: Mapping[str, Any]) -> str:
    return f"{wording.get('id')}@{wording.get('version')}"


def _require_kept(about: str, published: Mapping[str, object], kept: Mapping[str, object]) -> None:
    if missing := sorted(published.keys() - kept.keys()):
        raise Broken(f"{about} {missing[0]}: the log says that it was published, and it is not kept: it was deleted")


def _altered(about: str, name: str) -> str:
    return f"{about} {name}: its text is not the one that the log names: it was altered since it was published"


def _other_account(call_id: str) -> str:
    return f"call {call_id}: what is kept of the provider's account is not what the log commits to: it was altered"


def _other_audio(recording_id: str) -> str:
    return (
        f"recording {recording_id}: the hash that is kept of its audio is not the one that the log commits to: "
        f"it was altered"
    )
