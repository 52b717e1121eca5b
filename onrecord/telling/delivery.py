"""From the outbox to the receivers: notices become messages, and each message is a durable job until it is told.

A way has one untold message at most, and is told once a minute at most. So a thousand incidents while its receiver is
away are one message, which comes after the older news, and a storm is no more messages than a person can look at. A
message that was told when the worker died before noting it is sent again, under the same id.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Protocol

from sqlalchemy import Connection

from onrecord.senders import Send
from policies import telling
from policies.telling import Way
from storage.database.engine import Database
from storage.jobs.contract import JobKind
from storage.jobs.steps import Steps
from storage.moment import Moment
from storage.rows import messages, notices
from storage.rows.incidents import open_incidents
from storage.rows.messages import TELL, Jobs

LOOK_EVERY_S = 5.0
TOLD_EVERY = timedelta(minutes=1)
"""A way is told no sooner after it was told."""


class KnownJobs(Jobs, Protocol):
    """A job's id begins with that of its message."""

    def under_way(self, kind: JobKind) -> frozenset[str]: ...


@dataclass(frozen=True)
class Telling:
    """Several workers may look at once. `ways` are those of the rulebook in force, asked anew at each try, since a
    message may wait for hours. `installation` is the name by which receivers know the installation.
    """

    database: Database
    jobs: KnownJobs
    ways: Callable[[], tuple[Way, ...]]
    send: Send
    installation: str
    moment: Callable[[], Moment]

    def look(self) -> None:
        """Make messages of what is in the outbox, and see that each untold message has a job."""
        with self.database.read() as connection:
            if not (notices.are_there(connection) or messages.untold(connection)):
                return
        busy = frozenset(job_id.partition(":")[0] for job_id in self.jobs.under_way(TELL))
        self.database.write(partial(self._go_on, busy))

    def tell(self, steps: Steps, message_id: str) -> None:
        """The job *tell*."""
        steps("tell", lambda: self._deliver(message_id))

    def _go_on(self, busy: frozenset[str], connection: Connection) -> None:
        moment, ways = self.moment(), self.ways()
        names = [way.name for way in ways]
        messages.drop_others(connection, moment, names)
        notices.share_out(connection, ways)
        untold = messages.untold(connection)
        for message in untold:
            if message.id not in busy:
                messages.ask(connection, moment, message, self.jobs)
        told = messages.told_between(connection, moment.at - TOLD_EVERY, moment.at)
        for name in sorted({*names} - told - {message.way for message in untold}):
            if taken := notices.take(connection, name):
                still_open = len(open_incidents(connection))
                body = telling.of_incidents(moment.at, self.installation, taken, still_open=still_open)
                messages.add(connection, moment, name, body, self.jobs)

    def _deliver(self, message_id: str) -> None:
        with self.database.read() as connection:
            message = messages.by_id(connection, message_id)
        way = next((way for way in self.ways() if message and way.name == message.way), None)
        if message is None or message.told_at is not None or way is None:
            return
        problem = self.send(way, message.id, self.moment().at, message.body)
        self.database.write(lambda connection: messages.told(connection, self.moment(), message_id, problem=problem))
