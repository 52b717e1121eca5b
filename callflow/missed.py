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
_WATERMARK = "calls"
# A call may be listed a little later than it came in.
_OVERLAP = timedelta(minutes=2)


@dataclass(frozen=True)
class MissedCalls:
    """`look` may be done by several workers at once, and as often as one likes."""

    database: Database
    provider: Provider
    callbacks: Callbacks
    moment: Callable[[], Moment]

    def look(self) -> None:
        """Write down each call to our lines that is over and unknown here, as one that was not asked."""
        began = self.moment().at
        with self.database.read() as connection:
            since = watermarks.reached(connection, _WATERMARK)
        missed = self._unknown(self.provider.calls_since(since)) if since else []
        for one in missed:
            if one.ended:
                self._take_in(one)
        # One that is still under way may reach us yet, and must be looked at again when it is over.
        under_way = [one.came_in_at for one in missed if not one.ended and one.came_in_at]
        gone_through = min([began - _OVERLAP if since else began, *under_way])
        self.database.write(lambda connection: watermarks.advance(connection, _WATERMARK, gone_through))

    def _unknown(self, listed: Sequence[ProviderCall]) -> list[ProviderCall]:
        rulebook = self.callbacks.conversation.rulebook
        query = select(call.c.call_sid).where(call.c.call_sid.in_([one.call_sid for one in listed]))
        with self.database.read() as connection:
            known = set(connection.scalars(query))
        return [one for one in listed if one.call_sid not in known and rulebook.line(one.line)]

    def _take_in(self, missed: ProviderCall) -> None:
        """As if its last callback had come after all."""
        arrived = IncomingCall(missed.call_sid, from_=missed.caller, to=missed.line, call_status=missed.status)
        told = CallProgress(arrived, sequence_number=None, duration_s=missed.duration_s)
        self.database.write(lambda connection: self.callbacks.call_progressed(connection, self.moment(), "", told))
