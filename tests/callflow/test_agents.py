"""Who took a call is noted when the agent answers: of every call, recorded or not, and never at the caller's cost."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import event, insert, select, update

from callflow.conversation import Conversation
from storage.database.engine import Database
from storage.database.tables import call, taken_by
from storage.errors import Unavailable
from storage.rows import agents
from tests.callflow.conftest import URLS, Installation, PhoneCall, install, read, said
from tests.callflow.test_star_key import RULES

AGENT = "+12125550199"
NOTICE, NEVER = "+12125550101", "+12125550102"


def takers(installation: Installation, sid: str) -> list[str]:
    with installation.database.read() as connection:
        return agents.addresses(connection, installation.call(sid).id)


def whispered(placed: PhoneCall, installation: Installation, to: str, *, recorded: bool = True, **more: str) -> str:
    url = URLS.whisper(installation.call(placed.sid).id, recorded=recorded)
    return said(read(placed.twilio.post(url, placed.of_agent(to, **more))))


@contextmanager
def statements(database: Database) -> Iterator[list[str]]:
    seen: list[str] = []

    def hear(*about: object) -> None:
        seen.append(str(about[2]))

    event.listen(database.engine, "before_cursor_execute", hear)
    try:
        yield seen
    finally:
        event.remove(database.engine, "before_cursor_execute", hear)


@pytest.mark.parametrize(("line", "keys"), [("+12125550100", "1"), ("+12125550100", "2"), (NOTICE, ""), (NEVER, "")])
def test_whoever_answers_is_noted_recorded_or_not(installation: Installation, line: str, keys: str) -> None:
    placed = installation.twilio.dial(line)
    answer = placed.arrives()
    if answer.find("Redirect") is not None:
        answer = placed.hears_the_disclosure(answer)
    if answer.find("Gather") is not None:
        answer = placed.presses(answer, keys)
    placed.agent_answers(answer)
    assert takers(installation, placed.sid) == [AGENT]


@pytest.mark.parametrize(
    ("to", "noted"),
    [
        ("client:anna", ["client:anna"]),
        ("sip:desk@PBX.example;transport=tls", ["sip:desk@pbx.example"]),
        ("", []),
        ("anonymous", []),
    ],
)
def test_an_agent_is_noted_by_the_address_of_their_phone(installation: Installation, to: str, noted: list[str]) -> None:
    placed = installation.twilio.dial()
    placed.arrives()
    assert whispered(placed, installation, to) == "This call is recorded."
    assert takers(installation, placed.sid) == noted


def test_each_agent_of_a_call_is_noted_once_and_with_the_time_of_the_call(installation: Installation) -> None:
    placed = installation.twilio.dial()
    placed.arrives()
    for to in (AGENT, AGENT, "client:anna", AGENT):
        installation.twilio.clock.passes(5.0)
        whispered(placed, installation, to, recorded=False)
    assert takers(installation, placed.sid) == [AGENT, "client:anna"]
    known = installation.call(placed.sid)
    with installation.database.read() as connection:
        rows = connection.execute(select(taken_by).where(taken_by.c.call_id == known.id)).all()
    assert {row.received_at for row in rows} == {known.received_at}
    assert all(row.taken_at > known.received_at for row in rows)


def test_two_requests_at_once_note_the_agent_once(installation: Installation) -> None:
    placed = installation.twilio.dial()
    placed.arrives()
    url = URLS.whisper(installation.call(placed.sid).id, recorded=False)
    delivery = installation.twilio.sign(url, placed.of_agent(AGENT))
    assert {answer.status_code for answer in delivery.at_once(installation.twilio.app, 4)} == {200}
    assert takers(installation, placed.sid) == [AGENT]


def test_an_agent_is_answered_although_they_cannot_be_noted(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    placed = installation.twilio.dial()
    placed.arrives()

    def away(*_: object, **__: object) -> None:
        raise Unavailable("database: away")

    monkeypatch.setattr(Database, "write", away)
    assert whispered(placed, installation, AGENT) == "This call is recorded."
    assert takers(installation, placed.sid) == []


def test_what_the_agent_is_to_hear_is_made_before_anything_is_noted(installation: Installation) -> None:
    """One insert, and no row is locked for it: the caller's next step need not wait."""
    placed = installation.twilio.dial()
    placed.arrives()
    with statements(installation.database) as seen:
        whispered(placed, installation, AGENT)
    *looked, noted = [statement for statement in seen if statement.startswith(("SELECT", "INSERT", "UPDATE"))]
    assert noted.startswith("INSERT INTO taken_by")
    assert looked
    assert all(statement.startswith("SELECT") and "FOR UPDATE" not in statement for statement in looked)


def test_an_agent_is_noted_although_nobody_knows_what_to_say_to_them(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    placed = installation.twilio.dial()
    placed.arrives()

    def fails(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(Conversation, "facts", fails)
    assert whispered(placed, installation, AGENT) == ""
    assert takers(installation, placed.sid) == [AGENT]


def test_an_agent_who_is_to_meet_the_caller_is_noted_too(used_database: Database) -> None:
    installation = install(used_database, RULES)
    placed = PhoneCall(installation.twilio, "+12125550105", "+15125550111")
    placed.agent_answers(placed.presses(placed.to_the_question(), "1"))
    assert takers(installation, placed.sid) == [AGENT]


def test_nobody_is_noted_for_a_call_that_was_erased_or_never_was(installation: Installation) -> None:
    placed = installation.twilio.dial()
    placed.arrives()
    known = installation.call(placed.sid)
    erased = update(call).where(call.c.id == known.id).values(erased_at=known.received_at)
    installation.database.write(lambda connection: connection.execute(erased))
    whispered(placed, installation, AGENT)
    assert takers(installation, placed.sid) == []
    read(placed.twilio.post(URLS.whisper("0" * 32, recorded=True), placed.of_agent(AGENT)))
    with installation.database.read() as connection:
        assert agents.addresses(connection, "0" * 32) == []


def test_the_agents_of_a_call_are_told_in_the_order_in_which_they_answered(installation: Installation) -> None:
    placed = installation.twilio.dial()
    placed.arrives()
    known = installation.call(placed.sid)
    for address, later_s in (("client:b", 2), ("client:c", 0), ("client:a", 1)):
        installation.twilio.clock.passes(later_s)
        at = installation.twilio.clock()
        row = {"call_id": known.id, "address": address, "taken_at": at, "received_at": known.received_at}
        installation.database.write(lambda connection, row=row: connection.execute(insert(taken_by), row))  # type: ignore[misc]  # mypy and defaults
    assert takers(installation, placed.sid) == ["client:b", "client:c", "client:a"]
