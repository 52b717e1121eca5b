"""The answer to somebody who has just signed in: the cookie of a new session, and none of the entry's."""

from flask import g
from werkzeug.wrappers import Response

from compliance.staff.logged_sessions import SignedIn
from console.cookies import CHALLENGE_COOKIE, forget, keep
from console.guard import ENTRY_COOKIE, SESSION_COOKIE


def begun(response: Response, signed_in: SignedIn) -> Response:
    keep(response, SESSION_COOKIE, signed_in.token)
    for name in (ENTRY_COOKIE, CHALLENGE_COOKIE):
        forget(response, name)
    g.entry = ""
    return response
