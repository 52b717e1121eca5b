"""The page to sign in on: with a passkey; with a name, a password and a code in one form; or by single sign-on.

A failure is said in the same sentence, whatever the reason, so that nobody learns which names there are.
"""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from flask import Response, make_response, redirect, render_template, request
from werkzeug.wrappers import Response as AnyResponse

from compliance.staff import sign_in
from compliance.staff.entry import Entry
from compliance.staff.logged_sessions import SignedIn
from compliance.staff.sign_in import NotSignedIn
from console.cookies import forget
from console.entry import ceremony
from console.entry.begun import begun
from console.entry.reasons import busy, reason, refusal
from console.entry.way_back import way_back
from console.guard import SESSION_COOKIE
from console.viewer import viewer
from storage.errors import Unavailable

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class SignIn:
    """`sign_on` is the name of the identity provider; empty where there is none."""

    entry: Entry
    sign_on: str = ""

    def views(self) -> Mapping[str, Callable[..., Any]]:
        return {
            "enter": self.page,
            "enter_by_password": self.by_password,
            "passkey_options": self.passkey_options,
            "enter_by_passkey": self.by_passkey,
            "leave": self.leave,
        }

    def page(self) -> str:
        return self.render(reason(request.args.get("because", "")), next_=request.args.get("next", ""))

    def by_password(self) -> AnyResponse:
        name, password, code = (request.form.get(field, "") for field in ("name", "password", "code"))
        next_, old_token = request.form.get("next", ""), request.cookies.get(SESSION_COOKIE, "")
        try:
            done = sign_in.by_password(self.entry, name, password, code, browser=browser(), old_token=old_token)
        except Unavailable as error:
            log.warning("nobody was signed in: %s", error)
            page = self.render("", next_=next_, name=name, problem=busy())
            return make_response(page, HTTPStatus.SERVICE_UNAVAILABLE)
        return self.answer(done, next_, name=name)

    def passkey_options(self) -> Response:
        return ceremony.begin(sign_in.passkey_options(self.entry))

    def by_passkey(self) -> AnyResponse:
        done = sign_in.by_passkey(
            self.entry,
            request.form.get("response", ""),
            ceremony.challenge(),
            browser=browser(),
            old_token=request.cookies.get(SESSION_COOKIE, ""),
        )
        return self.answer(done, request.form.get("next", ""))

    def leave(self) -> AnyResponse:
        person = viewer()
        sign_in.sign_out(self.entry, person.token, actor=person.account.name)
        answer = redirect("/enter?because=left", HTTPStatus.SEE_OTHER)
        forget(answer, SESSION_COOKIE)
        return answer

    def answer(self, done: SignedIn | NotSignedIn, next_: str, *, name: str = "") -> AnyResponse:
        if isinstance(done, SignedIn):
            return begun(redirect(way_back(next_), HTTPStatus.SEE_OTHER), done)
        page = self.render("", next_=next_, name=name, problem=refusal(done.why))
        return make_response(page, HTTPStatus.UNPROCESSABLE_ENTITY)

    def render(self, said: str, *, next_: str, name: str = "", problem: str = "") -> str:
        return render_template(
            "entry/sign_in.html", said=said, problem=problem, name=name, next=way_back(next_), sign_on=self.sign_on
        )


def browser() -> str:
    return request.user_agent.string
