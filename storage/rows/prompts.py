"""Prompts that are played as audio, each kept under its hash, byte for byte as callers heard it."""

import hashlib
from datetime import datetime

from sqlalchemy import Connection, insert, select

from storage.database.tables import prompt_audio
from storage.errors import Refused


def keep_audio(connection: Connection, sha256: str, body: bytes, length_ms: int, at: datetime) -> None:
    """Keep a prompt's audio, unless it is kept already. Raises Refused for a body of another hash."""
    if hashlib.sha256(body).hexdigest() != sha256:
        raise Refused(f"prompt {sha256}: the audio has another hash")
    if connection.execute(select(prompt_audio.c.sha256).where(prompt_audio.c.sha256 == sha256)).first() is None:
        row = {"sha256": sha256, "body": body, "length_ms": length_ms, "adopted_at": at}
        connection.execute(insert(prompt_audio), row)


def audio_of(connection: Connection, sha256: str) -> bytes | None:
    """None for a prompt that is not kept."""
    body = connection.scalar(select(prompt_audio.c.body).where(prompt_audio.c.sha256 == sha256))
    return None if body is None else bytes(body)
