"""A repeat is the same request once more, byte for byte, and gets the bytes of the first answer.

Any other request for the same step is new and is decided anew: an agent sent the call back, or the caller changed
their mind.
"""

from collections.abc import Callable, Mapping
from datetime import timedelta

from sqlalchemy import Connection

from storage.moment import Moment
from storage.rows import replies
from storage.rows.calls import Call
from storage.rows.replies import Reply

# Twilio gives up a request of a call, with all its retries, after 15 s. A later request is no repeat, however alike.
REPEATED_WITHIN = timedelta(minutes=1)
_NUMBERED = {"choice": "round_", "consent": "prompt", "star": "stay", "withdraw": "stay"}


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
    """The kept answer for a repeat, otherwise that of `respond`; or of `again`, if given, for a step answered before.

    `is_repeat`: whether a request with the same bytes as an earlier one repeats it; by default, within a minute.
    """
    kept = replies.of_step(connection, call.id, step)
    for reply in kept:
        if reply.request_sha256 == request_sha256 and (is_repeat(reply) if is_repeat else is_recent(reply, moment)):
            return reply.body
    body = again() if kept and again else respond()
    replies.keep(connection, call.id, step, Reply(request_sha256, body, moment.at), attempt=len(kept) + 1)
    return body


def step_of(endpoint: str, path: Mapping[str, object]) -> str:
    """The name under which replies are kept, from the endpoint and the arguments of its path."""
    number = _NUMBERED.get(endpoint)
    return f"{endpoint}:{path[number]}" if number else endpoint


def is_recent(reply: Reply, moment: Moment) -> bool:
    return moment.at - reply.answered_at <= REPEATED_WITHIN
