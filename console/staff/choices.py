"""The parts of the pages about accounts: the form of a position, the link that is shown once, and refusals."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from typing import Any

from flask import make_response, render_template
from werkzeug.wrappers import Response

from compliance.staff.administration import Administration, Invited
from console.language import gettext
from console.sentences import translated
from console.staff.position_form import PositionForm
from console.staff.words import words_of
from policies.permissions import Role
from storage.errors import Refused
from storage.staff import accounts


@dataclass(frozen=True)
class StaffPages:
    """`lines` are the rulebook's; links begin with `base_url`, the console's origin."""

    administration: Administration
    lines: Sequence[str]
    base_url: str
    now: Callable[[], datetime]

    def form(self, template: str, form: PositionForm, *, problem: str = "", **more: Any) -> Response:
        """A page with a position's form, as it was filled in. A line that the rulebook has no more stays to be seen."""
        page = render_template(
            template,
            form=form,
            roles=[words_of(role) for role in Role],
            lines=sorted({*self.lines, *form.lines}),
            known_teams=self._teams(),
            problem=problem,
            needs_sign_in=problem == sign_in_elsewhere(),
            **more,
        )
        return make_response(page, HTTPStatus.UNPROCESSABLE_ENTITY if problem else HTTPStatus.OK)

    def show_link(self, invited: Invited) -> Response:
        """Once: the link itself is kept nowhere."""
        url = f"{self.base_url}/welcome/{invited.link}"
        return make_response(render_template("staff/link.html", account=invited.account, url=url))

    def _teams(self) -> list[str]:
        with self.administration.database.read() as connection:
            people = accounts.everybody(connection)
        return sorted({team for person in people for team in (person.team, *person.scope.teams)} - {""})


def refused(error: Refused) -> str:
    return gettext("Nothing was changed. The reason: %(reason)s.") % {"reason": translated(str(error))}


def sign_in_elsewhere() -> str:
    return gettext(
        "Nothing was changed yet: it takes a sign-in of the last few minutes. Sign in again in another tab, and then "
        "send this form once more; what you filled in is still here."
    )
