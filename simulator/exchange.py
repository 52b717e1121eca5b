"""The exchange: an account's numbers, the calls to them, and their legs, lines and recordings."""

import os
import ssl
import threading
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import requests

from simulator.account import Account
from simulator.account_services import Services
from simulator.account_texts import AccountTexts
from simulator.clock import Clock, RealClock
from simulator.conference import Conference
from simulator.config import Config, Number
from simulator.faults import Faults
from simulator.legs import Leg, rfc2822
from simulator.line import Line
from simulator.phone_call import Hook, Outgoing, PhoneCall
from simulator.plans import CalledPlan, CallPlan
from simulator.recorder import Recorded, to_json
from simulator.recordings import Recording, Terms
from simulator.tape import Tape
from simulator.webhooks import Session
from simulator.wsgi import WsgiAdapter

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication


def check_authorities() -> None:
    """Raises ValueError where SSL_CERT_FILE names no file of certificates."""
    if path := os.environ.get("SSL_CERT_FILE"):
        try:
            ssl.create_default_context(cafile=path)
        except OSError as error:
            raise ValueError(f"SSL_CERT_FILE is {path!r}, which is no file of certificates: {error}") from error


class Exchange:
    """Twilio, as a single account sees it. Safe to use from several threads."""

    def __init__(self, config: Config, clock: Clock | None = None) -> None:
        self.config = config
        self.clock: Clock = clock or RealClock()
        self.numbers: dict[str, Number] = config.numbers
        self.faults = Faults()
        self.account = Account(config.default_recording, config.trunk_recording)
        self.calls: dict[str, PhoneCall] = {}
        self.repeated: list[PhoneCall] = []  # calls whose sid was used again
        self.called: dict[str, CalledPlan] = {}  # by the address; the plan of everybody else has none
        self.legs: dict[str, tuple[Leg, PhoneCall]] = {}
        self.lines: dict[str, Line] = {}
        self.recordings: dict[str, Recording] = {}
        self.failures: list[dict[str, str]] = []  # of the simulator itself, in answers of REST
        self.services = Services()
        self.texts = AccountTexts(self)
        self.conferences: dict[str, Conference] = {}
        self._clock_ahead_s = config.clock_ahead_s
        self._mounts: dict[str, WsgiAdapter] = {}

    def mount(self, origin: str, app: "WSGIApplication") -> None:
        """Have every request to this origin answered by an app in this process."""
        self._mounts[origin] = WsgiAdapter(app)

    def place_call(self, plan: CallPlan, hooks: Mapping[str, Hook] | None = None) -> PhoneCall:
        """Place a call and stay on it to its end. `settle` then waits for its callbacks.

        `hooks` are run in the middle of the moments they are named for: in_disclosure, at_question,
        in_conversation. Raises ValueError for a number that is not the account's, and the exception that ended the
        call where the simulator itself failed, or a hook did.
        """
        call = self._new_call(plan, hooks)
        call.run()
        if call.failure:
            raise call.failure
        return call

    def start_call(self, plan: CallPlan, hooks: Mapping[str, Hook] | None = None) -> PhoneCall:
        """Place a call that runs on a thread of its own."""
        call = self._new_call(plan, hooks)
        threading.Thread(target=call.run, name=call.sid, daemon=True).start()
        return call

    def settle(self) -> None:
        """Return when every callback has been delivered and every recording is finished."""
        self.clock.settle()

    def erase(self, recording: Recording) -> None:
        """Destroy a recording's sound, as REST's DELETE does."""
        recording.erase(self.clock.now())
        self.call_of(recording).journal.add("recording", to_json(recording))

    def restore(self, recording: Recording) -> None:
        """Undo the deletion of a recording, sound included."""
        recording.restore()
        recording.updated = self.clock.now()
        self.call_of(recording).journal.add("recording", to_json(recording))

    def record_late(self, call_sid: str, source: str, lasts_s: float) -> Recording:
        """A recording made now of a leg that is over. Raises KeyError for no leg, ValueError while it lasts."""
        leg, call = self.legs[call_sid]
        if not leg.is_over:
            raise ValueError("the call is under way")
        return call.recorder.make_late(Terms(source), Recorded(leg.sid, Tape()), lasts_s)

    def recording_completed(self, recording: Recording) -> None:
        self.texts.recording_completed(recording)

    def call_ended(self, call: PhoneCall) -> None:
        self.texts.call_ended(call.sid)

    def call_of(self, recording: Recording) -> PhoneCall:
        """The recorded call, or the call of the recorded leg, also where its sid was used again since."""
        calls = (self.legs[recording.call_sid][1], *self.repeated)
        return next(call for call in calls if any(other is recording for other in call.recorder.recordings))

    def conference(self, name: str) -> Conference:
        """The conference of this name that is not over, or a new one."""
        for conference in list(self.conferences.values()):
            if conference.name == name and not conference.is_over:
                return conference
        made = Conference(self, name)
        self.conferences[made.sid] = made
        return made

    def call_out(self, outgoing: Outgoing, number: Number) -> PhoneCall:
        """Call somebody on behalf of REST, beside whatever else happens. `number` has the URLs of this call."""
        called = self.called.get(outgoing.to_number) or self.called.get("") or CalledPlan()
        plan = CallPlan(
            outgoing.from_number,
            outgoing.to_number,
            caller=called.acts,
            agent=called.agent,
            faults=called.faults,
            is_manual=called.is_manual,
        )
        call = PhoneCall(self, number, plan, {}, replace(outgoing, answers=called.answers))
        self.calls[call.sid] = call
        self.add_leg(call.leg, call)
        call.clock.start(call.run)
        return call

    def shown_call_sid(self, recording: Recording) -> str | None:
        """The call that REST and callbacks name for a recording: the recorded leg, or its parent."""
        if recording.conference_sid and self.config.conference_calls_null:
            return None
        leg, _ = self.legs[recording.call_sid]
        return leg.parent_sid if self.config.recordings_name_parent and leg.parent_sid else leg.sid

    def tape_of(self, leg: Leg) -> Tape:
        """The sounds on the line of an answered leg."""
        call = self.legs[leg.sid][1]
        return call.line.tape if leg is call.leg else self.lines[leg.sid].tape

    def shifted(self, moment: datetime) -> datetime:
        """A moment by Twilio's clock, which may be ahead of this machine's clock or behind it."""
        own = self.faults.clock_ahead_s
        return moment + timedelta(seconds=self._clock_ahead_s if own is None else own)

    def date_text(self, moment: datetime | None) -> str | None:
        """A moment in RFC 2822, by Twilio's clock."""
        return rfc2822(self.shifted(moment)) if moment else None

    def add_leg(self, leg: Leg, call: PhoneCall) -> None:
        self.legs[leg.sid] = (leg, call)

    def new_session(self) -> requests.Session:
        """An HTTP client that reaches the apps in this process too. SSL_CERT_FILE names other authorities to trust."""
        session = Session()
        session.trust_env = False  # Twilio does not use this machine's proxy
        session.verify = os.environ.get("SSL_CERT_FILE") or True
        for origin, adapter in self._mounts.items():
            session.mount(origin, adapter)
        return session

    def _new_call(self, plan: CallPlan, hooks: Mapping[str, Hook] | None) -> PhoneCall:
        if plan.to_number not in self.numbers:
            raise ValueError("the account has no such number")
        if plan.call_sid in self.legs:
            self._retire(plan.call_sid)
        if plan.faults and plan.faults.clock_ahead_s is not None:
            self._clock_ahead_s = plan.faults.clock_ahead_s
        call = PhoneCall(self, self.numbers[plan.to_number], plan, hooks or {})
        self.calls[call.sid] = call
        self.add_leg(call.leg, call)
        return call

    def _retire(self, call_sid: str) -> None:
        """Make room for another call of this sid. Raises ValueError while the first is under way."""
        leg, call = self.legs[call_sid]
        if leg is not call.leg or not call.ended.is_set():
            raise ValueError("a call of this sid is under way, or it is a dialled leg's")
        self.repeated.append(call)
