"""Conditions on listed calls, as a page of the list filters by them: the kind, which is SQL, apart from the values, so
that the SQL of a page is made once for each combination of kinds.
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Protocol

from sqlalchemy import BindParameter, ColumnElement, Select, bindparam, or_, select

from storage.database.tables import call_listing, taken_by


class Kind(Protocol):
    """`columns` are the columns of the list that it is about. `looks_up`: it reads another table for each call."""

    @property
    def columns(self) -> Collection[str]: ...

    @property
    def looks_up(self) -> bool: ...

    def holds(self, listed: Any, prefix: str) -> ColumnElement[bool]:
        """For the call in the columns `listed`: its id, and those that the condition is about. The values are
        parameters: `prefix` and their number.
        """
        ...


@dataclass(frozen=True, slots=True)
class Condition:
    kind: Kind
    values: tuple[object, ...] = ()

    def parameters(self, prefix: str) -> dict[str, object]:
        return {f"{prefix}{n}": value for n, value in enumerate(self.values)}


@dataclass(frozen=True, slots=True)
class Equals:
    """The value."""

    column: str

    @property
    def columns(self) -> Collection[str]:
        return (self.column,)

    @property
    def looks_up(self) -> bool:
        return False

    def holds(self, listed: Any, prefix: str) -> ColumnElement[bool]:
        equal: ColumnElement[bool] = listed[self.column] == _value(self.column, prefix, 0)
        return equal


@dataclass(frozen=True, slots=True)
class Received:
    """Since the first value, and before the second."""

    columns: Collection[str] = ("received_at",)
    looks_up: bool = False

    def holds(self, listed: Any, prefix: str) -> ColumnElement[bool]:
        since, until = (_value("received_at", prefix, n) for n in range(2))
        between: ColumnElement[bool] = (listed.received_at >= since) & (listed.received_at < until)
        return between


@dataclass(frozen=True, slots=True)
class OfLinesOrAgents:
    """On one of the lines, or taken by one of the agents at the addresses: as many values as it says, lines first."""

    lines: int
    addresses: int

    @property
    def columns(self) -> Collection[str]:
        return ("line",) if self.lines else ()

    @property
    def looks_up(self) -> bool:
        return self.addresses > 0

    def holds(self, listed: Any, prefix: str) -> ColumnElement[bool]:
        lines = [_value("line", prefix, n) for n in range(self.lines)]
        agents = [bindparam(f"{prefix}{self.lines + n}", type_=taken_by.c.address.type) for n in range(self.addresses)]
        taken = taken_by.c.call_id == listed.call_id, taken_by.c.address.in_(agents)
        on_a_line = [listed.line.in_(lines)] if lines else []
        by_an_agent = [is_found(select(taken_by.c.call_id).where(*taken))] if agents else []
        return or_(*on_a_line, *by_an_agent)


def is_found(query: Select[Any]) -> ColumnElement[bool]:
    """As EXISTS, but asked for each row by itself: Postgres could turn that into a join which reads the whole table."""
    return query.limit(1).scalar_subquery().is_not(None)


def _value(column: str, prefix: str, n: int) -> BindParameter[Any]:
    return bindparam(f"{prefix}{n}", type_=call_listing.c[column].type)
