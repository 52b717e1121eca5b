"""Accounts for those who administer them. Somebody must be left who can let people in."""

import secrets
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from time import monotonic, sleep

import pytest
from sqlalchemy import Connection, select, text

from compliance.staff import credentials, sign_in, welcome
from compliance.staff.logged_sessions import SignedIn
from compliance.staff.sign_in import NotSignedIn, Why
from policies.permissions import Role
from storage.database.engine import Database
from storage.database.tables import staff_session
from storage.errors import Refused
from storage.log import consent_log
from storage.staff import accounts, turns
from storage.staff.accounts import Position
from tests.compliance.staff.desk import PASSWORD, Desk, app_of
from tests.storage.staff.authenticator import Authenticator

WRONG = NotSignedIn(Why.WRONG)


@pytest.fixture
def own(database: Database) -> Desk:
    """A database in which nobody else is an admin."""
    return Desk(database)


def test_an_account_is_added_with_a_link_in_one(desk: Desk) -> None:
    invited = desk.invite("alice", Role.SUPERVISOR)
    assert invited.account.role is Role.SUPERVISOR
    assert welcome.account_of(desk.entry, invited.link) == invited.account
    assert desk.types_of(invited.account) == ["added", "linked"]
    with pytest.raises(Refused):
        desk.administration.add(invited.account.name, "Another", Position(Role.AGENT), actor="root")


def test_a_position_changes_with_its_event(desk: Desk) -> None:
    alice = desk.invite("alice").account
    changed = desk.administration.change(alice.id, Position(Role.AGENT, team="sales"), actor="root")
    assert (changed.role, changed.team) == (Role.AGENT, "sales")
    assert desk.types_of(alice)[-1] == "changed"


def test_a_disabled_account_s_sessions_and_link_end_each_with_its_event(desk: Desk) -> None:
    alice, device = desk.with_passkey("alice")
    tokens = [found.token for _ in range(2) if isinstance(found := desk.shows(device), SignedIn)]
    invited = desk.invite("bob")
    for account in (alice, invited.account, alice):  # disabled already is fine
        desk.administration.disable(account.id, actor="root")
    assert [desk.living(token) for token in tokens] == [None, None]
    ended = [one for one in desk.events(alice) if one["type"] == "staff.signed_out"]
    assert [one["because"] for one in ended] == ["disabled"] * 3  # that of the welcome among them
    assert desk.types_of(alice).count("disabled") == 1
    desk.administration.enable(invited.account.id, actor="root")
    assert welcome.account_of(desk.entry, invited.link) is None


def test_a_reset_removes_all_that_signs_in_and_makes_a_link(desk: Desk) -> None:
    alice, app, codes = desk.with_password("alice")
    device, subject = Authenticator(), secrets.token_hex(8)
    desk.add_passkey(alice, device)
    credentials.bind_identity(desk.entry, alice.id, "https://id.example.org", subject, actor=alice.name)
    found = desk.shows(device)
    assert isinstance(found, SignedIn)
    for _ in range(5):
        desk.types(alice, "", "another password")
    invited = desk.administration.reset(alice.id, actor="root")
    assert desk.living(found.token) is None
    assert credentials.held(desk.entry, alice.id).ways == frozenset()
    tries = [
        desk.shows(device),
        desk.types(alice, app.at(desk.now)),
        desk.types(alice, codes[0]),
        desk.comes_from("https://id.example.org", subject),
    ]
    assert tries == [WRONG] * 4
    told = desk.events(alice)
    assert [one["kind"] for one in told if one["type"] == "staff.credential_removed"] == [
        "passkey",
        "identity",
        "password",
        "second_factor",
        "recovery_codes",
    ]
    assert {one["because"] for one in told if one["type"] == "staff.signed_out"} == {"reset"}
    desk.welcomed(invited.link, device)
    assert isinstance(desk.shows(device), SignedIn)


def test_whoever_was_reset_does_not_wait_for_attempts_of_before(desk: Desk) -> None:
    alice, _, _ = desk.with_password("alice")
    for _ in range(5):
        assert desk.types(alice, "", "another password") == WRONG
    link = desk.administration.reset(alice.id, actor="root").link
    proposal = welcome.propose_code(desk.entry, link)
    app = app_of(proposal)
    welcome.with_password(desk.entry, link, PASSWORD, proposal.sealed, app.at(desk.now), browser="")
    desk.now += timedelta(seconds=30)  # the next code, while an account with five failures still waits
    assert isinstance(desk.types(alice, app.at(desk.now)), SignedIn)


def test_a_second_link_takes_the_place_of_the_first(desk: Desk) -> None:
    first = desk.invite("alice")
    second = desk.administration.reset(first.account.id, actor="root")
    assert welcome.account_of(desk.entry, first.link) is None
    assert welcome.account_of(desk.entry, second.link) == first.account


def test_a_disabled_account_is_not_reset(desk: Desk) -> None:
    alice = desk.invite("alice").account
    desk.administration.disable(alice.id, actor="root")
    with pytest.raises(Refused, match="enable it first"):
        desk.administration.reset(alice.id, actor="root")


