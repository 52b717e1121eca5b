"""The ways to a page of the list of calls: what is asked for, and the walks that come by every such call."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection

from policies.permissions import Reach
from storage.database.listing_tables import FILTERED
from storage.rows import call_walks
from storage.rows.call_conditions import Condition, Equals, OfLinesOrAgents, Received
from storage.rows.call_walks import BY_AGENT, BY_CALLER, BY_END, BY_TIME, BY_VALUE, Cursor, Walk

_EVER, _NEVER = datetime(1, 1, 2, tzinfo=UTC), datetime(9999, 12, 30, tzinfo=UTC)
_INSTANT = timedelta(microseconds=1)
_DAYS_MAX = 100 * 366
_WALKS_MAX = 100  # for one page: each is a statement
_PROBED_MAX, _PROBE = 6, 100  # walks, and entries of each, which show how far back they reach
_LOOK_UP = 16  # entries are read in the time in which another place is looked up

Way = tuple[Walk, ...]


@dataclass(frozen=True, slots=True)
class Filters:
    """None filters nothing. `place` is empty for unknown places, `agent` is an address as `policies.agent_address`
    spells it, `caller_hash` is of `storage.number_hash`. `received_until` is the first moment that is too late.
    `due_within_days`: kept, and to be destroyed by then; such calls are listed soonest first.
    """

    line: str | None = None
    place: str | None = None
    outcome: str | None = None
    audio: str | None = None
    language: str | None = None
    mode: str | None = None
    reviewed: bool | None = None
    synthetic: bool | None = None
    agent: str | None = None
    received_from: datetime | None = None
    received_until: datetime | None = None
    due_within_days: int | None = None
    caller_hash: str | None = field(default=None, repr=False)


def ways(filters: Filters, reach: Reach, after: Cursor | None, now: datetime) -> list[Way]:
    """Each way alone comes by every call that is asked for and within reach; none where nothing is."""
    if reach.covers_nothing:
        return []
    by_column, agent = _equal(filters), _of_agent(filters)
    equal = tuple(by_column.values())
    within = () if _holds_all(reach, filters) else (_of_reach(reach),)
    if filters.due_within_days is not None:
        due = now + timedelta(days=min(filters.due_within_days, _DAYS_MAX)) + _INSTANT
        conditions = (*equal, *agent, *within, *_of_caller(filters), *_received(filters))
        return [(Walk(BY_END, None, after or Cursor(_EVER), Cursor(due), conditions),)]
    low, high = Cursor(filters.received_from or _EVER), Cursor(filters.received_until or _NEVER)
    high = min(high, after) if after else high
    if filters.caller_hash is not None:
        return [(Walk(BY_CALLER, filters.caller_hash, low, high, (*equal, *agent, *within)),)]
    led: list[Way] = []
    for column, one in by_column.items():
        others = (other for other in equal if other is not one)
        led.append((Walk(BY_VALUE[column], one.values[0], low, high, (*others, *agent, *within)),))
    if filters.agent is not None:
        led.append((Walk(BY_AGENT, filters.agent, low, high, (*equal, *within)),))
    if within:
        along = _along_reach(filters, reach, low, high)
        if not along:
            return []
        led.append(along)
    return led or [(Walk(BY_TIME, None, low, high),)]


def shortest(connection: Connection, ways: Sequence[Way], now: datetime) -> Way:
    """The way with the fewest entries to read for a span of time, as far as a look at the first of them shows."""
    if len(ways) == 1:
        return ways[0]
    costs = [_cost(connection, way, now) for way in ways]
    return ways[costs.index(min(costs))]


def bounded(way: Way, entries_max: int, wanted: int) -> Way:
    """The walks with the number of entries that each may read: all together `entries_max`, each as many as calls are
    `wanted`.
    """
    share = entries_max // len(way)
    return tuple(replace(walk, entries=max(share // (_LOOK_UP if walk.looks_up else 1), wanted)) for walk in way)


def _holds_all(reach: Reach, filters: Filters) -> bool:
    """Whether every call that is asked for is within reach."""
    return reach.everywhere or filters.line in reach.lines or filters.agent in reach.addresses


def _along_reach(filters: Filters, reach: Reach, low: Cursor, high: Cursor) -> Way:
    """A walk for each line and each agent within reach. They come by some calls twice."""
    conditions: tuple[Condition, ...] = (*_equal(filters).values(), *_of_agent(filters))
    lines = sorted(reach.lines) if filters.line is None else []  # another line than these, or there were no need
    if len(lines) + len(reach.addresses) > _WALKS_MAX:
        return (Walk(BY_TIME, None, low, high, (*conditions, _of_reach(reach))),)
    return (
        *(Walk(BY_VALUE["line"], line, low, high, conditions) for line in lines),
        *(Walk(BY_AGENT, address, low, high, conditions) for address in sorted(reach.addresses)),
    )


def _cost(connection: Connection, way: Way, now: datetime) -> float:
    """About how many entries there are for each second of calls, going by some of the walks."""
    some = way[:: len(way) // _PROBED_MAX + 1]
    return sum(_density(connection, walk, now) for walk in some) * len(way) / len(some)


def _density(connection: Connection, walk: Walk, now: datetime) -> float:
    end = call_walks.last(connection, replace(walk, entries=_PROBE))
    if end is None:
        return 0.0
    span = max(min(walk.high.at, now) - end.at, _INSTANT)
    return _PROBE * (_LOOK_UP if walk.looks_up else 1) / span.total_seconds()


def _equal(filters: Filters) -> dict[str, Condition]:
    """By the column."""
    asked = {name: getattr(filters, name) for name in FILTERED}
    return {name: Condition(Equals(name), (_stored(value),)) for name, value in asked.items() if value is not None}


def _stored(value: object) -> object:
    return int(value) if isinstance(value, bool) else value


def _of_agent(filters: Filters) -> tuple[Condition, ...]:
    return () if filters.agent is None else (Condition(OfLinesOrAgents(0, 1), (filters.agent,)),)


def _of_reach(reach: Reach) -> Condition:
    kind = OfLinesOrAgents(len(reach.lines), len(reach.addresses))
    return Condition(kind, (*sorted(reach.lines), *sorted(reach.addresses)))


def _of_caller(filters: Filters) -> tuple[Condition, ...]:
    return () if filters.caller_hash is None else (Condition(Equals("caller_hash"), (filters.caller_hash,)),)


def _received(filters: Filters) -> tuple[Condition, ...]:
    if filters.received_from is None and filters.received_until is None:
        return ()
    return (Condition(Received(), (filters.received_from or _EVER, filters.received_until or _NEVER)),)
