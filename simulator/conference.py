"""Conferences: the legs that are in them, the sounds that they share, and the recordings of all of them."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol

from simulator.call_clock import CallClock
from simulator.call_setting import Network
from simulator.deliveries import Deliveries
from simulator.legs import Leg, new_sid
from simulator.line import Line
from simulator.recorder import Recorded, Recorder
from simulator.recordings import Recording, Terms
from simulator.tape import CALLER, HEARD, Tape, Utterance

STARTS_AT = 2  # participants
VIA_API = "conference-ended-via-api"


class ConferenceCall(Protocol):
    """The call of a participant, as far as a conference uses it."""

    clock: CallClock
    recorder: Recorder
    deliveries: Deliveries
    conferences: "list[Conference]"

    def elapsed(self) -> float: ...


@dataclass(eq=False)
class Participant:
    """A leg in a conference. A coach (`coaches` is the sid of another leg) hears everybody and is heard by nobody
    else."""

    call: ConferenceCall
    leg: Leg
    line: Line
    label: str = ""
    starts_conference: bool = True
    ends_conference: bool = False
    is_muted: bool = False
    coaches: str = ""
    is_held: bool = False
    is_out: bool = False

    @property
    def is_caller(self) -> bool:
        """A caller talks by plan; an agent stays for as long as a caller may come."""
        return self.leg.acts_by_plan

    @property
    def is_audible(self) -> bool:
        return not (self.is_muted or self.is_held or self.coaches)


@dataclass
class Callback:
    """The conference's status callback, as its first participant with such a callback set it."""

    url: str = ""
    method: str = "POST"
    events: frozenset[str] = field(default_factory=frozenset)


