"""Who comes in at the console, and who does not: by passkey, by password and code, by single sign-on."""

import secrets
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import timedelta

import pytest
from sqlalchemy import event

from compliance.staff import credentials, sign_in
from compliance.staff.logged_sessions import SignedIn
from compliance.staff.sign_in import NotSignedIn, Why
from policies.incidents import IncidentKind
from policies.permissions import Role
from policies.sessions import Limits
from policies.sign_in import ConsoleRules
from storage.errors import Broken, Unavailable
from storage.rows import incidents
from storage.staff import passwords
from storage.staff.passwords import Hashing
from tests.compliance.staff.desk import CHEAP, PASSWORD, Desk, interrupted
from tests.conftest import NOON
from tests.storage.staff.authenticator import USER_PRESENT, Authenticator, Lies

WRONG = NotSignedIn(Why.WRONG)
ISSUER = "https://id.example.org"


@pytest.fixture
def subject() -> str:
    return secrets.token_hex(8)


def test_a_passkey_signs_its_account_in_without_a_name(desk: Desk) -> None:
    alice, device = desk.with_passkey("alice")
    found = desk.shows(device)
    assert isinstance(found, SignedIn)
    assert found.account == alice
    session = desk.living(found.token)
    assert session == found.session
    assert session is not None
    assert (session.staff_id, session.signed_in_by, session.browser) == (alice.id, "passkey", "Browser 1")
    last = desk.events(alice)[-1]
    assert (last["type"], last["session"], last["by"]) == ("staff.signed_in", session.id, "passkey")


def test_each_of_several_passkeys_signs_in(desk: Desk) -> None:
    alice, laptop = desk.with_passkey("alice")
    telephone = Authenticator()
    desk.add_passkey(alice, telephone)
    for device in (laptop, telephone, laptop):
        assert isinstance(desk.shows(device), SignedIn)


def test_a_device_that_does_not_count_signs_in_again_and_again(desk: Desk) -> None:
    invited, device = desk.invite("alice"), Authenticator(counts=False)
    desk.welcomed(invited.link, device)
    for _ in range(3):
        assert isinstance(desk.shows(device), SignedIn)


@pytest.mark.parametrize(
    "lies",
    [
        Lies(origin="https://evil.example"),
        Lies(host="evil.example"),
        Lies(flags=USER_PRESENT),
        Lies(challenge=b"another"),
        Lies(cut=lambda data: data[:-1]),
        Lies(user_handle=b""),
        Lies(user_handle=b"x" * 16),
        Lies(raw_id=b"a passkey that nobody added"),
    ],
)
def test_a_lie_of_a_device_signs_nobody_in_and_is_no_event(desk: Desk, lies: Lies) -> None:
    alice, device = desk.with_passkey("alice")
    before = desk.types_of(alice)
    assert desk.shows(device, lies) == WRONG
    assert desk.types_of(alice) == before
    assert isinstance(desk.shows(device), SignedIn)


def test_a_passkey_does_not_sign_in_for_another_account(desk: Desk) -> None:
    alice, _ = desk.with_passkey("alice")
    _, bobs = desk.with_passkey("bob")
    assert desk.shows(bobs, Lies(user_handle=bytes.fromhex(alice.id))) == WRONG


def test_a_passkey_s_name_does_not_make_another_key_it(desk: Desk) -> None:
    _, alices = desk.with_passkey("alice")
    _, bobs = desk.with_passkey("bob")
    assert desk.shows(bobs, Lies(raw_id=alices.credential_id, user_handle=alices.user_handle)) == WRONG


def test_a_captured_response_opens_nothing_twice(desk: Desk) -> None:
    alice, device = desk.with_passkey("alice")
    asked = sign_in.passkey_options(desk.entry)
    response = device.sign(asked.options)

    def again() -> SignedIn | NotSignedIn:
        return sign_in.by_passkey(desk.entry, response, asked.challenge, browser="Browser 2")

    assert isinstance(again(), SignedIn)
    assert [again() for _ in range(2)] == [WRONG] * 2
    assert desk.types_of(alice).count("signed_in") == 2  # the first was by the link
    assert incidents_about(desk, alice.id) == []  # its count is no news either: nobody has copied anything


