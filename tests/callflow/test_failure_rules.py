"""Two failure rules: a voice step that fails connects the caller, unrecorded; a callback that fails comes again."""

import fcntl
import resource
import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from datetime import datetime
from itertools import count
from pathlib import Path

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Connection, event, text
from werkzeug.test import TestResponse

from callflow.webhooks import create_app
from storage.database.engine import Database
from tests.callflow.conftest import (
    CALLER,
    URLS,
    Delivery,
    Installation,
    Twilio,
    connects,
    read,
    recording_url,
    said,
    starts_recording,
)


@contextmanager
def unavailable(installation: Installation) -> Iterator[None]:
    """The disk is full: no file of this process can grow. Or: Postgres ends every connection and takes no new one."""
    if installation.database.dialect == "sqlite":
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1, hard))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        return
    name = str(installation.database.engine.url.database)
    with maintenance(installation) as connection:
        connection.execute(f"ALTER DATABASE {name} WITH ALLOW_CONNECTIONS false".encode())
        end_connections(connection, name)
        try:
            yield
        finally:
            connection.execute(f"ALTER DATABASE {name} WITH ALLOW_CONNECTIONS true".encode())


@contextmanager
def dies_midway(installation: Installation) -> Iterator[None]:
    """What is under way is cut off at its last event: Postgres ends the connection, or we have a bug."""

    def cut(statement: str) -> None:
        if "INSERT INTO log_leaf" not in statement:
            return
        if installation.database.dialect == "sqlite":
            raise ZeroDivisionError
        with maintenance(installation) as connection:
            end_connections(connection, str(installation.database.engine.url.database))

    with at_each_statement(installation, cut):
        yield


@contextmanager
def no_commit(installation: Installation) -> Iterator[None]:
    """All is written, and then the commit fails."""

    def fail(connection: Connection) -> None:
        raise ZeroDivisionError

    if installation.database.dialect == "postgresql":
        with refused_at_the_commit(installation.database):
            yield
        return
    event.listen(installation.database.engine, "commit", fail)
    try:
        yield
    finally:
        event.remove(installation.database.engine, "commit", fail)


@contextmanager
def refused_at_the_commit(database: Database) -> Iterator[None]:
    body = "BEGIN RAISE EXCEPTION 'the disk is full'; END"
    trigger = "CREATE CONSTRAINT TRIGGER refuses AFTER INSERT ON log_leaf DEFERRABLE INITIALLY DEFERRED FOR EACH ROW"
    with database.engine.begin() as connection:
        connection.execute(text(f"CREATE FUNCTION refuses() RETURNS trigger LANGUAGE plpgsql AS $${body}$$"))
        connection.execute(text(f"{trigger} EXECUTE FUNCTION refuses()"))
    try:
        yield
    finally:
        with database.engine.begin() as connection:
            connection.execute(text("DROP FUNCTION refuses() CASCADE"))


@contextmanager
def hangs(installation: Installation) -> Iterator[None]:
    """Somebody has the lock that every write needs, and does not let go of it; we wait for a third of a second."""
    twilio, patient, engine = installation.twilio, installation.twilio.app, installation.database.engine
    waiting = replace(installation.webhooks.waiting, deadline_s=0.3)
    twilio.app = create_app(replace(installation.webhooks, deadline_s=0.3, waiting=waiting))
    if engine.dialect.name == "sqlite":
        with Path(f"{engine.url.database}.turn").open() as turn:
            fcntl.flock(turn, fcntl.LOCK_EX)
            yield
    else:
        with engine.connect() as connection:
            connection.execute(text("SELECT * FROM log_head FOR UPDATE"))
            yield
    twilio.app = patient


@contextmanager
def at_each_statement(installation: Installation, do: Callable[[str], None]) -> Iterator[None]:
    def look(connection: Connection, cursor: object, statement: str, *_: object) -> None:
        do(statement)

    event.listen(installation.database.engine, "before_cursor_execute", look)
    try:
        yield
    finally:
        event.remove(installation.database.engine, "before_cursor_execute", look)


def maintenance(installation: Installation) -> psycopg.Connection:
    host = str(installation.database.engine.url.query["host"])
    return psycopg.connect(host=host, user="postgres", dbname="postgres", autocommit=True)


def end_connections(connection: psycopg.Connection, name: str) -> None:
    connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name])


Failure = Callable[[Installation], AbstractContextManager[None]]


