"""A ceremony with a passkey between its two requests: the page gets the options, a cookie the signed challenge."""

from flask import Response, request

from compliance.staff.entry import Ceremony
from console.cookies import CHALLENGE_COOKIE, keep
from storage.staff.challenges import LIFETIME


def begin(ceremony: Ceremony) -> Response:
    """The options, as JSON, for the page's own script."""
    answer = Response(ceremony.options, content_type="application/json")
    keep(answer, CHALLENGE_COOKIE, ceremony.challenge, lasts=LIFETIME, comes_from_elsewhere=False)
    return answer


def challenge() -> str:
    """The signed challenge that this browser kept; empty where it kept none."""
    return request.cookies.get(CHALLENGE_COOKIE, "")
