"""Single sign-on: to sign in by, and to connect with one's account."""

from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
import requests
from flask import Flask

from console.entry.attempts import ATTEMPT_COOKIE
from console.entry.sign_on import BACK
from console.guard import SESSION_COOKIE
from outbound.identity_provider import IdentityProvider
from policies.permissions import Role
from policies.sign_in import ConsoleRules
from tests.console.conftest import Clock, Person, Staff
from tests.console.newcomer import HOST, Newcomer, cookies_set
from tests.console.provider import ISSUER, Provider
from tests.outbound.identity_provider_stub import CALLBACK, CLIENT, SECRET, TheProvider, identity_provider

TURNED_AWAY = "/enter?next=%2F&because=not_let_in"


@pytest.fixture
def newcomer(app: Flask) -> Newcomer:
    return Newcomer(app.test_client())


@pytest.fixture
def alice(staff: Staff, provider: Provider) -> Person:
    """Whose identity at the provider is connected with her account."""
    person = staff.somebody()
    connect(person, provider, "alice")
    return person


def connect(person: Person, provider: Provider, subject: str) -> str:
    """Returns where the person is sent in the end."""
    back = provider.agrees(person.get("/me/sign-on/begin").headers["Location"], subject)
    assert person.get(back).headers["Location"] == "/me/sign-on"
    return person.post("/me/sign-on").headers["Location"]


def test_a_connected_identity_lets_its_person_in(newcomer: Newcomer, alice: Person, provider: Provider) -> None:
    sent = newcomer.get("/enter/sign-on?next=/log")
    assert sent.status_code == 303
    cookie = cookies_set(sent)[ATTEMPT_COOKIE]
    assert (cookie["samesite"], cookie["max-age"], cookie["path"]) == ("Lax", "300", "/")
    assert cookie["httponly"]
    assert cookie["secure"]
    answer = newcomer.get(provider.agrees(sent.headers["Location"], "alice"))
    assert (answer.status_code, answer.headers["Location"]) == (303, "/log")
    assert newcomer.is_in
    assert not newcomer.cookie(ATTEMPT_COOKIE)


def test_an_answer_lets_in_once_even_where_the_provider_takes_its_code_twice(
    newcomer: Newcomer, alice: Person, provider: Provider
) -> None:
    provider.gives_twice = True
    sent = newcomer.get("/enter/sign-on").headers["Location"]
    attempt, back = newcomer.cookie(ATTEMPT_COOKIE), provider.agrees(sent, "alice")
    assert newcomer.get(back).headers["Location"] == "/"
    thief = Newcomer(newcomer.client.application.test_client())
    thief.keep(ATTEMPT_COOKIE, attempt)
    assert thief.get(back).headers["Location"] == TURNED_AWAY
    assert not thief.cookie(SESSION_COOKIE)


def test_an_answer_to_somebody_elses_attempt_lets_nobody_in(
    newcomer: Newcomer, alice: Person, provider: Provider
) -> None:
    """Whoever gets another to open their own answer would have them work in an account that is not theirs."""
    attacker = Newcomer(newcomer.client.application.test_client())
    theirs = provider.agrees(attacker.get("/enter/sign-on").headers["Location"], "alice")
    assert newcomer.get(theirs).headers["Location"] == TURNED_AWAY  # without an attempt
    newcomer.get("/enter/sign-on")
    assert newcomer.get(theirs).headers["Location"] == TURNED_AWAY  # with another one
    assert not newcomer.cookie(SESSION_COOKIE)


def test_an_answer_without_sense_lets_nobody_in(newcomer: Newcomer, alice: Person) -> None:
    for query in ("", "?state=x", "?code=x", "?error=access_denied", "?state=x&state=y&code=z"):
        newcomer.get("/enter/sign-on")
        assert newcomer.get(f"/enter/sign-on/back{query}").headers["Location"] == TURNED_AWAY
        assert not newcomer.cookie(ATTEMPT_COOKIE)


