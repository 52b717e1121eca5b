"""A person's own password, with the second factor and the recovery codes that go with it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from typing import Any

from flask import make_response, render_template, request, url_for
from werkzeug.wrappers import Response

from compliance.staff import credentials
from compliance.staff.entry import Entry
from console.entry import faults
from console.entry.fresh import sign_in_again
from console.me.back import back_to_me
from console.viewer import viewer
from policies.passwords import LENGTH_MIN, fault_of_password
from policies.sessions import SignedInBy
from policies.sign_in import may_sign_in
from storage.errors import Refused
from storage.staff.second_factor import Proposal


@dataclass(frozen=True)
class OwnPassword:
    """`_form` shows a secret for the app, alone or together with a new password."""

    entry: Entry
    now: Callable[[], datetime]

    def views(self) -> Mapping[str, Callable[..., Any]]:
        return {
            "password": self.password_page,
            "set_password": self.set_password,
            "change_password_page": self.change_page,
            "change_password": self.change,
            "remove_password": self.remove,
            "authenticator": self.authenticator_page,
            "change_authenticator": self.change_authenticator,
            "recovery_codes": self.recovery_codes,
        }

    def password_page(self) -> Response:
        return self._away("password") or self._form(self._propose(), is_first=True)

    def set_password(self) -> Response:
        if away := self._away("password"):
            return away
        account = viewer().account
        password, sealed, code = (request.form.get(field, "") for field in ("password", "sealed", "code"))
        if fault := fault_of_password(password, account.name, account.display_name):
            return self._form(self._again(sealed), is_first=True, problem=faults.of_password(fault))
        try:
            codes = credentials.set_password(self.entry, account.id, password, sealed, code, actor=account.name)
        except Refused:
            return self._code_refused(sealed, is_first=True)
        return _show(codes)

    def change_page(self) -> Response:
        return self._away("change_password_page") or _change_form()

    def change(self) -> Response:
        if away := self._away("change_password_page"):
            return away
        account, session = viewer().account, viewer().session
        old, new = request.form.get("old", ""), request.form.get("password", "")
        if fault := fault_of_password(new, account.name, account.display_name):
            return _change_form(faults.of_password(fault))
        try:
            credentials.change_password(self.entry, account.id, old, new, but=session.id, actor=account.name)
        except Refused:
            return _change_form(faults.of_old_password())
        return back_to_me("password_changed")

    def remove(self) -> Response:
        account = viewer().account
        if away := self._away("me"):
            return away
        try:
            credentials.remove_password(self.entry, account.id, actor=account.name)
        except Refused:
            return back_to_me("last_way_in")
        return back_to_me("password_removed")

    def authenticator_page(self) -> Response:
        return self._away("authenticator") or self._form(self._propose(), is_first=False)

    def change_authenticator(self) -> Response:
        if away := self._away("authenticator"):
            return away
        account, sealed, code = viewer().account, request.form.get("sealed", ""), request.form.get("code", "")
        try:
            codes = credentials.change_code(self.entry, account.id, sealed, code, actor=account.name)
        except Refused:
            return self._code_refused(sealed, is_first=False)
        return _show(codes)

    def recovery_codes(self) -> Response:
        if away := self._away("me"):
            return away
        account = viewer().account
        try:
            return _show(credentials.new_recovery_codes(self.entry, account.id, actor=account.name))
        except Refused:
            return back_to_me("no_password")

    def _away(self, page: str) -> Response | None:
        return sign_in_again(self.now(), url_for(page))

    def _propose(self) -> Proposal:
        return credentials.propose_code(self.entry, viewer().account.id)

    def _again(self, sealed: str) -> Proposal:
        try:
            return credentials.propose_again(self.entry, viewer().account.id, sealed)
        except Refused:
            return self._propose()

    def _code_refused(self, sealed: str, *, is_first: bool) -> Response:
        proposal = self._again(sealed)
        problem = faults.of_code(is_same=proposal.sealed == sealed)
        return self._form(proposal, is_first=is_first, problem=problem)

    def _form(self, proposal: Proposal, *, is_first: bool, problem: str = "") -> Response:
        account = viewer().account
        if is_first and not may_sign_in(account.role, SignedInBy.PASSWORD, self.entry.rules.passkey_roles):
            return back_to_me("needs_passkey")
        page = render_template(
            "me/password.html", proposal=proposal, is_first=is_first, problem=problem, length_min=LENGTH_MIN
        )
        return make_response(page, HTTPStatus.UNPROCESSABLE_ENTITY if problem else HTTPStatus.OK)


def _change_form(problem: str = "") -> Response:
    page = render_template("me/change_password.html", problem=problem, length_min=LENGTH_MIN)
    return make_response(page, HTTPStatus.UNPROCESSABLE_ENTITY if problem else HTTPStatus.OK)


def _show(codes: tuple[str, ...]) -> Response:
    """Once, and never again: only hashes are kept."""
    return make_response(render_template("entry/recovery_codes.html", codes=codes, onward=url_for("me")))