def test_single_sessions_and_all_but_one_are_ended(desk: Desk) -> None:
    alice, device = desk.with_passkey("alice")
    _, bobs = desk.with_passkey("bob")
    found = [one for _ in range(3) if isinstance(one := desk.shows(device), SignedIn)]
    others = desk.shows(bobs)
    assert isinstance(others, SignedIn)
    desk.administration.end_session(alice.id, found[0].session.id, actor="root")
    desk.administration.end_session(alice.id, others.session.id, actor="root")  # not hers
    assert [desk.living(one.token) is not None for one in (*found, others)] == [False, True, True, True]
    desk.administration.end_sessions(alice.id, actor="root", but=found[1].session.id)
    assert [desk.living(one.token) is not None for one in (*found, others)] == [False, True, False, True]
    ended = [one for one in desk.events(alice) if one["type"] == "staff.signed_out"]
    assert {one["because"] for one in ended} == {"revoked"}
    assert len(ended) == 3  # that of the welcome among them


ACTS: dict[str, Callable[[Desk, str], object]] = {
    "disabled": lambda desk, account_id: desk.administration.disable(account_id, actor="root"),
    "changed": lambda desk, account_id: desk.administration.change(account_id, Position(Role.AGENT), actor="root"),
}


@pytest.mark.parametrize("act", ACTS.values(), ids=ACTS)
def test_the_last_enabled_admin_stays_one(own: Desk, act: Callable[[Desk, str], object]) -> None:
    root, other = own.invite("root", Role.ADMIN).account, own.invite("other", Role.ADMIN).account
    own.invite("carol", Role.COMPLIANCE)
    act(own, other.id)
    with pytest.raises(Refused, match="last enabled admin"):
        act(own, root.id)
    assert own.read(lambda c: accounts.existing(c, root.id)) == root
    own.administration.change(root.id, Position(Role.ADMIN, team="sales"), actor="root")


def test_anybody_else_is_disabled_and_changed_while_there_is_one_admin(own: Desk) -> None:
    own.invite("root", Role.ADMIN)
    alice = own.invite("alice").account
    for act in ("changed", "disabled", "disabled"):
        ACTS[act](own, alice.id)


@pytest.mark.parametrize("act", ACTS.values(), ids=ACTS)
def test_of_two_admins_who_go_at_once_one_stays(own: Desk, act: Callable[[Desk, str], object]) -> None:
    both = [own.invite(name, Role.ADMIN).account.id for name in ("root", "other")]

    def goes(account_id: str) -> bool:
        try:
            act(own, account_id)
        except Refused:
            return False
        return True

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(goes, both)) == [False, True]


def test_an_account_that_there_is_not_is_refused(desk: Desk) -> None:
    with pytest.raises(Refused):
        desk.administration.disable("0" * 32, actor="root")
    with pytest.raises(Refused):
        desk.administration.reset("", actor="root")


def somebody_waits(database: Database) -> None:
    query = text(
        "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
    )
    late_at = monotonic() + 10
    while True:
        with database.read() as connection:
            if connection.scalar(query):
                return
        assert monotonic() < late_at
        sleep(0.01)


WAITING: dict[str, Callable[[Desk, SignedIn], object]] = {
    "disable": lambda desk, found: desk.administration.disable(found.account.id, actor="root"),
    "reset": lambda desk, found: desk.administration.reset(found.account.id, actor="root"),
    "sign out": lambda desk, found: sign_in.sign_out(desk.entry, found.token, actor="root"),
    "end sessions": lambda desk, found: desk.administration.end_sessions(found.account.id, actor="root"),
}
LOCKED: dict[str, Callable[[Connection, str], object]] = {
    "account": turns.lock,
    "sessions": lambda connection, account_id: connection.execute(
        select(staff_session.c.id).where(staff_session.c.staff_id == account_id).with_for_update()
    ),
}


@pytest.mark.parametrize("locks", LOCKED.values(), ids=LOCKED)
@pytest.mark.parametrize("waits", WAITING.values(), ids=WAITING)
def test_whoever_waits_for_an_account_or_its_sessions_does_not_hold_the_log(
    desk: Desk, waits: Callable[[Desk, SignedIn], object], locks: Callable[[Connection, str], object]
) -> None:
    """On SQLite nobody waits in the middle of a transaction."""
    if desk.database.dialect == "sqlite":
        return
    alice, device = desk.with_passkey("alice")
    found = desk.shows(device)
    assert isinstance(found, SignedIn)
    with ThreadPoolExecutor(1) as pool:
        with desk.database.engine.begin() as connection:
            connection.execute(text("SET LOCAL lock_timeout = '500ms'"))
            locks(connection, alice.id)
            done = pool.submit(waits, desk, found)
            somebody_waits(desk.database)
            consent_log.lock(connection)
        done.result()
    assert desk.living(found.token) is None
