"""Reads how a database would carry out a statement, and finds what would cost more with every call there is."""

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from psycopg import RawCursor
from sqlalchemy import Connection, event

from storage.database.listing_tables import FILTERED
from storage.database.tables import metadata

Statements = dict[str, Any]
"""Each statement once, with the values of its first use."""
LEADS = {
    **{str(index.name): index.columns[0].name for table in metadata.sorted_tables for index in table.indexes},
    **{f"pk_{table.name}": next(iter(table.primary_key)).name for table in metadata.sorted_tables},
}


# Past all entries of a value, where the place among them is known: SQLite compares keys only as far as types agree.
_FROM_THE_FIRST = re.compile(rf"[( ](?:{'|'.join((*FILTERED, 'address', 'caller_hash'))})[<>]\?")


@contextmanager
def heard(connection: Connection) -> Iterator[Statements]:
    """The statements that are carried out meanwhile."""
    statements: Statements = {}

    def hear(_: object, _cursor: object, statement: str, values: Any, *_more: object) -> None:
        if "set_config" not in statement and "FROM" in statement:
            first = values[0] if isinstance(values, list) and values else values  # `Prepared` hands on many
            statements.setdefault(statement, first)

    event.listen(connection, "before_cursor_execute", hear)
    try:
        yield statements
    finally:
        event.remove(connection, "before_cursor_execute", hear)


def faults(connection: Connection, statement: str, values: Any) -> list[str]:
    """What it would read or sort whole; nothing where its cost is bounded."""
    if connection.dialect.name == "sqlite":
        return _faults_on_sqlite(connection, statement)
    return _faults_on_postgres(connection, statement, values or {})


def _faults_on_sqlite(connection: Connection, statement: str) -> list[str]:
    """Its plans don't depend on the values."""
    nulls = (None,) * statement.count("?")
    steps = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", nulls).all()
    reads = {step.parent for step in steps if _table(step.detail)}
    return [
        *(step.detail for step in steps if step.detail.startswith("SCAN") and _table(step.detail)),
        *(step.detail for step in steps if "AUTOMATIC" in step.detail or "ANY(" in step.detail),
        *(step.detail for step in steps if _FROM_THE_FIRST.search(step.detail)),
        *(step.detail for step in steps if "TEMP B-TREE" in step.detail and step.parent in reads),
    ]


def _table(detail: str) -> str:
    """The table that a step reads; empty where it reads what another step hands on."""
    named = re.match(r"(?:SCAN|SEARCH) (\w+)", detail)
    alias = re.sub(r"_\d+$", "", named[1]) if named else ""
    return alias if alias in metadata.tables else ""


def _faults_on_postgres(connection: Connection, statement: str, values: Any) -> list[str]:
    driver: Any = connection.connection.driver_connection
    if "$1" in statement:  # of a `Prepared`, in the order of its numbers
        (told,) = RawCursor(driver).execute(f"EXPLAIN (FORMAT JSON) {statement}", values).fetchone()  # type: ignore[misc]  # always a row
    else:
        ones = dict.fromkeys(re.findall(r"%\((\w+)\)s", statement), 1)  # what is not given is a LIMIT of one
        told = connection.exec_driver_sql(f"EXPLAIN (FORMAT JSON) {statement}", {**ones, **values}).scalar()
    (plan,) = told if isinstance(told, list) else json.loads(str(told))
    return list(_of_node(plan["Plan"]))


def _of_node(node: Mapping[str, Any]) -> Iterator[str]:
    kind, below = node["Node Type"], node.get("Plans", [])
    if kind in ("Index Scan", "Index Only Scan"):
        lead, condition = LEADS[node["Index Name"]], node.get("Index Cond", "")
        if not re.search(rf"\b{lead}\b", condition):
            yield f"{kind} of {node['Index Name']}, not by {lead}: {condition}"
    elif kind in ("Sort", "Incremental Sort"):
        if not all(map(_is_bounded, below)):
            yield f"{kind} by {node['Sort Key']}"
    elif kind not in ("Limit", "Subquery Scan", "Append", "Result", "Nested Loop"):
        yield f"{kind} {node.get('Relation Name', '')}"
    for one in below:
        yield from _of_node(one)


def _is_bounded(node: Mapping[str, Any]) -> bool:
    below = node.get("Plans", [])
    return node["Node Type"] in ("Limit", "Result") or (bool(below) and all(map(_is_bounded, below)))
