"""Stops a recording, and logs once that it was seen to have stopped."""

from sqlalchemy import Connection

from storage.custody.workshop import Workshop
from storage.errors import Unavailable
from storage.log import consent_log
from storage.provider import ProviderRecording
from storage.rows import calls, recordings
from storage.rows.calls import Call
from storage.rows.recordings import Recording

GONE = "gone"
_ENDED_BY_ITSELF = frozenset({"recording.completed", "recording.absent", "recording.stored"})


def stop(workshop: Workshop, call: Call, recording: Recording) -> None:
    """Ask the provider to stop a recording. Where its answer does not show that it has, the recording is read.

    Raises Unavailable until either shows it. Several jobs may stop a recording at once, and one of them logs it.
    """
    seen = workshop.provider.stop(recording.under_sid or call.call_sid, recording.recording_sid)
    if seen is None or not seen.has_stopped:
        seen = workshop.provider.recording(recording.recording_sid)
    note(workshop, recording, seen)


def note(workshop: Workshop, recording: Recording, seen: ProviderRecording | None) -> None:
    """Log how a recording was seen to have stopped; None: it is gone. Raises Unavailable where it was not."""
    if seen is not None and not seen.has_stopped:
        if recording.id in logged(workshop, recording.call_id):
            return  # the answer to another job has shown it: a stopped recording never goes on
        raise Unavailable(f"recording {recording.id}: Twilio was asked to stop it, and shows it as {seen.status!r}")
    status = seen.status if seen else GONE

    def write(connection: Connection) -> None:
        call = calls.existing(connection, recording.call_id)
        if recording.id not in _have_ended(connection, call.id):
            recordings.stopped(connection, workshop.moment(), call, recording.id, seen=status)

    workshop.database.write(write)


def logged(workshop: Workshop, call_id: str) -> frozenset[str]:
    """The recordings of a call of which it is logged that they were stopped, or that they ended before a withdrawal."""
    with workshop.database.read() as connection:
        return _have_ended(connection, call_id)


def _have_ended(connection: Connection, call_id: str) -> frozenset[str]:
    """Where a consent was withdrawn, a recording that ended later may have run on for a while: that is logged too."""
    ended, is_withdrawn = set[str](), False
    for _, event in consent_log.events_of_call(connection, call_id):
        kind = event["type"]
        is_withdrawn = is_withdrawn or kind == "consent.withdrawn"
        if kind == "recording.stopped" or (kind in _ENDED_BY_ITSELF and not is_withdrawn):
            ended.add(event["recording"])
    return frozenset(ended)
