"""The decision on a call that was connected before any decision, because a step of ours failed."""

from policies.consent import Decision, EndCall, Outcome, Suppress
from policies.lifecycle import CallState

OUR_FAILURE = "a step of ours failed, and the caller was connected"
UNDECIDED = Suppress(Outcome.NOT_ASKED, OUR_FAILURE)


def once_connected(decision: Decision) -> Suppress:
    """A refusal stands, and so does silence that ended the asking. A yes permits nothing: nothing was recorded, and a
    caller who was connected before the asking ended counts as not asked.
    """
    match decision:
        case Suppress():
            return decision
        case EndCall(outcome):
            return Suppress(outcome, OUR_FAILURE)
    return UNDECIDED


def fallen_back(state: CallState, error_code: int | None) -> Suppress | None:
    """The decision when the provider could not fetch or carry out a document; None for a call that has one already."""
    why = f"Twilio reported error {error_code}"
    match state:
        case CallState.DISCLOSING:
            return Suppress(Outcome.DISCLOSURE_FAILED, why)
        case CallState.CHOOSING:
            return Suppress(Outcome.NOT_ASKED, why)
    return None
