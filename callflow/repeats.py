"""A repeat is the same request once more, byte for byte, and gets the bytes of the first answer.

Whatever else comes to the same step is a new request: an agent sent the call back, or the caller thought better of it.
It is decided anew.
"""

from collections.abc import Callable, Mapping
from datetime import timedelta

from sqlalchemy import Connection

from storage.moment import Moment
from storage.rows import replies
from storage.rows.calls import Call
from storage.rows.replies import Reply

# Twilio gives a request of a call up after 15 s, with all its tries. What comes later is no repeat, however alike.
REPEATED_WITHIN = timedelta(minutes=1)
_NUMBERED = {"choice": "round_", "consent": "prompt"}


def answered_once(
    connection: Connection,
    moment: Moment,
    call: Call,
    step: str,
    request_sha256: str,
    respond: Callable[[], bytes],
    *,
    again: Callable[[], bytes] | None = None,
    is_repeat: Callable[[Reply], bool] | None = None,
) -> bytes:
    """`again` answers a new request to a step that was answered before, where that is answered otherwise.

    `is_repeat`: whether a request that is like one before, byte for byte, repeats it; by itself, within a minute.
    """
    kept = replies.of_step(connection, call.id, step)
    for reply in kept:
        if reply.request_sha256 == request_sha256 and (is_repeat(reply) if is_repeat else is_recent(reply, moment)):
            return reply.body
    body = again() if kept and again else respond()
    replies.keep(connection, call.id, step, Reply(request_sha256, body, moment.at), attempt=len(kept) + 1)
    return body


def step_of(endpoint: str, path: Mapping[str, object]) -> str:
    """As the replies to a step are named, by the endpoint and the arguments of its path."""
    number = _NUMBERED.get(endpoint)
    return f"{endpoint}:{path[number]}" if number else endpoint


def is_recent(reply: Reply, moment: Moment) -> bool:
    return moment.at - reply.answered_at <= REPEATED_WITHIN