def test_of_those_who_send_a_captured_response_at_once_one_comes_in(desk: Desk) -> None:
    invited, device = desk.invite("alice"), Authenticator(counts=False)
    desk.welcomed(invited.link, device)
    asked = sign_in.passkey_options(desk.entry)
    response, entry = device.sign(asked.options), desk.entry
    with ThreadPoolExecutor(4) as pool:
        tries = [
            pool.submit(sign_in.by_passkey, entry, response, asked.challenge, browser="Browser 2") for _ in range(8)
        ]
    assert sum(isinstance(one.result(), SignedIn) for one in tries) == 1


def test_a_challenge_is_good_for_five_minutes_and_for_signing_in_alone(desk: Desk) -> None:
    alice, device = desk.with_passkey("alice")
    asked = sign_in.passkey_options(desk.entry)
    response = device.sign(asked.options)
    desk.passes(minutes=5)
    assert sign_in.by_passkey(desk.entry, response, asked.challenge, browser="") == WRONG
    other = credentials.passkey_options(desk.entry, alice.id)
    assert sign_in.by_passkey(desk.entry, device.sign(other.options), other.challenge, browser="") == WRONG


def incidents_about(desk: Desk, account_id: str) -> list[str]:
    found = desk.read(incidents.open_incidents)
    return [one.detail for one in found if (one.kind, one.about) == (IncidentKind.PASSKEY_IN_DOUBT, account_id)]


@pytest.mark.parametrize("count", [1, 2])
def test_a_passkey_that_counts_backwards_comes_not_in_and_is_an_incident(desk: Desk, count: int) -> None:
    alice, device = desk.with_passkey("alice")
    for _ in range(2):
        assert isinstance(desk.shows(device), SignedIn)
    device.count = count - 1
    assert desk.shows(device) == NotSignedIn(Why.PASSKEY_IN_DOUBT)
    assert incidents_about(desk, alice.id) == [f"a passkey of the account counted 2 uses, and then {count}"]
    device.count = 2
    assert isinstance(desk.shows(device), SignedIn)


def test_nobody_without_the_key_raises_an_incident(desk: Desk) -> None:
    """An older count under a signature of somebody else's."""
    alice, device = desk.with_passkey("alice")
    assert isinstance(desk.shows(device), SignedIn)
    forger = Authenticator(credential_id=device.credential_id, user_handle=device.user_handle)
    assert desk.shows(forger) == WRONG
    assert incidents_about(desk, alice.id) == []


def test_a_passkey_that_was_removed_signs_nobody_in(desk: Desk) -> None:
    alice, device = desk.with_passkey("alice")
    desk.add_passkey(alice, Authenticator())
    [laptop, _] = credentials.held(desk.entry, alice.id).passkeys
    credentials.remove_passkey(desk.entry, alice.id, laptop.id, actor=alice.name)
    assert desk.shows(device) == WRONG


def test_a_password_signs_in_with_a_code(desk: Desk) -> None:
    alice, app, _ = desk.with_password("alice")
    found = desk.types(alice, app.at(desk.now))
    assert isinstance(found, SignedIn)
    assert found.session.signed_in_by == "password"
    assert desk.events(alice)[-1]["by"] == "password"


def test_a_password_signs_nobody_in_by_itself(desk: Desk) -> None:
    alice, app, codes = desk.with_password("alice")
    good = app.at(desk.now)
    assert desk.types(alice, "") == WRONG
    assert desk.types(alice, app.at(desk.now - timedelta(hours=1))) == WRONG
    assert desk.types(alice, good, PASSWORD.upper()) == WRONG
    assert isinstance(desk.types(alice, good), SignedIn)
    assert desk.types(alice, good) == WRONG  # it was used
    assert isinstance(desk.types(alice, codes[0]), SignedIn)
    assert desk.types(alice, codes[0]) == WRONG


def test_a_code_that_came_with_a_wrong_password_is_still_good(desk: Desk) -> None:
    alice, app, codes = desk.with_password("alice")
    for code in (app.at(desk.now), codes[0]):
        assert desk.types(alice, code, "another password") == WRONG
        assert isinstance(desk.types(alice, code), SignedIn)


def test_without_a_password_none_is_right(desk: Desk) -> None:
    alice, _ = desk.with_passkey("alice")
    for password in ("", PASSWORD):
        assert desk.types(alice, "123456", password) == WRONG


