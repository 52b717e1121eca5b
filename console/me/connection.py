"""An identity at the provider of single sign-on: connected with a person's own account, or disconnected."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask import make_response, render_template, request, url_for
from sqlalchemy import Connection
from werkzeug.wrappers import Response

from compliance.staff import credentials
from compliance.staff.entry import Entry
from console.cookies import forget
from console.entry.attempts import ATTEMPT_COOKIE, Found, opened
from console.entry.fresh import sign_in_again
from console.entry.sign_on import SignOn
from console.me.back import back_to_me
from console.viewer import viewer
from storage.errors import Refused
from storage.staff import used_once


@dataclass(frozen=True)
class Connecting:
    """A person is shown the identity before it is connected: a page elsewhere can send a browser to the provider, and
    back with an identity that is not its person's.
    """

    entry: Entry
    sign_on: SignOn | None
    now: Callable[[], datetime]

    def views(self) -> Mapping[str, Callable[..., Any]]:
        views = {"disconnect": self.disconnect}
        if self.sign_on is None:
            return views
        return {**views, "begin_connecting": self.begin, "connect": self.confirm, "connected": self.connect}

    def begin(self) -> Response:
        assert self.sign_on
        away = sign_in_again(self.now(), url_for("me"))
        return away or self.sign_on.send_out(account=viewer().account.id, back=url_for("me"))

    def confirm(self) -> Response:
        found = self._found()
        if found is None:
            return back_to_me("not_connected")
        return make_response(render_template("me/connect.html", found=found))

    def connect(self) -> Response:
        found, account, now = self._found(), viewer().account, self.now()
        if away := sign_in_again(now, url_for("me")):
            return away
        if found is None or not self.entry.database.write(lambda c: _is_first(c, found, now)):
            return back_to_me("not_connected")
        try:
            credentials.bind_identity(self.entry, account.id, found.issuer, found.subject, actor=account.name)
        except Refused:
            return back_to_me("not_connected")
        answer = back_to_me("connected")
        forget(answer, ATTEMPT_COOKIE)
        return answer

    def disconnect(self) -> Response:
        if away := sign_in_again(self.now(), url_for("me")):
            return away
        account, issuer = viewer().account, request.form.get("issuer", "")
        try:
            credentials.unbind_identity(self.entry, account.id, issuer, actor=account.name)
        except Refused:
            return back_to_me("last_way_in")
        return back_to_me("disconnected")

    def _found(self) -> Found | None:
        """The identity on its way, if it is on its way to the account of whoever asks."""
        text = request.cookies.get(ATTEMPT_COOKIE, "")
        found = opened(self.entry.key, Found, text, self.now())
        return found if found and found.account == viewer().account.id else None


def _is_first(connection: Connection, found: Found, now: datetime) -> bool:
    return used_once.use(connection, found.state.encode(), now)
