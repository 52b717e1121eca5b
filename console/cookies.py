"""The console's cookies: no other host can set them (`__Host-`), and no script can read them."""

from datetime import timedelta

from flask import request
from werkzeug.wrappers import Response

CHALLENGE_COOKIE = "__Host-onrecord-challenge"
_PREFIX = "__Host-"


def keep(
    response: Response, name: str, value: str, *, lasts: timedelta | None = None, comes_from_elsewhere: bool = True
) -> None:
    """Without `lasts` it goes when the browser is closed. `comes_from_elsewhere`: a link on another site brings it."""
    assert name.startswith(_PREFIX)
    response.set_cookie(
        name,
        value,
        max_age=lasts,
        secure=True,
        httponly=True,
        samesite="Lax" if comes_from_elsewhere else "Strict",
        path="/",
    )


def forget(response: Response, name: str) -> None:
    if name in request.cookies:
        response.delete_cookie(name, secure=True, httponly=True, samesite="Lax", path="/")
