"""The staff's web app, closed by default: it has no accounts yet, so it shows nothing about any call.

The size and root of the consent log are on its front page: they hold nothing personal, and whoever writes them down can
tell later whether history was changed.
"""

from flask import Flask, Response, make_response, render_template

from storage import consent_log
from storage.database import Database

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


def create_app(database: Database) -> Flask:
    app = Flask("console")

    def front() -> Response:
        with database.read() as connection:
            size, root = consent_log.size(connection), consent_log.root(connection)
        return make_response(render_template("front.html", size=size, root=root.hex()))

    app.add_url_rule("/", "front", front)
    app.after_request(_close)
    return app


def _close(response: Response) -> Response:
    response.headers.update(HEADERS)
    return response
