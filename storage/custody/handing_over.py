"""The jobs *join*, *accompany* and *release*: caller and agent meet in a conference, and neither is left alone in it.

*join*: ask → redirect the agent's leg → see. The row says so before the provider hears of it: the redirect ends the
caller's <Dial>, and our answer to its end depends on the row. *accompany* is the last step alone.
*release* ends the agent's leg once the caller has hung up; no other leg of an agent is ever ended here.
"""

from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import Connection

from policies.lifecycle import CallState
from storage.custody.workshop import Workshop
from storage.errors import Refused, Unavailable
from storage.jobs.steps import Steps
from storage.row_check.logged_calls import Contradicted
from storage.rows import calls, handoffs
from storage.rows.calls import Call
from storage.rows.handoffs import Handoff


@dataclass(frozen=True, slots=True)
class Documents:
    """The URLs of the documents for a leg that is redirected, by our id of the call and its round."""

    join: Callable[[str, int], str]
    """Leads an agent into the conference."""
    alone: Callable[[str], str]
    """Ends the call of a caller who waits for nobody."""


def join(workshop: Workshop, documents: Documents, steps: Steps, handoff_id: str) -> None:
    if not steps("ask", lambda: _ask(workshop, handoff_id)):
        return
    steps("redirect", lambda: _redirect(workshop, documents, handoff_id))
    accompany(workshop, documents, steps, handoff_id)


def accompany(workshop: Workshop, documents: Documents, steps: Steps, handoff_id: str) -> None:
    """See that the agent is there; if not, the caller who waits for the agent is told goodbye."""
    if steps("see", lambda: _has_left(workshop, handoff_id)):
        steps("part", lambda: _part(workshop, documents, handoff_id))


def release(workshop: Workshop, steps: Steps, handoff_id: str) -> None:
    steps("release", lambda: _release(workshop, handoff_id))


def _ask(workshop: Workshop, handoff_id: str) -> bool:
    """False where there is nothing to hand over any more, or another agent of the call is in its conference."""

    def ask(connection: Connection) -> bool:
        call, noted = _locked(connection, handoff_id)
        if noted and noted.asked_at:
            return True  # by an earlier try of this step
        if call is None or noted is None or noted.left_at or call.state is not CallState.RECORDING:
            return False
        other = handoffs.of_round(connection, call)
        if noted.round != call.round or (other and other.id != noted.id):
            return False
        handoffs.asked(connection, workshop.moment(), noted)
        return True

    return workshop.database.write(ask)


def _redirect(workshop: Workshop, documents: Documents, handoff_id: str) -> None:
    """The agent's leg may be over by now: then it has left. Where the provider refuses, the two stay as they are."""
    noted = _noted(workshop, handoff_id)
    if noted is None or noted.joined_at or noted.left_at:
        return
    _check_agents(workshop, noted)
    try:
        is_there = workshop.provider.redirect(noted.leg_sid, documents.join(noted.call_id, noted.round))
    except Refused:
        _change(workshop, handoff_id, handoffs.called_off)
        raise
    if not is_there:
        _note_left(workshop, handoff_id)


def _has_left(workshop: Workshop, handoff_id: str) -> bool:
    """Raises Unavailable while the agent's leg is on its way."""
    with workshop.database.read() as connection:
        noted = handoffs.by_id(connection, handoff_id)
        call = calls.peek(connection, noted.call_id) if noted else None
    if noted is None or call is None or call.state is CallState.ENDED:
        return False
    if noted.left_at:
        return True
    leg = workshop.provider.call(noted.leg_sid)
    if leg is None or leg.ended:
        _note_left(workshop, handoff_id)
        return True
    if noted.joined_at is None:
        raise Unavailable(f"call {noted.call_id}: the agent is not in the conference yet")
    return False


def _part(workshop: Workshop, documents: Documents, handoff_id: str) -> None:
    """Where the caller is elsewhere, the caller's next step finds that the agent has left."""
    with workshop.database.read() as connection:
        noted = handoffs.by_id(connection, handoff_id)
        call = calls.peek(connection, noted.call_id) if noted else None
    if noted and call and noted.met_at and call.state is not CallState.ENDED and call.round == noted.round:
        workshop.provider.redirect(call.call_sid, documents.alone(call.id))


def _release(workshop: Workshop, handoff_id: str) -> None:
    noted = _noted(workshop, handoff_id)
    if noted is None or noted.left_at:
        return
    _check_agents(workshop, noted)
    workshop.provider.end_call(noted.leg_sid)
    _note_left(workshop, handoff_id)


def _check_agents(workshop: Workshop, noted: Handoff) -> None:
    """Raises Contradicted where the leg is a caller's own, whom no row of a handoff may send away or cut off."""
    with workshop.database.read() as connection:
        callers = calls.ids_of(connection, [noted.leg_sid])
    if callers:
        raise Contradicted(f"handoff {noted.id}", "its row names a caller's leg as the agent's")


def _noted(workshop: Workshop, handoff_id: str) -> Handoff | None:
    with workshop.database.read() as connection:
        return handoffs.by_id(connection, handoff_id)


def _note_left(workshop: Workshop, handoff_id: str) -> None:
    moment = workshop.moment()
    _change(workshop, handoff_id, lambda connection, noted: handoffs.left(connection, moment, noted))


def _change(workshop: Workshop, handoff_id: str, change: Callable[[Connection, Handoff], Handoff]) -> None:
    def write(connection: Connection) -> None:
        _, noted = _locked(connection, handoff_id)
        if noted is not None:
            change(connection, noted)

    workshop.database.write(write)


def _locked(connection: Connection, handoff_id: str) -> tuple[Call | None, Handoff | None]:
    """The call, locked, and the handoff as it is then."""
    noted = handoffs.by_id(connection, handoff_id)
    call = calls.by_id(connection, noted.call_id) if noted else None
    return call, handoffs.by_id(connection, handoff_id)
