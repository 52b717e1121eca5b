"""Comments of the staff on calls, as rows: threads of a first comment and its answers. They are erased with the call.

A private comment is its author's alone, with all of its thread; others are for whoever may comment on the call. A
comment that is removed leaves its place while others' answers stand below it, without a word of it.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, delete, func, insert, select, update

from storage.database.tables import call, comment, staff
from storage.errors import Refused
from storage.moment import Moment

BODY_MAX = 4000
MOST = 200
"""Of one person on a call, the page of which shows them all to everybody."""
_ID = re.compile("[0-9a-f]{32}")
AT_MS_MAX = 40 * 3600 * 1000  # longer than any recording


class TooMany(Refused):
    """The person has written as many on the call as there is room for."""


@dataclass(frozen=True, slots=True)
class Draft:
    """A comment to be added. `at_ms` is a place in the recording, None for the whole call; `answers` is the id of the
    first comment of the thread, whose place and privacy an answer shares.
    """

    body: str
    at_ms: int | None = None
    is_private: bool = False
    answers: str | None = None


@dataclass(frozen=True, slots=True)
class Comment:
    """A row of `comment`, with its author's name today. `body` is empty where it was removed."""

    id: str
    call_id: str
    answers: str | None
    staff_id: str
    author: str
    at_ms: int | None
    is_private: bool
    body: str
    written_at: datetime
    changed_at: datetime | None
    thread: tuple["Comment", ...] = ()
    """Its answers, the oldest first."""

    @property
    def is_removed(self) -> bool:
        return not self.body


_COLUMNS: Sequence[ColumnElement[Any]] = (
    comment.c.id,
    comment.c.call_id,
    comment.c.answers,
    comment.c.staff_id,
    staff.c.display_name.label("author"),
    comment.c.at_ms,
    comment.c.is_private,
    comment.c.body,
    comment.c.written_at,
    comment.c.changed_at,
)
_SELECT = select(*_COLUMNS).join(staff, staff.c.id == comment.c.staff_id)


def add(connection: Connection, moment: Moment, call_id: str, staff_id: str, draft: Draft) -> Comment:
    """Raises Refused for words or a place that make no sense, for a thread that its author does not see, and for a call
    that is erased; TooMany for one more than there is room for.
    """
    body = _checked(draft.body)
    if _lock(connection, call_id) is not None:
        raise Refused("comment: the call is erased, and keeps no words")
    if _written(connection, call_id, staff_id) >= MOST:
        raise TooMany(f"comment: a person writes {MOST} on a call at most")
    first = _first(connection, call_id, staff_id, draft.answers) if draft.answers else None
    at_ms, is_private = (first.at_ms, first.is_private) if first else (draft.at_ms, draft.is_private)
    if at_ms is not None and not 0 <= at_ms <= AT_MS_MAX:
        raise Refused("comment: its place is outside any recording")
    comment_id = moment.new_id()
    connection.execute(
        insert(comment).values(
            id=comment_id,
            call_id=call_id,
            answers=draft.answers,
            staff_id=staff_id,
            at_ms=at_ms,
            is_private=int(is_private),
            body=body,
            written_at=moment.at,
        )
    )
    return existing(connection, comment_id)


def change(connection: Connection, moment: Moment, comment_id: str, staff_id: str, body: str) -> None:
    """Of one's own. Raises Refused for another's, and for words that make no sense."""
    mine = _mine(connection, comment_id, staff_id)
    said = _checked(body)
    if said != mine.body:
        connection.execute(update(comment).where(comment.c.id == mine.id).values(body=said, changed_at=moment.at))


def remove(connection: Connection, comment_id: str, staff_id: str) -> None:
    """Of one's own. Raises Refused for another's."""
    mine = _mine(connection, comment_id, staff_id)
    _lock(connection, mine.call_id)
    if _answers_to(connection, mine.id):
        connection.execute(update(comment).where(comment.c.id == mine.id).values(body=""))
        return
    connection.execute(delete(comment).where(comment.c.id == mine.id))
    if mine.answers:
        _remove_empty(connection, mine.answers)


def seen_by(connection: Connection, call_id: str, staff_id: str) -> tuple[Comment, ...]:
    """The threads of a call that somebody sees: about the whole call first, then by their place in the recording."""
    query = _SELECT.where(comment.c.call_id == call_id, _is_seen_by(staff_id))
    found = [_read(row) for row in connection.execute(query.order_by(comment.c.written_at, comment.c.id))]
    firsts = (each for each in found if each.answers is None)
    threads = [replace(first, thread=tuple(_of_thread(found, first))) for first in firsts]
    return tuple(sorted(threads, key=lambda first: -1 if first.at_ms is None else first.at_ms))


def peek(connection: Connection, call_id: str, comment_id: str, staff_id: str) -> Comment | None:
    """A comment of that call which somebody sees."""
    wanted = (comment.c.id == comment_id) & (comment.c.call_id == call_id) & _is_seen_by(staff_id)
    row = connection.execute(_SELECT.where(wanted)).one_or_none()
    return None if row is None else _read(row)


def existing(connection: Connection, comment_id: str) -> Comment:
    return _read(connection.execute(_SELECT.where(comment.c.id == comment_id)).one())


def _is_seen_by(staff_id: str) -> ColumnElement[bool]:
    return (comment.c.is_private == 0) | (comment.c.staff_id == staff_id)


def _checked(body: str) -> str:
    """As it is kept: with the line ends of Unix, and no blank edge."""
    text = body.replace("\r\n", "\n").replace("\r", "\n").replace("\0", "").strip()
    if not 1 <= len(text) <= BODY_MAX:
        raise Refused(f"comment: it has 1 to {BODY_MAX} characters")
    return text


def _lock(connection: Connection, call_id: str) -> datetime | None:
    """When the call was erased. An erasure and other changes to its comments wait until the transaction ends."""
    row = connection.execute(select(call.c.erased_at).where(call.c.id == call_id).with_for_update()).one()
    erased_at: datetime | None = row.erased_at
    return erased_at


def _written(connection: Connection, call_id: str, staff_id: str) -> int:
    mine = (comment.c.call_id == call_id) & (comment.c.staff_id == staff_id) & (comment.c.body != "")
    return connection.scalar(select(func.count()).where(mine)) or 0


def _first(connection: Connection, call_id: str, staff_id: str, comment_id: str) -> Comment:
    # A database may refuse to look for what is no id, and would then seem away.
    found = peek(connection, call_id, comment_id, staff_id) if _ID.fullmatch(comment_id) else None
    if found is None or found.answers is not None:
        raise Refused("comment: there is no thread to answer in")
    return found


def _mine(connection: Connection, comment_id: str, staff_id: str) -> Comment:
    row = connection.execute(_SELECT.where(comment.c.id == comment_id, comment.c.staff_id == staff_id)).one_or_none()
    if row is None or not row.body:
        raise Refused("comment: it is not there, or another's")
    return _read(row)


def _answers_to(connection: Connection, comment_id: str) -> int:
    return connection.scalar(select(func.count()).where(comment.c.answers == comment_id)) or 0


def _remove_empty(connection: Connection, first_id: str) -> None:
    """A first comment that was removed goes for good with its last answer."""
    if not _answers_to(connection, first_id):
        connection.execute(delete(comment).where(comment.c.id == first_id, comment.c.body == ""))


def _of_thread(found: Iterable[Comment], first: Comment) -> Iterable[Comment]:
    return (each for each in found if each.answers == first.id)


def _read(row: Row[Any]) -> Comment:
    return Comment(**{**row._asdict(), "is_private": bool(row.is_private)})
