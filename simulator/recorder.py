"""Starts, pauses, stops and finishes the recordings of one call, and reports on them."""

from dataclasses import dataclass

from simulator.call_setting import CallSetting
from simulator.deliveries import Deliveries
from simulator.legs import new_sid
from simulator.recordings import Recording, Segment, Terms, callback_params
from simulator.sound import tone
from simulator.tape import CALLER, Tape


@dataclass(frozen=True)
class Recorded:
    """The leg or the conference that is recorded, and the sounds there. A conference has a participant's call sid."""

    call_sid: str
    tape: Tape
    conference_sid: str | None = None


class Recorder:
    """Several recordings may run at once, of any leg of the call; each is its own file and has its own callbacks."""

    def __init__(self, setting: CallSetting, call_sid: str, tape: Tape, deliveries: Deliveries) -> None:
        self._setting = setting
        self._caller = Recorded(call_sid, tape)
        self._deliveries = deliveries
        self.recordings: list[Recording] = []

    def start(self, terms: Terms, recorded: Recorded | None = None) -> Recording:
        """Record from now on, the caller's leg or another. A second start under a running name makes a second
        recording."""
        of = recorded or self._caller
        exchange = self._setting.exchange
        now = exchange.clock.now()
        recording = Recording(
            sid=new_sid("RE"),
            call_sid=of.call_sid,
            conference_sid=of.conference_sid,
            terms=terms,
            tape=of.tape,
            started=now,
            updated=now,
            segments=[Segment(self._setting.clock.elapsed())],
            refusals_left=self._setting.faults.media_404,
        )
        self.recordings.append(recording)
        exchange.recordings[recording.sid] = recording
        self._changed(recording)
        return recording

    def make_late(self, terms: Terms, recorded: Recorded, lasts_s: float) -> Recording:
        """A recording of a leg that is over: it begins and is completed now, however long it lasts."""
        recording = self.start(terms, recorded)
        begins_s = recording.started_at_s
        recorded.tape.add("caller", "speech", "", CALLER, begins_s, tone((440.0,), lasts_s))
        recording.stop(begins_s + lasts_s)
        self._finish(recording)
        return recording

    def pause(self, recording: Recording, *, keeps_time: bool) -> None:
        recording.pause(self._setting.clock.elapsed(), keeps_time=keeps_time)
        self._changed(recording, is_reported=False)

    def resume(self, recording: Recording) -> None:
        recording.resume(self._setting.clock.elapsed())
        self._changed(recording, is_reported=False)

    def stop(self, recording: Recording) -> None:
        """End it. The file is ready a little later. A stopped recording stays as it is."""
        if recording.is_running:
            recording.stop(self._setting.clock.elapsed())
            self._changed(recording, is_reported=False)
            self._setting.clock.later(
                self._setting.exchange.config.timing.processing_s, lambda: self._finish(recording)
            )

    def stop_named(self, name: str) -> None:
        """End every recording of this name. If none runs, there is only a warning."""
        running = [recording for recording in self.recordings if recording.is_running and recording.terms.name == name]
        if not running:
            self._setting.journal.add("warning", {"detail": f"no recording named {name!r} is running"})
        for recording in running:
            self.stop(recording)

    def stop_of(self, call_sid: str) -> None:
        """End every recording of a leg, which is over. Its conferences may go on."""
        for recording in [recording for recording in self.recordings if recording.call_sid == call_sid]:
            if not recording.conference_sid:
                self.stop(recording)

    def url(self, recording: Recording) -> str:
        config = self._setting.exchange.config
        return f"{config.api_url}/2010-04-01/Accounts/{config.account_sid}/Recordings/{recording.sid}"

    def _finish(self, recording: Recording) -> None:
        faults = self._setting.faults.recording
        shortest_s = float("inf") if faults.ends_absent else self._setting.exchange.config.timing.recording_min_s
        recording.finish(shortest_s, off_s=faults.off_s)
        self._changed(recording)
        if recording.status == "completed":
            self._setting.exchange.recording_completed(recording)
        if faults.off_s and recording.status == "completed":
            self._setting.clock.later(faults.corrected_after_s, lambda: self._correct(recording, faults.off_s))

    def _correct(self, recording: Recording, off_s: int) -> None:
        """Report the right duration after a wrong one, unless the recording was deleted meanwhile."""
        if recording.duration_s is not None and recording.status == "completed":
            recording.duration_s -= off_s
            self._changed(recording)

    def _changed(self, recording: Recording, *, is_reported: bool = True) -> None:
        config = self._setting.exchange.config
        recording.updated = self._setting.exchange.clock.now()
        self._setting.journal.add("recording", to_json(recording))
        if is_reported and recording.status in recording.terms.callback_events:
            started = self._setting.exchange.date_text(recording.started) or ""
            params = callback_params(recording, config.account_sid, config.api_url, started)
            if not recording.conference_sid:
                params["CallSid"] = self._setting.exchange.shown_call_sid(recording) or ""
            terms = recording.terms
            self._deliveries.deliver("recording", terms.callback, terms.callback_method, params, recording.status)


def to_json(recording: Recording) -> dict[str, object]:
    """A recording as the control API shows it."""
    stopped = recording.stopped_at_s
    return {
        "sid": recording.sid,
        "call_sid": recording.call_sid,
        "conference_sid": recording.conference_sid,
        "source": recording.terms.source,
        "name": recording.terms.name,
        "callback": recording.terms.callback,
        "status": recording.status,
        "started_at_s": round(recording.started_at_s, 3),
        "stopped_at_s": None if stopped is None else round(stopped, 3),
        "duration_s": recording.duration_s,
        "silences": recording.silences(),
        "is_paused_to_the_end": recording.segments[-1].is_silent,
        "sha256": recording.sha256,
        "deleted": recording.deleted is not None,
    }
