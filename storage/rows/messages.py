"""Messages to people, each by one way: made once, with its job, and tried until it is told.

A way that does not work is an incident about the way, which its other ways tell of.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from sqlalchemy import Connection, delete, insert, select, update

from policies.incidents import IncidentKind
from storage.database.tables import message
from storage.jobs.contract import JobKind, Lane
from storage.moment import Moment
from storage.rows.incidents import raise_anew, resolve, resolve_each

TELL = JobKind("tell", Lane.TELLING)
"""Tells a message. Its argument is the message's id."""
_WORDS_MAX = 500


class Jobs(Protocol):
    def enqueue(self, connection: Connection, kind: JobKind, job_id: str, argument: str) -> None: ...


@dataclass(frozen=True, slots=True)
class Message:
    """`told_at` is None until the receiver has said that it has it."""

    id: str
    way: str
    body: str
    made_at: datetime
    told_at: datetime | None


_SELECT = select(*[message.c[name] for name in Message.__dataclass_fields__])


def add(connection: Connection, moment: Moment, way: str, body: str, jobs: Jobs) -> None:
    """Make a message, and queue its job in the same transaction."""
    made = Message(moment.new_id(), way, body, moment.at, None)
    connection.execute(insert(message), {name: getattr(made, name) for name in Message.__dataclass_fields__})
    ask(connection, moment, made, jobs)


def ask(connection: Connection, moment: Moment, untold: Message, jobs: Jobs) -> None:
    """Queue the job of a message: one an hour at most, since a job that failed for good has gone on for hours, or was
    refused.
    """
    jobs.enqueue(connection, TELL, f"{untold.id}:{moment.at:%Y%m%d%H}", untold.id)


def by_id(connection: Connection, message_id: str) -> Message | None:
    row = connection.execute(_SELECT.where(message.c.id == message_id)).first()
    return None if row is None else Message(**row._asdict())


def untold(connection: Connection) -> Sequence[Message]:
    """The messages that nobody has got yet, the oldest first."""
    rows = connection.execute(_SELECT.where(message.c.told_at.is_(None)).order_by(message.c.made_at, message.c.id))
    return [Message(**row._asdict()) for row in rows]


def told_between(connection: Connection, after: datetime, until: datetime) -> frozenset[str]:
    """The ways that got a message in that time. A message of the future, by a clock that was ahead, does not count."""
    query = select(message.c.way).where(message.c.told_at > after, message.c.told_at <= until)
    return frozenset(connection.scalars(query))


def drop_others(connection: Connection, moment: Moment, ways: Collection[str]) -> None:
    """Drop the untold messages of ways that the rulebook has no more, and close the incidents about these ways."""
    connection.execute(delete(message).where(message.c.told_at.is_(None), message.c.way.not_in([*ways])))
    resolve_each(connection, moment, IncidentKind.NOT_TOLD, lambda way: way not in ways)


def told(connection: Connection, moment: Moment, message_id: str, *, problem: str = "") -> None:
    """The receiver has the message. `problem` is what remains wrong with the way all the same."""
    known = by_id(connection, message_id)
    if known is None:
        return
    connection.execute(update(message).where(message.c.id == message_id).values(told_at=moment.at))
    if problem:
        not_told(connection, moment, message_id, problem)
    else:
        resolve(connection, moment, IncidentKind.NOT_TOLD, known.way)


def not_told(connection: Connection, moment: Moment, message_id: str, why: str) -> None:
    """Raise the incident about the way of a message. Nothing is done where the message is there no more."""
    known = by_id(connection, message_id)
    if known is not None:
        kind, about, detail = IncidentKind.NOT_TOLD, known.way, f"{known.way}: {why}"[:_WORDS_MAX]
        raise_anew(connection, moment, kind, about=about, call_id=None, detail=detail, since=known.made_at)


def forget(connection: Connection, before: datetime) -> None:
    """Delete the messages that were told before then."""
    connection.execute(delete(message).where(message.c.told_at < before))
