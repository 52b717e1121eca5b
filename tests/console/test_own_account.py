"""A person's own page: how they sign in, where they are signed in, and how the console behaves."""

import json

import pytest
from flask import Flask

from console.guard import SESSION_COOKIE
from console.personal_settings import PersonalSettings
from console.request_forgery import HEADER, form_token
from policies.permissions import Role
from policies.sessions import Limits
from policies.sign_in import ConsoleRules
from storage.database.engine import Database
from storage.staff import accounts, passkeys, sessions
from tests.console.conftest import Clock, Person, Staff
from tests.console.newcomer import HONEST, PASSWORD, App, Newcomer, sealed_in
from tests.storage.staff.authenticator import Authenticator

AGAIN = "/enter?next=%2Fme&because=again"


@pytest.fixture
def alice(staff: Staff, app: Flask) -> Person:
    """With one passkey."""
    newcomer = Newcomer(app.test_client())
    newcomer.set_up_passkey(staff.invite("alice", Role.REVIEWER))
    return Person(staff.named("alice"), newcomer.client, newcomer.cookie(SESSION_COOKIE))


@pytest.fixture
def with_password(staff: Staff, app: Flask, clock: Clock) -> tuple[Person, App]:
    newcomer = Newcomer(app.test_client())
    made = newcomer.set_up_password(staff.invite("bob", Role.REVIEWER), clock)
    clock.passes(minutes=1)
    return Person(staff.named("bob"), newcomer.client, newcomer.cookie(SESSION_COOKIE)), made


def add_passkey(person: Person, label: str = "laptop") -> str:
    options = person.post("/me/passkeys/options").text
    response = Authenticator().register(options, HONEST)
    return person.post("/me/passkeys", {"response": response, "label": label}).headers["Location"]


def passkeys_of(database: Database, person: Person) -> dict[str, str]:
    """Their ids, by their labels."""
    with database.read() as connection:
        return {one.label: one.id for one in passkeys.of_account(connection, person.account.id)}


def test_a_passkey_is_added_given_a_name_and_removed(alice: Person, database: Database) -> None:
    assert add_passkey(alice) == "/me?said=passkey_added"
    laptop = passkeys_of(database, alice)["laptop"]
    assert alice.post(f"/me/passkeys/{laptop}/name", {"label": "Büro <1>"}).headers["Location"].endswith("renamed")
    assert "Büro &lt;1&gt;" in alice.get("/me?said=passkey_renamed").text
    assert alice.post(f"/me/passkeys/{laptop}/remove").headers["Location"] == "/me?said=passkey_removed"
    assert {*passkeys_of(database, alice)} == {"phone"}


def test_the_last_way_in_stays(alice: Person, database: Database) -> None:
    (phone,) = passkeys_of(database, alice).values()
    assert alice.post(f"/me/passkeys/{phone}/remove").headers["Location"] == "/me?said=last_way_in"
    assert {*passkeys_of(database, alice)} == {"phone"}
    assert "the last way in" in alice.get("/me?said=last_way_in").text


def test_nobody_touches_another_persons_passkeys(alice: Person, staff: Staff, database: Database) -> None:
    add_passkey(alice)
    other, before = staff.somebody(Role.ADMIN), passkeys_of(database, alice)
    for id_ in before.values():
        other.post(f"/me/passkeys/{id_}/name", {"label": "mine"})
        other.post(f"/me/passkeys/{id_}/remove")
    assert passkeys_of(database, alice) == before


def test_what_names_nothing_of_the_person_changes_nothing(alice: Person, database: Database) -> None:
    for odd in ("0" * 64, "%00" * 32, "é", "A" * 64):
        for act in ("name", "remove"):
            assert alice.post(f"/me/passkeys/{odd}/{act}", {"label": "x"}).status_code in (303, 404)
    for issuer in ("", "https://id.example", "\x00", "é\x00"):
        answer = alice.post("/me/sign-on/remove", {"issuer": issuer})
        assert answer.headers["Location"] == "/me?said=last_way_in"
    assert {*passkeys_of(database, alice)} == {"phone"}


def test_a_label_that_is_none_is_refused(alice: Person, database: Database) -> None:
    (phone,) = passkeys_of(database, alice).values()
    answers = [alice.post(f"/me/passkeys/{phone}/name", {"label": bad}) for bad in ("", " ", "x" * 65, "a\x00b")]
    assert {answer.headers["Location"] for answer in answers} == {"/me?said=label_refused"}
    assert {*passkeys_of(database, alice)} == {"phone"}


