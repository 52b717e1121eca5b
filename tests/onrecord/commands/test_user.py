"""`onrecord user` adds accounts, lists them, gives new links, and lets nobody take the last admin away."""

import re
from contextlib import closing

import pytest

from policies.permissions import Scope
from storage.staff import accounts, links
from storage.staff.accounts import Account
from tests.conftest import NOON
from tests.onrecord.commands.site import Ran, Site

CONSOLE = "https://console.example.org"


@pytest.fixture
def staffed(site: Site) -> Site:
    site.environ["CONSOLE_BASE_URL"] = CONSOLE
    return site


def account(site: Site, name: str) -> Account | None:
    with closing(site.database()) as database, database.read() as connection:
        return accounts.by_name(connection, name)


def opens(site: Site, ran: Ran) -> str | None:
    """The id of the account that the printed link opens."""
    found = re.fullmatch(rf"{CONSOLE}/welcome/([A-Za-z0-9_-]{{43}})\n", ran.out)
    assert found, ran
    with closing(site.database()) as database, database.read() as connection:
        return links.account_of(connection, found[1], NOON)


def test_an_account_is_added_with_all_that_is_said_of_it(staffed: Site) -> None:
    ran = staffed.run(
        *("user", "add", "alice", "--role", "supervisor", "--name", "Alice Smith"),
        *("--line", "+14155550100", "--line", "+14155550101", "--team", "sales", "--in-team", "leads"),
        *("--takes-calls-at", "client:alice", "--takes-calls-at", "+14155550123"),
    )
    assert ran.code == 0, ran
    alice = account(staffed, "alice")
    assert alice is not None
    assert opens(staffed, ran) == alice.id
    assert (alice.display_name, alice.role, alice.team) == ("Alice Smith", "supervisor", "leads")
    assert alice.scope == Scope(False, frozenset({"+14155550100", "+14155550101"}), frozenset({"sales"}))
    assert alice.addresses == {"client:alice", "+14155550123"}
    assert ran.err.splitlines()[0] == "note: +14155550101 is no line of the rulebook"


def test_an_account_for_everything_needs_little(staffed: Site) -> None:
    assert staffed.run("user", "add", "ann", "--role", "admin", "--everywhere").code == 0
    ann = account(staffed, "ann")
    assert ann is not None
    assert (ann.display_name, ann.scope.everywhere) == ("ann", True)


def test_a_link_leads_to_this_machine_unless_the_console_is_said_to_be_elsewhere(site: Site) -> None:
    link = site.run("user", "add", "ann", "--role", "admin").out
    assert link.startswith("http://localhost:8001/welcome/")


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("add", "Ä", "--role", "admin"), 1),
        (("add", "alice", "--role", "agent"), 1),  # taken
        (("add", "bob", "--role", "owner"), 2),
        (("add", "bob"), 2),
        (("add", "bob", "--role", "agent", "--takes-calls-at", "desk 7"), 2),
        (("add", "bob", "--role", "agent", "--line", "anonymous"), 2),
        (("link", "bob"), 1),
        (("disable", "bob"), 1),
        (("enable", "bob"), 1),
    ],
)
def test_what_makes_no_sense_is_refused_and_nobody_is_added(staffed: Site, words: tuple[str, ...], code: int) -> None:
    assert staffed.run("user", "add", "alice", "--role", "admin").code == 0
    ran = staffed.run("user", *words)
    assert (ran.code, ran.out) == (code, ""), ran
    assert staffed.run("user", "list").out.count("\n") == 1


def test_a_new_link_takes_the_place_of_the_first(staffed: Site) -> None:
    first = staffed.run("user", "add", "alice", "--role", "reviewer")
    second = staffed.run("user", "link", "ALICE")
    assert second.code == 0, second
    assert opens(staffed, first) is None
    alice = account(staffed, "alice")
    assert alice is not None
    assert opens(staffed, second) == alice.id


def test_an_account_is_disabled_and_enabled_and_the_last_admin_stays(staffed: Site) -> None:
    for name, role in (("ann", "admin"), ("bob", "admin"), ("carol", "agent")):
        assert staffed.run("user", "add", name, "--role", role).code == 0
    assert staffed.run("user", "disable", "ann").code == 0
    last = staffed.run("user", "disable", "bob")
    assert last.code == 1
    assert "last enabled admin" in last.err
    assert staffed.run("user", "disable", "carol").code == 0
    listed = staffed.run("user", "list").out.splitlines()
    assert ["  disabled since " in line for line in listed] == [True, False, True]
    refused = staffed.run("user", "link", "ann")
    assert (refused.code, refused.out) == (1, "")
    assert staffed.run("user", "enable", "ann").code == 0
    assert staffed.run("user", "disable", "bob").code == 0


def test_the_list_says_what_each_may_do_and_how_they_sign_in(staffed: Site) -> None:
    assert staffed.run("user", "list").out == "there is no account: `onrecord user add` makes one\n"
    staffed.run("user", "add", "ann", "--role", "admin", "--everywhere")
    staffed.run("user", "add", "bob", "--role", "reviewer", "--line", "+14155550100", "--team", "sales")
    staffed.run("user", "add", "carol", "--role", "agent", "--in-team", "sales")
    staffed.run("user", "add", "dave", "--role", "reviewer")
    assert staffed.run("user", "list").out.splitlines() == [
        "ann  admin  for all calls  signs in with nothing yet",
        "bob  reviewer  for +14155550100, team sales  signs in with nothing yet",
        "carol  agent  for their own calls  in team sales  signs in with nothing yet",
        "dave  reviewer  for no calls  signs in with nothing yet",
    ]


def test_check_says_how_the_staff_sign_in(site: Site) -> None:
    assert "note: console: every role may sign in with a password; passkey_roles" in site.run("check").out
    rules = site.folder / "onrecord.toml"
    rules.write_text(f'{rules.read_text()}\n[console]\npasskey_roles = ["admin"]\n')
    assert "note: console" not in site.run("check").out
