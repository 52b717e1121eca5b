"""What an administrator reads before a change, and how accounts and sessions are put into words."""

import pytest
from werkzeug.datastructures import MultiDict

from console.me.session_words import browser_of, way_of
from console.staff.differences import differences
from console.staff.position_form import PositionForm
from console.staff.words import scope_of, words_of
from policies.permissions import Role, Scope
from policies.sessions import SignedInBy
from storage.staff.accounts import Position

LINE = "+12125550100"
REVIEWER = Position(Role.REVIEWER, Scope(lines=frozenset({LINE})), "billing", frozenset({"client:alice"}))


@pytest.mark.parametrize("role", Role)
def test_every_role_has_its_words(role: Role) -> None:
    assert words_of(role).role is role
    assert words_of(role).may.endswith(".")


@pytest.mark.parametrize("way", SignedInBy)
def test_every_way_in_has_its_words(way: SignedInBy) -> None:
    assert way_of(way)


def test_a_scope_is_said_in_words() -> None:
    assert scope_of(Role.REVIEWER, Scope()) == ["No calls yet"]
    assert scope_of(Role.REVIEWER, Scope(everywhere=True, lines=frozenset({LINE}))) == ["All calls"]
    assert scope_of(Role.AGENT, Scope(everywhere=True)) == ["Their own calls"]
    both = Scope(lines=frozenset({LINE, "+12125550101"}), teams=frozenset({"billing"}))
    assert scope_of(Role.SUPERVISOR, both) == [
        f"Calls on {LINE}, +12125550101",
        "Calls that were taken by the teams billing",
    ]


def test_nothing_is_said_where_nothing_would_change() -> None:
    assert differences(REVIEWER, REVIEWER) == []


def test_a_role_without_ears_is_said_to_hear_nothing() -> None:
    said = differences(REVIEWER, Position(Role.ADMIN, REVIEWER.scope, REVIEWER.team, REVIEWER.addresses))
    assert said[:2] == [
        "The role changes from Reviewer to Administrator.",
        "From the next request on they hear no recording; one that is playing stops.",
    ]
    assert "They may add, change and disable accounts, yours among them." in said


def test_ears_are_said_where_a_role_gets_them() -> None:
    said = differences(Position(Role.ADMIN), Position(Role.SUPERVISOR))
    assert {"They may hear recordings.", "They may download recordings.", "They no longer manage the staff."} <= {*said}


def test_a_scope_a_team_and_addresses_are_said() -> None:
    said = differences(REVIEWER, Position(Role.REVIEWER, Scope(everywhere=True)))
    assert said == [
        "Calls within reach: All calls.",
        "They are in no team: whoever hears a team's calls hears none of theirs by that.",
        "No calls count as taken by them.",
    ]


def test_a_form_is_read_into_a_position_and_back() -> None:
    form = PositionForm.parse(
        MultiDict(
            [
                ("role", "reviewer"),
                ("line", LINE),
                ("line", "+12125550101"),
                ("teams", " billing , orders,"),
                ("team", " orders "),
                ("addresses", "client:alice\r\n\r\n +12125550123 "),
            ]
        )
    )
    position = form.position()
    assert position == Position(
        Role.REVIEWER,
        Scope(lines=frozenset({LINE, "+12125550101"}), teams=frozenset({"billing", "orders"})),
        "orders",
        frozenset({"client:alice", "+12125550123"}),
    )
    assert PositionForm.of(position).position() == position


@pytest.mark.parametrize("role", ["", "owner", "Admin"])
def test_a_form_without_a_role_is_no_position(role: str) -> None:
    assert PositionForm.parse(MultiDict({"role": role})).position() is None


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/156.0.0.0 Safari/537.36", "Chrome on Linux"),
        ("Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 Chrome/156.0 Safari/537.36 Edg/156.0", "Edge on Windows"),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 26_0 like Mac OS X) Version/26.0 Safari/604.1", "Safari on iPhone"),
        ("Mozilla/5.0 (Macintosh; Intel Mac OS X 10.15; rv:140.0) Gecko Firefox/140.0", "Firefox on macOS"),
        ("curl/8.0", "A browser that does not say which it is"),
        ("", "A browser that does not say which it is"),
    ],
)
def test_a_browser_is_named_as_far_as_it_names_itself(text: str, words: str) -> None:
    assert browser_of(text) == words
