"""Negative controls: a service that misunderstands its callers, and whose rows agree with each other, is found out.

Each is the real service, broken on purpose from outside or in its jobs, on a real call; the check that is to find it
out is the one behind the demonstration, the call scripts and the kill loop.
"""

from collections.abc import Callable, Iterable, Iterator
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

import pytest
from sqlalchemy import update
from werkzeug.test import run_wsgi_app

from onrecord.demo.promises import Witness, breaches
from onrecord.incidents import close
from simulator.plans import CallPlan
from storage.custody.workshop import Workshop
from storage.database.tables import call
from storage.jobs.steps import Steps
from storage.rows import recordings
from storage.rows.incidents import open_incidents
from storage.rows.recordings import INTAKE
from tests.calls.call_runner import KEK, Ran, Town, as_seen
from tests.calls.script import NUMBERS
from tests.faults.test_broken_durability import machine

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

CALLER = "+15125550111"
CONNECTS = b"<Response><Dial><Number>+14155550123</Number></Dial></Response>"


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Town]:
    with machine(tmp_path) as (town, _):
        yield town


def called(running: Town, **caller: Any) -> Ran:
    plan = CallPlan.of({"from": CALLER, "to": NUMBERS["opt_in"], "caller": {"talks_s": 6, **caller}})
    return running.play(plan, {}, left_early=lambda _: "hangs_up" in caller)


def checked(running: Town, **otherwise: Any) -> list[str]:
    """What the check says of the last call, or of one that went otherwise on the telephone's side."""
    witness, others = Witness(running.database, running.store, KEK, running.spool), running.exchange.calls
    return [str(breach) for breach in breaches(witness, [as_seen({**running.seen[-1], **otherwise})], others=others)]


class BrokenService:
    """Stands between Twilio and the service. `answer` is given the step and the form, and what asks the service."""

    def __init__(self, running: Town) -> None:
        self._service: WSGIApplication = running.face.server.app
        running.face.server.app = self

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        body = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
        asked = {**environ, "wsgi.input": BytesIO(body)}
        step = environ["PATH_INFO"].split("/")[2]

        def ask() -> bytes:
            answer, status, _ = run_wsgi_app(self._service, asked, buffered=True)
            assert status.startswith("20"), status
            return b"".join(answer)

        answer = self.answer(step, parse_qs(body.decode()), ask)
        start_response("200 OK", [("Content-Type", "text/xml"), ("Content-Length", str(len(answer)))])
        return [answer]

    def answer(self, step: str, form: dict[str, list[str]], ask: Callable[[], bytes]) -> bytes:
        raise NotImplementedError


class Deaf(BrokenService):
    """Takes whatever comes again at a step of a call for a repeat, and gives it the answer it gave before."""

    def __init__(self, running: Town) -> None:
        super().__init__(running)
        self._kept: dict[tuple[str, str], bytes] = {}

    def answer(self, step: str, form: dict[str, list[str]], ask: Callable[[], bytes]) -> bytes:
        if step in ("call", "recording"):
            return ask()
        name = (form["CallSid"][0], step)
        if name not in self._kept:
            self._kept[name] = ask()
        return self._kept[name]


class Forgetful(BrokenService):
    """Connects the caller at one step, and has forgotten by then what it was told."""

    def __init__(self, running: Town, step: str) -> None:
        super().__init__(running)
        self._step = step

    def answer(self, step: str, form: dict[str, list[str]], ask: Callable[[], bytes]) -> bytes:
        return CONNECTS if step == self._step else ask()


def destroy_as_rogue(running: Town) -> None:
    """Have the intake take a recording of ours for one that began before its permit."""

    def intake(shop: Workshop, steps: Steps, recording_id: str) -> None:
        def condemn(connection: Any) -> None:
            owner, known = recordings.with_call(connection, recording_id)
            why = "it began before its permit"
            recordings.condemn(connection, shop.moment(), owner, known, running.face.jobs, why=why)

        shop.database.write(condemn)

    running.does[INTAKE] = intake


def put_on_record(running: Town, outcome: str) -> None:
    """As the broken service would have left it."""
    running.database.write(lambda connection: connection.execute(update(call).values(outcome=outcome)))


def test_a_service_that_is_not_broken_is_not_accused(running: Town) -> None:
    assert called(running, presses=["1"]).broken == []
    assert called(running, presses=["2"]).broken == []
    assert checked(running) == []


def test_a_second_answer_that_is_not_heard_is_found_out(running: Town) -> None:
    Deaf(running)
    running.corroborates = False
    found = called(running, presses=["1"], sent_back=[{"presses": ["2"]}]).broken
    assert any("P1" in breach and "after consent with 2" in breach for breach in found)
    assert any("P2" in breach and "is kept without consent" in breach for breach in found)
    assert any("on record as consented, and was declined or withdrawn" in breach for breach in found)


