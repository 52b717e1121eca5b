"""The effects of another position, in words, for the administrator who is about to give it."""

from console.language import gettext
from console.staff.words import name_of, scope_of
from policies.permissions import PERMITTED, Act
from storage.staff.accounts import Position


def differences(old: Position, new: Position) -> list[str]:
    """A sentence for each; none where nothing would change."""
    said = []
    if old.role is not new.role:
        said.append(
            gettext("The role changes from %(old)s to %(new)s.") % {"old": name_of(old.role), "new": name_of(new.role)}
        )
        said += _of_acts(old, new)
    if (old.role, old.scope) != (new.role, new.scope):
        said.append(gettext("Calls within reach: %(calls)s.") % {"calls": "; ".join(scope_of(new.role, new.scope))})
    if old.team != new.team:
        said.append(_of_team(new.team))
    if old.addresses != new.addresses:
        said.append(_of_addresses(new))
    return said


def _of_acts(old: Position, new: Position) -> list[str]:
    said = []
    if Act.HEAR in PERMITTED[old.role] - PERMITTED[new.role]:
        said.append(gettext("From the next request on they hear no recording; one that is playing stops."))
    if Act.HEAR in PERMITTED[new.role] - PERMITTED[old.role]:
        said.append(gettext("They may hear recordings."))
    if Act.DOWNLOAD in PERMITTED[new.role] - PERMITTED[old.role]:
        said.append(gettext("They may download recordings."))
    if Act.MANAGE_STAFF in PERMITTED[new.role] - PERMITTED[old.role]:
        said.append(gettext("They may add, change and disable accounts, yours among them."))
    if Act.MANAGE_STAFF in PERMITTED[old.role] - PERMITTED[new.role]:
        said.append(gettext("They no longer manage the staff."))
    return said


def _of_team(team: str) -> str:
    if not team:
        return gettext("They are in no team: whoever hears a team's calls hears none of theirs by that.")
    return gettext("They are in the team %(team)s: whoever is for its calls is for all that they took.") % {
        "team": team
    }


def _of_addresses(new: Position) -> str:
    taken = ", ".join(sorted(new.addresses))
    if not taken:
        return gettext("No calls count as taken by them.")
    return gettext("Calls that are taken at %(addresses)s count as theirs.") % {"addresses": taken}
