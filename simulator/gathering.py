"""<Gather>: a question, and the keys that answer it."""

from simulator.documents import Step
from simulator.executor import Executor
from simulator.twiml import Verb
from simulator.verbs import lasts_s, speak


def gather(run: Executor, verb: Verb) -> Step | None:
    """Ask, take keys, and go to `action` with them. Without any key the document goes on, unless it says
    `actionOnEmptyResult`. A caller who hangs up here causes no request."""
    run.line.forget_keys()
    try:
        run.call.entered_question(run.line, sum(lasts_s(run, nested) for nested in verb.children))
        digits, ended_by = _take_digits(run, verb)
    finally:
        run.call.left_question(run.line)
    if not digits and not verb.is_on("actionOnEmptyResult"):
        return None
    params = {"Digits": digits, "FinishedOnKey": ended_by, "msg": "Gather End"}
    return run.step(verb, verb.get("action"), params)


def _take_digits(run: Executor, verb: Verb) -> tuple[str, str]:
    """The digits, and the key that ended them if one did. The terminating key is not one of the digits."""
    finish, most = verb.get("finishOnKey", "#"), verb.number("numDigits", float("inf"))
    takes_keys = "dtmf" in verb.get("input", "dtmf").split()
    digits, key = "", _ask(run, verb, takes_keys and verb.get("bargeIn") != "false")
    while True:
        if key is None:
            key = run.line.wait(verb.number("timeout", 5), for_key=takes_keys)
        if key is None:
            return digits, ""
        if finish and key == finish:
            return digits, key
        digits, key = digits + key, None
        if len(digits) >= most:
            return digits, ""


def _ask(run: Executor, verb: Verb, is_cut_by_keys: bool) -> str | None:
    """Play what is nested; the key that cut it, if one did."""
    for nested in verb.children:
        key = speak(run, nested, until_key=is_cut_by_keys)
        if key:
            return key
    return None
