"""The staff's web app, put together from its parts: closed by default, one table of routes, one guard."""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Any

from flask import Flask, Response, g, render_template, request
from werkzeug.exceptions import BadHost, HTTPException

from compliance.staff.entry import Entry
from console.account_views import account_views
from console.calls.calls_list import CallsList
from console.calls.comments import Comments
from console.calls.downloads import Downloads
from console.calls.listening import Listening
from console.calls.page import CallPages
from console.calls.proof import Proofs
from console.calls.reviewing import Reviewing
from console.calls.within_reach import call_of, recording_of
from console.cookies import keep
from console.entry.front import Front
from console.entry.present_session import PresentSession
from console.entry.sign_on import IdentityProvider
from console.guard import ENTRY_COOKIE, Guard, Within
from console.headers import FOR_GOOD, HEADERS, NO_STORE, STRICT_TRANSPORT, content_policy
from console.keyboard import Keyboard
from console.keys_page import KeysPage
from console.language import add_language
from console.live_calls import LiveCalls
from console.request_forgery import form_token
from console.routes import CONVERTERS, ROUTES, About
from console.sentences import add_sentences
from console.times import add_times
from console.viewer import Viewer
from policies.permissions import Act
from policies.rules import Rulebook
from policies.sessions import Limits
from storage.audio.contract import AudioStore
from storage.database.engine import Database
from storage.errors import Unavailable
from storage.moment import utc_now
from storage.staff import accounts

log = logging.getLogger(__name__)

BODY_MAX = 64 * 1024
_VENDORED = "/static/vendor/"  # under paths that name their version
View = Callable[..., Any]


@dataclass(frozen=True)
class Console:
    """The parts of the console. Without `live` the endpoint of the agent's page does not exist, without `store` nothing
    can be heard, without `entry` there is no page about accounts, and without `sign_on` no single sign-on. `lines` are
    the rulebook's.
    """

    database: Database
    base_url: str = "http://localhost:8001"
    live: LiveCalls | None = None
    rulebook: Rulebook | None = None
    number_hash_key: bytes = field(default=b"", repr=False)
    store: AudioStore | None = None
    key_encryption_key: bytes = field(default=b"", repr=False)
    entry: Entry | None = None
    sign_on: IdentityProvider | None = None
    lines: Sequence[str] = ()
    limits: Limits = field(default_factory=Limits)
    now: Callable[[], datetime] = utc_now


def create_app(console: Console) -> Flask:
    """Health is added from outside, under the endpoints that the table of routes names."""
    app = Flask("console", static_folder=None)
    app.config.update(MAX_CONTENT_LENGTH=BODY_MAX, MAX_FORM_PARTS=100, MAX_FORM_MEMORY_SIZE=BODY_MAX)
    app.static_folder = "static"
    app.url_map.strict_slashes = app.url_map.merge_slashes = False  # their redirects name the host that was asked for
    app.url_map.converters.update(CONVERTERS)
    guard = Guard(console.database, console.base_url, console.limits, _OBJECTS, console.now)
    views = _views(app, console)
    for route in ROUTES:
        if (view := views.get(route.endpoint)) is not None:
            app.add_url_rule(route.rule, route.endpoint, view, methods=route.methods)
    add_language(app)
    add_sentences(app)
    add_times(app)
    app.before_request(guard.check)
    app.after_request(lambda response: _close_in(response, console.base_url))
    app.context_processor(lambda: _for_every_page(console))
    app.register_error_handler(Unavailable, _say_unavailable)
    app.register_error_handler(HTTPException, _say_error)
    return app


def _views(app: Flask, console: Console) -> Mapping[str, View]:
    views: dict[str, View] = {
        "static": app.send_static_file,
        **Front(console.database, has_list=console.rulebook is not None).views(),
        **PresentSession(console.limits, console.now).views(),
        **KeysPage(console.database).views(),
    }
    if console.entry:
        views |= account_views(console.entry, console.sign_on, console.lines, console.base_url)
    views |= _call_views(console)
    if console.live:
        views["live_call"] = console.live.answer
    return views


def _call_views(console: Console) -> Mapping[str, View]:
    database, now, store, key = console.database, console.now, console.store, console.key_encryption_key
    pages = CallPages(database, now, store is not None)
    views = {
        **pages.views(),
        **Proofs(database).views(),
        **Reviewing(database, now).views(),
        **Comments(database, pages, now).views(),
    }
    if console.rulebook:
        views |= CallsList(database, console.rulebook, console.number_hash_key, now).views()
    if store:
        views |= Downloads(database, store, key, pages, console.limits, now).views()
        views |= Listening(database, store, key, console.limits, now).views()
    return views


_OBJECTS: Mapping[About, Within] = {
    About.CALL: call_of,
    About.RECORDING: recording_of,
    About.ACCOUNT: lambda connection, _, names: accounts.by_id(connection, names["account_id"]),
}


def _for_every_page(console: Console) -> dict[str, object]:
    viewer: Viewer | None = g.get("viewer")
    token = viewer.token if viewer else g.get("entry", "")
    return {
        "viewer": viewer,
        "Act": Act,
        "keyboard": Keyboard.of(viewer.settings) if viewer else None,
        "has_accounts": console.entry is not None,
        "has_list": console.rulebook is not None,
        "nonce": g.get("nonce", ""),
        "csrf_token": form_token(token) if token else "",
        "session_left_ms": _ms(viewer.session.dies_at(console.limits) - console.now()) if viewer else 0,
        "session_warned_ms": _ms(console.limits.warned),
    }


def _ms(time: timedelta) -> int:
    return time // timedelta(milliseconds=1)


def _close_in(response: Response, base_url: str) -> Response:
    response.headers.update(HEADERS)
    is_page = response.mimetype == "text/html"
    response.headers["Content-Security-Policy"] = content_policy(g.get("nonce", "") if is_page else "")
    if request.endpoint != "static":
        response.headers["Cache-Control"] = NO_STORE
    elif request.path.startswith(_VENDORED) and response.status_code < HTTPStatus.BAD_REQUEST:
        response.headers["Cache-Control"] = FOR_GOOD
    if base_url.startswith("https:"):
        response.headers["Strict-Transport-Security"] = STRICT_TRANSPORT
    if g.get("entry") and request.cookies.get(ENTRY_COOKIE) != g.entry:
        keep(response, ENTRY_COOKIE, g.entry)
    return response


def _say_unavailable(error: Unavailable) -> tuple[str, int]:
    log.error("a page failed: %s", error)
    return _page(HTTPStatus.SERVICE_UNAVAILABLE)


def _say_error(error: HTTPException) -> Any:
    code = error.code or HTTPStatus.INTERNAL_SERVER_ERROR
    if code < HTTPStatus.BAD_REQUEST:
        return error.get_response()
    if isinstance(error, BadHost):  # no page can be made: its links are of a host
        return Response("There is no such host.\n", code, content_type="text/plain; charset=utf-8")
    return _page(HTTPStatus(code))


def _page(status: HTTPStatus) -> tuple[str, int]:
    """The same bytes for everybody, whatever was asked for."""
    return render_template("error.html", status=status), status
