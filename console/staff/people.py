"""The list of the staff, and the form to add somebody."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from flask import render_template, request, url_for
from werkzeug.wrappers import Response

from console.entry.fresh import is_recent, sign_in_again
from console.language import gettext
from console.staff.choices import StaffPages, refused, sign_in_elsewhere
from console.staff.position_form import PositionForm
from console.staff.words import name_of, scope_of
from console.viewer import viewer
from storage.errors import Refused
from storage.staff import accounts, overview


@dataclass(frozen=True)
class People:
    pages: StaffPages

    def views(self) -> Mapping[str, Callable[..., Any]]:
        return {"staff": self.everybody, "add_account_page": self.add_page, "add_account": self.add}

    def everybody(self) -> str:
        with self.pages.administration.database.read() as connection:
            people = accounts.everybody(connection)
            ways = overview.of_everybody(connection, self.pages.now())
        return render_template(
            "staff/staff.html",
            people=people,
            ways=ways,
            name_of=name_of,
            scope_of=scope_of,
            said=request.args.get("said", ""),
        )

    def add_page(self) -> Response:
        away = sign_in_again(self.pages.now(), url_for("add_account_page"))
        return away or self._form(PositionForm.empty())

    def add(self) -> Response:
        form = PositionForm.parse(request.form)
        position = form.position()
        if position is None:
            return self._form(form, gettext("Nobody was added yet: choose a role."))
        if not is_recent(self.pages.now()):
            return self._form(form, sign_in_elsewhere())
        name, display_name = request.form.get("name", ""), request.form.get("display_name", "")
        try:
            invited = self.pages.administration.add(name, display_name, position, actor=viewer().account.name)
        except Refused as error:
            return self._form(form, refused(error))
        return self.pages.show_link(invited)

    def _form(self, form: PositionForm, problem: str = "") -> Response:
        typed = {field: request.form.get(field, "") for field in ("name", "display_name")}
        return self.pages.form("staff/add.html", form, problem=problem, **typed)