def deliveries(twilio: Twilio) -> dict[str, Delivery]:
    """A request of every kind, each from a call that has come as far as that."""
    new, told, asked, talking = (twilio.dial() for _ in range(4))
    disclosed, question = told.arrives(), asked.to_the_question()
    answer = talking.presses(talking.to_the_question(), "1")
    redirect, gather = disclosed.find("Redirect"), question.find("Gather")
    dial = answer.find("Dial")
    assert redirect is not None
    assert gather is not None
    assert dial is not None
    twilio.clock.passes(15.0)
    return {
        "answer": twilio.sign("/voice/answer", new.params(CallStatus="ringing")),
        "choice": twilio.sign(redirect.text or "", told.params()),
        "consent": twilio.sign(gather.attrib["action"], asked.pressed("1")),
        "fallback": twilio.sign("/voice/fallback", twilio.dial().params(ErrorCode="11200", ErrorUrl=URLS.answer())),
        "ended": twilio.sign(dial.attrib["action"], talking.params(DialCallStatus="completed")),
        "call": twilio.sign("/callbacks/call", asked.params(CallStatus="completed")),
        "recording": twilio.sign(recording_url(answer), talking.recorded("completed")),
    }


VOICE_STEPS, CALLBACKS = ("answer", "choice", "consent", "fallback"), ("call", "recording")


def assert_it_fails_well(step: str, answer: TestResponse) -> None:
    if step in CALLBACKS:
        assert answer.status_code == 503
        return
    heard = read(answer)
    assert [child.tag for child in heard] == ["Dial" if step in VOICE_STEPS else "Hangup"], step
    assert connects(heard) == (step in VOICE_STEPS)
    assert "ecord" not in answer.data.decode()


@pytest.mark.parametrize("failure", [unavailable, dies_midway, no_commit, hangs])
def test_whatever_fails_the_caller_gets_through_and_what_was_not_heard_comes_again(
    installation: Installation, failure: Failure
) -> None:
    twilio, sent = installation.twilio, deliveries(installation.twilio)
    kept = installation.everything()
    with failure(installation):
        for step, delivery in sent.items():
            assert_it_fails_well(step, delivery.to(twilio.app))
    assert installation.everything() == kept
    for step, delivery in sent.items():
        assert delivery.to(twilio.app).status_code == (204 if step in CALLBACKS else 200), step
    assert len(installation.everything()["log_leaf"]) > len(kept["log_leaf"]) + len(sent)


@pytest.mark.parametrize("step", [*VOICE_STEPS, "ended", *CALLBACKS])
def test_a_step_that_fails_at_any_of_its_statements_leaves_nothing(installation: Installation, step: str) -> None:
    delivery, kept = deliveries(installation.twilio)[step], installation.counts()
    for at in count(1):
        left = [at]

        def fail(_: str, left: list[int] = left) -> None:
            left[0] -= 1
            if left[0] == 0:
                raise ZeroDivisionError

        with at_each_statement(installation, fail):
            answer = delivery.to(installation.twilio.app)
        if left[0] > 0:
            break
        assert_it_fails_well(step, answer)
        assert installation.counts() == kept, f"statement {at}"
        assert installation.journal.standing().waiting == (step not in CALLBACKS)
        shutil.rmtree(installation.journal.folder, ignore_errors=True)
    assert at > 5


def test_the_agent_is_put_through_though_nobody_knows_what_to_whisper(installation: Installation) -> None:
    call = installation.twilio.dial()
    answer = call.presses(call.to_the_question(), "1")
    assert "recorded" in said(call.agent_answers(answer))

    def fail(_: str) -> None:
        raise ZeroDivisionError

    with at_each_statement(installation, fail):
        assert [*call.agent_answers(answer)] == []


def test_a_call_is_never_recorded_for_an_answer_that_came_too_late(installation: Installation) -> None:
    """The caller was connected unrecorded, so what the step would have written must not be written after all."""
    call = installation.twilio.dial()
    question = call.to_the_question()
    kept = installation.everything()
    with hangs(installation):
        assert not starts_recording(call.presses(question, "1"))
    installation.database.write(lambda connection: None)  # behind all that waited for the lock
    assert installation.everything() == kept


def test_a_hanging_database_holds_up_no_caller_however_many_call(installation: Installation) -> None:
    call = installation.twilio.dial()
    delivery = installation.twilio.sign("/voice/answer", call.params(CallStatus="ringing"))
    with hangs(installation):
        for _ in range(2):
            answers = delivery.at_once(installation.twilio.app, 40)
            assert all(connects(read(answer)) for answer in answers)
    assert connects(read(delivery.to(installation.twilio.app))), "it was answered so, and is repeated"
    assert not connects(installation.twilio.dial().arrives())
    assert installation.event_types(call.sid) == ["call.received", "step.settled_late", "recording.suppressed"]