def test_an_account_waits_after_five_failures_even_for_what_is_right(desk: Desk) -> None:
    alice, app, _ = desk.with_password("alice")
    for _ in range(5):
        assert desk.types(alice, "", "another password") == WRONG
    assert desk.types(alice, app.at(desk.now)) == WRONG
    desk.passes(seconds=31)
    assert desk.types(alice, app.at(desk.now)) == WRONG
    desk.passes(seconds=1)
    assert isinstance(desk.types(alice, app.at(desk.now)), SignedIn)


def test_attempts_while_an_account_waits_do_not_make_it_wait_longer(desk: Desk) -> None:
    alice, app, _ = desk.with_password("alice")
    for _ in range(9):
        assert desk.types(alice, "", "another password") == WRONG
    desk.passes(seconds=32)
    assert isinstance(desk.types(alice, app.at(desk.now)), SignedIn)


def test_wrong_codes_count_as_wrong_passwords_do_and_a_success_ends_the_count(desk: Desk) -> None:
    alice, app, _ = desk.with_password("alice")
    for _ in range(4):
        assert desk.types(alice, "000000") == WRONG
    assert isinstance(desk.types(alice, app.at(desk.now)), SignedIn)
    desk.passes(minutes=1)
    for _ in range(4):
        assert desk.types(alice, "000000") == WRONG
    assert isinstance(desk.types(alice, app.at(desk.now)), SignedIn)


def test_failures_of_passwords_do_not_keep_a_passkey_out(desk: Desk) -> None:
    alice, _, _ = desk.with_password("alice")
    device = Authenticator()
    desk.add_passkey(alice, device)
    for _ in range(6):
        assert desk.types(alice, "", "another password") == WRONG
    assert isinstance(desk.shows(device), SignedIn)


def test_of_many_guesses_at_once_no_more_are_looked_at_than_one_after_another(desk: Desk) -> None:
    """The right one among them, behind enough wrong ones, does not come in."""
    alice, app, _ = desk.with_password("alice")
    for _ in range(4):
        desk.types(alice, "", "another password")
    with ThreadPoolExecutor(2) as pool:
        tries = [pool.submit(desk.types, alice, "", "another password") for _ in range(4)]
    assert {one.result() for one in tries} == {WRONG}
    assert desk.types(alice, app.at(desk.now)) == WRONG
    desk.passes(seconds=32)
    assert isinstance(desk.types(alice, app.at(desk.now)), SignedIn)


@pytest.fixture
def statements(desk: Desk) -> Iterator[list[str]]:
    said: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        if not statement.startswith(("SELECT pg_", "BEGIN", "PRAGMA")):
            said.append(" ".join(statement.split()[:2]))

    event.listen(desk.database.engine, "before_cursor_execute", note)
    yield said
    event.remove(desk.database.engine, "before_cursor_execute", note)


@pytest.mark.parametrize("state", ["wrong password", "no password", "waits"])
def test_an_unknown_name_is_turned_away_by_as_much_work_as_a_known_one(
    desk: Desk, statements: list[str], state: str
) -> None:
    alice = desk.with_passkey("alice")[0] if state == "no password" else desk.with_password("alice")[0]
    for _ in range(5 if state == "waits" else 0):
        desk.types(alice, "", "another password")
    desk.hashing = Watched(time_cost=1, memory_kib=8, lanes=1)
    work: list[list[str]] = []
    for name in (alice.name, "nobody-of-this-name"):
        statements.clear()
        assert sign_in.by_password(desk.entry, name, "another password", "", browser="") == WRONG
        work.append([*statements])
    assert work[0] == work[1]
    assert len(desk.hashing.looked) == 2


@dataclass(frozen=True)
class Watched(Hashing):
    """Remembers what was looked at, and what was made."""

    looked: list[str] = field(default_factory=list)
    made: list[str] = field(default_factory=list)

    def is_right(self, password: str, kept: str) -> bool:
        self.looked.append(kept)
        return super().is_right(password, kept)

    def hash_of(self, password: str, random: Callable[[int], bytes]) -> str:
        self.made.append(made := super().hash_of(password, random))
        return made


