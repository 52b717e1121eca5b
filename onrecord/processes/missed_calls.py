"""Calls that Twilio took and that never reached us: we were down from their first ring to their last callback.

Nothing of them is in our database, so no sweep of ours would ask about them. Twilio's own list of calls is read
instead, from where the last reading ended.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import Connection, select

from callflow.callbacks import Callbacks
from callflow.forms import CallProgress, IncomingCall
from compliance.provider import clocks
from policies.incidents import IncidentKind
from storage.database.engine import Database
from storage.database.tables import call
from storage.errors import Broken, Refused
from storage.moment import Moment
from storage.provider import Listed, Provider, ProviderCall
from storage.rows import watermarks
from storage.rows.incidents import raise_incident

log = logging.getLogger(__name__)

LOOK_EVERY_S = 15.0
# Twilio asks at once, and gives up after 15 seconds. Who is longer on the line is on it without us: what is recorded of
# them is to be found while they talk.
_REACHES_US_WITHIN = timedelta(minutes=1)
# A call may be listed a little later than it came in.
_OVERLAP = timedelta(minutes=3)


@dataclass(frozen=True)
class MissedCalls:
    """Several workers may call `look` at once, and as often as they like.

    `first_seen` is when, by our own clock, this process first saw a live call on the list that is unknown here: how
    long a call takes to reach us is never computed from two clocks.
    """

    database: Database
    provider: Provider
    callbacks: Callbacks
    moment: Callable[[], Moment]
    first_seen: dict[str, datetime] = field(default_factory=dict)

    def look(self) -> None:
        """Write down each call to our lines that is unknown here, as a call that was not asked."""
        began = self.moment().at
        with self.database.read() as connection:
            since = watermarks.reached(connection, watermarks.CALLS)
        unread = self._go_through(began, min(since, began - _OVERLAP)) if since else 0
        gone_through = began - _OVERLAP if since else began

        def advance(connection: Connection) -> None:
            if since and since > began:  # our clock was ahead: what came since would never be asked about
                watermarks.take_back(connection, watermarks.CALLS, gone_through)
            watermarks.advance(connection, watermarks.CALLS, gone_through)
            self._tell(connection, unread)

        self.database.write(advance)

    def _go_through(self, began: datetime, since: datetime) -> int:
        """Write down the missed calls. Returns how many rows or calls make no sense: they do not hinder the others."""
        listed = self._listed(since)
        unknown = self._unknown(listed.rows)
        seen = {row.call_sid: self.first_seen.get(row.call_sid, began) for row in unknown if not row.ended}
        self.first_seen.clear()
        self.first_seen.update(seen)
        missed = [row for row in unknown if row.ended or began - seen[row.call_sid] > _REACHES_US_WITHIN]
        return listed.unread + sum(not self._take_in(row) for row in missed)

    def _listed(self, since: datetime) -> Listed[ProviderCall]:
        """Twilio's list of calls. `since` is by our clock, and Twilio is asked by its own: the difference may only be
        known by asking.
        """
        taken_for = clocks.ahead_at_most(self.provider)
        listed = self.provider.calls_since(since - taken_for)
        ahead = clocks.ahead_at_most(self.provider)
        return listed if ahead - taken_for < _OVERLAP / 2 else self.provider.calls_since(since - ahead)

    def _tell(self, connection: Connection, unread: int) -> None:
        moment, kind = self.moment(), IncidentKind.LIST_NOT_UNDERSTOOD
        clocks.report(connection, moment, self.provider.clocks_apart())
        if unread:
            detail = f"{unread} calls on Twilio's list make no sense; the others were looked at"
            raise_incident(connection, moment, kind, about="calls", call_id=None, detail=detail)

    def _unknown(self, listed: Sequence[ProviderCall]) -> list[ProviderCall]:
        query = select(call.c.call_sid).where(call.c.call_sid.in_([row.call_sid for row in listed]))
        with self.database.read() as connection:
            known = set(connection.scalars(query))
            rulebook = self.callbacks.conversation.rules.read(connection)
        return [row for row in listed if row.call_sid not in known and rulebook.line(row.line)]

    def _take_in(self, missed: ProviderCall) -> bool:
        """Write the call down. Returns whether it could be."""
        arrived = IncomingCall(missed.call_sid, from_=missed.caller, to=missed.line, call_status=missed.status)
        told = CallProgress(arrived, sequence_number=None, duration_s=missed.duration_s)
        try:
            self.database.write(lambda connection: self.callbacks.call_listed(connection, self.moment(), told))
        except (Refused, Broken) as error:
            log.warning("a call on Twilio's list could not be written down: %s", error)
            return False
        return True
