"""Signing in: with a passkey, or with a name, a password and a code; and what is said to whoever is turned away."""

from dataclasses import replace
from threading import BoundedSemaphore

import pytest
from flask import Flask
from sqlalchemy import func, select

from console.app import Console, create_app
from console.cookies import CHALLENGE_COOKIE
from console.guard import ENTRY_COOKIE, SESSION_COOKIE
from policies.permissions import Role
from policies.sign_in import ConsoleRules
from storage.database.engine import Database
from storage.database.metadata import metadata
from storage.staff import accounts
from tests.compliance.staff.desk import CHEAP
from tests.console.conftest import BASE_URL, Clock, Staff, entry_of
from tests.console.newcomer import HONEST, PASSWORD, App, Newcomer, cookies_set, without_nonces


@pytest.fixture
def newcomer(app: Flask) -> Newcomer:
    return Newcomer(app.test_client())


@pytest.fixture
def alice(staff: Staff, app: Flask, clock: Clock) -> App:
    """An account with a password, and its authenticator app."""
    link = staff.invite("alice", Role.REVIEWER)
    made = Newcomer(app.test_client()).set_up_password(link, clock)
    clock.passes(minutes=1)
    return made


def test_a_passkey_lets_its_person_in_without_a_name(newcomer: Newcomer, staff: Staff) -> None:
    newcomer.set_up_passkey(staff.invite("alice", Role.REVIEWER))
    later = Newcomer(newcomer.client.application.test_client(), newcomer.device)
    answer = later.sign_in_by_passkey(next="/me")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/me")
    assert later.is_in


def test_a_name_a_password_and_a_code_let_in_together(newcomer: Newcomer, alice: App) -> None:
    answer = newcomer.sign_in_by_password("Alice", alice.code(), next="/log?x=1")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/log?x=1")
    assert newcomer.is_in


def test_a_recovery_code_takes_the_place_of_a_code_once(newcomer: Newcomer, alice: App) -> None:
    code = alice.recovery_codes[3].lower().replace("-", " ")
    assert newcomer.sign_in_by_password("alice", code).status_code == 303
    assert newcomer.sign_in_by_password("alice", code).status_code == 422


def test_whoever_is_turned_away_reads_the_same_whatever_was_wrong(
    newcomer: Newcomer, alice: App, staff: Staff, database: Database
) -> None:
    staff.account("bob", Role.REVIEWER)  # who has set nothing up
    pages = {
        "password": newcomer.sign_in_by_password("alice", alice.code(), "wrong-wrong-wrong"),
        "code": newcomer.sign_in_by_password("alice", "000000"),
        "both": newcomer.sign_in_by_password("alice", "", ""),
        "code of another kind": newcomer.sign_in_by_password("alice", "AAAA-AAAA-AAAA-AAAA"),
    }
    for number in range(6):
        pages[f"once more {number}"] = newcomer.sign_in_by_password("alice", alice.code(), f"wrong-wrong-{number}")
    pages["throttled"] = newcomer.sign_in_by_password("alice", alice.code())
    staff.clock.passes(minutes=20)
    with database.read() as connection:
        account = accounts.by_name(connection, "alice")
    assert account
    database.write(lambda c: accounts.disable(c, staff.moment(), account, actor="root"))
    pages["disabled"] = newcomer.sign_in_by_password("alice", alice.code())
    assert {answer.status_code for answer in pages.values()} == {422}
    assert len({without_nonces(answer) for answer in pages.values()}) == 1
    unknown = newcomer.sign_in_by_password("nobody", "000000")
    nothing_set_up = newcomer.sign_in_by_password("bob", "000000")
    said = without_nonces(pages["password"])
    assert without_nonces(unknown).replace('value="nobody"', 'value="alice"') == said
    assert without_nonces(nothing_set_up).replace('value="bob"', 'value="alice"') == said
    assert not newcomer.cookie(SESSION_COOKIE)


def test_a_name_that_a_database_cannot_spell_is_as_wrong_as_any(newcomer: Newcomer) -> None:
    for name in ("ali\x00ce", "\x00", "é" * 5000, "😀", "' OR 1=1 --"):
        answer = newcomer.sign_in_by_password(name, "0\x00", "p\x00" * 10)
        assert answer.status_code == 422, name


def test_what_was_typed_is_kept_but_for_secrets(newcomer: Newcomer) -> None:
    page = newcomer.sign_in_by_password("<alice>", "123456", next="/me").text
    assert 'value="&lt;alice&gt;"' in page
    assert 'name="next" value="/me"' in page
    assert PASSWORD not in page
    assert "123456" not in page


def test_nobody_who_is_turned_away_leaves_anything_behind(newcomer: Newcomer, database: Database) -> None:
    before = _rows(database)
    newcomer.get("/enter")
    newcomer.sign_in_by_password("nobody", "000000")
    newcomer.sign_in_by_passkey()
    newcomer.post("/enter/passkey", {"response": "{}"})
    newcomer.get("/welcome/x")
    newcomer.get("/enter/sign-on")
    newcomer.get("/enter/sign-on/back?state=x&code=y")
    assert _rows(database) == before


def test_every_passkey_that_does_not_fit_is_refused_in_the_same_words(newcomer: Newcomer, staff: Staff) -> None:
    unknown = newcomer.sign_in_by_passkey()
    empty = newcomer.post("/enter/passkey", {"response": ""})
    nonsense = newcomer.post("/enter/passkey", {"response": '{"rawId": 1}'})
    newcomer.set_up_passkey(staff.invite("alice", Role.REVIEWER))
    later = Newcomer(newcomer.client.application.test_client(), newcomer.device)
    options = later.post("/enter/passkey/options").text
    later.client.delete_cookie(CHALLENGE_COOKIE, domain="console.example.com")
    stripped = later.post("/enter/passkey", {"response": later.device.sign(options)})
    pages = [unknown, empty, nonsense, stripped]
    assert {answer.status_code for answer in pages} == {422}
    assert len({without_nonces(answer) for answer in pages}) == 1