def test_a_right_password_with_a_wrong_code_takes_no_longer_than_a_wrong_one(desk: Desk) -> None:
    alice, app, _ = desk.with_password("alice")
    desk.hashing = Watched(time_cost=2, memory_kib=8, lanes=1)
    assert desk.types(alice, "000000") == WRONG
    assert desk.hashing.made == []
    assert isinstance(desk.types(alice, app.at(desk.now)), SignedIn)
    assert len(desk.hashing.made) == 1


def test_a_person_is_in_also_where_their_hash_cannot_be_made_anew(desk: Desk) -> None:
    alice, app, _ = desk.with_password("alice")
    desk.hashing = Busy(time_cost=2, memory_kib=8, lanes=1)
    assert isinstance(desk.types(alice, app.at(desk.now)), SignedIn)
    assert "t=1" in desk.read(lambda c: passwords.of_account(c, alice.id))


@dataclass(frozen=True)
class Busy(Hashing):
    """Too many passwords are being looked at, but for this one."""

    def hash_of(self, password: str, random: Callable[[int], bytes]) -> str:
        raise Unavailable("passwords: too many are being looked at")


def test_a_hash_of_other_parameters_is_made_anew_when_its_password_comes(desk: Desk) -> None:
    alice, app, _ = desk.with_password("alice")
    desk.hashing = Hashing(time_cost=2, memory_kib=8, lanes=1)
    assert desk.types(alice, app.at(desk.now), "another password") == WRONG
    assert "t=1" in desk.read(lambda c: passwords.of_account(c, alice.id))
    assert isinstance(desk.types(alice, app.at(desk.now)), SignedIn)
    assert "t=2" in desk.read(lambda c: passwords.of_account(c, alice.id))
    desk.passes(minutes=1)
    assert isinstance(desk.types(alice, app.at(desk.now)), SignedIn)


def test_a_password_that_is_changed_while_it_is_looked_at_signs_nobody_in(desk: Desk) -> None:
    alice, app, _ = desk.with_password("alice")
    other = CHEAP.hash_of("another password", secrets.token_bytes)

    def change() -> None:
        desk.database.write(lambda connection: passwords.save(connection, alice.id, other))

    desk.hashing = interrupted(change)
    assert desk.types(alice, app.at(desk.now)) == WRONG
    desk.hashing = CHEAP
    assert isinstance(desk.types(alice, app.at(desk.now), "another password"), SignedIn)


def test_a_second_factor_of_another_key_file_is_told_to_a_person(desk: Desk) -> None:
    alice, app, _ = desk.with_password("alice")
    other = replace(desk.entry, key=bytes(32))
    with pytest.raises(Broken, match="another key file"):
        sign_in.by_password(other, alice.name, PASSWORD, app.at(desk.now), browser="")


def test_an_identity_that_is_bound_signs_in(desk: Desk, subject: str) -> None:
    alice, _ = desk.with_passkey("alice")
    assert desk.comes_from(ISSUER, subject) == WRONG  # nobody's: no account is made for it
    credentials.bind_identity(desk.entry, alice.id, ISSUER, subject, actor=alice.name)
    found = desk.comes_from(ISSUER, subject)
    assert isinstance(found, SignedIn)
    assert (found.account.id, found.session.signed_in_by) == (alice.id, "single_sign_on")
    assert desk.comes_from("https://id.example.net", subject) == WRONG


def passkey(desk: Desk, role: Role, _: str) -> Callable[[], SignedIn | NotSignedIn]:
    device = desk.with_passkey("alice", role)[1]
    return lambda: desk.shows(device)


def password(desk: Desk, role: Role, _: str) -> Callable[[], SignedIn | NotSignedIn]:
    account, app, _codes = desk.with_password("alice", role)
    return lambda: desk.types(account, app.at(desk.now))


def single_sign_on(desk: Desk, role: Role, subject: str) -> Callable[[], SignedIn | NotSignedIn]:
    account = desk.invite("alice", role).account
    credentials.bind_identity(desk.entry, account.id, ISSUER, subject, actor="root")
    return lambda: desk.comes_from(ISSUER, subject)