class Conference:
    """From its first participant to its end. Safe to use from several threads."""

    def __init__(self, network: Network, name: str) -> None:
        self.sid = new_sid("CF")
        self.name = name
        self.status = "init"
        self.created = self.updated = network.clock.now()
        self.reason: str | None = None
        self.ended_by: str | None = None
        self.participants: list[Participant] = []
        self.recordings: list[Recording] = []
        self.tape = Tape()
        self._network = network
        self._calls: list[ConferenceCall] = []
        self._host: Participant | None = None  # the first participant, whose call counts the time of the recordings
        self._terms: Terms | None = None
        self._callback = Callback()
        self._sequence = 0
        self._lock = threading.RLock()

    @property
    def is_started(self) -> bool:
        return self.status == "in-progress"

    @property
    def is_over(self) -> bool:
        return self.status == "completed"

    @property
    def has_caller(self) -> bool:
        return any(participant.is_caller for participant in self.participants)

    @contextmanager
    def taking_in(self, participant: Participant, callback: Callback, terms: Terms | None) -> Iterator[None]:
        """A participant is in for as long as the block lasts. The first `callback` and the first `terms` hold."""
        with self._lock:
            self._join(participant, callback, terms)
        try:
            yield
        finally:
            with self._lock:
                self._leave(participant)

    def speaker(self) -> Participant | None:
        """The caller who talks, if somebody is there to talk with."""
        callers = [participant for participant in self.participants if participant.is_caller and participant.is_audible]
        return callers[0] if callers and self._partner(callers[0]) else None

    def find(self, call_sid_or_label: str) -> Participant | None:
        """A participant who is in the conference."""
        found = [p for p in self.participants if call_sid_or_label in (p.leg.sid, p.label)]
        return found[0] if found else None

    def end(self, reason: str = VIA_API, call_sid: str | None = None) -> None:
        """Everybody is sent on to the next verb, and the recordings end."""
        with self._lock:
            if self.is_over:
                return
            self.status, self.reason, self.ended_by = "completed", reason, call_sid
            for recording in self.recordings:
                self._recorder_of(recording).stop(recording)
            for participant in self.participants:
                self.remove(participant)
            self._report("conference-end", None)
            for call in self._calls:
                call.clock.later(self._network.config.timing.processing_s, lambda: None)
                call.clock.release()

    def remove(self, participant: Participant) -> None:
        """Send a participant on to its next verb."""
        participant.is_out = True
        participant.line.take_out()

    def note(self, event: str, participant: Participant) -> None:
        """A participant was held, muted or otherwise changed."""
        self._report(event, participant)

    def _join(self, participant: Participant, callback: Callback, terms: Terms | None) -> None:
        self.updated = self._network.clock.now()
        self._host = self._host or participant
        self._callback = self._callback if self._callback.url else callback
        self._terms = self._terms or terms
        if participant.call not in self._calls:
            self._calls.append(participant.call)
            participant.call.conferences.append(self)
            participant.call.clock.hold()
        self.participants.append(participant)
        participant.line.share(partial(self._hear, participant))
        self._report("participant-join", participant)
        self._maybe_start()

    def _maybe_start(self) -> None:
        may_start = any(participant.starts_conference for participant in self.participants)
        if self.status == "init" and len(self.participants) >= STARTS_AT and may_start:
            self.status = "in-progress"
            self._report("conference-start", None)
            for waiting in self.participants[:-1]:
                waiting.line.take_out()
        if self.is_started and self._terms and not self.recordings and self._host:
            recorded = Recorded(self._host.leg.sid, self.tape, self.sid)
            self.recordings.append(self._host.call.recorder.start(self._terms, recorded))

    def _leave(self, participant: Participant) -> None:
        self.updated = self._network.clock.now()
        participant.line.share(None)
        participant.line.forget_taking_out()
        self.participants.remove(participant)
        self._report("participant-leave", participant)
        if participant.ends_conference:
            self.end(f"participant-with-end-conference-on-exit-{_exit(participant)}", participant.leg.sid)
        elif not self.participants:
            self.end(f"last-participant-{_exit(participant)}", participant.leg.sid)

    def _hear(self, participant: Participant, utterance: Utterance) -> None:
        """A sound began on the line of a participant: its own, or that of the person it talks with."""
        with self._lock:
            who = participant if utterance.track == CALLER else self._partner(participant)
            if not who or utterance.who == "line" or not who.is_audible:
                return
            for other in self.participants:
                if other is not participant and not other.is_held:
                    track = CALLER if other is who else HEARD
                    other.line.tape.overhear(utterance, track, other.call.elapsed())
            if self._host:
                track = CALLER if who is self._host else HEARD
                self.tape.overhear(utterance, track, self._host.call.elapsed())

    def _partner(self, participant: Participant) -> Participant | None:
        """The person whom a caller talks with."""
        others = [other for other in self.participants if other is not participant and other.is_audible]
        return others[0] if others else None

    def _recorder_of(self, recording: Recording) -> Recorder:
        return next(call.recorder for call in self._calls if recording in call.recorder.recordings)

    def _report(self, event: str, participant: Participant | None) -> None:
        """Send a status callback. Sequence numbers count every event, asked for or not."""
        self._sequence += 1
        word = event.rpartition("-")[2].removeprefix("un")
        if not self._host or word not in self._callback.events:
            return
        config, now = self._network.config, self._network.clock.now()
        params = {
            "AccountSid": config.account_sid,
            "ConferenceSid": self.sid,
            "FriendlyName": self.name,
            "StatusCallbackEvent": event,
            "SequenceNumber": str(self._sequence),
            "Timestamp": self._network.date_text(now) or "",
            **(_about(participant) if participant else {}),
            **({"ReasonConferenceEnded": self.reason} if self.reason else {}),
            **({"CallSidEndingConference": self.ended_by} if self.ended_by else {}),
        }
        self._host.call.deliveries.deliver("conference", self._callback.url, self._callback.method, params, event)


def _exit(participant: Participant) -> str:
    return "kicked" if participant.is_out else "left"


def _about(participant: Participant) -> dict[str, str]:
    return {
        "CallSid": participant.leg.sid,
        "Muted": str(participant.is_muted).lower(),
        "Hold": str(participant.is_held).lower(),
        "Coaching": str(bool(participant.coaches)).lower(),
        "StartConferenceOnEnter": str(participant.starts_conference).lower(),
        "EndConferenceOnExit": str(participant.ends_conference).lower(),
        **({"CallSidToCoach": participant.coaches} if participant.coaches else {}),
        **({"ParticipantLabel": participant.label} if participant.label else {}),
    }
