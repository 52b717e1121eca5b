"""Calls that Twilio took and that never reached us: we were down from their first ring to their last callback.

Nothing of them is in our database, so no sweep of ours would ask about them. Twilio's own list of calls is gone through
instead, from where the last look ended.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import select

from callflow.callbacks import Callbacks
from callflow.forms import CallProgress, IncomingCall
from storage import watermarks
from storage.calls import Moment
from storage.database import Database
from storage.provider import Provider, ProviderCall
from storage.tables import call

LOOK_EVERY_S = 15.0
# Twilio asks at once, and gives up after 15 seconds. Who is longer on the line is on it without us: what is recorded of
# them is to be found while they talk.
_REACHES_US_WITHIN = timedelta(minutes=1)
# A call may be listed a little later than it came in.
_OVERLAP = timedelta(minutes=3)


@dataclass(frozen=True)
class MissedCalls:
    """`look` may be done by several workers at once, and as often as one likes."""

    database: Database
    provider: Provider
    callbacks: Callbacks
    moment: Callable[[], Moment]

    def look(self) -> None:
        """Write down each call to our lines that is unknown here, as one that was not asked."""
        began = self.moment().at
        with self.database.read() as connection:
            since = watermarks.reached(connection, watermarks.CALLS)
        for one in self._unknown(self.provider.calls_since(since)) if since else []:
            if one.ended or one.came_in_at is None or began - one.came_in_at > _REACHES_US_WITHIN:
                self._take_in(one)
        gone_through = began - _OVERLAP if since else began
        self.database.write(lambda connection: watermarks.advance(connection, watermarks.CALLS, gone_through))

    def _unknown(self, listed: Sequence[ProviderCall]) -> list[ProviderCall]:
        rulebook = self.callbacks.conversation.rulebook
        query = select(call.c.call_sid).where(call.c.call_sid.in_([one.call_sid for one in listed]))
        with self.database.read() as connection:
            known = set(connection.scalars(query))
        return [one for one in listed if one.call_sid not in known and rulebook.line(one.line)]

    def _take_in(self, missed: ProviderCall) -> None:
        arrived = IncomingCall(missed.call_sid, from_=missed.caller, to=missed.line, call_status=missed.status)
        told = CallProgress(arrived, sequence_number=None, duration_s=missed.duration_s)
        self.database.write(lambda connection: self.callbacks.call_listed(connection, self.moment(), told))
