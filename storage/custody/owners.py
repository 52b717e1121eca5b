"""Finds the calls that recordings without a row belong to, by `policies.tying`: it is asked once for each, then noted.

Questions to the provider that fail leave a recording undecided, and hold up no other.
"""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from policies.tying import (
    Arrival,
    AskCall,
    AskConference,
    AskMeetings,
    AskRecording,
    Facts,
    LegSeen,
    Stranger,
    Tied,
    Undecided,
    decide,
)
from storage.custody.workshop import Workshop
from storage.errors import Broken, Refused, Unavailable
from storage.provider import ProviderCall, ProviderRecording
from storage.rows import calls, legs, watermarks

log = logging.getLogger(__name__)

_QUESTIONS_MAX = 100  # of one look: an account that is new to us may have many recordings
_FAILURES_MAX = 5
_NEW_FOR = timedelta(hours=1)
"""For so long a leg may not be known everywhere at the provider."""
_JOINS_WITHIN = timedelta(minutes=1)
"""For so long after its answer a leg may still be on its way into a conference."""
# Beyond what a call's time may differ between the clocks of its row and of the provider's lists.
_MARGIN = timedelta(minutes=10)


@dataclass
class Answers:
    """The answers of the rows and of the provider in one look; `failures` counts the questions that failed."""

    ours: dict[str, str] = field(default_factory=dict)
    legs: dict[str, LegSeen | None] = field(default_factory=dict)
    participants: dict[str, tuple[str, ...]] = field(default_factory=dict)
    met: dict[str, tuple[str, ...]] = field(default_factory=dict)
    conferences: tuple[str, ...] | None = None
    unanswered: set[str] = field(default_factory=set)
    questions: int = 0
    failures: int = 0

    @property
    def is_enough(self) -> bool:
        return self.questions >= _QUESTIONS_MAX or self.failures >= _FAILURES_MAX


@dataclass
class Owners:
    """`at_provider` has the calls of undecided recordings: from which leg one was dialled never changes."""

    workshop: Workshop
    lines: frozenset[str]
    at_provider: dict[str, ProviderCall] = field(default_factory=dict)

    def of(
        self, unknown: Sequence[ProviderRecording], now: datetime
    ) -> Iterator[tuple[ProviderRecording, Tied | Stranger | Undecided]]:
        """Each recording, as the provider has it by itself where the list does not name its leg, and whose it is."""
        if not unknown:
            self.at_provider.clear()
            return
        answers = Answers()
        self._look_up(answers, {sid for row in unknown for sid in (row.call_sid, row.conference_sid)})
        for row in unknown:
            yield self._decided(answers, row, now)

    def _decided(
        self, answers: Answers, row: ProviderRecording, now: datetime
    ) -> tuple[ProviderRecording, Tied | Stranger | Undecided]:
        was_fetched = False
        while True:
            facts = Facts(
                row.call_sid,
                row.conference_sid,
                answers.ours,
                answers.legs,
                answers.participants,
                answers.met,
                answers.unanswered,
                was_fetched,
            )
            match decide(facts):
                case AskRecording():
                    fetched = self._recording(answers, row.recording_sid)
                    if fetched is None:
                        return row, Undecided()
                    row, was_fetched = fetched, True
                    self._look_up(answers, {row.call_sid, row.conference_sid})
                case AskCall(sid):
                    self._ask_call(answers, sid, row, now)
                case AskConference(sid):
                    self._ask_conference(answers, sid)
                case AskMeetings(sid):
                    self._ask_meetings(answers, sid, row, now)
                case verdict:
                    return row, verdict

    def _look_up(self, answers: Answers, sids: set[str]) -> None:
        new = sids - {""} - answers.ours.keys()
        if new:
            with self.workshop.database.read() as connection:
                answers.ours |= calls.ids_of(connection, new) | legs.calls_of(connection, new)

    def _recording(self, answers: Answers, sid: str) -> ProviderRecording | None:
        """None where it could not be asked for, or is gone meanwhile."""
        if not self._may_ask(answers):
            return None
        try:
            return self.workshop.provider.recording(sid)
        except (Unavailable, Refused, Broken) as error:
            self._failed(answers, sid, error)
            return None

    def _ask_call(self, answers: Answers, sid: str, row: ProviderRecording, now: datetime) -> None:
        call = self.at_provider.get(sid)
        if call is None and not self._may_ask(answers):
            answers.unanswered.add(sid)
            return
        try:
            call = call or self.workshop.provider.call(sid)
        except (Unavailable, Refused, Broken) as error:
            self._failed(answers, sid, error)
            return
        if call is None:
            if row.started_at is None or now - row.started_at < _NEW_FOR:
                answers.unanswered.add(sid)
            else:
                answers.legs[sid] = None
            return
        self.at_provider[sid] = call
        answers.legs[sid] = LegSeen(call.parent_sid, self._arrival(call), call.is_called_out and not call.ended)
        self._look_up(answers, {call.parent_sid})

    def _ask_conference(self, answers: Answers, sid: str) -> None:
        if not self._may_ask(answers):
            answers.unanswered.add(sid)
            return
        try:
            answers.participants[sid] = self.workshop.provider.participants(sid)
        except (Unavailable, Refused, Broken) as error:
            self._failed(answers, sid, error)
            return
        self._look_up(answers, set(answers.participants[sid]))

    def _ask_meetings(self, answers: Answers, sid: str, row: ProviderRecording, now: datetime) -> None:
        """No list says in which conference a leg is: each that goes on is asked for its participants."""
        if answers.conferences is None and self._may_ask(answers):
            try:
                answers.conferences = self.workshop.provider.conferences()
            except (Unavailable, Refused, Broken) as error:
                self._failed(answers, sid, error)
        going_on = answers.conferences or ()
        for conference_sid in going_on:
            if conference_sid not in answers.participants and conference_sid not in answers.unanswered:
                self._ask_conference(answers, conference_sid)
        inside = [answers.participants.get(conference_sid, ()) for conference_sid in going_on]
        others = {other for participants in inside if sid in participants for other in participants} - {sid}
        is_joining = row.started_at is None or now - row.started_at < _JOINS_WITHIN
        is_told = answers.conferences is not None and not answers.unanswered.intersection(going_on)
        if others or (is_told and not is_joining):
            answers.met[sid] = tuple(sorted(others))
        else:
            answers.unanswered.add(sid)

    def _arrival(self, call: ProviderCall) -> Arrival:
        """Calls to our lines that never reached us are written down later, from the provider's list of calls."""
        if call.parent_sid or call.line not in self.lines:
            return Arrival.ELSEWHERE
        with self.workshop.database.read() as connection:
            gone_through = watermarks.reached(connection, watermarks.CALLS)
            first = calls.first_received(connection)
        apart = self.workshop.provider.clocks_apart()
        ahead = apart.most if apart else timedelta(0)
        if call.came_in_at is None or gone_through is None or call.came_in_at + ahead + _MARGIN > gone_through:
            return Arrival.AWAITED
        if first is None or call.came_in_at + ahead + _MARGIN < first:
            return Arrival.ELSEWHERE  # before there was this installation
        return Arrival.PASSED_BY

    def _may_ask(self, answers: Answers) -> bool:
        if answers.is_enough:
            return False
        answers.questions += 1
        return True

    def _failed(self, answers: Answers, sid: str, error: Exception) -> None:
        log.warning("whose a recording is could not be asked: %s", error)
        answers.failures += 1
        answers.unanswered.add(sid)
