"""What a signed-in person changes about how they sign in. Nobody is left without a way in."""

import secrets

import pytest

from compliance.staff import credentials
from compliance.staff.logged_sessions import SignedIn
from compliance.staff.sign_in import NotSignedIn, Why
from policies.permissions import Role
from policies.sessions import SignedInBy
from policies.sign_in import ConsoleRules
from storage.errors import Refused
from storage.staff.accounts import Account
from tests.compliance.staff.desk import PASSWORD, Desk, app_of
from tests.storage.staff.authenticator import Authenticator

ISSUER = "https://id.example.org"
WRONG = NotSignedIn(Why.WRONG)
NEW_PASSWORD = "sixteen green bottles"


@pytest.fixture
def subject() -> str:
    return secrets.token_hex(8)


def changes(desk: Desk, account: Account) -> list[tuple[str, str]]:
    return [
        (one["type"].removeprefix("staff.credential_"), one["kind"])
        for one in desk.events(account)
        if one["type"].startswith("staff.credential_")
    ]


def test_passkeys_are_added_renamed_and_removed_each_with_its_event(desk: Desk) -> None:
    alice, _ = desk.with_passkey("alice")
    telephone = Authenticator()
    desk.add_passkey(alice, telephone)
    [first, second] = credentials.held(desk.entry, alice.id).passkeys
    assert {first.label, second.label} == {"laptop", "telephone"}
    credentials.rename_passkey(desk.entry, alice.id, first.id, "desk")
    credentials.remove_passkey(desk.entry, alice.id, second.id, actor=alice.name)
    assert [one.label for one in credentials.held(desk.entry, alice.id).passkeys] == ["desk"]
    assert changes(desk, alice) == [("added", "passkey"), ("added", "passkey"), ("removed", "passkey")]


def test_a_response_adds_one_passkey_even_if_that_was_removed(desk: Desk) -> None:
    alice, _ = desk.with_passkey("alice")
    asked = credentials.passkey_options(desk.entry, alice.id)
    response = Authenticator().register(asked.options)

    def add() -> None:
        credentials.add_passkey(desk.entry, alice.id, response, asked.challenge, "stolen", actor=alice.name)

    add()
    stolen = next(one for one in credentials.held(desk.entry, alice.id).passkeys if one.label == "stolen")
    credentials.remove_passkey(desk.entry, alice.id, stolen.id, actor=alice.name)
    with pytest.raises(Refused, match="used before"):
        add()


def test_a_passkey_of_another_account_is_neither_renamed_nor_removed(desk: Desk) -> None:
    alice, _ = desk.with_passkey("alice")
    bob, bobs = desk.with_passkey("bob")
    [passkey] = credentials.held(desk.entry, bob.id).passkeys
    for wrong in (passkey.id, "x", "\x00"):
        with pytest.raises(Refused):
            credentials.remove_passkey(desk.entry, alice.id, wrong, actor=alice.name)
        with pytest.raises(Refused):
            credentials.rename_passkey(desk.entry, alice.id, wrong, "mine")
    assert isinstance(desk.shows(bobs), SignedIn)


def test_the_last_passkey_stays_where_there_is_no_other_way_in(desk: Desk) -> None:
    alice, device = desk.with_passkey("alice")
    [passkey] = credentials.held(desk.entry, alice.id).passkeys
    with pytest.raises(Refused, match="no way in"):
        credentials.remove_passkey(desk.entry, alice.id, passkey.id, actor=alice.name)
    assert isinstance(desk.shows(device), SignedIn)
    assert ("removed", "passkey") not in changes(desk, alice)


def add_password(desk: Desk, account: Account) -> tuple[str, ...]:
    proposal = credentials.propose_code(desk.entry, account.id)
    code = app_of(proposal).at(desk.now)
    return credentials.set_password(desk.entry, account.id, PASSWORD, proposal.sealed, code, actor=account.name)


def test_the_last_passkey_goes_where_there_is_a_password_and_then_the_password_stays(desk: Desk) -> None:
    alice, _ = desk.with_passkey("alice")
    codes = add_password(desk, alice)
    [passkey] = credentials.held(desk.entry, alice.id).passkeys
    credentials.remove_passkey(desk.entry, alice.id, passkey.id, actor=alice.name)
    assert credentials.held(desk.entry, alice.id).ways == {SignedInBy.PASSWORD}
    with pytest.raises(Refused, match="no way in"):
        credentials.remove_password(desk.entry, alice.id, actor=alice.name)
    assert isinstance(desk.types(alice, codes[0]), SignedIn)


