"""The form by which an administrator decides on an account, read once."""

from dataclasses import dataclass

from werkzeug.datastructures import MultiDict

from policies.permissions import Role, Scope
from storage.staff.accounts import Position


@dataclass(frozen=True, slots=True)
class PositionForm:
    """The form as it was filled in: it is shown again where it is refused."""

    role: str
    everywhere: bool
    lines: frozenset[str]
    teams: str
    team: str
    addresses: str

    @classmethod
    def empty(cls) -> "PositionForm":
        """No role is proposed: somebody has to choose one."""
        return cls(role="", everywhere=False, lines=frozenset(), teams="", team="", addresses="")

    @classmethod
    def parse(cls, form: MultiDict[str, str]) -> "PositionForm":
        return cls(
            role=form.get("role", ""),
            everywhere="everywhere" in form,
            lines=frozenset(form.getlist("line")),
            teams=form.get("teams", ""),
            team=form.get("team", ""),
            addresses=form.get("addresses", ""),
        )

    @classmethod
    def of(cls, position: Position) -> "PositionForm":
        scope = position.scope
        return cls(
            role=position.role,
            everywhere=scope.everywhere,
            lines=scope.lines,
            teams=", ".join(sorted(scope.teams)),
            team=position.team,
            addresses="\n".join(sorted(position.addresses)),
        )

    def position(self) -> Position | None:
        """None where no role was chosen."""
        if self.role not in set(Role):
            return None
        scope = Scope(self.everywhere, self.lines, _parts(self.teams, ","))
        return Position(Role(self.role), scope, self.team.strip(), _parts(self.addresses, "\n"))


def _parts(text: str, separator: str) -> frozenset[str]:
    return frozenset(part.strip() for part in text.replace("\r", "").split(separator)) - {""}
