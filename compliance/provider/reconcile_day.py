"""Compares Twilio's list of a day's calls with ours: a call that is on only one of them needs a person.

No log of ours can prove by itself which calls there were. An outage moves when we write a call down, never when Twilio
does, so a call of ours that is not on the day's list is asked for by name before it is called unknown.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from sqlalchemy import Connection, Row, Select, select

from compliance.provider import clocks
from compliance.provider.events import reconciled
from policies import day_comparison
from policies.day_comparison import APART_MAX, Came, DayCompared
from policies.incidents import IncidentKind
from storage.database.engine import Database
from storage.database.tables import call
from storage.errors import Refused
from storage.log import consent_log
from storage.moment import Moment
from storage.provider import Provider
from storage.rows import strangers, watermarks
from storage.rows.incidents import raise_incident, resolve

_WATERMARK = "reconciled"
_DAY = timedelta(days=1)
# The calls of a day's last minutes are over, and those that never reached us were found.
_SETTLED_AFTER = timedelta(hours=1)
_CATCH_UP_MAX = timedelta(days=30)
_SIDS_AT_ONCE = 500


@dataclass(frozen=True)
class Reconciliation:
    """`lines` are the numbers of the rulebook; those that calls of the day came in on count as well."""

    database: Database
    provider: Provider
    lines: Collection[str]
    moment: Callable[[], Moment]

    def look(self) -> None:
        """Compare each day that is over and was not compared yet, from the first whole day of this installation on.

        May be done by several workers at once: only one of them logs the day.
        """
        moment = self.moment()
        with self.database.read() as connection:
            done = watermarks.reached(connection, _WATERMARK)
        now = self._over_until(moment.at)
        today = _begin(now.date())
        tomorrow = today + _DAY
        if done is None:
            self.database.write(lambda connection: watermarks.advance(connection, _WATERMARK, tomorrow))
            return
        if done > tomorrow:  # a clock was ahead; what was gone through of today was too early
            self.database.write(lambda connection: watermarks.take_back(connection, _WATERMARK, today))
            return
        day = max(done, _begin((now - _CATCH_UP_MAX).date()))
        while self._is_settled(day, moment.at):
            compared = self.compare(day.date())
            if not self._is_settled(day, moment.at):
                return  # how far our clock is ahead is known only now that Twilio was asked
            self._log(compared, watermark=day + _DAY)
            day += _DAY

    def go_through(self, day: date) -> DayCompared:
        """Compare a day, as far as it is over, and log the result. Raises Refused for a day that has not begun."""
        compared = self.compare(day)
        self._log(compared)
        return compared

    def compare(self, day: date) -> DayCompared:
        begin, end = _begin(day), min(_begin(day) + _DAY, self._over_until(self.moment().at))
        if end <= begin:
            raise Refused(f"reconcile: {day} has not begun")
        calls = self.provider.calls_between(begin, end)
        ahead = self._ahead()
        with self.database.read() as connection:
            rows = connection.execute(_came_in(begin + ahead - APART_MAX, end + ahead + APART_MAX)).all()
            noticed = strangers.count(connection, begin + ahead, end + ahead)
        ours = [row for row in rows if begin <= row.received_at - ahead < end]
        lines, taken = {*self.lines, *(row.line for row in ours)} - {""}, {row.call_sid for row in rows}
        listed = [
            Came(listed_call.call_sid, listed_call.line, listed_call.came_in_at)
            for listed_call in calls
            if listed_call.came_in_at and (listed_call.line in lines or listed_call.call_sid in taken)
        ]
        known = self._known([came.name for came in listed])
        named = [row.call_sid for row in ours if not row.erased_at]
        absent = sorted({*named} - {came.name for came in listed})
        return DayCompared(
            day=day,
            provider_calls=len(listed),
            logged_calls=len(named),
            erased=len(ours) - len(named),
            missing=day_comparison.missing(listed, known, [_came(row, ahead) for row in rows if row.erased_at]),
            unknown=tuple(sid for sid in absent if self.provider.call(sid) is None),
            strangers=noticed,
        )

    def _is_settled(self, day: datetime, now: datetime) -> bool:
        return day + _DAY + _SETTLED_AFTER <= self._over_until(now)

    def _over_until(self, now: datetime) -> datetime:
        """Days are in Twilio's time, and over when both clocks say so."""
        return min(now, now - self._ahead())

    def _ahead(self) -> timedelta:
        apart = self.provider.clocks_apart()
        return apart.about if apart and abs(apart.about) > clocks.APART_MAX else timedelta(0)

    def _known(self, sids: list[str]) -> set[str]:
        """The sids among these that a call of ours has, whenever it was written down."""
        found: set[str] = set()
        with self.database.read() as connection:
            for start in range(0, len(sids), _SIDS_AT_ONCE):
                some = sids[start : start + _SIDS_AT_ONCE]
                found.update(connection.scalars(select(call.c.call_sid).where(call.c.call_sid.in_(some))))
        return found

    def _log(self, compared: DayCompared, *, watermark: datetime | None = None) -> None:
        moment = self.moment()

        def write(connection: Connection) -> None:
            if watermark and not watermarks.advance(connection, _WATERMARK, watermark):
                return  # another worker has gone through it
            about = f"day {compared.day}"
            if compared.agrees:
                resolve(connection, moment, IncidentKind.CALLS_MISSING, about)
            else:
                detail = f"{len(compared.missing)} calls at Twilio are not here, {len(compared.unknown)} here not there"
                raise_incident(connection, moment, IncidentKind.CALLS_MISSING, about=about, call_id=None, detail=detail)
            consent_log.append_events(connection, moment, reconciled(compared))

        self.database.write(write)


def _came_in(begin: datetime, end: datetime) -> Select[tuple[str, str, datetime, datetime | None]]:
    columns = (call.c.call_sid, call.c.line, call.c.received_at, call.c.erased_at)
    return select(*columns).where(call.c.received_at >= begin, call.c.received_at < end, call.c.synthetic == 0)


def _came(row: Row[tuple[str, str, datetime, datetime | None]], ahead: timedelta) -> Came:
    """The call in Twilio's time."""
    return Came(row.call_sid, row.line, row.received_at - ahead)


def _begin(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)