def test_of_a_role_that_demands_passkeys_the_last_one_stays_whatever_else_there_is(desk: Desk, subject: str) -> None:
    alice, _ = desk.with_passkey("alice", Role.SUPERVISOR)
    add_password(desk, alice)
    credentials.bind_identity(desk.entry, alice.id, ISSUER, subject, actor=alice.name)
    [passkey] = credentials.held(desk.entry, alice.id).passkeys
    desk.rules = ConsoleRules(frozenset({Role.SUPERVISOR}))
    with pytest.raises(Refused, match="no way in"):
        credentials.remove_passkey(desk.entry, alice.id, passkey.id, actor=alice.name)
    with pytest.raises(Refused, match="signs in with a passkey"):
        add_password(desk, desk.with_passkey("bob", Role.SUPERVISOR)[0])


def test_a_password_is_set_once_and_then_changed(desk: Desk) -> None:
    alice, _ = desk.with_passkey("alice")
    add_password(desk, alice)
    with pytest.raises(Refused, match="change that"):
        add_password(desk, alice)


def test_a_changed_password_ends_the_other_sessions_and_the_old_one_is_wrong(desk: Desk) -> None:
    alice, app, _ = desk.with_password("alice")
    here = desk.types(alice, app.at(desk.now))
    desk.passes(minutes=1)
    there = desk.types(alice, app.at(desk.now))
    assert isinstance(here, SignedIn)
    assert isinstance(there, SignedIn)
    credentials.change_password(desk.entry, alice.id, PASSWORD, NEW_PASSWORD, but=here.session.id, actor=alice.name)
    assert (desk.living(here.token), desk.living(there.token)) == (here.session, None)
    desk.passes(minutes=1)
    assert desk.types(alice, app.at(desk.now)) == WRONG
    assert isinstance(desk.types(alice, app.at(desk.now), NEW_PASSWORD), SignedIn)
    ended = [one for one in desk.events(alice) if one["type"] == "staff.signed_out"]
    assert {one["because"] for one in ended} == {"password_changed"}
    assert there.session.id in {one["session"] for one in ended}
    assert changes(desk, alice)[-2:] == [("removed", "password"), ("added", "password")]


@pytest.mark.parametrize(
    ("old", "new"), [("another password", NEW_PASSWORD), (PASSWORD, "too short"), ("", NEW_PASSWORD)]
)
def test_a_password_is_not_changed_without_the_old_one_or_to_a_bad_one(desk: Desk, old: str, new: str) -> None:
    alice, app, _ = desk.with_password("alice")
    with pytest.raises(Refused):
        credentials.change_password(desk.entry, alice.id, old, new, but="", actor=alice.name)
    assert isinstance(desk.types(alice, app.at(desk.now)), SignedIn)


def test_whoever_guesses_at_the_old_password_waits_as_at_the_entry(desk: Desk) -> None:
    alice, app, _ = desk.with_password("alice")
    for _ in range(5):
        with pytest.raises(Refused):
            credentials.change_password(desk.entry, alice.id, "a guess", NEW_PASSWORD, but="", actor=alice.name)
    with pytest.raises(Refused):
        credentials.change_password(desk.entry, alice.id, PASSWORD, NEW_PASSWORD, but="", actor=alice.name)
    assert desk.types(alice, app.at(desk.now)) == WRONG


def test_without_a_password_none_is_changed(desk: Desk) -> None:
    alice, _ = desk.with_passkey("alice")
    with pytest.raises(Refused):
        credentials.change_password(desk.entry, alice.id, "", NEW_PASSWORD, but="", actor=alice.name)
    with pytest.raises(Refused):
        credentials.new_recovery_codes(desk.entry, alice.id, actor=alice.name)
    with pytest.raises(Refused):
        credentials.remove_password(desk.entry, alice.id, actor=alice.name)
    proposal = credentials.propose_code(desk.entry, alice.id)
    code = app_of(proposal).at(desk.now)
    with pytest.raises(Refused):
        credentials.change_code(desk.entry, alice.id, proposal.sealed, code, actor=alice.name)


def test_another_app_takes_the_place_of_the_one_before_with_new_recovery_codes(desk: Desk) -> None:
    alice, app, old = desk.with_password("alice")
    proposal = credentials.propose_code(desk.entry, alice.id)
    with pytest.raises(Refused):
        credentials.change_code(desk.entry, alice.id, proposal.sealed, "000000", actor=alice.name)
    new = app_of(proposal)
    codes = credentials.change_code(desk.entry, alice.id, proposal.sealed, new.at(desk.now), actor=alice.name)
    desk.passes(minutes=1)
    assert [desk.types(alice, code) for code in (app.at(desk.now), old[0])] == [WRONG] * 2
    assert isinstance(desk.types(alice, new.at(desk.now)), SignedIn)
    assert isinstance(desk.types(alice, codes[0]), SignedIn)


