"""The staff's web app, closed by default: it has no accounts yet, so it shows nothing about any call.

The size and root of the consent log are on its front page: they hold nothing personal, and whoever writes them down can
tell later whether history was changed.
"""

import logging

from flask import Flask, Response, abort, make_response, render_template, request

from console.live_calls import ENDPOINT as LIVE_CALL
from console.live_calls import LiveCalls, add_live_calls
from storage.database.engine import Database
from storage.errors import Unavailable
from storage.log import consent_log

log = logging.getLogger(__name__)

# All that anybody may see. Whoever adds a route and forgets it here has added a 404. The endpoint of the agent's page,
# where there is one, asks for its token.
OPEN = frozenset({"front", "static", "healthz", "readyz"})
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; img-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "private, no-store",
}


def create_app(database: Database, live: LiveCalls | None = None) -> Flask:
    """Without `live` the endpoint of the agent's page does not exist."""
    app = Flask("console")

    def front() -> Response:
        with database.read() as connection:
            size, root = consent_log.size(connection), consent_log.root(connection)
        return make_response(render_template("front.html", size=size, root=root.hex()))

    app.add_url_rule("/", "front", front)
    if live is not None:
        add_live_calls(app, live)
    app.before_request(_refuse_what_is_not_open)
    app.after_request(_add_headers)
    app.register_error_handler(Unavailable, _say_unavailable)
    return app


def _refuse_what_is_not_open() -> None:
    # No endpoint is no route, which is a 404 anyway.
    if request.endpoint is not None and request.endpoint not in {*OPEN, LIVE_CALL}:
        abort(404)


def _say_unavailable(error: Unavailable) -> Response:
    log.error("a page failed: %s", error)
    return Response("The service cannot look at its database at the moment.\n", 503, content_type="text/plain")


def _add_headers(response: Response) -> Response:
    response.headers.update(HEADERS)
    return response