def test_an_attempt_is_good_for_five_minutes(
    newcomer: Newcomer, alice: Person, provider: Provider, clock: Clock
) -> None:
    back = provider.agrees(newcomer.get("/enter/sign-on").headers["Location"], "alice")
    clock.passes(minutes=5)
    assert newcomer.get(back).headers["Location"] == TURNED_AWAY


def test_an_identity_that_nobody_connected_lets_nobody_in(newcomer: Newcomer, provider: Provider) -> None:
    back = provider.agrees(newcomer.get("/enter/sign-on?next=/me").headers["Location"], "mallory")
    assert newcomer.get(back).headers["Location"] == "/enter?next=%2Fme&because=not_let_in"


def test_a_provider_that_is_away_is_said_so(newcomer: Newcomer, provider: Provider) -> None:
    provider.is_away = True
    answer = newcomer.get("/enter/sign-on?next=/me")
    assert answer.headers["Location"] == "/enter?next=%2Fme&because=unreachable"
    assert "cannot be reached" in newcomer.get(answer.headers["Location"]).text


def test_nobody_is_sent_elsewhere_after_signing_on(newcomer: Newcomer, alice: Person, provider: Provider) -> None:
    back = provider.agrees(newcomer.get("/enter/sign-on?next=//evil.example").headers["Location"], "alice")
    assert newcomer.get(back).headers["Location"] == "/"


def test_an_identity_is_shown_before_it_is_connected(staff: Staff, provider: Provider) -> None:
    person = staff.somebody()
    back = provider.agrees(person.get("/me/sign-on/begin").headers["Location"], "alice")
    person.get(back)
    page = person.get("/me/sign-on").text
    assert "alice@example.com" in page
    assert ISSUER in page
    assert "No identity is connected" in person.get("/me").text
    assert person.post("/me/sign-on").headers["Location"] == "/me?said=connected"
    assert "alice" in person.get("/me").text
    assert person.post("/me/sign-on").headers["Location"] == "/me?said=not_connected"


def test_an_identity_on_its_way_to_one_account_is_not_connected_with_another(staff: Staff, provider: Provider) -> None:
    alice, bob = staff.somebody(), staff.somebody()
    alice.get(provider.agrees(alice.get("/me/sign-on/begin").headers["Location"], "alice"))
    kept = alice.client.get_cookie(ATTEMPT_COOKIE, domain=HOST)
    assert kept
    bob.client.set_cookie(ATTEMPT_COOKIE, kept.value, domain=HOST)
    assert bob.get("/me/sign-on").headers["Location"] == "/me?said=not_connected"
    assert bob.post("/me/sign-on").headers["Location"] == "/me?said=not_connected"


def test_an_identity_of_one_account_is_not_connected_with_another(
    staff: Staff, alice: Person, provider: Provider
) -> None:
    assert connect(staff.somebody(), provider, "alice") == "/me?said=not_connected"


def test_an_attempt_to_connect_signs_nobody_in(alice: Person, newcomer: Newcomer, provider: Provider) -> None:
    back = provider.agrees(alice.get("/me/sign-on/begin").headers["Location"], "alice")
    kept = alice.client.get_cookie(ATTEMPT_COOKIE, domain=HOST)
    assert kept
    newcomer.keep(ATTEMPT_COOKIE, kept.value)
    newcomer.get(back)
    assert not newcomer.cookie(SESSION_COOKIE)


def test_connecting_takes_a_recent_sign_in(staff: Staff, provider: Provider, clock: Clock) -> None:
    person = staff.somebody()
    clock.passes(minutes=14)
    back = provider.agrees(person.get("/me/sign-on/begin").headers["Location"], "alice")
    person.get(back)
    clock.passes(minutes=2)
    for answer in (person.get("/me/sign-on/begin"), person.post("/me/sign-on"), person.post("/me/sign-on/remove")):
        assert answer.headers["Location"] == "/enter?next=%2Fme&because=again"