def test_a_challenge_lets_in_once(newcomer: Newcomer, staff: Staff) -> None:
    newcomer.set_up_passkey(staff.invite("alice", Role.REVIEWER))
    later = Newcomer(newcomer.client.application.test_client(), newcomer.device)
    options = later.post("/enter/passkey/options").text
    challenge, response = later.cookie(CHALLENGE_COOKIE), later.device.sign(options, HONEST)
    assert later.post("/enter/passkey", {"response": response}).status_code == 303
    thief = Newcomer(newcomer.client.application.test_client())
    thief.keep(CHALLENGE_COOKIE, challenge)
    assert thief.post("/enter/passkey", {"response": response}).status_code == 422
    assert not thief.is_in


def test_a_challenge_is_good_for_five_minutes(newcomer: Newcomer, staff: Staff, clock: Clock) -> None:
    newcomer.set_up_passkey(staff.invite("alice", Role.REVIEWER))
    later = Newcomer(newcomer.client.application.test_client(), newcomer.device)
    options = later.post("/enter/passkey/options").text
    clock.passes(minutes=5)
    assert later.post("/enter/passkey", {"response": later.device.sign(options, HONEST)}).status_code == 422


def test_the_cookies_are_closed_to_scripts_and_to_other_hosts(newcomer: Newcomer, alice: App) -> None:
    entry = cookies_set(newcomer.get("/enter"))[ENTRY_COOKIE]
    challenge = cookies_set(newcomer.post("/enter/passkey/options"))[CHALLENGE_COOKIE]
    answer = cookies_set(newcomer.sign_in_by_password("alice", alice.code()))
    session = answer[SESSION_COOKIE]
    for cookie in (entry, challenge, session):
        assert cookie.key.startswith("__Host-")
        assert cookie["secure"]
        assert cookie["httponly"]
        assert (cookie["path"], cookie["domain"]) == ("/", "")
    assert (session["samesite"], session["max-age"], session["expires"]) == ("Lax", "", "")
    assert (challenge["samesite"], challenge["max-age"]) == ("Strict", "300")
    assert answer[ENTRY_COOKIE]["max-age"] == answer[CHALLENGE_COOKIE]["max-age"] == "0"


def test_signing_in_again_ends_the_session_before(newcomer: Newcomer, alice: App, clock: Clock) -> None:
    newcomer.sign_in_by_password("alice", alice.code())
    first = newcomer.cookie(SESSION_COOKIE)
    clock.passes(minutes=1)
    newcomer.sign_in_by_password("alice", alice.code())
    assert newcomer.cookie(SESSION_COOKIE) != first
    assert newcomer.is_in
    thief = Newcomer(newcomer.client.application.test_client())
    thief.keep(SESSION_COOKIE, first)
    assert not thief.is_in


def test_too_many_attempts_at_once_are_told_to_come_again(database: Database, clock: Clock, alice: App) -> None:
    taken = BoundedSemaphore(1)
    taken.acquire()
    hashing = replace(CHEAP, wait_s=0.0, at_once=taken)
    app = create_app(Console(database, BASE_URL, entry=replace(entry_of(database, clock), hashing=hashing), now=clock))
    answer = Newcomer(app.test_client()).sign_in_by_password("alice", alice.code())
    assert answer.status_code == 503
    assert "Try it again in a minute" in answer.text
    assert 'value="alice"' in answer.text
    taken.release()
    assert Newcomer(app.test_client()).sign_in_by_password("alice", alice.code()).status_code == 303


def test_nobody_is_sent_elsewhere_after_signing_in(newcomer: Newcomer, alice: App) -> None:
    answer = newcomer.sign_in_by_password("alice", alice.code(), next="//evil.example")
    assert answer.headers["Location"] == "/"
    assert 'name="next" value="/"' in newcomer.get("/enter?next=//evil.example").text


def test_the_page_says_why_somebody_is_to_sign_in(newcomer: Newcomer) -> None:
    for because in ("ended", "again", "left", "not_let_in", "unreachable", "needs_passkey"):
        assert 'id="done"' in newcomer.get(f"/enter?because={because}").text
    assert 'id="done"' not in newcomer.get("/enter?because=<b>").text


class TestRolesThatDemandPasskeys:
    """The rulebook demands them of reviewers here."""

    @pytest.fixture
    def rules(self) -> ConsoleRules:
        return ConsoleRules(passkey_roles=frozenset({Role.SUPERVISOR}))

    def test_a_password_opens_nothing_any_more(
        self, newcomer: Newcomer, alice: App, staff: Staff, database: Database
    ) -> None:
        staff.change("alice", Role.SUPERVISOR)
        answer = newcomer.sign_in_by_password("alice", alice.code())
        assert answer.status_code == 422
        assert "your role signs in with a passkey only" in answer.text
        assert not newcomer.is_in
        wrong = newcomer.sign_in_by_password("alice", "000000")
        assert "your role" not in wrong.text


def _rows(database: Database) -> dict[str, int]:
    with database.read() as connection:
        return {
            name: connection.scalar(select(func.count()).select_from(table)) or 0
            for name, table in metadata.tables.items()
        }
