"""A phone line for tests of a Twilio app: calls run in this process, under a clock that stands still until it is waited
on, so that minutes of talking take milliseconds.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from simulator.clock import VirtualClock
from simulator.config import Config
from simulator.exchange import Exchange
from simulator.phone_call import PhoneCall
from simulator.plans import CalledPlan, CallPlan
from simulator.recordings import Recording
from simulator.server import Server

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

NUMBER, CALLER = "+12125550100", "+14155550171"


class Heard:
    """A call that is over, as its caller has heard it, with all its callbacks delivered."""

    def __init__(self, call: PhoneCall) -> None:
        self.call = call

    @property
    def sid(self) -> str:
        return self.call.sid

    @property
    def status(self) -> str:
        """Twilio's final status of the caller's leg: completed, busy, no-answer or failed."""
        return self.call.leg.status

    @property
    def duration_s(self) -> float:
        return self.call.duration_s

    @property
    def words(self) -> list[str]:
        """The words of the line and of the agent, in order, as the person heard them."""
        heard = self.call.journal.of("heard")
        return [entry["text"] for entry in heard if entry["who"] != "caller" and entry["text"]]

    @property
    def requests(self) -> list[tuple[str, dict[str, Any]]]:
        """The URL and the parameters of each document that Twilio asked for, in order."""
        return [(entry["url"], entry["params"]) for entry in self.call.journal.of("document")]

    @property
    def errors(self) -> list[int]:
        """The codes of Twilio's errors, as its debugger would list them."""
        return [entry["code"] for entry in self.call.journal.of("error")]

    @property
    def recordings(self) -> list[Recording]:
        return self.call.recordings


class PhoneLine:
    """A number of a simulated account. `answered_by` says which app answers it; `call` places a call to it."""

    def __init__(self, *, strict: bool = True) -> None:
        self.number = NUMBER
        self.account_sid, self.auth_token = "AC" + "0" * 31 + "1", "auth-token-of-the-tests"
        config = {"account_sid": self.account_sid, "auth_token": self.auth_token, "strict": strict}
        self.exchange = Exchange(Config.of({**config, "numbers": {NUMBER: {}}}), VirtualClock())
        self._server: Server | None = None

    def answered_by(
        self,
        app: "WSGIApplication",
        path: str,
        *,
        fallback: str = "",
        status: str = "",
        origin: str = "https://app.test",
    ) -> None:
        """Have calls answered by a WSGI app in this process, at `path` of `origin`; the fallback and status callback
        URLs are paths too. The app must take `origin` for its own address, or signatures do not verify.
        """
        self.exchange.mount(origin, app)
        number = self.exchange.numbers[NUMBER]
        number.voice_url = origin + path
        number.voice_fallback_url = origin + fallback if fallback else ""
        number.status_callback = origin + status if status else ""

    def call(
        self,
        *presses: str,
        from_: str = CALLER,
        agent: Mapping[str, Any] | bool | str = True,
        faults: Mapping[str, Any] | None = None,
        **caller: Any,
    ) -> Heard:
        """Call, press a key at each question, talk and hang up as `caller` says, and wait for every callback.

        `caller`, `agent` and `faults` are those of the control API. Raises SimulatorFailure where the app uses a part
        of Twilio that is not simulated, and never takes that for a fault of the app.
        """
        plan = {"from": from_, "to": NUMBER, "caller": {"presses": list(presses), **caller}}
        placed = self.exchange.place_call(CallPlan.of({**plan, "agent": agent, "faults": faults}))
        self.exchange.settle()
        if placed.failure:
            raise placed.failure
        return Heard(placed)

    def will_answer(
        self,
        *presses: str,
        to: str = "",
        answers: bool | str = True,
        rings_s: float | None = None,
        agent: Mapping[str, Any] | bool | str = True,
        faults: Mapping[str, Any] | None = None,
        **acts: Any,
    ) -> None:
        """Say how the person at `to`, or everybody, acts whom the app calls by REST: as a caller does, once they have
        answered. `answers` may be False, `busy` or `failed`.
        """
        plan = {"to": to, "answers": answers, "rings_s": rings_s, "agent": agent, "faults": faults}
        called = CalledPlan.of({**plan, "presses": list(presses), **acts})
        self.exchange.called[called.to] = called

    def outgoing(self) -> list[Heard]:
        """The calls that the app has made by REST, run to their end, with all callbacks delivered.

        Raises SimulatorFailure where the app uses a part of Twilio that is not simulated.
        """
        self.exchange.settle()
        made = [call for call in self.exchange.calls.values() if call.is_outgoing]
        for call in made:
            if call.failure:
                raise call.failure
        return [Heard(call) for call in made]

    @property
    def api_url(self) -> str:
        """The base URL of REST, on a port of this machine, for an app that asks Twilio for things."""
        if self._server is None:
            self._server = Server(self.exchange)
            self._server.__enter__()
        return self._server.url

    def close(self) -> None:
        if self._server:
            self._server.close()
