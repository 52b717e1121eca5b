"""Our log's account of a call, in the form in which it can be compared with the provider's."""

import json
from collections import defaultdict
from typing import Any

from sqlalchemy import Connection, select

from compliance.call_life import CallLife
from compliance.provider.provider_account import addresses_in, document_of
from compliance.twiml_reading import plain
from policies.corroboration import Key, Logged
from storage.database.tables import reply, wording_version
from storage.rows.replies import UNREAD

# No words are known for a hash under which nothing is kept, so whatever was said differs from these.
_LOST_WORDS = {"disclosure": "words that are not kept", "question": "words that are not kept"}


def logged_of(connection: Connection, life: CallLife) -> Logged:
    served = next((event for event in life.events if event["type"] == "disclosure.served"), None)
    prompt_sha256 = str(served["prompt_sha256"]) if served else None
    words = _words(connection, prompt_sha256) if prompt_sha256 else {}
    choices = frozenset(
        (int(event["attempt"]), _key(event)) for event in life.events if event["type"] == "consent.choice"
    )
    return Logged(
        prompt_sha256=prompt_sha256,
        disclosure=_spoken(words, "disclosure") if words else None,
        question=_spoken(words, "question") if words else None,
        choices=choices,
        permits=any(event["type"] == "recording.permitted" for event in life.events),
        replies=_replies(connection, life.call.id),
        outcome=life.call.outcome,
    )


def addresses_of(connection: Connection, call_id: str) -> set[str]:
    """Our public addresses to which the call was led on."""
    bodies = connection.scalars(select(reply.c.body).where(reply.c.call_id == call_id))
    return {address for body in bodies for address in addresses_in(bytes(body).decode("utf-8", "replace"), call_id)}


def ordering_steps(connection: Connection, call_id: str) -> set[str]:
    """The steps that were answered with an order to record."""
    rows = connection.execute(select(reply.c.step, reply.c.body).where(reply.c.call_id == call_id))
    documents = [(row.step, document_of(bytes(row.body).decode("utf-8", "replace"))) for row in rows]
    return {step for step, document in documents if document and document.starts_recording}


def _key(event: dict[str, Any]) -> Key:
    return Key(is_silent=event["input"] == "none", digit=str(event["digit"]))


def _words(connection: Connection, sha256: str) -> dict[str, str]:
    text = connection.scalar(select(wording_version.c.text).where(wording_version.c.sha256 == sha256))
    return _LOST_WORDS if text is None else dict(json.loads(text))


def _spoken(words: dict[str, str], part: str) -> str:
    """The hash of the recording that is played, or the text."""
    return words.get(f"{part}_audio") or plain(words[part])


def _replies(connection: Connection, call_id: str) -> dict[str, frozenset[str]]:
    """By step, the answers to unreadable requests included, but not those to another call's step. The fallback may have
    been asked several times, each time for another reason.
    """
    kept: defaultdict[str, set[str]] = defaultdict(set)
    for row in connection.execute(select(reply.c.step, reply.c.body).where(reply.c.call_id == call_id)):
        document = document_of(bytes(row.body).decode("utf-8", "replace"))
        step = "fallback" if row.step.startswith("fallback:") else row.step.removeprefix(UNREAD)
        if step:
            kept[step].add(document.body if document else "")
    return {step: frozenset(bodies) for step, bodies in kept.items()}
