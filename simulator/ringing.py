"""A phone rings: whether the person takes the call, and when."""

from simulator.line import Line
from simulator.plans import AgentPlan

TIMEOUT_MAX_S = 600  # Twilio lets no phone ring for longer, whoever rings it
REFUSAL_S = 1.0  # until a busy line, or one that fails, is known to be that


def ring(line: Line, person: AgentPlan, usual_s: float, patience_s: float) -> str:
    """Wait on `line` for the person: answered, busy, no-answer or failed.

    `usual_s` is how long it rings where the plan does not say it, and `patience_s` how long it may. Raises
    Interruption when the line is taken away meanwhile.
    """
    if isinstance(person.answers, str):
        line.wait(REFUSAL_S)
        return person.answers
    rings_s = usual_s if person.rings_s is None else person.rings_s
    is_answered = person.answers and rings_s <= patience_s
    line.wait(rings_s if is_answered else patience_s)
    return "answered" if is_answered else "no-answer"
