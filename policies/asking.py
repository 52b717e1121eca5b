"""When the provider is asked about a call, and when its answer says that the call is over."""

from datetime import datetime, timedelta

LIVE_EVERY = timedelta(seconds=10)
ASKED_FOR = timedelta(days=1)
"""For how long after its end a call is asked about."""
# Twilio ends a call after four hours, or after 24 where the account may.
_CALL_MAX = timedelta(hours=25)


def is_over(received_at: datetime, has_ended: bool | None, now: datetime) -> bool:
    """Whether a call is over by the provider's answer. `has_ended` is None where the provider knows no such call.

    A call that the provider does not know may be too new to be known everywhere there: to end it here would hang up.
    """
    return now - received_at > _CALL_MAX if has_ended is None else has_ended


def ask_next(received_at: datetime, ended_at: datetime | None, now: datetime, *, is_known: bool) -> datetime | None:
    """When to ask again: live calls every few seconds; ended and unknown calls ever more rarely.

    None: never again.
    """
    if ended_at is None and is_known:
        return now + LIVE_EVERY
    age = now - (ended_at or received_at)
    return now + max(age, LIVE_EVERY) if ended_at is None or age < ASKED_FOR else None
