"""Calls and their recordings as lists, newest first, for people at a terminal.

The list of calls follows the log by a worker: `as_of` says how far.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Generic, TypeVar

from sqlalchemy import Connection

from policies.permissions import Reach
from storage.database.engine import Views
from storage.rows import call_pages, calls, listing_projection, recordings
from storage.rows.call_pages import Filters
from storage.rows.listing import Listed
from storage.rows.recordings import Recording

Row = TypeVar("Row")
_EVERYWHERE = Reach(everywhere=True)


@dataclass(frozen=True, slots=True)
class ListedCall:
    """`call_sid` is empty where the call is erased."""

    call_sid: str
    listed: Listed


@dataclass(frozen=True, slots=True)
class ListedRecording:
    call_sid: str
    recording: Recording


@dataclass(frozen=True, slots=True)
class CallList(Generic[Row]):
    """`as_of` is None where the list has all of the log, else the time of the first event that it has not.
    `has_more`: there are more than were asked for.
    """

    rows: Sequence[Row]
    as_of: datetime | None
    has_more: bool


def list_calls(views: Views, filters: Filters, *, now: datetime, limit: int) -> CallList[ListedCall]:
    return _cut(views, _calls(views, filters, now), limit)


def list_recordings(
    views: Views, filters: Filters, wanted: Callable[[Recording], bool], *, now: datetime, limit: int
) -> CallList[ListedRecording]:
    """The wanted recordings of the calls that the filters let through."""
    found = (
        ListedRecording(call.call_sid, recording)
        for call in _calls(views, filters, now)
        for recording in _recordings(views, call.listed.call_id)
        if wanted(recording)
    )
    return _cut(views, found, limit)


def _cut(views: Views, found: Iterator[Row], limit: int) -> CallList[Row]:
    with views() as connection:
        as_of = listing_projection.as_of(connection)
    rows = list(islice(found, limit + 1))
    return CallList(rows[:limit], as_of, len(rows) > limit)


def _calls(views: Views, filters: Filters, now: datetime) -> Iterator[ListedCall]:
    """A page at a time; no view is open while a call is used."""
    after = None
    while True:
        with views() as connection:
            page = call_pages.page(connection, filters, _EVERYWHERE, after, now=now)
            sids = {listed.call_id: _sid(connection, listed) for listed in page.rows}
        yield from (ListedCall(sids[listed.call_id], listed) for listed in page.rows)
        if page.next is None:
            return
        after = page.next


def _sid(connection: Connection, listed: Listed) -> str:
    call = calls.peek(connection, listed.call_id)
    return "" if call is None or call.erased_at else call.call_sid


def _recordings(views: Views, call_id: str) -> list[Recording]:
    with views() as connection:
        return recordings.of_call(connection, call_id)
