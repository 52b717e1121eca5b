"""Whose calls they are: those of a number, and of nobody else."""

import secrets

from sqlalchemy import Connection, insert

from evidence.events import Event
from storage.database.engine import Database
from storage.database.tables import call
from storage.log import consent_log
from storage.rows.callers import calls_from
from tests.conftest import NOON

NUMBER, HASHED = "+15125550111", "a" * 64


def received(connection: Connection, call_id: str, caller: str, *, hashed: str | None) -> None:
    row = {"id": call_id, "call_sid": call_id, "line": "+1", "mode": "opt_in", "silence_is_consent": 0}
    more = {"prompts_max": 1, "language": "en-US", "wording_sha256": "", "rules_sha256": "", "disclosure_length_ms": 1}
    state = {"state": "disclosing", "outcome": "open", "received_at": NOON, "caller_hash": hashed}
    connection.execute(insert(call), row | more | state)
    told = Event("call.received", {}, {"caller": caller, "callee": NUMBER})
    consent_log.append(connection, [told], call_id=call_id, first_n=0, at=NOON, random=secrets.token_bytes)


def test_a_number_is_found_by_its_hash_and_where_there_was_none_by_what_is_disclosed(database: Database) -> None:
    def receive(connection: Connection) -> None:
        received(connection, "hashed", NUMBER, hashed=HASHED)
        received(connection, "older", NUMBER, hashed=None)
        received(connection, "other", "+15125550112", hashed="b" * 64)
        received(connection, "withheld", "anonymous", hashed=None)

    database.write(receive)
    with database.read() as connection:
        assert set(calls_from(connection, NUMBER, HASHED)) == {"hashed", "older"}
        assert calls_from(connection, NUMBER, None) == ["older"]  # not every call without a hash
        assert calls_from(connection, "+15125550113", None) == []
