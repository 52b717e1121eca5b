"""The link by which a new person sets up how they sign in."""

import pytest
from flask import Flask

from console.guard import ENTRY_COOKIE, SESSION_COOKIE
from policies.permissions import Role
from policies.sign_in import ConsoleRules
from tests.console.conftest import Clock, Staff
from tests.console.newcomer import HONEST, PASSWORD, App, Newcomer, cookies_set, sealed_in, without_nonces


@pytest.fixture
def newcomer(app: Flask) -> Newcomer:
    return Newcomer(app.test_client())


@pytest.fixture
def link(staff: Staff) -> str:
    return staff.invite("alice", Role.REVIEWER)


def test_a_passkey_is_set_up_and_its_person_is_in(newcomer: Newcomer, link: str) -> None:
    page = newcomer.get(f"/welcome/{link}").text
    assert "Welcome, Alice" in page
    answer = newcomer.set_up_passkey(link)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/")
    assert cookies_set(answer)[ENTRY_COOKIE]["max-age"] == "0"
    assert newcomer.is_in


def test_a_password_and_a_code_are_set_up_and_recovery_codes_are_shown(
    newcomer: Newcomer, link: str, clock: Clock
) -> None:
    app = newcomer.set_up_password(link, clock)
    assert newcomer.is_in
    assert len(set(app.recovery_codes)) == 10


def test_opening_the_link_does_not_use_it_up(newcomer: Newcomer, link: str, app: Flask) -> None:
    for path in (f"/welcome/{link}", f"/welcome/{link}/password"):
        for _ in range(3):
            scanner = app.test_client()
            assert scanner.get(path, base_url="https://console.example.com").status_code == 200
            scanner.head(path, base_url="https://console.example.com")
    assert newcomer.set_up_passkey(link).status_code == 303


@pytest.mark.parametrize("way", ["passkey", "password"])
def test_a_link_sets_up_one_thing_and_then_nothing(
    newcomer: Newcomer, link: str, app: Flask, clock: Clock, way: str
) -> None:
    thief = Newcomer(app.test_client())
    page = thief.get(f"/welcome/{link}/password").text  # opened before it is used
    options = thief.post(f"/welcome/{link}/passkey/options").text
    if way == "passkey":
        newcomer.set_up_passkey(link)
    else:
        newcomer.set_up_password(link, clock)
    response = {"response": thief.device.register(options, HONEST), "label": "x"}
    code = {"password": PASSWORD, "sealed": sealed_in(page), "code": App.scan(page, clock).code()}
    answers = [
        thief.get(f"/welcome/{link}"),
        thief.get(f"/welcome/{link}/password"),
        thief.post(f"/welcome/{link}/passkey", response),
        thief.post(f"/welcome/{link}/password", code),
        thief.get("/welcome/never-was-one"),
    ]
    assert {answer.status_code for answer in answers} == {410}
    assert len({without_nonces(answer) for answer in answers}) == 1
    assert "ask an administrator for a new link" in answers[0].text
    assert thief.post(f"/welcome/{link}/passkey/options").status_code == 410
    assert not thief.cookie(SESSION_COOKIE)


def test_a_link_is_good_for_a_day(newcomer: Newcomer, link: str, clock: Clock) -> None:
    clock.passes(hours=23, minutes=59)
    assert newcomer.get(f"/welcome/{link}").status_code == 200
    clock.passes(minutes=1)
    assert newcomer.get(f"/welcome/{link}").status_code == 410


def test_a_mistyped_code_costs_nothing(newcomer: Newcomer, link: str, clock: Clock) -> None:
    page = newcomer.get(f"/welcome/{link}/password").text
    form = {"password": PASSWORD, "sealed": sealed_in(page)}
    again = newcomer.post(f"/welcome/{link}/password", {**form, "code": "000000"})
    assert again.status_code == 422
    assert "still the same" in again.text
    assert App.scan(again.text, clock).secret == App.scan(page, clock).secret
    assert PASSWORD not in again.text
    code = App.scan(page, clock).code()
    assert newcomer.post(f"/welcome/{link}/password", {**form, "code": code}).status_code == 200
    assert newcomer.is_in


def test_a_secret_that_is_too_old_is_replaced_and_that_is_said(newcomer: Newcomer, link: str, clock: Clock) -> None:
    page = newcomer.get(f"/welcome/{link}/password").text
    clock.passes(minutes=16)
    form = {"password": PASSWORD, "sealed": sealed_in(page), "code": App.scan(page, clock).code()}
    again = newcomer.post(f"/welcome/{link}/password", form)
    assert again.status_code == 422
    assert "a new one" in again.text
    assert App.scan(again.text, clock).secret != App.scan(page, clock).secret


@pytest.mark.parametrize("password", ["short", "password123456", "alicealicealice", "x" * 200])
def test_a_password_that_is_guessed_first_is_refused_with_its_reason(
    newcomer: Newcomer, link: str, clock: Clock, password: str
) -> None:
    page = newcomer.get(f"/welcome/{link}/password").text
    form = {"password": password, "sealed": sealed_in(page), "code": App.scan(page, clock).code()}
    answer = newcomer.post(f"/welcome/{link}/password", form)
    assert answer.status_code == 422
    assert "That password is" in answer.text
    assert newcomer.get(f"/welcome/{link}").status_code == 200


def test_a_passkey_that_does_not_hold_costs_nothing(newcomer: Newcomer, link: str) -> None:
    assert newcomer.post(f"/welcome/{link}/passkey", {"response": "{}", "label": "x"}).status_code == 422
    assert newcomer.set_up_passkey(link).status_code == 303


def test_the_address_is_not_handed_on(newcomer: Newcomer, link: str) -> None:
    answer = newcomer.get(f"/welcome/{link}")
    assert answer.headers["Referrer-Policy"] == "same-origin"
    assert answer.headers["Cache-Control"] == "private, no-store"


class TestRolesThatDemandPasskeys:
    @pytest.fixture
    def rules(self) -> ConsoleRules:
        return ConsoleRules(passkey_roles=frozenset({Role.REVIEWER}))

    def test_no_password_is_offered_and_none_is_taken(self, newcomer: Newcomer, link: str) -> None:
        page = newcomer.get(f"/welcome/{link}").text
        assert f"/welcome/{link}/password" not in page
        assert "a password is not offered" in page
        assert newcomer.get(f"/welcome/{link}/password").headers["Location"] == f"/welcome/{link}"
        answer = newcomer.post(f"/welcome/{link}/password", {"password": PASSWORD, "sealed": "x", "code": "000000"})
        assert answer.headers["Location"] == f"/welcome/{link}"
        assert newcomer.set_up_passkey(link).status_code == 303