@pytest.fixture
def bob(staff: Staff, app: Flask) -> Person:
    """With a passkey."""
    newcomer = Newcomer(app.test_client())
    newcomer.set_up_passkey(staff.invite("bob", Role.REVIEWER))
    return Person(staff.named("bob"), newcomer.client, newcomer.cookie(SESSION_COOKIE))


def test_a_disconnected_identity_lets_nobody_in(newcomer: Newcomer, bob: Person, provider: Provider) -> None:
    connect(bob, provider, "bob")
    assert bob.post("/me/sign-on/remove", {"issuer": ISSUER}).headers["Location"] == "/me?said=disconnected"
    back = provider.agrees(newcomer.get("/enter/sign-on").headers["Location"], "bob")
    assert newcomer.get(back).headers["Location"] == TURNED_AWAY


def test_the_last_way_in_is_not_disconnected(alice: Person) -> None:
    assert alice.post("/me/sign-on/remove", {"issuer": ISSUER}).headers["Location"] == "/me?said=last_way_in"


def test_an_answer_connects_once(bob: Person, provider: Provider) -> None:
    bob.get(provider.agrees(bob.get("/me/sign-on/begin").headers["Location"], "bob"))
    kept = bob.client.get_cookie(ATTEMPT_COOKIE, domain=HOST)
    assert kept
    assert bob.post("/me/sign-on").headers["Location"] == "/me?said=connected"
    bob.post("/me/sign-on/remove", {"issuer": ISSUER})
    bob.client.set_cookie(ATTEMPT_COOKIE, kept.value, domain=HOST)
    assert bob.post("/me/sign-on").headers["Location"] == "/me?said=not_connected"


class TestRolesThatDemandPasskeys:
    @pytest.fixture
    def rules(self) -> ConsoleRules:
        return ConsoleRules(passkey_roles=frozenset({Role.REVIEWER}))

    @pytest.mark.parametrize(("acr", "is_in"), [("", False), ("0", False), ("phr", True), ("phrh", True)])
    def test_a_provider_that_saw_no_passkey_is_not_enough(
        self, newcomer: Newcomer, alice: Person, provider: Provider, acr: str, is_in: bool
    ) -> None:
        back = provider.agrees(newcomer.get("/enter/sign-on").headers["Location"], "alice", acr=acr)
        answer = newcomer.get(back)
        assert newcomer.is_in is is_in
        assert ("needs_passkey" in answer.headers["Location"]) is not is_in


class TestTheClientOfARealProvider:
    """The whole way, over HTTP, with the client that `serve` gives the console."""

    @pytest.fixture
    def stub(self) -> Iterator[TheProvider]:
        with identity_provider() as stub:
            yield stub

    @pytest.fixture
    def provider(self, stub: TheProvider) -> IdentityProvider:
        return IdentityProvider(stub.url, CLIENT, SECRET, CALLBACK)

    def test_a_person_connects_an_identity_and_comes_in_by_it(self, newcomer: Newcomer, bob: Person) -> None:
        connected = bob.get(sent_back(bob.get("/me/sign-on/begin").headers["Location"]))
        assert connected.headers["Location"] == "/me/sign-on"
        assert "alice@staff.example" in bob.get("/me/sign-on").text
        assert bob.post("/me/sign-on").headers["Location"] == "/me?said=connected"
        back = sent_back(newcomer.get("/enter/sign-on?next=/me").headers["Location"])
        assert newcomer.get(back).headers["Location"] == "/me"
        assert newcomer.is_in
        assert newcomer.get(back).headers["Location"] == TURNED_AWAY


def sent_back(url: str) -> str:
    """The path by which the provider sends a browser back from there."""
    with requests.Session() as browser:
        browser.trust_env = False
        location = browser.get(url, allow_redirects=False, timeout=30).headers["Location"]
    return f"{BACK}?{urlsplit(location).query}"