def test_a_consented_recording_that_is_destroyed_as_rogue_is_found_out(running: Town) -> None:
    destroy_as_rogue(running)
    ran = called(running, presses=["1"])
    assert ran.seen["recordings"][0]["deleted"]
    assert any("P4" in breach and "agreed to recording" in breach for breach in ran.broken)


def test_a_no_that_was_answered_and_forgotten_is_found_out(running: Town) -> None:
    Forgetful(running, "consent")
    running.corroborates = False
    ran = called(running, presses=["2"])
    assert ran.seen["connected"]
    assert any("P5" in breach and "and was declined" in breach for breach in ran.broken)
    put_on_record(running, "hung_up_in_choice")
    assert any("on record as hung_up_in_choice, and was declined" in breach for breach in checked(running))


def test_what_is_not_heard_is_brought_to_light_by_twilios_own_account(running: Town) -> None:
    Deaf(running)
    ran = called(running, presses=["1"], sent_back=[{"presses": ["2"]}])
    assert ran.story.call.outcome == "withdrawn"
    assert [one["deleted"] for one in ran.seen["recordings"]] == [True, True]


def test_a_caller_who_talked_to_an_agent_and_is_on_record_as_hung_up_is_found_out(running: Town) -> None:
    Forgetful(running, "choice")
    assert called(running).seen["connected"]
    put_on_record(running, "hung_up_in_disclosure")
    assert any("on record as hung_up_in_disclosure, and was" in breach for breach in checked(running))


@pytest.mark.parametrize(("key", "outcome"), [("1", "not_asked"), ("2", "consented"), ("2", "silent")])
def test_an_outcome_that_is_not_what_was_pressed_is_found_out(key: str, outcome: str, running: Town) -> None:
    assert called(running, presses=[key]).broken == []
    put_on_record(running, outcome)
    assert any(f"P5 broken on {running.seen[-1]['call_sid']}" in breach for breach in checked(running))


def test_a_caller_who_is_sent_back_and_for_whom_nobody_is_rung_is_found_out(running: Town) -> None:
    assert called(running, presses=["2"]).broken == []
    assert any("P3" in breach for breach in checked(running, sent_back=[{"at_s": 900.0}]))


def test_a_caller_who_is_sent_to_the_goodbye_after_the_agent_left_is_no_caller_for_whom_nobody_is_rung(
    running: Town,
) -> None:
    called(running, presses=["1"])
    goodbye = {"at_s": 900.0, "url": f"{running.face.urls.public_base_url}/voice/alone/0123/abcd"}
    assert checked(running, sent_back=[goodbye]) == []
    assert any("P3" in breach for breach in checked(running, sent_back=[goodbye], legs=[]))


def test_a_disclosure_that_was_cut_is_none(running: Town) -> None:
    called(running, presses=["1"])
    cut = [one | {"played_s": one["duration_s"] / 2} for one in running.seen[-1]["heard"]]
    assert any("P1" in breach and "before the disclosure had ended" in breach for breach in checked(running, heard=cut))


@pytest.mark.parametrize("presses", [["2"], []], ids=["declined", "silent"])
def test_a_text_that_nobody_agreed_to_and_nobody_looked_for(running: Town, presses: list[str]) -> None:
    """Twilio writes down every call of the account, by a setting; a worker that does not watch leaves it there."""
    running.exchange.services = running.exchange.services.changed({"capture_rules": [{}], "operation_s": 1.0})
    running.watches_texts = False
    (broken,) = called(running, presses=presses).broken
    assert broken.startswith("P2")
    assert "Twilio still holds a conversation of the call" in broken
    running.watches_texts = True
    assert called(running, presses=presses).broken == []


def test_a_text_of_a_caller_who_agreed_to_be_recorded_and_to_nothing_else(running: Town) -> None:
    ran = called(running, presses=["1"])
    assert ran.broken == []
    running.exchange.texts.make("transcript", recording_sid=ran.seen["recordings"][0]["sid"])
    assert [broken[:2] for broken in running.broken(running.seen[-1:])] == ["P6"]
    running.work()
    assert running.broken(running.seen[-1:]) == []


def test_a_text_that_cannot_be_deleted_breaks_no_promise_while_an_incident_names_it(running: Town) -> None:
    refused = {"conversation": {"delete": 403}}
    running.exchange.services = running.exchange.services.changed({"capture_rules": [{}], "refuses": refused})
    ran = called(running, presses=["2"])
    assert ran.broken == []
    with running.database.read() as connection:
        (incident,) = [each for each in open_incidents(connection) if each.kind == "copy_remains"]
    assert close(running.database, incident.id, actor="alice", reason="somebody else sees to it")
    assert [broken[:2] for broken in running.broken(running.seen[-1:])] == ["P2"]
