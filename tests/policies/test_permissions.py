"""Who may do what to whose calls."""

import pytest

from policies.permissions import PERMITTED, Act, Reach, Role, Scope, may, reach_of

LINE, OTHER, ALICE, BOB = "+12125550100", "+12125550101", "client:alice", "client:bob"
_AGENTS = {Act.LIST_CALLS, Act.READ_CALL, Act.HEAR, Act.COMMENT}
_REVIEWERS = _AGENTS | {Act.SEARCH_NUMBER, Act.REVIEW}
EXPECTED = {
    Role.AGENT: _AGENTS,
    Role.REVIEWER: _REVIEWERS,
    Role.SUPERVISOR: _REVIEWERS | {Act.DOWNLOAD},
    Role.COMPLIANCE: _REVIEWERS - {Act.REVIEW} | {Act.DOWNLOAD, Act.SEE_NAMES},
    Role.ADMIN: {Act.LIST_CALLS, Act.READ_CALL, Act.SEE_NAMES, Act.MANAGE_STAFF},
}


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("act", Act)
def test_a_role_may_do_what_its_line_says_and_nothing_else(role: Role, act: Act) -> None:
    assert may(role, act) == (act in EXPECTED[role])


def test_every_role_has_its_line() -> None:
    assert set(PERMITTED) == set(Role)


def test_an_administrator_hears_nothing() -> None:
    assert not {Act.HEAR, Act.DOWNLOAD} & PERMITTED[Role.ADMIN]


@pytest.mark.parametrize("role", set(Role) - {Role.AGENT})
def test_a_scope_reaches_the_calls_of_its_lines_and_of_its_teams_of_today(role: Role) -> None:
    reach = reach_of(role, Scope(lines=frozenset({LINE}), teams=frozenset({"sales"})), own={ALICE}, of_teams={BOB})
    assert [reach.covers(LINE, ()), reach.covers(OTHER, {BOB}), reach.covers(OTHER, {ALICE})] == [True, True, False]


def test_an_agent_reaches_the_calls_that_they_took_whatever_the_scope() -> None:
    reach = reach_of(Role.AGENT, Scope(everywhere=True, lines=frozenset({LINE})), own={ALICE}, of_teams={BOB})
    assert reach.covers(OTHER, {BOB, ALICE})
    assert not reach.covers(LINE, {BOB})
    assert not reach.covers(LINE, ())


def test_an_empty_scope_reaches_nothing() -> None:
    assert not reach_of(Role.REVIEWER, Scope(), own=(), of_teams=()).covers(LINE, {ALICE})
    assert not Reach().covers("", ())
    assert Reach().covers_nothing
    some = (Reach(everywhere=True), Reach(lines=frozenset({LINE})), Reach(addresses=frozenset({ALICE})))
    assert not any(reach.covers_nothing for reach in some)
