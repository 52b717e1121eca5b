"""What Twilio reports of a call and of a recording: in any order, any number of times, or never.

Everything here ends in rows and, where something must follow outside, in a durable job of the same transaction.
"""

from dataclasses import dataclass

from sqlalchemy import Connection

from callflow.conversation import Conversation
from callflow.forms import CallProgress, IncomingCall, RecordingProgress
from policies.consent import Outcome
from policies.lifecycle import CallEvent, RecordingEvent
from storage import calls, recordings
from storage.calls import Call, Moment
from storage.errors import Refused
from storage.recordings import Jobs, News

_RECORDING_EVENT = {
    "in-progress": RecordingEvent.IN_PROGRESS,
    "completed": RecordingEvent.COMPLETED,
    "absent": RecordingEvent.ABSENT,
    "failed": RecordingEvent.ABSENT,
}


@dataclass(frozen=True, slots=True)
class Callbacks:
    conversation: Conversation
    jobs: Jobs

    def call_progressed(
        self, connection: Connection, moment: Moment, request_sha256: str, progress: CallProgress
    ) -> None:
        """The end of a call settles what was still open; all that comes before it says nothing new."""
        if not progress.is_final:
            return
        known = calls.by_sid(connection, progress.arrived.call_sid)
        if known is None:
            known = self._missed(connection, moment, request_sha256, progress.arrived)
        calls.end(connection, moment, known, status=progress.arrived.call_status, duration_s=progress.duration_s)

    def recording_progressed(
        self, connection: Connection, moment: Moment, request_sha256: str, call_id: str, progress: RecordingProgress
    ) -> None:
        known = calls.by_id(connection, call_id)
        if known is None or known.call_sid != progress.call_sid:
            raise Refused(f"call {call_id}: the callback is about another call")
        news = News(
            recording_sid=progress.recording_sid,
            event=_RECORDING_EVENT[progress.status],
            source=progress.source,
            ours=True,  # only record.xml names this callback's URL, and only a permit is rendered into record.xml
            duration_s=progress.duration_s,
            channels=progress.channels,
        )
        recordings.hear(connection, moment, known, news, self.jobs)

    def _missed(self, connection: Connection, moment: Moment, request_sha256: str, arrived: IncomingCall) -> Call:
        """A call we never answered (we were down): it is on record all the same, as one that was not asked."""
        known = self.conversation.receive(connection, moment, request_sha256, arrived)
        reason = "the service did not answer"
        return calls.settle(connection, moment, known, CallEvent.SUPPRESSED, outcome=Outcome.NOT_ASKED, reason=reason)
