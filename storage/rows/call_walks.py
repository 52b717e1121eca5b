"""Walks along the indexes of the list of calls. Each reads a bounded number of an index's entries in the index's order
and keeps the calls that fulfil all conditions, so a page costs no more because there are more calls.

A walk's range names the leading value at both ends, (value, time, id) between two such keys, where an equality would
do: then only the index that is meant has the entries in the order that is asked for.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache, lru_cache
from typing import Any

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    Integer,
    Subquery,
    Table,
    bindparam,
    literal_column,
    select,
    text,
    tuple_,
)

from storage.database.listing_tables import FILTERED
from storage.database.prepared_statements import Prepared
from storage.database.tables import call_listing, taken_by
from storage.rows.call_conditions import Condition, Kind, is_found


@dataclass(frozen=True, slots=True, order=True)
class Cursor:
    """A place in the list: `at` is the time by which it is ordered."""

    at: datetime
    call_id: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class WalkedIndex:
    """An index to walk along. Its entries are sorted by `lead` (None: by no value), by `time` and by the call's id, and
    hold the columns of the list that it `covers`.
    """

    table: Table
    lead: Column[Any] | None
    time: Column[Any]
    covers: frozenset[str]
    newest_first: bool = True

    @property
    def key(self) -> tuple[Column[Any], ...]:
        own = (self.time, self.table.c.call_id)
        return own if self.lead is None else (self.lead, *own)


_COVERED = frozenset({*FILTERED, "received_at"})
BY_TIME = WalkedIndex(call_listing, None, call_listing.c.received_at, _COVERED)
BY_VALUE = {
    name: WalkedIndex(call_listing, call_listing.c[name], call_listing.c.received_at, _COVERED) for name in FILTERED
}
BY_CALLER = WalkedIndex(call_listing, call_listing.c.caller_hash, call_listing.c.received_at, frozenset())
BY_AGENT = WalkedIndex(taken_by, taken_by.c.address, taken_by.c.received_at, frozenset())
BY_END = WalkedIndex(call_listing, None, call_listing.c.retain_until, _COVERED, newest_first=False)


@dataclass(frozen=True, slots=True)
class Walk:
    """A walk through the entries of one value of the index's lead, between two places that are no part of it. It reads
    `entries` of them at most.
    """

    index: WalkedIndex
    value: object
    low: Cursor
    high: Cursor
    conditions: tuple[Condition, ...] = ()
    entries: int = 0

    @property
    def looks_up(self) -> bool:
        """Whether another place is read for each entry, which takes many times as long as to read the entry."""
        kinds = [condition.kind for condition in self.conditions]
        return any(kind.looks_up or not self.index.covers.issuperset(kind.columns) for kind in kinds)

    def beyond(self, place: Cursor) -> "Walk":
        """The rest of the walk, from that place on."""
        return replace(self, high=place) if self.index.newest_first else replace(self, low=place)

    def back_to(self, place: Cursor) -> "Walk":
        """The walk, newest first, which need not go further back than that place."""
        return replace(self, low=max(self.low, place))


def stay_in_order(connection: Connection) -> None:
    """Have Postgres walk as is meant, for the rest of the transaction: by statistics that are old or missing it may
    rather read and sort everything. SQLite's plans depend on no statistics here.
    """
    if connection.dialect.name == "postgresql":
        ways = ("enable_seqscan", "enable_bitmapscan", "enable_sort", "jit")
        off = ", ".join(f"set_config('{name}', 'off', true)" for name in ways)
        connection.execute(text(f"SELECT {off}, set_config('max_parallel_workers_per_gather', '0', true)"))


def found(connection: Connection, walk: Walk, limit: int) -> list[Cursor]:
    """The first calls, `limit` at most, that fulfil the walk's conditions. Without any, an agent's calls may be among
    them that are not listed yet.
    """
    finding = _finding(walk.index, tuple(condition.kind for condition in walk.conditions))
    return [Cursor(*row) for row in finding.all(connection, {**_parameters(walk), "limit": limit})]


def last(connection: Connection, walk: Walk) -> Cursor | None:
    """The last entry that the walk reads, whatever its conditions; None where there is none."""
    row = _ending(walk.index).first(connection, _parameters(walk))
    return None if row is None else Cursor(*row)


def goes_on(connection: Connection, walk: Walk, end: Cursor) -> bool:
    """Whether there are more entries beyond `end`, which the walk did not read."""
    rest = replace(walk.beyond(end), conditions=(), entries=1)
    return last(connection, rest) is not None


def _parameters(walk: Walk) -> dict[str, object]:
    own = {
        "lead": walk.value,
        "low_at": walk.low.at,
        "low_id": walk.low.call_id,
        "high_at": walk.high.at,
        "high_id": walk.high.call_id,
        "entries": walk.entries,
    }
    for n, condition in enumerate(walk.conditions):
        own |= condition.parameters(_prefix(n))
    return own


@lru_cache(maxsize=1024)
def _finding(index: WalkedIndex, kinds: tuple[Kind, ...]) -> Prepared:
    read = _entries(index, kinds)
    kept = select(read.c[index.time.name], read.c.call_id).where(*_conditions(index, kinds, read))
    return Prepared(kept.order_by(*_order(index, read)).limit(bindparam("limit", type_=Integer)))


@cache
def _ending(index: WalkedIndex) -> Prepared:
    read = _entries(index, ())
    last_first = select(read.c[index.time.name], read.c.call_id).order_by(*_order(index, read, backwards=True))
    return Prepared(last_first.limit(literal_column("1")))


def _entries(index: WalkedIndex, kinds: Sequence[Kind]) -> Subquery:
    """The entries that a walk reads, in their order, with the columns that its conditions need."""
    wanted = {column for kind in kinds for column in kind.columns} - {column.name for column in index.key}
    also = [index.table.c[name] for name in sorted(wanted)] if index.table is call_listing else []
    key = tuple_(*index.key)
    entries = select(*index.key, *also).where(key > _bound(index, "low"), key < _bound(index, "high"))
    if index is BY_END:  # its index has no entry for calls without an end, and both databases must be told so
        entries = entries.where(index.time.is_not(None))
    return entries.order_by(*_order(index, index.table)).limit(bindparam("entries", type_=Integer)).subquery()


def _conditions(index: WalkedIndex, kinds: Sequence[Kind], read: Subquery) -> list[ColumnElement[bool]]:
    named = [(kind, _prefix(n)) for n, kind in enumerate(kinds)]
    if index.table is call_listing:
        return [kind.holds(read.c, prefix) for kind, prefix in named]
    if not kinds:
        return []
    listed = call_listing.alias()
    conditions = [kind.holds(listed.c, prefix) for kind, prefix in named]
    return [is_found(select(listed.c.call_id).where(listed.c.call_id == read.c.call_id, *conditions))]


def _bound(index: WalkedIndex, which: str) -> ColumnElement[Any]:
    names = (f"{which}_at", f"{which}_id")
    named = zip(index.key, names if index.lead is None else ("lead", *names), strict=True)
    return tuple_(*(bindparam(name, type_=column.type) for column, name in named))


def _order(index: WalkedIndex, read: Table | Subquery, *, backwards: bool = False) -> list[ColumnElement[Any]]:
    columns = [read.c[column.name] for column in index.key]
    return [column.desc() if index.newest_first is not backwards else column.asc() for column in columns]


def _prefix(n: int) -> str:
    return f"condition_{n}_"