@pytest.mark.parametrize("way", [passkey, password, single_sign_on])
def test_a_disabled_account_signs_in_by_no_way_until_it_is_enabled(
    desk: Desk, subject: str, way: Callable[[Desk, Role, str], Callable[[], SignedIn | NotSignedIn]]
) -> None:
    comes = way(desk, Role.REVIEWER, subject)
    found = comes()
    assert isinstance(found, SignedIn)
    desk.administration.disable(found.account.id, actor="root")
    assert desk.living(found.token) is None
    desk.passes(minutes=1)
    assert comes() == NotSignedIn(Why.DISABLED)
    desk.administration.enable(found.account.id, actor="root")
    desk.passes(minutes=1)
    assert isinstance(comes(), SignedIn)


@pytest.mark.parametrize(("way", "may"), [(passkey, True), (password, False), (single_sign_on, False)])
def test_a_role_that_demands_passkeys_comes_in_by_nothing_less(
    desk: Desk, subject: str, way: Callable[[Desk, Role, str], Callable[[], SignedIn | NotSignedIn]], may: bool
) -> None:
    comes = way(desk, Role.SUPERVISOR, subject)
    desk.rules = ConsoleRules(frozenset({Role.SUPERVISOR}))
    found = comes()
    assert isinstance(found, SignedIn) if may else found == NotSignedIn(Why.NEEDS_PASSKEY)


def test_a_role_that_demands_passkeys_comes_in_where_its_provider_saw_as_much(desk: Desk, subject: str) -> None:
    alice = desk.invite("alice", Role.SUPERVISOR).account
    credentials.bind_identity(desk.entry, alice.id, ISSUER, subject, actor="root")
    desk.rules = ConsoleRules(frozenset({Role.SUPERVISOR}))
    assert desk.comes_from(ISSUER, subject, "mfa") == NotSignedIn(Why.NEEDS_PASSKEY)
    assert isinstance(desk.comes_from(ISSUER, subject, "phr"), SignedIn)


def test_the_session_of_the_browser_before_ends_and_the_new_one_has_another_id(desk: Desk) -> None:
    alice, device = desk.with_passkey("alice")
    bob, bobs = desk.with_passkey("bob")
    first = desk.shows(device)
    assert isinstance(first, SignedIn)
    second = desk.shows(device, old_token=first.token)
    assert isinstance(second, SignedIn)
    assert (desk.living(first.token), desk.living(second.token)) == (None, second.session)
    assert {first.session.id, first.token}.isdisjoint({second.session.id, second.token})
    third = desk.shows(bobs, old_token=second.token)  # another person, the same browser
    assert isinstance(third, SignedIn)
    assert desk.living(second.token) is None
    ended = [one for one in desk.events(alice) if one["type"] == "staff.signed_out"]
    assert [(one["session"], one["because"]) for one in ended] == [
        (first.session.id, "signed_in_again"),
        (second.session.id, "signed_in_again"),
    ]
    assert desk.types_of(bob)[-1] == "signed_in"


def test_whoever_is_turned_away_keeps_the_session_before(desk: Desk) -> None:
    _, device = desk.with_passkey("alice")
    first = desk.shows(device)
    assert isinstance(first, SignedIn)
    assert desk.shows(device, Lies(flags=USER_PRESENT), first.token) == WRONG
    assert desk.living(first.token)


def test_signing_out_ends_the_session_with_its_event_once(desk: Desk) -> None:
    alice, device = desk.with_passkey("alice")
    found = desk.shows(device)
    assert isinstance(found, SignedIn)
    for _ in range(2):
        sign_in.sign_out(desk.entry, found.token, actor=alice.name)
    sign_in.sign_out(desk.entry, "another token", actor=alice.name)
    assert desk.living(found.token) is None
    [ended] = [one for one in desk.events(alice) if one["type"] == "staff.signed_out"]
    assert (ended["session"], ended["because"]) == (found.session.id, "signed_out")


def test_a_session_lasts_as_the_rulebook_says(desk: Desk) -> None:
    _, device = desk.with_passkey("alice")
    desk.rules = ConsoleRules(limits=Limits(idle=timedelta(minutes=5), whole=timedelta(hours=1)))
    found = desk.shows(device)
    assert isinstance(found, SignedIn)
    assert found.session.ends_at == NOON + timedelta(hours=1)
    desk.passes(minutes=5)
    assert desk.living(found.token) is None


def test_asking_for_a_challenge_writes_nothing(desk: Desk, statements: list[str]) -> None:
    for _ in range(3):
        sign_in.passkey_options(desk.entry)
    assert statements == []
