"""The page of an account, as an administrator changes it: its position, its sessions, its link, and whether it opens.

Nobody does any of that to their own account: whoever hands out permissions gets theirs from somebody else.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from http import HTTPStatus
from typing import Any

from flask import g, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from console.entry.fresh import is_recent, sign_in_again
from console.language import gettext
from console.staff.choices import StaffPages, refused, sign_in_elsewhere
from console.staff.differences import differences
from console.staff.position_form import PositionForm
from console.staff.words import name_of
from console.viewer import viewer
from storage.errors import Refused
from storage.staff import overview, sessions
from storage.staff.accounts import Account, Position, position_of


@dataclass(frozen=True)
class OneAccount:
    pages: StaffPages

    def views(self) -> Mapping[str, Callable[..., Any]]:
        return {
            "account": self.page,
            "change_account": self.change,
            "disable_account": self.disable,
            "enable_account": self.enable,
            "renew_link": self.renew_link,
            "end_account_sessions": self.end_sessions,
        }

    def page(self, account_id: str) -> Response:
        return self._page(PositionForm.of(position_of(_account())))

    def change(self, account_id: str) -> Response:
        """Twice: first the administrator is shown what would change, and then it is done, if it is still the same."""
        account, form = _account(), PositionForm.parse(request.form)
        if _is_own(account):
            return self._page(form, _not_your_own())
        position = form.position()
        if position is None:
            return self._page(form, gettext("Nothing was changed yet: choose a role."))
        if position == position_of(account):
            return _back(account, "unchanged")
        if request.form.get("changes") != digest(account, position):
            return _preview(account, position, form)
        return self._change(account, position, form)

    def disable(self, account_id: str) -> Response:
        return self._do(self.pages.administration.disable, "disabled")

    def enable(self, account_id: str) -> Response:
        return self._do(self.pages.administration.enable, "enabled")

    def end_sessions(self, account_id: str) -> Response:
        return self._do(self.pages.administration.end_sessions, "sessions_ended")

    def renew_link(self, account_id: str) -> Response:
        account = _account()
        if _is_own(account):
            return self._page(PositionForm.of(position_of(account)), _not_your_own())
        if away := sign_in_again(self.pages.now(), url_for("account", account_id=account.id)):
            return away
        return self.pages.show_link(self.pages.administration.reset(account.id, actor=viewer().account.name))

    def _change(self, account: Account, position: Position, form: PositionForm) -> Response:
        if not is_recent(self.pages.now()):
            return self._page(form, sign_in_elsewhere())
        try:
            self.pages.administration.change(account.id, position, actor=viewer().account.name)
        except Refused as error:
            return self._page(form, refused(error))
        return _back(account, "changed")

    def _do(self, act: Callable[..., object], said: str) -> Response:
        account = _account()
        form = PositionForm.of(position_of(account))
        if _is_own(account):
            return self._page(form, _not_your_own())
        try:
            act(account.id, actor=viewer().account.name)
        except Refused as error:
            return self._page(form, refused(error))
        return _back(account, said)

    def _page(self, form: PositionForm, problem: str = "") -> Response:
        account, now, administration = _account(), self.pages.now(), self.pages.administration
        with administration.database.read() as connection:
            ways = overview.of_everybody(connection, now)[account.id]
            living = sessions.of_account(connection, account.id, now, administration.rules.limits)
        return self.pages.form(
            "staff/account.html",
            form,
            problem=problem,
            account=account,
            ways=ways,
            sessions=living,
            is_own=_is_own(account),
            name_of=name_of,
            said=request.args.get("said", ""),
        )


def digest(account: Account, position: Position) -> str:
    """Stands for the step from the account's present position to another: only the step that was shown is taken."""
    steps = [
        (
            one.role,
            one.team,
            one.scope.everywhere,
            sorted(one.scope.lines),
            sorted(one.scope.teams),
            sorted(one.addresses),
        )
        for one in (position_of(account), position)
    ]
    return sha256(repr(steps).encode()).hexdigest()


def _account() -> Account:
    found: Account = g.object
    return found


def _is_own(account: Account) -> bool:
    return account.id == viewer().account.id


def _not_your_own() -> str:
    return gettext(
        "Nothing was changed: another administrator has to do that to your own account. Your passkeys, your password "
        "and your sessions are on the page under your name."
    )


def _back(account: Account, said: str) -> Response:
    return redirect(url_for("account", account_id=account.id, said=said), HTTPStatus.SEE_OTHER)


def _preview(account: Account, position: Position, form: PositionForm) -> Response:
    page = render_template(
        "staff/confirm.html",
        account=account,
        form=form,
        differences=differences(position_of(account), position),
        changes=digest(account, position),
    )
    return Response(page, HTTPStatus.OK, content_type="text/html; charset=utf-8")
