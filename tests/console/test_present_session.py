"""A page learns when its session ends, and can say that somebody is still there."""

import pytest

from console.request_forgery import form_token
from tests.console.conftest import Clock, Person, Staff


@pytest.fixture
def person(staff: Staff) -> Person:
    return staff.somebody()


def test_the_page_learns_when_its_session_ends_and_can_stay(person: Person, clock: Clock) -> None:
    clock.passes(minutes=29)
    asked = person.get("/session").json
    assert asked
    assert (asked["left_ms"], asked["can_stay"]) == (60_000, True)
    assert asked["csrf_token"] == form_token(person.token)
    assert "12:30:00 UTC" in asked["ends_at"]
    assert person.post("/stay").status_code == 204
    asked = person.get("/session").json
    assert asked
    assert asked["left_ms"] == 30 * 60_000


def test_asking_when_the_session_ends_does_not_keep_it_alive(person: Person, clock: Clock) -> None:
    for _ in range(3):
        clock.passes(minutes=9)
        assert person.get("/session").status_code == 200
    clock.passes(minutes=3)
    answer = person.get("/session", headers={"Accept": "application/json"})
    assert (answer.status_code, answer.json) == (401, {"stop": "signed_out"})


def test_the_longest_time_of_a_session_cannot_be_stretched(person: Person, clock: Clock) -> None:
    for _ in range(29):
        clock.passes(minutes=24, seconds=45)
        person.post("/stay")
    asked = person.get("/session").json
    assert asked
    assert asked["can_stay"] is False
    assert asked["left_ms"] < 3 * 60_000
