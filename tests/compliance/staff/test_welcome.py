"""By a link a person sets up how they sign in, once; and is signed in."""

import pytest

from compliance.staff import credentials, welcome
from compliance.staff.logged_sessions import SignedIn
from policies.permissions import Role
from policies.sign_in import ConsoleRules
from storage.errors import Refused
from tests.compliance.staff.desk import PASSWORD, Desk, app_of, interrupted
from tests.storage.staff.authenticator import USER_PRESENT, Authenticator, Lies


def test_a_link_names_its_account_until_it_is_used(desk: Desk) -> None:
    invited, device = desk.invite("alice"), Authenticator()
    for _ in range(2):
        assert welcome.account_of(desk.entry, invited.link) == invited.account
    desk.welcomed(invited.link, device)
    assert welcome.account_of(desk.entry, invited.link) is None
    with pytest.raises(Refused):
        desk.welcomed(invited.link, Authenticator())


def test_a_passkey_is_set_up_and_its_person_signed_in(desk: Desk) -> None:
    invited, device = desk.invite("alice"), Authenticator()
    found = desk.welcomed(invited.link, device)
    assert desk.living(found.token) == found.session
    assert desk.types_of(invited.account) == ["added", "linked", "credential_added", "signed_in"]
    assert desk.events(invited.account)[2]["kind"] == "passkey"
    assert isinstance(desk.shows(device), SignedIn)


def test_a_password_is_set_up_with_its_code_and_ten_recovery_codes(desk: Desk) -> None:
    alice, app, codes = desk.with_password("alice")
    assert len(codes) == 10
    assert [one["kind"] for one in desk.events(alice) if one["type"] == "staff.credential_added"] == [
        "password",
        "second_factor",
        "recovery_codes",
    ]
    assert isinstance(desk.types(alice, app.at(desk.now)), SignedIn)
    held = credentials.held(desk.entry, alice.id)
    assert (held.has_password, held.has_second_factor, held.codes_left, held.passkeys) == (True, True, 10, ())


def test_what_goes_wrong_does_not_use_the_link_up(desk: Desk) -> None:
    invited = desk.invite("alice")
    with pytest.raises(Refused):
        desk.welcomed(invited.link, Authenticator(), Lies(flags=USER_PRESENT))
    proposal = welcome.propose_code(desk.entry, invited.link)
    app = app_of(proposal)

    def with_password(password: str, sealed: str, code: str) -> None:
        welcome.with_password(desk.entry, invited.link, password, sealed, code, browser="")

    good = app.at(desk.now)
    for wrong in (
        ("too short", proposal.sealed, good),
        (f"{invited.account.name}1", proposal.sealed, good),
        (PASSWORD, "", good),
        (PASSWORD, proposal.sealed, "000000"),
    ):
        with pytest.raises(Refused):
            with_password(*wrong)
    assert desk.types_of(invited.account) == ["added", "linked"]
    assert credentials.held(desk.entry, invited.account.id).ways == frozenset()
    with_password(PASSWORD, proposal.sealed, good)


def test_of_those_who_use_a_link_at_once_one_does(desk: Desk) -> None:
    """The second uses it while the password of the first is being hashed."""
    invited, device = desk.invite("alice"), Authenticator()
    proposal = welcome.propose_code(desk.entry, invited.link)
    code = app_of(proposal).at(desk.now)
    desk.hashing = interrupted(lambda: desk.welcomed(invited.link, device))
    with pytest.raises(Refused, match="opens nothing"):
        welcome.with_password(desk.entry, invited.link, PASSWORD, proposal.sealed, code, browser="")
    assert credentials.held(desk.entry, invited.account.id).ways == {"passkey"}


@pytest.mark.parametrize("link", ["", "x", "\ud800"])
def test_a_link_that_is_none_opens_nothing(desk: Desk, link: str) -> None:
    assert welcome.account_of(desk.entry, link) is None
    with pytest.raises(Refused):
        welcome.passkey_options(desk.entry, link)
    with pytest.raises(Refused):
        welcome.propose_code(desk.entry, link)


def test_a_link_is_good_for_a_day(desk: Desk) -> None:
    invited = desk.invite("alice")
    asked = welcome.passkey_options(desk.entry, invited.link)
    response = Authenticator().register(asked.options)
    desk.passes(hours=24)
    with pytest.raises(Refused):
        welcome.with_passkey(desk.entry, invited.link, response, asked.challenge, "laptop", browser="")
    assert desk.types_of(invited.account) == ["added", "linked"]


def test_a_response_to_another_account_s_challenge_is_refused(desk: Desk) -> None:
    alices, bobs = desk.invite("alice"), desk.invite("bob")
    asked = welcome.passkey_options(desk.entry, bobs.link)
    response = Authenticator().register(asked.options)
    with pytest.raises(Refused):
        welcome.with_passkey(desk.entry, alices.link, response, asked.challenge, "laptop", browser="")


def test_a_role_that_signs_in_with_passkeys_sets_up_no_password(desk: Desk) -> None:
    invited = desk.invite("alice", Role.SUPERVISOR)
    desk.rules = ConsoleRules(frozenset({Role.SUPERVISOR}))
    proposal = welcome.propose_code(desk.entry, invited.link)
    code = app_of(proposal).at(desk.now)
    with pytest.raises(Refused, match="passkey"):
        welcome.with_password(desk.entry, invited.link, PASSWORD, proposal.sealed, code, browser="")
    assert isinstance(desk.welcomed(invited.link, Authenticator()), SignedIn)


def test_the_session_of_whoever_used_the_browser_before_ends(desk: Desk) -> None:
    _, bobs = desk.with_passkey("bob")
    before = desk.shows(bobs)
    assert isinstance(before, SignedIn)
    invited, device = desk.invite("alice"), Authenticator()
    asked = welcome.passkey_options(desk.entry, invited.link)
    response = device.register(asked.options)
    welcome.with_passkey(
        desk.entry, invited.link, response, asked.challenge, "laptop", browser="", old_token=before.token
    )
    assert desk.living(before.token) is None
