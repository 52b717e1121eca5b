"""Whether a disclosure can have played to its end: a request for the next step is the proof, if it is late enough."""

from datetime import timedelta

from policies.consent import Outcome, Suppress

# Speech is only estimated at 150 words a minute, so nothing but a request in under half that time is proof of a cut.
# A recording plays as long as it is, but for a moment at either end.
SPOKEN_SHARE_MIN, PLAYED_SHARE_MIN = 0.5, 0.95

CUT_SHORT = Suppress(Outcome.DISCLOSURE_CUT_SHORT, "the next request came before the disclosure can have played")


def can_have_played(elapsed: timedelta, length: timedelta, *, is_recorded: bool) -> bool:
    """`length` is the estimate for a spoken disclosure, and the true length of a recorded prompt."""
    return elapsed >= length * (PLAYED_SHARE_MIN if is_recorded else SPOKEN_SHARE_MIN)
