"""Every route, for every role and scope, on every kind of object: nobody gets further than the table of permissions.

The expectation is made from that table and from the scope; the requests go through the whole app.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

import pytest
from sqlalchemy import event

from console.request_forgery import HEADER, form_token
from console.routes import BY_ENDPOINT, ROUTES, About, Permission, Route
from policies.permissions import PERMITTED, Act, Role, Scope
from storage.rows import agents
from storage.rows.recordings import Recording
from storage.staff.accounts import Position
from tests.console.conftest import BASE_URL, Person
from tests.console.test_listening import Site
from tests.faults.conftest import premises
from tests.faults.premises import LINE, ONE_MACHINE, Premises

__all__ = ["premises"]
ALICE, BOB, OTHERS_LINE = "client:alice", "client:bob", "+12125550999"
SCOPES = {
    "everywhere": Scope(everywhere=True),
    "its line": Scope(lines=frozenset({LINE})),
    "another line": Scope(lines=frozenset({OTHERS_LINE})),
    "its team": Scope(teams=frozenset({"sales"})),
    "another team": Scope(teams=frozenset({"support"})),
    "nothing": Scope(),
}
TARGETS = ("taken by Alice", "taken by nobody", "of no such id")
GUARDED = [route for route in ROUTES if isinstance(route.needs, Permission)]


@dataclass(frozen=True)
class Asked:
    route: Route
    role: Role
    scope: str
    is_alice: bool
    target: str

    @property
    def is_allowed(self) -> bool:
        assert isinstance(self.route.needs, Permission)
        if self.route.needs.act not in PERMITTED[self.role]:
            return False
        return self.route.about is About.NOTHING or (self.target != TARGETS[2] and self._is_reached)

    @property
    def _is_reached(self) -> bool:
        is_alices = self.target == TARGETS[0]
        if self.role is Role.AGENT:
            return self.is_alice and is_alices
        return self.scope in ("everywhere", "its line") or (self.scope == "its team" and is_alices)

    def __str__(self) -> str:
        who = f"{self.role}{', Alice' * self.is_alice}, for {self.scope}"
        return f"{self.route.endpoint} by {who}, on a call {self.target}"


def everybody(site: Site) -> Iterator[tuple[Role, str, bool, Person]]:
    """One of each role and scope; and an agent who is Alice. Alice and Bob are in teams."""
    accounts = (
        ("alice", Position(Role.AGENT, team="sales", addresses=frozenset({ALICE})), "nothing"),
        ("bob", Position(Role.AGENT, team="support", addresses=frozenset({BOB})), "nothing"),
    )
    for name, position, scope in accounts:
        person = site.staff.account(name, position.role, team=position.team, addresses=position.addresses)
        yield Role.AGENT, scope, name == "alice", site.staff.sign_in(person)
    for role, scope in product(Role, SCOPES):
        name = f"{role}-{scope.replace(' ', '-')}"
        yield role, scope, False, site.staff.sign_in(site.staff.account(name, role, SCOPES[scope]))


def path_of(route: Route, recording: Recording | None) -> str:
    values = {"call_id": recording.call_id, "recording_id": recording.id} if recording else {}
    parts = (
        part if "<" not in part else values.get(part.strip("<>").rpartition(":")[2], "0" * 32)
        for part in route.rule.split("/")
    )
    return "/".join(parts)


def send(person: Person, route: Route, recording: Recording | None) -> Any:
    path, method = path_of(route, recording), route.methods[0]
    if method == "GET":
        return person.get(path)
    headers = {HEADER: form_token(person.token)}
    return person.client.post(path, base_url=BASE_URL, json={"purpose": "quality"}, headers=headers)


@ONE_MACHINE
def test_each_route_is_for_those_whom_the_table_permits_and_for_nobody_else(premises: Premises) -> None:
    site = Site.of(premises)
    taken, free = premises.stored(), premises.stored()
    premises.write(lambda c: agents.note(c, premises.moment(), taken.call_id, ALICE))
    targets = dict(zip(TARGETS, (taken, free, None), strict=True))
    wrong, seen, refused = [], 0, set()
    for (role, scope, is_alice, person), route, target in product(everybody(site), GUARDED, TARGETS):
        asked = Asked(route, role, scope, is_alice, target)
        answer = send(person, route, targets[target])
        got_through = answer.status_code != 404
        seen += 1
        if not got_through:
            refused.add(answer.data)
        if got_through != asked.is_allowed and not _names_another_object(route):
            wrong.append(f"{asked}: {answer.status_code}")
    assert wrong == []
    assert seen == len(GUARDED) * len(TARGETS) * (len(Role) * len(SCOPES) + 2)
    assert len(refused) == 1  # not there and not yours are the same bytes


@ONE_MACHINE
def test_as_much_is_looked_up_for_what_is_not_there_as_for_what_is_not_yours(premises: Premises) -> None:
    site, recording, said = Site.of(premises), premises.stored(), list[str]()
    account = site.staff.account("stranger", Role.COMPLIANCE, SCOPES["another line"])
    stranger = site.staff.sign_in(account)

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        said.append(statement)

    event.listen(premises.shop.database.engine, "before_cursor_execute", note)
    for route in (route for route in GUARDED if route.about in (About.CALL, About.RECORDING)):
        work = []
        for target in (recording, None):
            said.clear()
            assert send(stranger, route, target).status_code == 404
            work.append([*said])
        assert work[0] == work[1], route.endpoint


def _names_another_object(route: Route) -> bool:
    """Whether the route names something beside the call and its recording, of which there is none in this test."""
    names = {part.strip("<>").rpartition(":")[2] for part in route.rule.split("/") if "<" in part}
    return bool(names - {"call_id", "recording_id"})


@pytest.mark.parametrize("act", Act)
def test_an_act_that_no_role_may_do_is_none(act: Act) -> None:
    assert any(act in acts for acts in PERMITTED.values())


def test_the_expectation_tells_roles_and_scopes_apart() -> None:
    asked = Asked(BY_ENDPOINT["lanes"], Role.ADMIN, "everywhere", False, TARGETS[0])
    assert not asked.is_allowed
    assert replace(asked, role=Role.REVIEWER).is_allowed
    assert not replace(asked, role=Role.REVIEWER, scope="another team").is_allowed
    assert replace(asked, role=Role.REVIEWER, scope="its team").is_allowed
    assert not replace(asked, role=Role.AGENT).is_allowed
    assert replace(asked, role=Role.AGENT, is_alice=True).is_allowed
