"""Recordings: the sound between start and stop, and the callbacks about it."""

from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256

import numpy as np

from simulator.sound import Samples, mixed, seconds, silence, to_wav, trimmed
from simulator.tape import CALLER, HEARD, Tape

RUNNING = frozenset({"in-progress", "paused"})


@dataclass(frozen=True)
class Terms:
    """The terms of the request to record."""

    source: str
    channels: int = 2
    track: str = "both"
    trim: str = "do-not-trim"
    name: str = ""
    callback: str = ""
    callback_method: str = "POST"
    callback_events: tuple[str, ...] = ("completed",)


@dataclass
class Segment:
    """A stretch of the tape; a silent one stands for a pause that keeps the time axis."""

    start_s: float
    stop_s: float | None = None
    is_silent: bool = False


@dataclass
class Recording:
    sid: str
    call_sid: str
    conference_sid: str | None
    terms: Terms
    tape: Tape
    started: datetime
    updated: datetime
    segments: list[Segment]
    status: str = "in-progress"
    duration_s: int | None = None
    sha256: str = ""  # of the whole WAV
    error_code: int = 0
    deleted: datetime | None = None
    erased: Tape | None = None  # kept for a restoration only
    refusals_left: int = 0  # media requests still to be answered 404 on request
    history: list[str] = field(default_factory=lambda: ["in-progress"])

    @property
    def is_running(self) -> bool:
        return self.status in RUNNING

    @property
    def started_at_s(self) -> float:
        return self.segments[0].start_s

    @property
    def stopped_at_s(self) -> float | None:
        return self.segments[-1].stop_s

    @property
    def channels(self) -> int:
        """A single track makes a file of one channel, whatever was asked for."""
        return self.terms.channels if self.terms.track == "both" else 1

    @property
    def length_s(self) -> int:
        """Whole seconds of sound until now, or of the finished file."""
        return round(seconds(self.sound()[0])) if self.duration_s is None else self.duration_s

    def pause(self, at_s: float, *, keeps_time: bool) -> None:
        self._close(at_s)
        if keeps_time:
            self.segments.append(Segment(at_s, is_silent=True))
        self._become("paused")

    def resume(self, at_s: float) -> None:
        self._close(at_s)
        self.segments.append(Segment(at_s))
        self._become("in-progress")

    def stop(self, at_s: float) -> None:
        self._close(at_s)
        self._become("stopped")

    def silences(self) -> list[list[float | None]]:
        """The silent stretches of pauses, as seconds from the file's beginning; None where one goes on."""
        found: list[list[float | None]] = []
        at_s = 0.0
        for part in self.segments:
            end_s = None if part.stop_s is None else at_s + part.stop_s - part.start_s
            if part.is_silent:
                found.append([round(at_s, 3), None if end_s is None else round(end_s, 3)])
            at_s = at_s if end_s is None else end_s
        return found

    def finish(self, duration_min_s: float, *, off_s: int = 0) -> None:
        """Make the file. Too short a recording is `absent`, with error 16101. `off_s` is added to its duration."""
        tracks = self.sound()
        length = seconds(tracks[0])
        if length < duration_min_s:
            self.error_code = 16101
            self._become("absent")
        else:
            self.duration_s = round(length) + off_s
            self.sha256 = sha256(to_wav(tracks)).hexdigest()
            self._become("completed")

    def sound(self) -> list[Samples]:
        """The tracks of the file: the caller first, then what the caller hears; or one track alone."""
        pair = [self._track(CALLER), self._track(HEARD)]
        if self.terms.trim == "trim-silence":
            pair = trimmed(pair)
        if self.terms.track != "both":
            return pair[:1] if self.terms.track == "inbound" else pair[1:]
        return pair if self.channels == 2 else [mixed(pair)]

    def erase(self, moment: datetime) -> None:
        """The sound is gone, for good unless it is restored; the metadata stay for a while."""
        self.erased, self.tape, self.deleted = self.tape, Tape(), moment
        self._become("deleted")

    def restore(self) -> None:
        """Undo the deletion, sound included."""
        if self.erased is not None:
            self.tape, self.erased, self.deleted = self.erased, None, None
            self._become("absent" if self.error_code else "completed")

    def _track(self, name: str) -> Samples:
        parts = [silence(0)]
        for part in self.segments:
            stop_s = part.start_s if part.stop_s is None else part.stop_s
            quiet = silence(stop_s - part.start_s)
            parts.append(quiet if part.is_silent else self.tape.stretch(name, part.start_s, stop_s))
        return np.concatenate(parts)

    def _close(self, at_s: float) -> None:
        if self.segments[-1].stop_s is None:
            self.segments[-1].stop_s = at_s

    def _become(self, status: str) -> None:
        self.status = status
        self.history.append(status)


def callback_params(recording: Recording, account_sid: str, api_url: str, started: str) -> dict[str, str]:
    """The parameters of a recording callback. From, To and CallStatus are not among them.

    A conference's recording names its conference, and no call.
    """
    path = f"/2010-04-01/Accounts/{account_sid}/Recordings/{recording.sid}"
    params = {
        "AccountSid": account_sid,
        **_of_whom(recording),
        "RecordingSid": recording.sid,
        "RecordingUrl": api_url + path,
        "RecordingStatus": recording.status,
        "RecordingChannels": str(recording.channels),
        "RecordingSource": recording.terms.source,
        "RecordingStartTime": started,
        "RecordingTrack": recording.terms.track,
        "ErrorCode": str(recording.error_code),
    }
    if recording.status == "completed":
        params["RecordingDuration"] = str(recording.duration_s)
    return params


def _of_whom(recording: Recording) -> dict[str, str]:
    return {"ConferenceSid": recording.conference_sid} if recording.conference_sid else {"CallSid": recording.call_sid}
