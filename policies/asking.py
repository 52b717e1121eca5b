"""When the provider is asked about a call, when its answer says that the call is over, and when a call is looked at."""

from datetime import datetime, timedelta

ASKED_AFTER = timedelta(minutes=1)
"""A call that is this old and that the provider does not list as under way is asked about by itself."""
LATE, VERY_LATE, LAST = timedelta(minutes=10), timedelta(hours=1), timedelta(days=1)
"""How long after its end a call is looked at by its rows: whether its recording came, and is complete."""
# Twilio ends a call after four hours, or after 24 where the account may.
_CALL_MAX = timedelta(hours=25)


def is_over(received_at: datetime, has_ended: bool | None, now: datetime) -> bool:
    """Whether a call is over by the provider's answer. `has_ended` is None where the provider knows no such call.

    A call that the provider does not know may be too new to be known everywhere there: to end it here would hang up.
    """
    return now - received_at > _CALL_MAX if has_ended is None else has_ended


def ask_next(received_at: datetime, now: datetime, *, is_known: bool) -> datetime:
    """When to ask again about a call that is not over: ever more rarely where the provider does not know it."""
    return now + (ASKED_AFTER if is_known else max(now - received_at, ASKED_AFTER))


def look_next(ended_at: datetime | None, now: datetime) -> datetime | None:
    """When to look at a call's rows again; None: never, which is so from a day after its end."""
    if ended_at is None:
        return now + LAST
    return next((ended_at + after for after in (LATE, VERY_LATE, LAST) if now < ended_at + after), None)
