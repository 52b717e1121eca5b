"""Decides of every request whether it gets to its view: closed by default.

A route that is not in the table is not there. An object that does not exist and one that is not the viewer's get the
same bytes, and so does a page that the viewer's role may not open.
"""

import logging
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from http import HTTPStatus
from urllib.parse import quote

from flask import Response, abort, g, redirect, request
from sqlalchemy import Connection
from werkzeug.wrappers import Response as AnyResponse

from console import viewer as viewers
from console.request_forgery import is_from_us
from console.routes import BY_ENDPOINT, About, Need, Permission, Route
from console.viewer import Viewer
from policies.sessions import Limits
from storage.database.engine import Database
from storage.staff import sessions

log = logging.getLogger(__name__)

SESSION_COOKIE, ENTRY_COOKIE = "__Host-onrecord", "__Host-onrecord-entry"
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_PATH_MAX = 500
Within = Callable[[Connection, Viewer, Mapping[str, str]], object | None]
"""The object that the route's arguments name, if it exists and is within the viewer's reach."""


@dataclass(frozen=True)
class Guard:
    """`objects` finds the object of each kind; `base_url` is the console's origin."""

    database: Database
    base_url: str
    limits: Limits
    objects: Mapping[About, Within]
    now: Callable[[], datetime]

    def check(self) -> AnyResponse | None:
        """Before each request: None lets it through, with `g.viewer`, `g.session_id` and `g.object` where the route
        needs them.
        """
        route = BY_ENDPOINT.get(request.endpoint or "")
        if request.endpoint is None:
            return None  # no route of ours: not found, or a wrong method
        if route is None:
            abort(HTTPStatus.NOT_FOUND)
        g.nonce, g.viewer = secrets.token_urlsafe(16), None
        match route.needs:
            case Need.OPEN | Need.TOKEN:
                return None
            case Need.ENTRY:
                return self._enter()
            case Need.LEASE:
                g.viewer = self._viewer()
                return None
            case Need.SIGNED_IN | Need.REPORT | Permission():
                return self._pass(route)

    def _viewer(self) -> Viewer | None:
        token = request.cookies.get(SESSION_COOKIE, "")
        with self.database.read() as connection:
            return viewers.find(connection, token, self.now(), self.limits) if token else None

    def _enter(self) -> AnyResponse | None:
        g.entry = request.cookies.get(ENTRY_COOKIE, "")
        if request.method in _SAFE:
            g.entry = g.entry or secrets.token_urlsafe(32)
        elif not g.entry or not is_from_us(request, g.entry, self.base_url):
            abort(HTTPStatus.FORBIDDEN)
        return None

    def _pass(self, route: Route) -> AnyResponse | None:
        token, now = request.cookies.get(SESSION_COOKIE, ""), self.now()
        with self.database.read() as connection:
            viewer = viewers.find(connection, token, now, self.limits) if token else None
            g.viewer, g.session_id = viewer, viewer.session.id if viewer else None
            if route.needs is Need.REPORT and not viewer:
                g.session_id = sessions.id_of(connection, token)
            if not g.session_id:
                return _to_entry(route)
            if request.method not in _SAFE and not is_from_us(request, token, self.base_url):
                abort(HTTPStatus.FORBIDDEN)
            if viewer and isinstance(route.needs, Permission):
                self._require(connection, viewer, route.needs)
        if viewer and route.is_activity and now - viewer.session.seen_at >= sessions.SEEN_EVERY:
            self.database.write(lambda writing: sessions.see(writing, viewer.session.id, now))
            g.viewer = replace(viewer, session=replace(viewer.session, seen_at=now))
        return None

    def _require(self, connection: Connection, viewer: Viewer, needs: Permission) -> None:
        if not viewer.may(needs.act):
            log.warning("account %s: the role %s may not %s", viewer.account.id, viewer.account.role, needs.act)
            abort(HTTPStatus.NOT_FOUND)
        if needs.about is About.NOTHING:
            return
        arguments = {name: str(value) for name, value in (request.view_args or {}).items()}
        g.object = self.objects[needs.about](connection, viewer, arguments)
        if g.object is None:
            abort(HTTPStatus.NOT_FOUND)


def _to_entry(route: Route) -> AnyResponse:
    """To the sign-in page; a request that is part of a page says so to that page."""
    if request.headers.get("HX-Request"):
        return Response(status=HTTPStatus.UNAUTHORIZED, headers={"HX-Redirect": "/enter?because=ended"})
    if request.method not in _SAFE or "text/html" not in request.headers.get("Accept", "text/html"):
        return Response('{"stop": "signed_out"}\n', status=HTTPStatus.UNAUTHORIZED, content_type="application/json")
    back = request.full_path.rstrip("?") if len(request.full_path) <= _PATH_MAX else "/"
    return redirect("/enter" if back == "/" else f"/enter?next={quote(back, safe='')}", HTTPStatus.SEE_OTHER)
