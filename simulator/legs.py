"""The legs of calls: what Twilio calls a Call."""

import uuid
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import format_datetime

ENDED = frozenset({"completed", "busy", "failed", "no-answer", "canceled"})


def new_sid(prefix: str) -> str:
    return prefix + uuid.uuid4().hex


def rfc2822(moment: datetime | None) -> str | None:
    return format_datetime(moment) if moment else None


@dataclass
class Leg:
    sid: str
    from_number: str
    to_number: str
    direction: str
    created: datetime
    status: str = "ringing"
    parent_sid: str | None = None
    phone_number_sid: str | None = None
    answered: datetime | None = None
    ended: datetime | None = None
    ended_by: str = ""
    redirected: list[datetime] = field(default_factory=list)  # the moments at which REST sent it elsewhere
    is_deleted: bool = False
    acts_by_plan: bool = False  # its person is the one of the plan, not an agent who was called
    sequence: int = 0  # of its status callbacks

    @property
    def is_over(self) -> bool:
        return self.status in ENDED

    @property
    def duration_s(self) -> int:
        """Whole seconds from the answer to the end, as Twilio counts them."""
        return int((self.ended - self.answered).total_seconds()) if self.answered and self.ended else 0

    def answer(self, moment: datetime) -> None:
        self.status, self.answered = "in-progress", moment

    def end(self, status: str, moment: datetime, why: str) -> None:
        self.status, self.ended, self.ended_by = status, moment, why

    def next_sequence(self) -> int:
        self.sequence += 1
        return self.sequence - 1
