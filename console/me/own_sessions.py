"""A person's own sessions: ended one by one, or all but the present one."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from flask import redirect
from werkzeug.wrappers import Response

from compliance.staff.administration import Administration
from console.cookies import forget
from console.guard import SESSION_COOKIE
from console.me.back import back_to_me
from console.viewer import viewer


@dataclass(frozen=True)
class OwnSessions:
    administration: Administration

    def views(self) -> Mapping[str, Callable[..., Any]]:
        return {
            "end_session": self.end,
            "end_other_sessions": self.end_others,
        }

    def end(self, session_id: str) -> Response:
        person = viewer()
        self.administration.end_session(person.account.id, session_id, actor=person.account.name)
        if session_id != person.session.id:
            return back_to_me("session_ended")
        answer = redirect("/enter?because=left", HTTPStatus.SEE_OTHER)
        forget(answer, SESSION_COOKIE)
        return answer

    def end_others(self) -> Response:
        person = viewer()
        self.administration.end_sessions(person.account.id, actor=person.account.name, but=person.session.id)
        return back_to_me("sessions_ended")
