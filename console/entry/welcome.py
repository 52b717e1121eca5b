"""The page behind the link that a new person gets: they choose how they sign in, and are in.

Opening the page does not use the link up: scanners of mail open every link. Setting something up does.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from flask import Response, make_response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from compliance.staff import welcome
from compliance.staff.entry import Entry
from console.entry import ceremony, faults
from console.entry.begun import begun
from console.entry.sign_in import browser
from console.guard import SESSION_COOKIE
from policies.passwords import LENGTH_MIN, fault_of_password
from policies.sessions import SignedInBy
from policies.sign_in import may_sign_in
from storage.errors import Refused
from storage.staff.accounts import Account
from storage.staff.second_factor import Proposal


@dataclass(frozen=True)
class Welcome:
    entry: Entry

    def views(self) -> Mapping[str, Callable[..., Any]]:
        return {
            "welcome": self.page,
            "welcome_passkey_options": self.passkey_options,
            "welcome_passkey": self.with_passkey,
            "welcome_password": self.password_page,
            "welcome_with_password": self.with_password,
        }

    def page(self, link: str) -> AnyResponse:
        account = welcome.account_of(self.entry, link)
        return _spent() if account is None else self._choice(account, link)

    def passkey_options(self, link: str) -> Response:
        try:
            return ceremony.begin(welcome.passkey_options(self.entry, link))
        except Refused:
            return Response('{"stop": "spent"}\n', HTTPStatus.GONE, content_type="application/json")

    def with_passkey(self, link: str) -> AnyResponse:
        response, label = request.form.get("response", ""), request.form.get("label", "")
        try:
            done = welcome.with_passkey(
                self.entry,
                link,
                response,
                ceremony.challenge(),
                label,
                browser=browser(),
                old_token=request.cookies.get(SESSION_COOKIE, ""),
            )
        except Refused:
            account = welcome.account_of(self.entry, link)
            return _spent() if account is None else self._choice(account, link, problem=faults.of_passkey())
        return begun(redirect(url_for("home"), HTTPStatus.SEE_OTHER), done)

    def password_page(self, link: str) -> AnyResponse:
        account = welcome.account_of(self.entry, link)
        if account is None:
            return _spent()
        if not self._may_have_password(account):
            return redirect(url_for("welcome", link=link), HTTPStatus.SEE_OTHER)
        return self._password_form(account, link, welcome.propose_code(self.entry, link))

    def with_password(self, link: str) -> AnyResponse:
        account = welcome.account_of(self.entry, link)
        if account is None or not self._may_have_password(account):
            return self.password_page(link)
        password, sealed, code = (request.form.get(field, "") for field in ("password", "sealed", "code"))
        if fault := fault_of_password(password, account.name, account.display_name):
            return self._password_form(account, link, self._again(link, sealed), problem=faults.of_password(fault))
        try:
            done = welcome.with_password(
                self.entry,
                link,
                password,
                sealed,
                code,
                browser=browser(),
                old_token=request.cookies.get(SESSION_COOKIE, ""),
            )
        except Refused:
            return self._refused(link, sealed)
        page = render_template("entry/recovery_codes.html", codes=done.recovery_codes, onward=url_for("home"))
        return begun(make_response(page), done.signed_in)

    def _refused(self, link: str, sealed: str) -> AnyResponse:
        account = welcome.account_of(self.entry, link)
        if account is None:
            return _spent()
        proposal = self._again(link, sealed)
        return self._password_form(account, link, proposal, problem=faults.of_code(is_same=proposal.sealed == sealed))

    def _again(self, link: str, sealed: str) -> Proposal:
        """The same secret, which the person has in their app by now; another where it is too old."""
        try:
            return welcome.propose_again(self.entry, link, sealed)
        except Refused:
            return welcome.propose_code(self.entry, link)

    def _may_have_password(self, account: Account) -> bool:
        return may_sign_in(account.role, SignedInBy.PASSWORD, self.entry.rules.passkey_roles)

    def _choice(self, account: Account, link: str, *, problem: str = "") -> AnyResponse:
        page = render_template(
            "entry/welcome.html",
            account=account,
            link=link,
            problem=problem,
            may_have_password=self._may_have_password(account),
        )
        return make_response(page, HTTPStatus.UNPROCESSABLE_ENTITY if problem else HTTPStatus.OK)

    def _password_form(self, account: Account, link: str, proposal: Proposal, *, problem: str = "") -> AnyResponse:
        page = render_template(
            "entry/welcome_password.html",
            account=account,
            link=link,
            proposal=proposal,
            problem=problem,
            length_min=LENGTH_MIN,
        )
        return make_response(page, HTTPStatus.UNPROCESSABLE_ENTITY if problem else HTTPStatus.OK)


def _spent() -> AnyResponse:
    """The same for a link that was used, is too old, or never was."""
    return make_response(render_template("entry/spent.html"), HTTPStatus.GONE)
