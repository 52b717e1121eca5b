"""Tokens that show that a POST comes from a page of ours, and the origin that the browser itself reports.

The token is made from the session's (or, before anybody has signed in, from that of the entry), so nothing is kept.
"""

import hmac
from base64 import urlsafe_b64encode

from flask import Request

HEADER, FIELD = "X-CSRF-Token", "csrf_token"
_LABEL = b"onrecord console form v1"
_OURS = frozenset({"same-origin", "none"})


def form_token(token: str) -> str:
    """For the pages of the session with this token."""
    return urlsafe_b64encode(hmac.digest(token.encode(), _LABEL, "sha256")).rstrip(b"=").decode()


def is_from_us(request: Request, token: str, base_url: str) -> bool:
    """Whether the request carries the form token of that session, and comes from a page of this origin."""
    given = request.headers.get(HEADER) or request.form.get(FIELD, "")
    if not hmac.compare_digest(given.encode(), form_token(token).encode()):
        return False
    site, origin = request.headers.get("Sec-Fetch-Site"), request.headers.get("Origin")
    if site is not None and site not in _OURS:
        return False
    # A browser whose person has it send no referrer names no origin either; then its word on the site has to do.
    return origin is None or origin == base_url or (origin == "null" and site == "same-origin")
