"""A sign-in that is recent enough to change how somebody signs in."""

from datetime import datetime

from werkzeug.wrappers import Response

from console.entry.way_back import to_sign_in
from console.viewer import viewer
from policies.sign_in import is_fresh


def is_recent(now: datetime) -> bool:
    return is_fresh(viewer().session.began_at, now)


def sign_in_again(now: datetime, back: str) -> Response | None:
    """The way to the sign-in page and back; None for a person who signed in a moment ago."""
    return None if is_recent(now) else to_sign_in(back, "again")
