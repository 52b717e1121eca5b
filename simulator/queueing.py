"""<Enqueue>: the caller waits in a queue until an agent takes the call out of it, and talks."""

from functools import partial

from simulator.documents import Step
from simulator.executor import Executor, VerbFunction, ask_in_passing
from simulator.gathering import gather
from simulator.legs import Leg, new_sid
from simulator.line import HungUp, Interruption, Redirected, TakenOut
from simulator.sound import tone
from simulator.talking import converse
from simulator.tape import Tape
from simulator.twiml import Verb
from simulator.verbs import SPOKEN

AGENT = "client:queue-agent"
TICK_S = 0.25


def leave(run: Executor, _verb: Verb) -> Step | None:
    """Take the caller out of the queue, to the verb after <Enqueue>."""
    raise TakenOut(run.line)


WAITING: dict[str, VerbFunction] = {**SPOKEN, "Gather": gather, "Leave": leave}


def enqueue(run: Executor, verb: Verb) -> Step | None:
    """Wait, and talk if an agent comes. `action` is asked however it ends, even by a hang-up or by a redirect."""
    queueing = Queueing(run, verb)
    try:
        queueing.wait_and_talk()
    except Interruption as interruption:
        queueing.break_off(interruption)
        raise
    return run.step(verb, verb.get("action"), queueing.params()) if verb.get("action") else None


class Queueing:
    """A caller's time in a queue, and with the agent who took the call out of it."""

    def __init__(self, run: Executor, verb: Verb) -> None:
        self._run, self._call, self._line = run, run.call, run.line
        self._verb = verb
        self._sid = new_sid("QU")
        self._began_s = run.call.elapsed()
        self._waited_s: float | None = None
        self._agent: Leg | None = None
        self._result = "leave"

    def wait_and_talk(self) -> None:
        """Raises Interruption when the caller's leg is taken away."""
        rings_s = self._call.agent.rings_s
        if self._call.agent.answers is True:
            comes_s = self._call.exchange.config.timing.ring_s if rings_s is None else rings_s
            self._call.clock.intend(comes_s, self._agent_comes)
        try:
            self._wait()
        except TakenOut:
            pass
        finally:
            self._line.forget_taking_out()
            self._waited_s = self._call.elapsed() - self._began_s
        if self._agent:
            self._talk(self._agent)

    def break_off(self, interruption: Interruption) -> None:
        """The caller hung up or was sent elsewhere, while waiting or while talking."""
        if isinstance(interruption, Redirected):
            self._result = "redirected-from-bridged" if self._agent else "redirected"
        elif not self._agent:
            self._result = "hangup"
        if self._agent and not (self._agent.is_over or self._agent.redirected):
            self._call.end_leg(self._agent, "completed", "dial_ended")
        if isinstance(interruption, HungUp):
            self._call.end("completed", interruption.why)
        ask_in_passing(self._run, self._verb, self.params())

    def params(self) -> dict[str, str]:
        """The parameters of the request to `action`."""
        return {"QueueResult": self._result, "QueueSid": self._sid, "QueueTime": str(self._time_s())}

    def _time_s(self) -> int:
        waited_s = self._call.elapsed() - self._began_s if self._waited_s is None else self._waited_s
        return int(waited_s)

    def _wait(self) -> None:
        """Hear the documents of `waitUrl` again and again, or music. A caller who has waited for too long hangs up."""
        end_s, url = self._call.elapsed() + self._call.acts.waits_s, self._verb.get("waitUrl")
        if not url:
            silent = "waitUrl" in self._verb.attributes
            with self._line.sounding("line", "waiting", tone((392.0,), 600, 0 if silent else 800)):
                self._line.wait(self._call.acts.waits_s)
        while url and (before := self._call.elapsed()) < end_s:
            self._run_wait(url)
            self._line.wait(1.0 if self._call.elapsed() - before < TICK_S else 0.0)
        self._line.hang_up()
        self._line.check()

    def _run_wait(self, url: str) -> None:
        params = {
            "QueuePosition": "1",
            "QueueSid": self._sid,
            "QueueTime": str(self._time_s()),
            "AvgQueueTime": "0",
            "CurrentQueueSize": "1",
            "MaxQueueSize": self._verb.get("maxQueueSize", "1000"),
        }
        run = Executor(self._call, self._run.leg, self._line, WAITING)
        method = self._verb.get("waitUrlMethod", "POST")
        run.run(Step(self._run.document.absolute(url), method, params))

    def _agent_comes(self) -> None:
        """An agent takes the call out of the queue."""
        if self._waited_s is None:
            self._agent = self._call.new_leg(AGENT, "")
            self._agent.answer(self._call.exchange.clock.now())
            self._line.take_out()

    def _talk(self, agent: Leg) -> None:
        self._result = "bridged"
        line = self._call.dialled_line(agent, Tape())
        self._line.bridge(line)
        try:
            converse(self._call, self._line, self._verb)
            self._call.end_leg(agent, "completed", "hung_up")
        except Interruption as interruption:
            if interruption.line is not line:
                raise
            self._lose(agent, interruption)
        finally:
            self._line.bridge(None)
            self._call.is_connected = False

    def _lose(self, agent: Leg, interruption: Interruption) -> None:
        """REST took the agent's leg: to a document of its own, or to its end."""
        if isinstance(interruption, Redirected):
            ended = partial(self._call.end_leg, agent, "completed")
            self._call.move(agent, interruption.line, interruption.step, ended)
        elif isinstance(interruption, HungUp):
            self._call.end_leg(agent, "completed", interruption.why)
