"""Prompts as audio: kept once under their hash, byte for byte."""

import hashlib
from datetime import timedelta

import pytest
from sqlalchemy import select

from storage.database.engine import Database
from storage.database.tables import prompt_audio
from storage.errors import Refused
from storage.rows import prompts
from tests.conftest import NOON

BODY = bytes(range(256)) * 50
SHA256 = hashlib.sha256(BODY).hexdigest()


def test_a_prompt_is_heard_as_it_was_kept(database: Database) -> None:
    database.write(lambda connection: prompts.keep_audio(connection, SHA256, BODY, 9000, NOON))
    with database.read() as connection:
        assert prompts.audio_of(connection, SHA256) == BODY
        assert prompts.audio_of(connection, "0" * 64) is None


def test_a_prompt_that_is_kept_again_is_the_first_one_still(database: Database) -> None:
    for days in (0, 1):
        at = NOON + timedelta(days=days)
        database.write(lambda connection, at=at: prompts.keep_audio(connection, SHA256, BODY, 9000, at))  # type: ignore[misc]  # mypy and defaults
    with database.read() as connection:
        assert connection.execute(select(prompt_audio)).all() == [(SHA256, BODY, 9000, NOON)]


def test_audio_under_another_hash_is_refused(database: Database) -> None:
    with pytest.raises(Refused, match="another hash"):
        database.write(lambda connection: prompts.keep_audio(connection, SHA256, BODY[1:], 9000, NOON))
    with database.read() as connection:
        assert prompts.audio_of(connection, SHA256) is None
