"""A request that says that the call is over: its caller has left, which is no answer, and no silence either."""

from callflow import events, twiml
from callflow.turn import Turn
from policies.hanging_up import IN_STATE
from storage.rows import calls


def left(turn: Turn) -> bytes:
    """Say so in the log, for the call's end to be settled by; nothing is answered."""
    if turn.call.state in IN_STATE:
        calls.append_events(turn.connection, turn.moment, turn.call, events.call_hung_up(turn.call))
    return twiml.nothing()