def test_changing_how_one_signs_in_takes_a_recent_sign_in(
    with_password: tuple[Person, App], database: Database, clock: Clock
) -> None:
    """Whoever finds an open browser must not be able to take the account over."""
    person, _ = with_password
    add_passkey(person)
    before = passkeys_of(database, person)
    clock.passes(minutes=15, seconds=1)
    options = person.post("/me/passkeys/options")
    assert (options.status_code, options.json) == (401, {"stop": "again"})
    posts = ("passkeys", f"passkeys/{before['laptop']}/remove", "password/remove", "recovery-codes")
    assert {person.post(f"/me/{path}").headers["Location"] for path in posts} == {AGAIN}
    pages = ("password", "password/change", "authenticator")
    for path in pages:
        for answer in (person.get(f"/me/{path}"), person.post(f"/me/{path}")):
            assert answer.headers["Location"].startswith("/enter?next=%2Fme%2F")
            assert answer.headers["Location"].endswith("because=again")
    assert passkeys_of(database, person) == before
    page = person.get("/me").text
    assert "Remove this passkey" not in page
    assert "/enter?next=/me&amp;because=again" in page


def test_a_password_is_added_beside_a_passkey(alice: Person, app: Flask, clock: Clock) -> None:
    page = alice.get("/me/password").text
    authenticator = App.scan(page, clock)
    form = {"password": PASSWORD, "sealed": sealed_in(page), "code": authenticator.code()}
    assert "Your recovery codes" in alice.post("/me/password", form).text
    clock.passes(minutes=1)
    assert Newcomer(app.test_client()).sign_in_by_password("alice", authenticator.code()).status_code == 303


def test_another_phone_takes_the_place_of_the_first(
    with_password: tuple[Person, App], app: Flask, clock: Clock
) -> None:
    person, old = with_password
    page = person.get("/me/authenticator").text
    new = App.scan(page, clock)
    refused = person.post("/me/authenticator", {"sealed": sealed_in(page), "code": "000000"})
    assert refused.status_code == 422
    assert App.scan(refused.text, clock).secret == new.secret
    assert person.post("/me/authenticator", {"sealed": sealed_in(page), "code": new.code()}).status_code == 200
    clock.passes(minutes=1)
    assert Newcomer(app.test_client()).sign_in_by_password("bob", old.code()).status_code == 422
    assert Newcomer(app.test_client()).sign_in_by_password("bob", old.recovery_codes[0]).status_code == 422
    assert Newcomer(app.test_client()).sign_in_by_password("bob", new.code()).status_code == 303


def test_a_changed_password_ends_the_other_sessions(
    with_password: tuple[Person, App], staff: Staff, app: Flask, clock: Clock
) -> None:
    person, authenticator = with_password
    elsewhere = staff.sign_in(person.account)
    wrong = person.post("/me/password/change", {"old": "wrong-wrong-wrong", "password": "another-horse-9-staple"})
    assert wrong.status_code == 422
    assert "present password was not right" in wrong.text
    weak = person.post("/me/password/change", {"old": PASSWORD, "password": "short"})
    assert weak.status_code == 422
    assert elsewhere.get("/log").status_code == 200
    done = person.post("/me/password/change", {"old": PASSWORD, "password": "another-horse-9-staple"})
    assert done.headers["Location"] == "/me?said=password_changed"
    assert person.get("/log").status_code == 200
    assert elsewhere.get("/log").status_code == 303
    newcomer = Newcomer(app.test_client())
    assert newcomer.sign_in_by_password("bob", authenticator.code()).status_code == 422
    assert newcomer.sign_in_by_password("bob", authenticator.code(), "another-horse-9-staple").status_code == 303


def test_new_recovery_codes_take_the_place_of_the_old(with_password: tuple[Person, App], app: Flask) -> None:
    person, authenticator = with_password
    assert "Your recovery codes" in person.post("/me/recovery-codes").text
    old = Newcomer(app.test_client()).sign_in_by_password("bob", authenticator.recovery_codes[0])
    assert old.status_code == 422
    assert "10 recovery codes are left" in person.get("/me").text


def test_a_password_is_removed_where_another_way_is_left(with_password: tuple[Person, App]) -> None:
    person, _ = with_password
    assert person.post("/me/password/remove").headers["Location"] == "/me?said=last_way_in"
    add_passkey(person)
    assert person.post("/me/password/remove").headers["Location"] == "/me?said=password_removed"


def test_a_person_sees_and_ends_their_sessions(alice: Person, staff: Staff) -> None:
    phone, tablet = staff.sign_in(alice.account), staff.sign_in(alice.account)
    assert alice.get("/me").text.count("End this session") == 3
    with staff.database.read() as connection:
        ids = {one.id for one in sessions.of_account(connection, alice.account.id, staff.clock(), Limits())}
        own = sessions.living(connection, alice.token, staff.clock(), Limits())
        first = sessions.living(connection, phone.token, staff.clock(), Limits())
    assert own
    assert first
    assert len(ids) == 3
    assert alice.post(f"/me/sessions/{first.id}/end").headers["Location"] == "/me?said=session_ended"
    assert phone.get("/log").status_code == 303
    assert tablet.get("/log").status_code == 200
    assert alice.post("/me/sessions/end").headers["Location"] == "/me?said=sessions_ended"
    assert tablet.get("/log").status_code == 303
    answer = alice.post(f"/me/sessions/{own.id}/end")
    assert answer.headers["Location"] == "/enter?because=left"
    assert not alice.client.get_cookie(SESSION_COOKIE, domain="console.example.com")


