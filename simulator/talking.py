"""The conversation of a caller and an agent."""

from simulator import speech
from simulator.executor import RunningCall
from simulator.line import Line
from simulator.plans import AFTER_TALK
from simulator.sentences import conversation
from simulator.sound import RATE
from simulator.twiml import Verb

GAP_S = 0.3
MANUAL_MAX_S = 600.0  # a person in the browser ends the call; nobody stays longer than this


def converse(call: RunningCall, line: Line, verb: Verb) -> str:
    """Talk in turns until the caller's plan or the <Dial> says that it is enough.

    The DialCallStatus: `answered` when the caller ended it with a star, as `hangupOnStar` allows; otherwise
    `completed`, the agent having hung up. Raises HungUp when the caller does.
    """
    lasts_s = min(wanted_s(call), verb.number("timeLimit", 14400))
    call.entered_conversation(lasts_s)
    line.forget_keys()
    status = _talk(call, line, lasts_s, ends_on_star=verb.is_on("hangupOnStar"))
    if call.acts.hangs_up == AFTER_TALK:
        line.hang_up()
        line.check()
    return status


def wanted_s(call: RunningCall) -> float:
    """How long the caller wants to talk."""
    return MANUAL_MAX_S if call.plan.is_manual else call.acts.talks_s


def _talk(call: RunningCall, line: Line, lasts_s: float, *, ends_on_star: bool) -> str:
    end = call.elapsed() + lasts_s
    for who, text in conversation(call.language):
        left = end - call.elapsed()
        if left <= 0.001:
            break
        words = speech.say(text, call.language, who)[: round(left * RATE)]
        keys = (
            line.play(who, "speech", text, words, until_key=ends_on_star),
            line.wait(min(GAP_S, max(0.0, end - call.elapsed())), for_key=ends_on_star),
        )
        if "*" in keys:
            return "answered"
    return "completed"
