"""`/healthz` says that the process answers, `/readyz` that it can do its work; asking makes it do nothing."""

import itertools
import threading
import time
from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient

from onrecord.processes.health import Readiness, add_health
from storage.errors import Unavailable


class Part:
    """Something that can be broken, and counts how often it is looked at."""

    def __init__(self) -> None:
        self.is_broken, self.looks = False, 0

    def __call__(self) -> None:
        self.looks += 1
        if self.is_broken:
            raise Unavailable("part: broken")


def client_of(readiness: Readiness) -> FlaskClient:
    app = Flask(__name__)
    add_health(app, readiness)
    return app.test_client()


def until(true: Callable[[], bool]) -> None:
    end = time.monotonic() + 10
    while not true():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.01)


def test_ready_is_what_was_found_at_the_last_look(caplog: pytest.LogCaptureFixture) -> None:
    database, rulebook = Part(), Part()
    readiness = Readiness({"database": database, "rulebook": rulebook})
    client = client_of(readiness)
    assert client.get("/readyz").status_code == 503  # nobody has looked yet
    readiness.look()
    assert (client.get("/readyz").status_code, client.get("/readyz").json) == (
        200,
        {"database": True, "rulebook": True},
    )
    database.is_broken = True
    readiness.look()
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json) == (503, {"database": False, "rulebook": True})
    assert "not well: database: part: broken" in caplog.text
    database.is_broken = False
    readiness.look()
    assert client.get("/readyz").status_code == 200


def test_what_the_work_goes_on_without_is_told_and_takes_nobody_away(caplog: pytest.LogCaptureFixture) -> None:
    database, store = Part(), Part()
    readiness = Readiness({"database": database}, besides={"audio_store": store})
    client = client_of(readiness)
    for part, status in ((store, 200), (database, 503)):
        part.is_broken = True
        readiness.look()
        answer = client.get("/readyz")
        assert (answer.status_code, answer.json) == (
            status,
            {"database": part is store, "audio_store": part is database},
        )
        part.is_broken = False
    assert "not well: audio_store: part: broken" in caplog.text


def test_asking_makes_us_look_at_nothing() -> None:
    part = Part()
    readiness = Readiness({"part": part})
    readiness.look()
    client = client_of(readiness)
    for _ in range(5):
        client.get("/readyz")
        client.get("/healthz")
    assert part.looks == 1


@pytest.mark.parametrize(("detail_s", "told"), [(60.0, [1, 1, 1]), (0.0, [1, 2, 3])])
def test_a_detail_is_looked_up_now_and_then_however_often_somebody_asks(detail_s: float, told: list[int]) -> None:
    count = itertools.count(1)
    client = client_of(Readiness({}, details={"journal": lambda: next(count)}, detail_s=detail_s))
    assert [client.get("/readyz").json for _ in told] == [{"journal": n} for n in told]


def test_it_is_looked_at_again_and_again() -> None:
    part = Part()
    readiness = Readiness({"part": part}, every_s=0.01)
    readiness.start()
    until(lambda: part.looks > 3)
    part.is_broken = True
    until(lambda: not readiness.found()["part"])
    part.is_broken = False
    until(lambda: readiness.found()["part"])


def test_a_check_that_hangs_is_not_ready_and_tells_nothing_of_the_others() -> None:
    """A database or a store that swallows every question looks like nothing at all."""
    hangs, goes_on = threading.Event(), threading.Event()

    def check() -> None:
        if hangs.is_set():
            goes_on.wait()

    readiness = Readiness({"part": check}, besides={"other": lambda: None}, every_s=0.05)
    readiness.start()
    until(lambda: readiness.found() == {"part": True, "other": True})
    hangs.set()
    until(lambda: readiness.found() == {"part": False, "other": True})
    hangs.clear()
    goes_on.set()
    until(lambda: readiness.found()["part"])


def test_a_process_that_is_not_ready_still_answers() -> None:
    client = client_of(Readiness({"part": Part()}))
    answer = client.get("/healthz")
    assert (answer.status_code, answer.text, answer.content_type) == (200, "ok\n", "text/plain; charset=utf-8")
