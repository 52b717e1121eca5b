"""The permissions of the staff: what each role may do, and to which calls.

The role says what may be done, the scope to whose calls. Both are closed: what is not listed here is not allowed.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum


class Role(StrEnum):
    AGENT = "agent"
    REVIEWER = "reviewer"
    SUPERVISOR = "supervisor"
    COMPLIANCE = "compliance"
    ADMIN = "admin"


class Act(StrEnum):
    """Something that a role may do. `HEAR` is playing a recording in the console, `DOWNLOAD` taking a copy of it away;
    `SEE_NAMES` is reading the provider's names of a call and its recordings.
    """

    LIST_CALLS = "list_calls"
    SEARCH_NUMBER = "search_number"
    READ_CALL = "read_call"
    SEE_NAMES = "see_names"
    HEAR = "hear"
    DOWNLOAD = "download"
    COMMENT = "comment"
    REVIEW = "review"
    MANAGE_STAFF = "manage_staff"


PERMITTED: Mapping[Role, frozenset[Act]] = {
    Role.AGENT: frozenset({Act.LIST_CALLS, Act.READ_CALL, Act.HEAR, Act.COMMENT}),
    Role.REVIEWER: frozenset(
        {Act.LIST_CALLS, Act.SEARCH_NUMBER, Act.READ_CALL, Act.HEAR, Act.COMMENT, Act.REVIEW},
    ),
    Role.SUPERVISOR: frozenset(
        {Act.LIST_CALLS, Act.SEARCH_NUMBER, Act.READ_CALL, Act.HEAR, Act.DOWNLOAD, Act.COMMENT, Act.REVIEW},
    ),
    Role.COMPLIANCE: frozenset(
        {Act.LIST_CALLS, Act.SEARCH_NUMBER, Act.READ_CALL, Act.SEE_NAMES, Act.HEAR, Act.DOWNLOAD, Act.COMMENT},
    ),
    # Whoever hands out permissions has no ears: to listen as well takes an account of another role, which is on record.
    Role.ADMIN: frozenset({Act.LIST_CALLS, Act.READ_CALL, Act.SEE_NAMES, Act.MANAGE_STAFF}),
}


@dataclass(frozen=True, slots=True)
class Scope:
    """The calls that an account is for: of some lines, and of the agents of some teams; or all. Empty: none."""

    everywhere: bool = False
    lines: frozenset[str] = frozenset()
    teams: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Reach:
    """A scope with its teams resolved: the calls on these lines, and those that were taken at these addresses."""

    everywhere: bool = False
    lines: frozenset[str] = frozenset()
    addresses: frozenset[str] = frozenset()

    @property
    def covers_nothing(self) -> bool:
        return not (self.everywhere or self.lines or self.addresses)

    def covers(self, line: str, addresses: Collection[str]) -> bool:
        """Whether a call on that line, taken at those addresses, is within it. The line is the call's own."""
        return self.everywhere or line in self.lines or not self.addresses.isdisjoint(addresses)


def may(role: Role, act: Act) -> bool:
    return act in PERMITTED[role]


def reach_of(role: Role, scope: Scope, *, own: Collection[str], of_teams: Collection[str]) -> Reach:
    """`own` are the addresses at which the account's person takes calls, `of_teams` those of the people who are in the
    scope's teams today. An agent reaches the calls that they took themselves, whatever the scope.
    """
    if role is Role.AGENT:
        return Reach(addresses=frozenset(own))
    return Reach(scope.everywhere, scope.lines, frozenset(of_teams))
