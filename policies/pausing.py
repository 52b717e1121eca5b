"""Pauses of a recording, such as for a card number: how long they may last, and how they end."""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

LIMIT_MAX = timedelta(hours=1)


class AtLimit(StrEnum):
    """The end of a pause that lasts too long. An incident is raised in each case."""

    STOP = "stop"
    RESUME = "resume"
    ALARM = "alarm"  # it stays paused


class PauseEnd(StrEnum):
    RESUMED = "resumed"
    LIMIT = "limit"
    WITHDRAWN = "withdrawn"
    CALL_ENDED = "call_ended"
    NEVER_BEGUN = "never_begun"  # nothing ran that could be paused


@dataclass(frozen=True, slots=True)
class Pausing:
    """The rulebook's rule on pauses. A forgotten pause is no reason to record: by itself it ends in a stop."""

    limit: timedelta = timedelta(minutes=5)
    at_limit: AtLimit = AtLimit.STOP