def test_a_conversation_without_a_decision_is_put_down_to_our_failure(installation: Installation) -> None:
    call = installation.twilio.dial()
    question = call.to_the_question()
    with dies_midway(installation):
        answer = call.presses(question, "1")
    call.talks(answer)
    assert not starts_recording(call.presses(question, "1"))
    call.ends()
    known = installation.call(call.sid)
    assert (known.outcome, known.reason) == ("not_asked", "a step of ours failed, and the caller was connected")
    assert installation.event_types(call.sid)[-3:] == ["recording.suppressed", "conversation.ended", "call.completed"]


def test_a_bug_outside_of_a_step_is_in_the_log(installation: Installation, caplog: pytest.LogCaptureFixture) -> None:
    def fails() -> datetime:
        raise ZeroDivisionError

    app = create_app(replace(installation.webhooks, now=fails))
    delivery = installation.twilio.sign("/voice/answer", installation.twilio.dial().params(CallStatus="ringing"))
    with pytest.raises(ZeroDivisionError):
        delivery.to(app)
    assert "ZeroDivisionError" in caplog.text


def test_a_call_to_a_number_of_no_line_is_connected_to_the_first_line(twilio: Twilio) -> None:
    call = twilio.dial("+19995550100")
    for url in ("/voice/answer", "/voice/fallback"):
        answer = read(twilio.post(url, call.params(CallStatus="ringing")))
        assert [child.tag for child in answer] == ["Dial"]
        assert [(end.tag, end.text) for end in answer[0]] == [("Number", "+12125550199"), ("Client", "anna")]


def test_a_fallback_after_the_conversation_hangs_up_even_when_it_fails(installation: Installation) -> None:
    call = installation.twilio.dial()
    call.arrives()
    parting = call.params(ErrorCode="11200", ErrorUrl=URLS.ended(installation.call(call.sid).id))
    with dies_midway(installation):
        assert [child.tag for child in read(installation.twilio.post("/voice/fallback", parting))] == ["Hangup"]
    assert [child.tag for child in read(installation.twilio.post("/voice/fallback", parting))] == ["Hangup"]


@pytest.mark.parametrize(("digits", "stops"), [("2", True), ("1", False), ("", False), ("22", False)])
def test_a_no_that_cannot_be_settled_stops_whatever_runs(installation: Installation, digits: str, stops: bool) -> None:
    """The caller may have agreed before and been sent back: what runs must not wait for the database."""
    call = installation.twilio.dial()
    question = call.to_the_question()
    with unavailable(installation):
        answer = call.presses(question, digits)
    assert [verb.tag for verb in answer] == [*(["Stop"] if stops else []), "Dial"]


@pytest.mark.parametrize(
    ("status", "bridged", "hears"),
    [
        ("busy", "false", "Everybody is on another call"),
        ("no-answer", "false", "call again"),
        ("completed", "true", ""),
        ("completed", "false", None),
        ("", "", None),
    ],
)
def test_nobody_is_hung_up_on_without_a_word_while_the_database_is_away(
    installation: Installation, status: str, bridged: str, hears: str | None
) -> None:
    call = installation.twilio.dial()
    dial = call.presses(call.to_the_question(), "2").find("Dial")
    assert dial is not None
    with unavailable(installation):
        parted = call.params(DialCallStatus=status, DialBridged=bridged)
        answer = read(installation.twilio.post(dial.attrib["action"], parted))
    if hears is None:
        assert [verb.tag for verb in answer] == ["Dial"], "an agent was cut off, and the caller is still there"
    else:
        assert answer[-1].tag == "Hangup"
        assert (hears in said(answer)) if hears else said(answer) == ""


NAMES = ("CallSid", "From", "To", "CallStatus", "Digits", "DialCallStatus", "DialBridged", "ErrorCode", "ErrorUrl")
ANYTHING = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)


def test_a_voice_step_answers_whatever_the_form_holds(installation: Installation) -> None:
    twilio = installation.twilio
    call = twilio.dial()
    call.to_the_question()
    known = installation.call(call.sid).id
    urls = [URLS.answer(), URLS.choice(known, 1), URLS.consent(known, 1), URLS.consent(known, 2), URLS.ended(known)]
    urls += [URLS.fallback(), URLS.whisper(known, recorded=True), URLS.whisper("0" * 32, recorded=False)]

    @given(
        url=st.sampled_from(urls),
        form=st.dictionaries(st.sampled_from(NAMES) | ANYTHING, ANYTHING | st.sampled_from([call.sid, call.line, "1"])),
        is_plausible=st.booleans(),
    )
    def try_it(url: str, form: dict[str, str], is_plausible: bool) -> None:
        params = {**(call.params() if is_plausible else {}), **form, "AccountSid": twilio.account_sid}
        answer = read(twilio.post(url, params))
        assert starts_recording(answer) <= (params.get("Digits") == "1")

    try_it()
    assert CALLER not in str([response.data for _, response in twilio.sent])
