"""The page that somebody wanted before they had to sign in: a path of this console, and nothing else."""

import re
from http import HTTPStatus
from urllib.parse import urlencode

from flask import redirect
from werkzeug.wrappers import Response

FIRST_PAGE = "/"
_LENGTH_MAX = 500
# Browsers read a backslash as a slash, and leave out tabs and line breaks: "//host", and what becomes it, is elsewhere.
_PATH = re.compile(r"/(?!/)[!-\[\]-~]*", re.ASCII)


def way_back(given: str) -> str:
    """The path that was given, if it leads nowhere else; else the first page."""
    return given if len(given) <= _LENGTH_MAX and _PATH.fullmatch(given) else FIRST_PAGE


def to_sign_in(back: str, because: str) -> Response:
    """To the page to sign in on, and from there back. `because` names the reason that the page says."""
    return redirect(f"/enter?{urlencode({'next': back, 'because': because})}", HTTPStatus.SEE_OTHER)
