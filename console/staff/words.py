"""Roles, and whose calls an account is for, in words."""

from dataclasses import dataclass

from console.language import gettext
from policies.permissions import Role, Scope


@dataclass(frozen=True, slots=True)
class RoleWords:
    role: Role
    name: str
    may: str


def name_of(role: Role) -> str:
    return words_of(role).name


def words_of(role: Role) -> RoleWords:
    match role:
        case Role.AGENT:
            name = gettext("Agent")
            may = gettext("Reads, hears and comments on the calls that they took themselves, and no others.")
        case Role.REVIEWER:
            name = gettext("Reviewer")
            may = gettext("Reads, hears, comments on and reviews the calls of the scope below.")
        case Role.SUPERVISOR:
            name = gettext("Supervisor")
            may = gettext("As a reviewer, and may download recordings.")
        case Role.COMPLIANCE:
            name = gettext("Compliance")
            may = gettext("Reads, hears, comments on and downloads, and sees the provider's names. Does not review.")
        case Role.ADMIN:
            name = gettext("Administrator")
            may = gettext("Manages the staff. Reads about calls, and hears none.")
    return RoleWords(role, name, may)


def scope_of(role: Role, scope: Scope) -> list[str]:
    """A sentence for each part of it; one for none."""
    if role is Role.AGENT:
        return [gettext("Their own calls")]
    if scope.everywhere:
        return [gettext("All calls")]
    parts = []
    if scope.lines:
        parts.append(gettext("Calls on %(lines)s") % {"lines": ", ".join(sorted(scope.lines))})
    if scope.teams:
        parts.append(
            gettext("Calls that were taken by the teams %(teams)s") % {"teams": ", ".join(sorted(scope.teams))}
        )
    return parts or [gettext("No calls yet")]
