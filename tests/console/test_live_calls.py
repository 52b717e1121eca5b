"""The agent's endpoint: closed without a setting, closed without its token, and durable when it answers."""

import json
import logging
from itertools import product
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from compliance.pauses import Pauses
from compliance.withdrawals import Withdrawals
from console.app import Console, create_app
from console.live_calls import BODY_MAX, LiveCalls
from policies.consent import Outcome
from policies.rulebook.read import parse
from storage.rows import pauses, withdrawals
from tests.faults.conftest import premises
from tests.faults.premises import ONE_MACHINE, Premises
from tests.policies.test_rulebook import GOOD

__all__ = ["premises"]
TOKEN = "a-token-of-the-page-0123456789"
AUTH = {"Authorization": f"Bearer {TOKEN}"}
ALICE: dict[str, Any] = {"actor": "alice"}
ACTS = ("withdraw", "pause", "resume")
pytestmark = ONE_MACHINE


@pytest.fixture
def client(premises: Premises) -> FlaskClient:
    database, rulebook, moment = premises.shop.database, parse(GOOD), premises.moment
    live = LiveCalls(
        TOKEN,
        Withdrawals(database, rulebook, premises.jobs, moment),
        Pauses(database, rulebook, premises.jobs, moment),
    )
    return create_app(Console(database, live=live)).test_client()


def ask(
    client: FlaskClient, name: str, act: str, said: object = None, headers: dict[str, str] | None = None
) -> TestResponse:
    body = json.dumps(ALICE if said is None else said)
    return client.post(f"/api/calls/{name}/{act}", data=body, headers=AUTH if headers is None else headers)


def test_without_the_setting_there_is_no_such_route(premises: Premises) -> None:
    call = premises.call()
    closed = create_app(Console(premises.shop.database)).test_client()
    assert {ask(closed, call.id, act).status_code for act in ACTS} == {404}


@pytest.mark.parametrize(
    "header",
    [None, "", "Bearer", "Bearer ", f"Bearer {TOKEN}x", f"Bearer {TOKEN[:-1]}", f"Basic {TOKEN}", TOKEN, "Bearer é"],
)
def test_whoever_has_no_token_gets_the_same_bytes_whatever_the_call(
    premises: Premises, client: FlaskClient, header: str | None
) -> None:
    call, silent = premises.call(), premises.call(Outcome.SILENT)
    headers = {} if header is None else {"Authorization": header}
    names = (call.id, call.call_sid, silent.id, "0" * 32, "x")
    bodies: tuple[object, ...] = (None, [], "x" * 9999)
    answers = [ask(client, *asked, headers) for asked in product(names, ACTS, bodies)]
    assert {answer.status_code for answer in answers} == {401}
    assert len({answer.data for answer in answers}) == 1
    assert premises.story(call).call.outcome == "consented"


@pytest.mark.parametrize("by_sid", [True, False])
def test_a_consent_is_withdrawn_durably_before_the_answer(
    premises: Premises, client: FlaskClient, by_sid: bool
) -> None:
    call = premises.call()
    answer = ask(client, call.call_sid if by_sid else call.id, "withdraw", {**ALICE, "effect": "keep"})
    assert (answer.status_code, answer.get_json()["effect"], answer.get_json()["keeps"]) == (200, "ends", True)
    with premises.shop.database.read() as connection:
        found = withdrawals.of(connection, call.id)
    assert found is not None
    assert (found.withdrawn_by, found.actor, found.keeps) == ("agent", "alice", True)
    assert premises.company.asked == []
    again = ask(client, call.id, "withdraw", {**ALICE, "effect": "keep"})
    assert (again.status_code, again.get_json()["effect"]) == (200, "stands")


def test_the_recording_is_paused_and_resumed(premises: Premises, client: FlaskClient) -> None:
    call = premises.call()
    assert ask(client, call.id, "resume").status_code == 409
    assert ask(client, call.id, "pause").status_code == 200
    assert ask(client, call.id, "pause").get_json()["error"] == "not_possible"
    assert ask(client, call.id, "resume").status_code == 200
    with premises.shop.database.read() as connection:
        asked = pauses.open_of(connection, call.id)
    assert asked is not None
    assert (asked.asked_by, asked.resume_asked_by) == ("alice", "alice")


def test_an_unknown_call_and_one_without_consent_are_told_apart(premises: Premises, client: FlaskClient) -> None:
    silent = premises.call(Outcome.SILENT)
    answers = [ask(client, name, "withdraw") for name in ("CA" + "0" * 32, silent.id)]
    assert [answer.status_code for answer in answers] == [404, 409]
    assert [answer.get_json()["error"] for answer in answers] == ["no_such_call", "nothing_to_withdraw"]


@pytest.mark.parametrize(
    "said",
    [
        [],
        {},
        {"actor": ""},
        {"actor": 1},
        {"actor": "a\n"},
        {"actor": "a" * 101},
        {"actor": "a", "effect": "forget"},
        {"actor": "a", "x": 1},
    ],
)
def test_a_body_that_makes_no_sense_changes_nothing(premises: Premises, client: FlaskClient, said: object) -> None:
    call = premises.call()
    assert ask(client, call.id, "withdraw", said).status_code == 400
    assert client.post(f"/api/calls/{call.id}/withdraw", data=b"{", headers=AUTH).status_code == 400
    assert premises.story(call).call.outcome == "consented"


def test_a_body_that_is_too_long_is_refused(premises: Premises, client: FlaskClient) -> None:
    call = premises.call()
    assert ask(client, call.id, "withdraw", {"actor": "a" * BODY_MAX}).status_code == 413
    assert ask(client, call.id, "pause", {"actor": "a", "effect": "keep"}).status_code == 400
    assert client.get(f"/api/calls/{call.id}/withdraw", headers=AUTH).status_code == 405


def test_no_log_line_names_a_call_or_the_token(
    premises: Premises, client: FlaskClient, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    call = premises.call()
    for act in ACTS:
        ask(client, call.call_sid, act)
        ask(client, call.call_sid, act, {})
    assert call.call_sid not in caplog.text
    assert TOKEN not in caplog.text
