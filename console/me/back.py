"""The way back to a person's own page, with what has happened."""

from http import HTTPStatus

from flask import redirect, url_for
from werkzeug.wrappers import Response


def back_to_me(said: str) -> Response:
    """`said` names the sentence by which the page says what has happened (`templates/me/said.html`)."""
    return redirect(url_for("me", said=said), HTTPStatus.SEE_OTHER)
