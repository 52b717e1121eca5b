"""What a decision becomes once its caller has been connected without it, because a step of ours failed."""

from policies.consent import Decision, EndCall, Outcome, Suppress

OUR_FAILURE = "a step of ours failed, and the caller was connected"


def once_connected(decision: Decision) -> Suppress:
    """A refusal stands, and so does silence that ended the asking. A yes permits nothing: nothing was recorded, and a
    caller who was put through without being asked on was not asked.
    """
    match decision:
        case Suppress():
            return decision
        case EndCall(outcome):
            return Suppress(outcome, OUR_FAILURE)
    return Suppress(Outcome.NOT_ASKED, OUR_FAILURE)
