"""Twilio's callbacks about calls and recordings: in any order, any number of times, or never.

Everything here ends in rows and, where something must follow outside, in a durable job of the same transaction.
"""

from dataclasses import dataclass

from sqlalchemy import Connection

from callflow import decide
from callflow.conversation import Conversation
from callflow.forms import CallProgress, IncomingCall, RecordingProgress
from policies.consent import Outcome, Suppress
from storage.errors import Refused
from storage.moment import Moment
from storage.provider import recording_event
from storage.rows import call_end, calls, handoffs, news
from storage.rows.calls import Call
from storage.rows.news import News


@dataclass(frozen=True, slots=True)
class Callbacks:
    conversation: Conversation

    def call_progressed(
        self, connection: Connection, moment: Moment, request_sha256: str, progress: CallProgress
    ) -> None:
        """The end of a call settles an open question. Callbacks before the end say nothing new."""
        if not progress.is_final:
            return
        call = self._received(connection, moment, request_sha256, progress.arrived)
        call_end.end(connection, moment, call, status=progress.arrived.call_status, duration_s=progress.duration_s)
        handoffs.release(connection, call.id, self.conversation.jobs)

    def call_listed(self, connection: Connection, moment: Moment, progress: CallProgress) -> None:
        """Twilio lists a call that never reached us, though it is over or should have reached us by now."""
        self._received(connection, moment, "", progress.arrived)
        self.call_progressed(connection, moment, "", progress)

    def recording_progressed(
        self, connection: Connection, moment: Moment, request_sha256: str, call_id: str, progress: RecordingProgress
    ) -> None:
        call = calls.by_id(connection, call_id)
        if call is None or call.call_sid != progress.call_sid:
            raise Refused(f"call {call_id}: the callback is about another call")
        recording_news = News(
            recording_sid=progress.recording_sid,
            event=recording_event(progress.status),
            source=progress.source,
            reports_to_us=True,  # only record.xml names this URL, and only a permit is rendered into record.xml
            duration_s=progress.duration_s,
            channels=progress.channels,
            track=progress.track,
            started_at=progress.start_time,
        )
        news.take_news(connection, moment, call, recording_news, self.conversation.jobs)

    def _received(self, connection: Connection, moment: Moment, request_sha256: str, arrived: IncomingCall) -> Call:
        """The call, locked. A call that the service never answered is written down as not asked."""
        call = calls.by_sid(connection, arrived.call_sid)
        if call is not None:
            return call
        if not arrived.to:
            raise Refused("call: it is not known here, and what was dialled is not told")
        call = self.conversation.receive(connection, moment, request_sha256, arrived)
        facts = self.conversation.facts(connection, moment, call)
        unasked = decide.suppression(facts, Suppress(Outcome.NOT_ASKED, "the service did not answer"))
        return self.conversation.settle(connection, moment, facts, unasked)