def test_nobody_ends_another_persons_session(alice: Person, staff: Staff) -> None:
    other = staff.somebody(Role.ADMIN)
    with staff.database.read() as connection:
        session = sessions.living(connection, alice.token, staff.clock(), Limits())
    assert session
    other.post(f"/me/sessions/{session.id}/end")
    other.post("/me/sessions/end")
    assert alice.get("/log").status_code == 200


def test_settings_are_saved_by_the_form(alice: Person) -> None:
    form = {
        "language": "es",
        "time_zone": "Asia/Tokyo",
        "speed": "1.5",
        "volume_caller": "50",
        "volume_agent": "100",
        "skips_silence": "on",
    }
    assert alice.post("/me/settings", form).headers["Location"] == "/me?said=settings_saved"
    page = alice.get("/me").text
    assert '<html lang="es">' in page
    assert "(Asia/Tokyo)" in page
    assert saved(alice) == PersonalSettings("es", "Asia/Tokyo", 1.5, (0.5, 1.0), True, False)


def test_the_player_saves_settings_as_json_and_leaves_the_others(alice: Person) -> None:
    answer = save_json(alice, {"speed": 2, "keys": {"play": "p"}})
    assert (answer["speed"], answer["keys"], answer["single_keys"]) == (2.0, {"play": "p"}, True)
    answer = save_json(alice, {"volumes": [0.25, 1], "nonsense": 1, "speed": "fast", "time_zone": "Mars/Base"})
    assert (answer["speed"], answer["keys"], answer["volumes"]) == (2.0, {"play": "p"}, [0.25, 1.0])
    assert answer["time_zone"] == "UTC"
    alice.post("/me/settings", {"usual_keys": "on", "speed": "2"})
    assert saved(alice).keys == {}


def test_settings_that_are_no_object_are_refused(alice: Person) -> None:
    for body in ("", "[]", "null", "{", '"x"', "1e999"):
        answer = alice.client.post(
            "/me/settings",
            base_url="https://console.example.com",
            data=body,
            content_type="application/json",
            headers={HEADER: form_token(alice.token)},
        )
        assert answer.status_code == 400, body


def save_json(person: Person, wishes: dict[str, object]) -> dict[str, object]:
    answer = person.client.post(
        "/me/settings",
        base_url="https://console.example.com",
        json=wishes,
        headers={HEADER: form_token(person.token)},
    )
    assert answer.status_code == 200
    return dict(json.loads(answer.data))


def saved(person: Person) -> PersonalSettings:
    app = person.client.application
    assert app
    found = json.loads(
        person.client.post(
            "/me/settings",
            base_url="https://console.example.com",
            json={},
            headers={HEADER: form_token(person.token)},
        ).data
    )
    return PersonalSettings().changed(found)


class TestRolesThatDemandPasskeys:
    @pytest.fixture
    def rules(self) -> ConsoleRules:
        return ConsoleRules(passkey_roles=frozenset({Role.REVIEWER}))

    def test_no_password_is_offered_and_none_is_taken(self, alice: Person) -> None:
        assert "a password is not offered" in alice.get("/me").text
        assert alice.get("/me/password").headers["Location"] == "/me?said=needs_passkey"
        form = {"password": PASSWORD, "sealed": "x", "code": "000000"}
        assert alice.post("/me/password", form).headers["Location"] == "/me?said=needs_passkey"


def test_a_language_that_was_chosen_counts_for_its_person_alone(alice: Person, staff: Staff) -> None:
    alice.post("/me/settings", {"language": "es", "speed": "1"})
    assert '<html lang="en">' in staff.somebody().get("/log").text


def test_a_volume_beyond_all_numbers_is_left_out(alice: Person) -> None:
    form = {"language": "es", "volume_caller": "9" * 4000, "volume_agent": "1"}
    assert alice.post("/me/settings", form).headers["Location"] == "/me?said=settings_saved"
    assert 'lang="es"' in alice.get("/me").text


def test_settings_of_another_version_lock_nobody_out(alice: Person, database: Database) -> None:
    database.write(lambda c: accounts.save_settings(c, alice.account.id, '{"time_zone": 7, "keys": [1]}'))
    assert alice.get("/me").status_code == 200
