"""The exchange: an account's numbers, the calls to them, and everything that is known about both."""

import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING

import requests

from simulator.clock import Clock, RealClock
from simulator.config import Config, Number
from simulator.faults import Faults
from simulator.legs import Leg
from simulator.line import Line
from simulator.phone_call import Hook, PhoneCall
from simulator.plans import CallPlan
from simulator.recorder import to_json
from simulator.recordings import Recording
from simulator.wsgi import WsgiAdapter

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication


class Exchange:
    """Twilio, as far as one account can see it. Safe to use from several threads."""

    def __init__(self, config: Config, clock: Clock | None = None) -> None:
        self.config = config
        self.clock: Clock = clock or RealClock()
        self.numbers: dict[str, Number] = config.numbers
        self.faults = Faults()
        self.calls: dict[str, PhoneCall] = {}
        self.legs: dict[str, tuple[Leg, PhoneCall]] = {}
        self.lines: dict[str, Line] = {}
        self.recordings: dict[str, Recording] = {}
        self._mounts: dict[str, WsgiAdapter] = {}

    def mount(self, origin: str, app: "WSGIApplication") -> None:
        """Have every request to this origin answered by an app in this process."""
        self._mounts[origin] = WsgiAdapter(app)

    def place_call(self, plan: CallPlan, hooks: Mapping[str, Hook] | None = None) -> PhoneCall:
        """Place a call and stay on it to its end. `settle` then waits for its callbacks.

        `hooks` are run in the middle of the moments they are named for: in_disclosure, at_question,
        in_conversation. Raises ValueError for a number that is not the account's.
        """
        call = self._new_call(plan, hooks)
        call.run()
        return call

    def start_call(self, plan: CallPlan, hooks: Mapping[str, Hook] | None = None) -> PhoneCall:
        """Place a call and leave it to itself."""
        call = self._new_call(plan, hooks)
        threading.Thread(target=call.run, name=call.sid, daemon=True).start()
        return call

    def settle(self) -> None:
        """Return when every callback has been delivered and every recording is finished."""
        self.clock.settle()

    def erase(self, recording: Recording) -> None:
        """Destroy a recording's sound, as REST's DELETE does."""
        recording.erase(self.clock.now())
        call = self.legs[recording.call_sid][1]
        call.journal.add("recording", to_json(recording))

    def add_leg(self, leg: Leg, call: PhoneCall) -> None:
        self.legs[leg.sid] = (leg, call)

    def new_session(self) -> requests.Session:
        session = requests.Session()
        session.trust_env = False  # a proxy of this machine is none of Twilio's
        for origin, adapter in self._mounts.items():
            session.mount(origin, adapter)
        return session

    def _new_call(self, plan: CallPlan, hooks: Mapping[str, Hook] | None) -> PhoneCall:
        if plan.to_number not in self.numbers:
            raise ValueError("the account has no such number")
        call = PhoneCall(self, self.numbers[plan.to_number], plan, hooks or {})
        self.calls[call.sid] = call
        self.add_leg(call.leg, call)
        return call