def test_a_secret_that_was_proposed_to_another_is_refused(desk: Desk) -> None:
    alice, _, _ = desk.with_password("alice")
    bob, _, _ = desk.with_password("bob")
    proposal = credentials.propose_code(desk.entry, bob.id)
    code = app_of(proposal).at(desk.now)
    with pytest.raises(Refused):
        credentials.change_code(desk.entry, alice.id, proposal.sealed, code, actor=alice.name)


def test_new_recovery_codes_take_the_place_of_the_old(desk: Desk) -> None:
    alice, _, old = desk.with_password("alice")
    new = credentials.new_recovery_codes(desk.entry, alice.id, actor=alice.name)
    assert desk.types(alice, old[0]) == WRONG
    assert isinstance(desk.types(alice, new[0]), SignedIn)
    assert credentials.held(desk.entry, alice.id).codes_left == 9


def test_a_removed_password_goes_with_all_that_is_worth_nothing_without_it(desk: Desk) -> None:
    alice, app, codes = desk.with_password("alice")
    desk.add_passkey(alice, Authenticator())
    credentials.remove_password(desk.entry, alice.id, actor=alice.name)
    held = credentials.held(desk.entry, alice.id)
    assert held.ways == {SignedInBy.PASSKEY}
    assert (held.has_second_factor, held.codes_left) == (False, 0)
    assert [desk.types(alice, code) for code in (app.at(desk.now), codes[0])] == [WRONG] * 2
    assert changes(desk, alice)[-3:] == [
        ("removed", "password"),
        ("removed", "second_factor"),
        ("removed", "recovery_codes"),
    ]


def test_identities_are_bound_and_unbound_each_with_its_event(desk: Desk, subject: str) -> None:
    alice, _ = desk.with_passkey("alice")
    for _ in range(2):  # bound already is fine, and no event
        credentials.bind_identity(desk.entry, alice.id, ISSUER, subject, actor=alice.name)
    assert credentials.held(desk.entry, alice.id).identities[0].subject == subject
    with pytest.raises(Refused):
        credentials.bind_identity(desk.entry, desk.with_passkey("bob")[0].id, ISSUER, subject, actor="bob")
    credentials.unbind_identity(desk.entry, alice.id, ISSUER, actor=alice.name)
    with pytest.raises(Refused):
        credentials.unbind_identity(desk.entry, alice.id, ISSUER, actor=alice.name)
    assert changes(desk, alice)[-2:] == [("added", "identity"), ("removed", "identity")]
    assert desk.comes_from(ISSUER, subject) == WRONG


def test_the_last_identity_stays_where_there_is_no_other_way_in(desk: Desk, subject: str) -> None:
    alice = desk.invite("alice").account
    credentials.bind_identity(desk.entry, alice.id, ISSUER, subject, actor="root")
    with pytest.raises(Refused, match="no way in"):
        credentials.unbind_identity(desk.entry, alice.id, ISSUER, actor=alice.name)
    assert isinstance(desk.comes_from(ISSUER, subject), SignedIn)


def test_nothing_is_added_to_a_disabled_account(desk: Desk, subject: str) -> None:
    alice, _, _ = desk.with_password("alice")
    asked = credentials.passkey_options(desk.entry, alice.id)
    response = Authenticator().register(asked.options)
    desk.administration.disable(alice.id, actor="root")
    with pytest.raises(Refused, match="disabled"):
        credentials.add_passkey(desk.entry, alice.id, response, asked.challenge, "laptop", actor=alice.name)
    with pytest.raises(Refused, match="disabled"):
        credentials.bind_identity(desk.entry, alice.id, ISSUER, subject, actor=alice.name)
    with pytest.raises(Refused, match="disabled"):
        credentials.change_password(desk.entry, alice.id, PASSWORD, NEW_PASSWORD, but="", actor=alice.name)


def test_the_log_names_nobody_and_no_secret(desk: Desk) -> None:
    alice, _, codes = desk.with_password("alice")
    said = str(desk.events(alice))
    assert not {word for word in (alice.name, "Somebody Else", "root", PASSWORD, codes[0]) if word in said}
