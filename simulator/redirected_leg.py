"""A dialled leg that REST took out of its <Dial>: it runs documents of its own, beside the call."""

from simulator.documents import Step
from simulator.errors import CallError
from simulator.executor import Executor, Finished
from simulator.line import HungUp, Redirected


def run_apart(run: Executor, step: Step) -> str:
    """Run documents from a step on until the leg is over; returns why it ended. It has no fallback URL."""
    following: Step | None = step
    try:
        while following:
            following = _advance(run, following)
    except HungUp as hung_up:
        return hung_up.why
    except CallError as error:
        run.call.journal.note(error)
        return "failed"
    except Finished:
        pass
    return "document_ended"


def _advance(run: Executor, step: Step) -> Step | None:
    try:
        return run.take(step)
    except Redirected as redirected:
        return redirected.step
