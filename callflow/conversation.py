"""The steps of a call up to the conversation: facts, decision, settlement, answer. Each runs in one transaction.

The first delivery of a request decides; its answer is kept, and every repeat gets the same answer. This module talks
to the database alone and decides nothing: `callflow.decide` does, by the rules of `policies`.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from sqlalchemy import Connection

from callflow import decide, incoming_call, new_call, twiml
from callflow.decide import Facts, line_of
from callflow.forms import RINGING, Answered, CallEnded, FallbackAsked, Heard, IncomingCall, LegHeard
from callflow.repeats import answered_once, is_recent
from callflow.settlement import Settlement, settle
from callflow.twiml import Meeting
from callflow.urls import Stay, Urls
from policies.consent import RECORDING_OUTCOMES, Mode
from policies.jurisdiction.pack import Law, packaged_law
from policies.lifecycle import CallState
from policies.rules import Line, Rulebook
from policies.wording import Wording
from policies.wording_of_call import words
from storage.errors import Refused
from storage.moment import Moment
from storage.rows import agents, calls, declines, handoffs, pauses, recordings, replies
from storage.rows.calls import Call
from storage.rows.handoffs import Handoff
from storage.rows.recordings import Jobs
from storage.rows.replies import Reply
from storage.rows.rules_in_force import RulesInForce, kept_wording, rules_of


@dataclass(frozen=True, slots=True)
class Conversation:
    """A new call is ruled by the rulebook in force, and goes on under it, whatever comes in force meanwhile.

    `number_key` is the key under which callers' numbers are hashed.
    """

    rules: RulesInForce
    urls: Urls
    number_key: bytes = field(repr=False)
    jobs: Jobs
    law: Law = field(default_factory=packaged_law)

    @property
    def rulebook(self) -> Rulebook:
        """The rulebook that was in force when this process last looked."""
        return self.rules.seen

    def answer(self, connection: Connection, moment: Moment, request_sha256: str, heard: IncomingCall) -> bytes:
        """The call arrives, or is sent back: settle the standard of consent, and say the disclosure."""
        call = calls.by_sid(connection, heard.call_sid)
        if call is None:
            call = self.receive(connection, moment, request_sha256, heard)
        facts = self.facts(connection, moment, call)

        def is_repeat(reply: Reply) -> bool:
            """A call rings only once, so a late ringing request is a repeat. A call is sent back only after it was
            answered, and Twilio does not retry a document once it has asked for the next.
            """
            if call.state is CallState.ENDED:
                return is_recent(reply, moment)
            gone_on_at = replies.last_but(connection, call.id, "answer")
            has_gone_on = gone_on_at is not None and gone_on_at >= reply.answered_at
            return heard.call_status == RINGING or (is_recent(reply, moment) and not has_gone_on)

        return answered_once(
            connection,
            moment,
            call,
            "answer",
            request_sha256,
            lambda: self.respond(connection, moment, facts, decide.greeting(facts)),
            again=lambda: self.respond(connection, moment, facts, decide.greeting_again(facts)),
            is_repeat=is_repeat,
        )

    def choice(
        self, connection: Connection, moment: Moment, request_sha256: str, call_id: str, round_: int, heard: Heard
    ) -> bytes:
        """The disclosure of that round has played: this request proves it."""
        call = _call(connection, call_id, heard.call_sid)

        def respond() -> bytes:
            facts = self.facts_of_answer(connection, moment, call)
            decided = decide.left(facts) if heard.has_hung_up else decide.disclosure_played(facts, round_)
            return self.respond(connection, moment, facts, decided)

        is_repeat = _repeats(moment, call, is_asked=round_ == call.round)
        return answered_once(connection, moment, call, f"choice:{round_}", request_sha256, respond, is_repeat=is_repeat)

    def consent(
        self, connection: Connection, moment: Moment, request_sha256: str, call_id: str, prompt: int, heard: Answered
    ) -> bytes:
        """The caller's answer to playing number `prompt` of the question."""
        call = _call(connection, call_id, heard.call_sid)

        def respond() -> bytes:
            facts, has_left = self.facts_of_answer(connection, moment, call), heard.has_hung_up and not heard.digits
            decided = decide.left(facts) if has_left else decide.answered(facts, request_sha256, prompt, heard.digits)
            return self.respond(connection, moment, facts, decided)

        is_repeat = _repeats(moment, call, is_asked=prompt > call.asked_before)
        return answered_once(
            connection, moment, call, f"consent:{prompt}", request_sha256, respond, is_repeat=is_repeat
        )

    def ended(
        self, connection: Connection, moment: Moment, request_sha256: str, call_id: str, heard: CallEnded
    ) -> bytes:
        """The conversation with the agents is over, or there was none. Never makes or changes a consent."""
        call = _call(connection, call_id, heard.call_sid)
        facts = self.facts_of_meeting(connection, moment, call)
        return self._once(connection, moment, facts, "ended", request_sha256, lambda: decide.dial_ended(facts, heard))

    def star(
        self, connection: Connection, moment: Moment, request_sha256: str, call_id: str, stay: Stay, heard: CallEnded
    ) -> bytes:
        """A stay of the caller in the conference has ended. Never makes or changes a consent."""
        call = _call(connection, call_id, heard.call_sid)
        facts = self.facts_of_meeting(connection, moment, call)
        return self._once(
            connection, moment, facts, f"star:{stay}", request_sha256, lambda: decide.star_pressed(facts, stay, heard)
        )

    def withdraw(
        self, connection: Connection, moment: Moment, request_sha256: str, call_id: str, stay: Stay, heard: Answered
    ) -> bytes:
        """The caller's key in the menu after a star, or none."""
        call = _call(connection, call_id, heard.call_sid)
        facts = self.facts_of_meeting(connection, moment, call)
        return self._once(
            connection, moment, facts, f"withdraw:{stay}", request_sha256, lambda: decide.menu_answered(facts, heard)
        )

    def alone(self, connection: Connection, moment: Moment, request_sha256: str, call_id: str, heard: Heard) -> bytes:
        """The caller was in the conference with nobody."""
        call = _call(connection, call_id, heard.call_sid)
        facts, has_talked = self.facts(connection, moment, call), handoffs.has_joined(connection, call.id)
        return self._once(
            connection, moment, facts, "alone", request_sha256, lambda: decide.left_alone(facts, has_talked=has_talked)
        )

    def agent_answered(
        self, connection: Connection, moment: Moment, _request_sha256: str, call_id: str, heard: LegHeard
    ) -> None:
        """An agent hears the whisper: their calls are found by the address of their phone."""
        if heard.address:
            agents.note(connection, moment, call_id, heard.address)

    def agent_to_meet(
        self, connection: Connection, moment: Moment, request_sha256: str, call_id: str, heard: LegHeard
    ) -> None:
        """As `agent_answered`, of a recorded call: on a line with the key the agent is to meet the caller in a
        conference.
        """
        self._lead_over(connection, moment, call_id, heard)  # first, since it locks the call's row
        self.agent_answered(connection, moment, request_sha256, call_id, heard)

    def _lead_over(self, connection: Connection, moment: Moment, call_id: str, heard: LegHeard) -> None:
        call = calls.by_id(connection, call_id)
        if call is None or call.state is not CallState.RECORDING or call.outcome not in RECORDING_OUTCOMES:
            return
        if self.facts(connection, moment, call).line.withdrawal_key and heard.leg_sid != call.call_sid:
            handoffs.note(connection, moment, call, heard.leg_sid, self.jobs)

    def agent_joined(
        self, connection: Connection, moment: Moment, _request_sha256: str, call_id: str, heard: LegHeard
    ) -> None:
        if noted := self._handoff(connection, call_id, heard):
            handoffs.joined(connection, moment, noted)

    def agent_left(
        self, connection: Connection, moment: Moment, _request_sha256: str, call_id: str, heard: LegHeard
    ) -> None:
        """The agent's leg is out of the conference. A caller who is in it is looked after."""
        if noted := self._handoff(connection, call_id, heard):
            handoffs.left(connection, moment, noted)
            handoffs.accompany(connection, noted, self.jobs, "left")

    def fallback(self, connection: Connection, moment: Moment, request_sha256: str, heard: FallbackAsked) -> bytes:
        """Twilio could not fetch or carry out an answer of ours: connect the caller, unrecorded."""
        call = calls.by_sid(connection, heard.arrived.call_sid)
        if call is None:
            call = self.receive(connection, moment, request_sha256, heard.arrived)
        facts = self.facts_of_meeting(connection, moment, call)
        return self._once(connection, moment, facts, "fallback", request_sha256, lambda: decide.fallback(facts, heard))

    def language(
        self, connection: Connection, moment: Moment, request_sha256: str, call_id: str, heard: Answered
    ) -> bytes:
        """The caller's key in the language menu, or none: say the disclosure."""
        call = _call(connection, call_id, heard.call_sid)
        facts = self.facts(connection, moment, call)

        def decided() -> Settlement:
            return decide.left(facts) if heard.has_hung_up else decide.language_chosen(facts, heard)

        return self._once(connection, moment, facts, "language", request_sha256, decided)

    def _once(
        self,
        connection: Connection,
        moment: Moment,
        facts: Facts,
        step: str,
        request_sha256: str,
        decided: Callable[[], Settlement],
    ) -> bytes:
        """The answer to a request of that step; a repeat gets the answer that was given."""
        return answered_once(
            connection,
            moment,
            facts.call,
            step,
            request_sha256,
            lambda: self.respond(connection, moment, facts, decided()),
        )

    def respond(self, connection: Connection, moment: Moment, facts: Facts, settlement: Settlement) -> bytes:
        """Settle, then render: the answer tells of nothing that is not written."""
        self.settle(connection, moment, facts, settlement)
        return twiml.render(settlement.document, facts.call.id, facts.line, self.urls)

    def settle(self, connection: Connection, moment: Moment, facts: Facts, settlement: Settlement) -> Call:
        settled = settle(connection, moment, facts.call, settlement, self.jobs)
        if facts.agent:
            self._follow_caller(connection, moment, facts.agent, settlement)
        return settled

    def facts(self, connection: Connection, moment: Moment, call: Call) -> Facts:
        """The call under the rules and words that it came in under."""
        rulebook = rules_of(connection, call, self.rulebook)
        wording = Facts(call, rulebook, moment.at).wording
        is_same = wording.sha256 == call.wording_sha256
        return Facts(call, rulebook, moment.at, kept=wording if is_same else kept_wording(connection, call))

    def facts_of_answer(self, connection: Connection, moment: Moment, call: Call) -> Facts:
        """The facts, with remembered declines and running recordings, which an answer may depend on."""
        facts = self.facts(connection, moment, call)
        by_staying = bool(facts.rulebook.remember_declines) and (call.mode == Mode.NOTICE or call.silence_is_consent)
        caller_hash = call.caller_hash if by_staying or call.remembers_decline else None
        remembered = declines.remembered(connection, caller_hash, moment.at) if caller_hash else None
        return replace(
            facts,
            has_declined=remembered is not None,
            is_recording=recordings.is_running(connection, call.id) if call.is_asked_again else None,
            is_paused=call.is_asked_again and pauses.open_of(connection, call.id) is not None,
        )

    def facts_of_meeting(self, connection: Connection, moment: Moment, call: Call) -> Facts:
        """The facts, with the agent who is in the conference or on the way there."""
        return replace(self.facts(connection, moment, call), agent=handoffs.of_round(connection, call))

    def _follow_caller(self, connection: Connection, moment: Moment, agent: Handoff, settlement: Settlement) -> None:
        """Note whether the caller is in the conference now, and have somebody look after a caller who is."""
        if isinstance(settlement.document, Meeting):
            noted = handoffs.met(connection, moment, agent)
            handoffs.accompany(connection, noted, self.jobs, str(noted.stays))
        else:
            handoffs.apart(connection, agent)

    def _handoff(self, connection: Connection, call_id: str, heard: LegHeard) -> Handoff | None:
        """The handoff of an agent's leg, its call's row locked."""
        calls.by_id(connection, call_id)
        return handoffs.of_leg(connection, call_id, heard.leg_sid)

    def wording_of(self, line: Line) -> Wording:
        """The words for a call to that line whose row cannot be read."""
        unasked: dict[str, bool] = {"silence_is_consent": False, "remembered": False}
        return words(self.rulebook, line, Mode.NEVER, line.languages[0], line.purposes, **unasked)

    def receive(self, connection: Connection, moment: Moment, request_sha256: str, heard: IncomingCall) -> Call:
        """Write down a new call to one of our lines, with the standard that holds for it."""
        rulebook = self.rules.read(connection)
        return self._receive(connection, moment, request_sha256, heard, rulebook, line_of(rulebook, heard.to))

    def receive_anyhow(self, connection: Connection, moment: Moment, request_sha256: str, heard: IncomingCall) -> Call:
        """Write down a new call, as a call to the first line where what was dialled is none of ours."""
        rulebook = self.rules.read(connection)
        line = rulebook.line_or_first(heard.to)
        return self._receive(connection, moment, request_sha256, heard, rulebook, line)

    def _receive(
        self,
        connection: Connection,
        moment: Moment,
        request_sha256: str,
        heard: IncomingCall,
        rulebook: Rulebook,
        line: Line,
    ) -> Call:
        synthetic = self.urls.check("selftest", heard.call_sid, heard.to, heard.self_test)
        key = None if synthetic else self.number_key
        arrival = incoming_call.arrive(connection, moment, heard, line, rulebook=rulebook, law=self.law, number_key=key)
        return new_call.add(connection, moment, heard, arrival, request_sha256, synthetic=synthetic)


def _repeats(moment: Moment, call: Call, *, is_asked: bool) -> Callable[[Reply], bool]:
    """A recording is not started once more when the call is over, or its consent was withdrawn or asked for again."""
    stands = is_asked and call.state is CallState.RECORDING and not call.is_asked_again
    return lambda reply: is_recent(reply, moment) and (stands or b"<Start>" not in reply.body)


def _call(connection: Connection, call_id: str, call_sid: str) -> Call:
    found = calls.by_id(connection, call_id)
    if found is None or found.call_sid != call_sid:
        raise Refused(f"call {call_id}: the request is about another call")
    return found
