"""Pages of the list of calls: filtered, within a viewer's reach, newest first, or soonest to be destroyed first.

A page is found by keys and by walks along indexes, whose length is bounded. Where the bound is reached before the page
is full, the page says how far was searched, and the next one goes on from there.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from policies.permissions import Reach
from storage.rows import call_walks, listing
from storage.rows.call_walks import Cursor
from storage.rows.call_ways import Filters, Way, bounded, shortest, ways
from storage.rows.listing import Listed

__all__ = ["PAGE_SIZE", "Cursor", "Filters", "Page", "page"]

PAGE_SIZE = 50
ENTRIES_MAX = 25_000
"""Entries of indexes that are read for a page, where no other place is looked up for each."""


@dataclass(frozen=True, slots=True)
class Page:
    """`next` is None at the end of the list. `searched_until` is set where the page is not full and nothing beyond that
    time was searched yet; it is a time of the page's order.
    """

    rows: tuple[Listed, ...] = ()
    next: Cursor | None = None
    searched_until: datetime | None = None


def page(
    connection: Connection,
    filters: Filters,
    reach: Reach,
    after: Cursor | None = None,
    *,
    now: datetime,
    size: int = PAGE_SIZE,
    entries_max: int = ENTRIES_MAX,
) -> Page:
    """The calls after `after`. The connection's transaction is for reading, and for nothing that is planned otherwise
    (see `call_walks.stay_in_order`).
    """
    candidates = ways(filters, reach, after, now)
    if not candidates:
        return Page()
    call_walks.stay_in_order(connection)
    way = bounded(shortest(connection, candidates, now), entries_max, size + 1)
    sure, horizon = _search(connection, way, size + 1)
    shown = sure[:size]
    rows = listing.by_ids(connection, [call.call_id for call in shown])
    return Page(
        rows=tuple(rows[call.call_id] for call in shown if call.call_id in rows),  # an agent's may be unlisted yet
        next=shown[-1] if len(sure) > size else horizon,
        searched_until=horizon.at if horizon and len(shown) < size else None,
    )


def _search(connection: Connection, way: Way, wanted: int) -> tuple[list[Cursor], Cursor | None]:
    """The first calls, `wanted` at most, that the way's walks come by, each once; and how far all of them have come, if
    one did not come to its end. Calls beyond that are left for the next page.
    """
    newest_first = way[0].index.newest_first
    nearest = max if newest_first else min
    calls: list[Cursor] = []
    horizon: Cursor | None = None
    for whole in way:
        bounds = [*calls[wanted - 1 :], *([horizon] if horizon else [])]
        walk = whole.back_to(nearest(bounds)) if bounds else whole
        more = call_walks.found(connection, walk, wanted)
        calls = sorted({*calls, *more}, reverse=newest_first)[:wanted]
        is_unsure = len(more) < wanted and walk.conditions  # without any, each of its entries is a call
        end = call_walks.last(connection, walk) if is_unsure else None
        if end and call_walks.goes_on(connection, walk, end):
            horizon = nearest(end, horizon) if horizon else end
    return [call for call in calls if horizon is None or nearest(call, horizon) == call], horizon
