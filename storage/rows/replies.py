"""The answers to the requests of a call, kept so that a repeated request gets the same bytes."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, bindparam, func, insert, select

from storage.database.prepared_statements import Prepared
from storage.database.tables import reply

# Prefix of the step's name where the request could not be read, so that the caller was put through.
UNREAD = "unread:"


@dataclass(frozen=True, slots=True)
class Reply:
    """The bytes that answered the first delivery of a request, when, and the hash of that delivery."""

    request_sha256: str
    body: bytes
    answered_at: datetime


_OF_STEP = Prepared(
    select(reply.c.request_sha256, reply.c.body, reply.c.answered_at)
    .where(reply.c.call_id == bindparam("id"), reply.c.step == bindparam("step_name"))
    .order_by(reply.c.attempt),
    of_call="id",
)
_KEEP = Prepared(insert(reply))


def of_step(connection: Connection, call_id: str, step: str) -> list[Reply]:
    """The answers to the different requests that came to the step, in their order."""
    return [Reply(*row) for row in _OF_STEP.all(connection, {"id": call_id, "step_name": step})]


def last_but(connection: Connection, call_id: str, step: str) -> datetime | None:
    """The time of the last answer to a request to any other step of the call."""
    others = (reply.c.call_id == call_id) & (reply.c.step != step)
    last: datetime | None = connection.scalar(select(func.max(reply.c.answered_at)).where(others))
    return last


def keep(connection: Connection, call_id: str, step: str, given: Reply, *, attempt: int = 1) -> None:
    """`attempt` counts the different requests to that step, from 1."""
    _KEEP.hold(
        connection,
        {
            "call_id": call_id,
            "step": step,
            "attempt": attempt,
            "request_sha256": given.request_sha256,
            "body": given.body,
            "answered_at": given.answered_at,
        },
        call_id=call_id,
    )
