"""The message of the day: all is well, or what is not. Where it stays away, nobody tells any more: see to the worker.

It says that all is well only where that was looked at: no incident is open, and the checks of the day have run since
the last such message, and within a day. A check that is about to run is waited for, an hour at most; so is the first
look of a worker at everything else, for ten minutes.
"""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection

from onrecord import daily
from onrecord.doctor.examination import WATERMARK as DOCTOR
from onrecord.selftest.schedule import WATERMARK as SELF_TEST
from onrecord.telling.delivery import Telling
from policies import telling
from policies.telling import Wellness
from storage.audio.contract import AudioStore
from storage.errors import Broken, Refused, Unavailable
from storage.log import checkpoints
from storage.rows import messages, watermarks
from storage.rows.incidents import open_incidents

LOOK_EVERY_S = 60.0
_WAITED_FOR = timedelta(hours=1)
_FIRST_LOOK = timedelta(minutes=10)
_UNSIGNED_MAX = _UNTOLD_MAX = timedelta(hours=1)
_CHECKS = {SELF_TEST: "the self-test has not run for a day", DOCTOR: "the settings were not examined for a day"}


@dataclass(frozen=True)
class AllWell:
    """Several workers may look at once. `began_at`: when this worker did."""

    told_by: Telling
    store: AudioStore
    began_at: datetime

    def look(self) -> None:
        for way in self.told_by.ways():
            if way.all_well and daily.is_due(self.told_by.database, _watermark(way.name), self.told_by.moment().at):
                self._tell(way.name)

    def _tell(self, way: str) -> None:
        now = self.told_by.moment().at
        if self._has_begun_within(_FIRST_LOOK, now):
            return
        unchecked = self._unchecked()
        with self.told_by.database.read() as connection:
            since = watermarks.reached(connection, _watermark(way)) or now
            waits = any(message.way == way for message in messages.untold(connection))
            checked_since = max(since, now - daily.EVERY - _WAITED_FOR)  # the last message may be of weeks ago
            missing = _not_run_since(connection, checked_since)
        can_wait = now - since < daily.EVERY + _WAITED_FOR or self._has_begun_within(_WAITED_FOR, now)
        if waits or (missing and can_wait):
            return  # a receiver that is away is told when it has what came before

        def tell(connection: Connection) -> None:
            moment = self.told_by.moment()
            if watermarks.advance(connection, _watermark(way), now):
                found = _found(connection, now, (*_not_run_since(connection, checked_since), *unchecked))
                body = telling.of_the_day(moment.at, self.told_by.installation, found)
                messages.add(connection, moment, way, body, self.told_by.jobs)

        self.told_by.database.write(tell)

    def _has_begun_within(self, time: timedelta, now: datetime) -> bool:
        return timedelta(0) <= now - self.began_at < time  # negative: the clock was ahead

    def _unchecked(self) -> tuple[str, ...]:
        """The checks beside those of the database that did not pass."""
        try:
            self.store.check()
        except (Unavailable, Refused, Broken):
            return ("the audio store does not work",)
        return ()


def _found(connection: Connection, now: datetime, unchecked: tuple[str, ...]) -> Wellness:
    open_kinds = Counter(incident.kind for incident in open_incidents(connection))
    unsigned_since = checkpoints.unsigned_since(connection)
    is_unsigned = unsigned_since is not None and now - unsigned_since > _UNSIGNED_MAX
    unsigned = ["the log was not signed for an hour"] if is_unsigned else []
    # Also where a person has closed the incident about it.
    mute = {message.way for message in messages.untold(connection) if now - message.made_at > _UNTOLD_MAX}
    return Wellness(open_kinds, (*unchecked, *unsigned, *(f"the way {name} does not work" for name in sorted(mute))))


def _not_run_since(connection: Connection, since: datetime) -> tuple[str, ...]:
    """The daily checks that have not begun since then. The first look of all notes a time at which none has run."""
    reached = watermarks.reached_each(connection, _CHECKS)
    return tuple(words for name, words in _CHECKS.items() if reached.get(name, since) <= since + _WAITED_FOR)


def _watermark(way: str) -> str:
    return f"all_well:{way}"
