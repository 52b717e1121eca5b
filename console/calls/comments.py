"""Comments on a call: threads at a second of the recording or about the whole call, private or shared.

A request of htmx gets the list as a part of the page, or the reason why nothing was saved; any other is led back to the
page, or gets the page with what was typed.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from typing import Any

from flask import redirect, render_template, request, url_for
from sqlalchemy import Connection
from werkzeug.wrappers import Response

from console.calls.page import CallPages, Tried
from console.calls.positions import position, read_position
from console.language import gettext
from console.viewer import viewer
from storage.database.engine import Database
from storage.errors import Refused
from storage.moment import Moment
from storage.rows import comments
from storage.rows.comments import AT_MS_MAX, BODY_MAX, MOST, Draft, TooMany

Answer = Response | str | tuple[str, int]


@dataclass(frozen=True)
class Comments:
    database: Database
    pages: CallPages
    now: Callable[[], datetime]

    def views(self) -> Mapping[str, Callable[..., Any]]:
        return {"comment_add": self.add, "comment_change": self.change, "comment_remove": self.remove}

    def add(self, call_id: str) -> Answer:
        account, moment = viewer().account, Moment(self.now())
        try:
            draft = _draft()
        except Refused as error:
            return self._refused(call_id, str(error))
        return self._write(call_id, lambda c: comments.add(c, moment, call_id, account.id, draft))

    def change(self, call_id: str, comment_id: str) -> Answer:
        account, moment, body = viewer().account, Moment(self.now()), request.form.get("body", "")

        def change(connection: Connection) -> None:
            _require_of_call(connection, call_id, comment_id, account.id)
            comments.change(connection, moment, comment_id, account.id, body)

        return self._write(call_id, change)

    def remove(self, call_id: str, comment_id: str) -> Answer:
        account = viewer().account

        def remove(connection: Connection) -> None:
            _require_of_call(connection, call_id, comment_id, account.id)
            comments.remove(connection, comment_id, account.id)

        return self._write(call_id, remove)

    def _write(self, call_id: str, work: Callable[[Connection], Any]) -> Answer:
        try:
            self.database.write(work)
        except TooMany:
            return self._refused(call_id, _too_many())
        except Refused:
            return self._refused(call_id, _problem_of(request.form.get("body")))
        if not _is_part():
            return redirect(url_for("call", call_id=call_id, _anchor="comments"), HTTPStatus.SEE_OTHER)
        with self.database.read() as connection:
            threads = comments.seen_by(connection, call_id, viewer().account.id)
        return render_template("calls/comment_list.html", threads=threads, call_id=call_id, position=position)

    def _refused(self, call_id: str, problem: str) -> tuple[str, int]:
        if _is_part():
            return render_template("calls/comment_problem.html", problem=problem), HTTPStatus.UNPROCESSABLE_ENTITY
        form = request.form
        tried = Tried("comment", problem, form.get("body", ""), form.get("at", ""))
        return self.pages.rendered(call_id, tried), HTTPStatus.UNPROCESSABLE_ENTITY


def _is_part() -> bool:
    return request.headers.get("HX-Request") == "true"


def _draft() -> Draft:
    """Raises Refused, in words for the person, for a place that is none."""
    form = request.form
    at = form.get("at", "").strip()
    at_ms = read_position(at) if at else None
    if at and (at_ms is None or at_ms > AT_MS_MAX):
        raise Refused(gettext("Write the place as minutes and seconds, such as 1:05, or leave it empty."))
    return Draft(form.get("body", ""), at_ms, "is_private" in form, form.get("answers") or None)


def _too_many() -> str:
    most = {"most": MOST}
    return (
        gettext("You have written %(most)s comments on this call, which is the most. Remove one to add another.") % most
    )


def _problem_of(body: str | None) -> str:
    """Why words were refused: by their length, or because what they belong to is gone."""
    length = len((body or "").replace("\r\n", "\n").strip())
    if body is not None and not 1 <= length <= BODY_MAX:
        return gettext("A comment has 1 to %(most)s characters; this has %(has)s.") % {"most": BODY_MAX, "has": length}
    return gettext("That comment is not there any more, or it is another's. Nothing was changed.")


def _require_of_call(connection: Connection, call_id: str, comment_id: str, staff_id: str) -> None:
    """Raises Refused where that call has no such comment that this person sees."""
    if comments.peek(connection, call_id, comment_id, staff_id) is None:
        raise Refused("comment: the call has no such comment")
