"""The versions of the schema, on both databases, with rows in every table."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import Connection, insert, inspect, select, text

from storage.database.column_types import Instant
from storage.database.engine import Database
from storage.database.schema import SCHEMA_VERSION, check_schema, migrate
from storage.database.tables import log_node, metadata
from storage.errors import NotMigrated, Refused
from storage.migrations.draft import draft
from tests.conftest import NOON
from tests.storage.versions import downgrade

Shape = dict[str, dict[str, Any]]


def shape(connection: Connection) -> Shape:
    """Everything the database says about its tables: columns, keys, references, indexes and checks."""
    looked = inspect(connection)
    return {
        table: {
            "columns": {
                column["name"]: (str(column["type"]), column["nullable"], column["default"])
                for column in looked.get_columns(table)
            },
            "key": looked.get_pk_constraint(table),
            "references": sorted(map(str, looked.get_foreign_keys(table))),
            "unique": sorted(map(str, looked.get_unique_constraints(table))),
            "indexes": sorted(map(_in_full, looked.get_indexes(table))),
            "checks": {
                check["name"]: " ".join(check["sqltext"].split()) for check in looked.get_check_constraints(table)
            },
        }
        for table in looked.get_table_names()
        if table != "alembic_version"
    }


def _in_full(index: Any) -> str:
    """With the condition of an index on some rows as its text: the object that holds it is another each time."""
    options = {name: str(value) for name, value in index.get("dialect_options", {}).items()}
    return str({**index, "dialect_options": options})


def triggers(connection: Connection) -> set[str]:
    asked = {
        "sqlite": "SELECT name FROM sqlite_master WHERE type = 'trigger'",
        "postgresql": "SELECT tgname FROM pg_trigger WHERE NOT tgisinternal",
    }
    return set(connection.scalars(text(asked[connection.dialect.name])))


def functions(connection: Connection) -> list[str]:
    if connection.dialect.name == "sqlite":
        return []
    return list(connection.scalars(text("SELECT proname FROM pg_proc WHERE proname = 'refuse_change'")))


# One row of every table that nothing but its own constraints has to agree with, in an order that references allow.
ROWS: dict[str, dict[str, object]] = {
    "staff": {"role": "agent"},
    "staff_scope": {"kind": "line"},
    "staff_session": {"signed_in_by": "passkey", "ended_because": ""},
    "call": {"id": "c", "call_sid": "CA", "state": "recording", "outcome": "consented", "decided_at": NOON},
    "permit": {"call_id": "c", "outcome": "consented", "purposes": "{}"},
    "recording": {"id": "r", "call_id": "c", "permit": "c", "state": "kept", "object_key": "k", "retain_until": NOON},
    "recording_key": {"recording_id": "r"},
    "lease": {"recording_id": "r", "ended_by": ""},
    "comment": {"call_id": "c"},
    "audio_object": {"recording_id": "r"},
    "delay": {"recording_id": "r"},
    "notice": {"turn": "opened"},
    "reply": {"call_id": "c"},
    "incident": {"call_id": "c", "kind": "job_failed"},
    "remembered_decline": {"call_id": "c"},
    "legal_hold": {"call_id": "c"},
    "provider_account": {"call_id": "c"},
    "log_leaf": {"hash": b"h" * 32, "call_id": "c", "n": 0},
    "log_anchor": {"kind": "file"},
    "handoff": {"call_id": "c"},
    "leg": {"call_id": "c", "kind": "dialled"},
    "pause": {"call_id": "c", "at_limit": "stop", "how": ""},
    "provider_copy": {"call_id": "c", "kind": "transcript", "state": "found"},
    "withdrawal": {"call_id": "c", "withdrawn_by": "caller"},
    "taken_by": {"call_id": "c"},
    "review": {"call_id": "c"},
    "call_listing": {"call_id": "c", "audio": "none", "caller_masked": "", "erased": 0},
}


GUARDED = ("log_leaf", "log_node", "log_origin", "log_key", "log_checkpoint", "log_anchor")


def fill(connection: Connection) -> None:
    for table in metadata.sorted_tables:
        if table.name != "log_head":
            row = {column.name: _some(column.type) for column in table.columns if not column.nullable}
            connection.execute(insert(table).values(row | ROWS.get(table.name, {})))


def _some(kind: object) -> object:
    if isinstance(kind, Instant):
        return NOON
    return {"str": "x", "int": 1, "bytes": b"x"}[kind.python_type.__name__]  # type: ignore[attr-defined]  # a column's


def counts(connection: Connection) -> dict[str, int | None]:
    tables = metadata.sorted_tables
    return {table.name: connection.scalar(text(f"SELECT count(*) FROM {table.name}")) for table in tables}


def test_the_versions_make_exactly_the_tables_that_the_code_uses(database: Database) -> None:
    """Where this fails, `python -m storage.migrations.draft` prints what the next version must say."""
    with database.read() as connection:
        assert draft(connection).strip() == "pass"
        made = shape(connection)
    downgrade(database)
    database.write(metadata.create_all)
    with database.read() as connection:
        assert made == shape(connection)


def test_a_table_that_no_version_makes_is_seen(database: Database) -> None:
    database.write(lambda connection: connection.execute(text("DROP TABLE worker")))
    with database.read() as connection:
        assert "op.create_table('worker'" in draft(connection)


def test_the_comparison_sees_every_part_of_a_table(database: Database) -> None:
    """Where it saw nothing on both sides it would always agree."""
    with database.read() as connection:
        found = shape(connection)
    assert all(found["recording"].values())
    assert "retain_until IS NOT NULL" in str(found["call_listing"]["indexes"])
    assert {check for table in found.values() for check in table["checks"]} >= {
        "ck_call_state_known",
        "ck_incident_kind_known",
        "ck_permit_outcome_known",
        "ck_recording_permitted",
        "ck_log_head_only_one",
    }


def test_up_and_down_and_up_again_with_rows_in_every_table(database: Database) -> None:
    with database.read() as connection:
        fresh, guards = shape(connection), triggers(connection)
    database.write(fill)
    with database.read() as connection:
        assert set(counts(connection).values()) == {1}
    migrate(database)  # nothing is missing, so nothing happens
    with database.read() as connection:
        assert set(counts(connection).values()) == {1}
    downgrade(database)
    with database.read() as connection:
        assert (shape(connection), triggers(connection), functions(connection)) == ({}, set(), [])
    migrate(database)
    with database.read() as connection:
        assert (shape(connection), triggers(connection)) == (fresh, guards)
        assert counts(connection) == dict.fromkeys(fresh, 0) | {"log_head": 1}


def test_the_kept_hashes_of_the_log_stay_where_there_is_one_for_every_16_children(database: Database) -> None:
    nodes = select(log_node.c.lvl, log_node.c.n, log_node.c.hash).order_by(log_node.c.lvl, log_node.c.n)
    before = [(1, 0, b"\x01" * 32), (1, 1, b"\x02" * 32), (2, 0, b"\x03" * 32)]
    downgrade(database, "0014")
    rows = [{"lvl": level, "n": n, "hash": digest} for level, n, digest in before]
    database.write(lambda connection: connection.execute(insert(log_node), rows))
    migrate(database)
    with database.read() as connection:
        kept = [tuple(row) for row in connection.execute(nodes)]
        guards = triggers(connection)
    assert kept == [(2 * level, n, digest) for level, n, digest in before]
    assert guards & {"log_node_no_update", "log_node_append_only"}
    downgrade(database, "0014")
    with database.read() as connection:
        assert [tuple(row) for row in connection.execute(nodes)] == before


def test_the_log_is_guarded_from_its_first_row_on(database: Database) -> None:
    with database.read() as connection:
        assert (
            triggers(connection)
            == {
                "sqlite": {f"{table}_no_{act}" for table in GUARDED for act in ("update", "delete")},
                "postgresql": {f"{table}_append_only" for table in GUARDED},
            }[database.dialect]
        )


def test_a_migration_that_fails_leaves_nothing_behind(empty_database_url: str) -> None:
    database = Database.open(empty_database_url)
    database.write(lambda connection: connection.execute(text("CREATE TABLE worker (not_ours INTEGER)")))
    with pytest.raises(Exception, match="worker"):
        migrate(database)
    with database.read() as connection:
        assert inspect(connection).get_table_names() == ["worker"]
    database.close()


def test_those_who_migrate_at_once_take_turns(empty_database_url: str) -> None:
    databases = [Database.open(empty_database_url) for _ in range(4)]
    try:
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(migrate, databases))  # raises what any of them raised
        for database in databases:
            check_schema(database)
    finally:
        for database in databases:
            database.close()


@pytest.mark.parametrize("act", [check_schema, migrate])
def test_a_database_of_a_newer_program_is_refused_and_left_as_it_is(act: Any, database: Database) -> None:
    database.write(lambda connection: connection.execute(text("UPDATE alembic_version SET version_num = '9999'")))
    with pytest.raises(Refused, match=r"^DATABASE_URL: .*version 9999.*newer onrecord.*run the newer onrecord"):
        act(database)
    with database.read() as connection:
        assert connection.scalar(text("SELECT version_num FROM alembic_version")) == "9999"


def test_a_database_of_an_older_program_is_refused(database: Database) -> None:
    downgrade(database, "0001")
    with pytest.raises(NotMigrated, match=rf"^DATABASE_URL: .*version 0001 and {SCHEMA_VERSION} is needed$"):
        check_schema(database)
