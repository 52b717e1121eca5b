"""Once answered, never lost: what came while the database was away is settled in order, once, as what it was."""

import logging
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from threading import Event
from xml.etree import ElementTree as ET

import pytest
from sqlalchemy import Connection, event, select

from callflow.late_steps import LateSteps
from callflow.waiting_requests import WaitingRequests
from callflow.webhooks import create_app
from policies.connected import OUR_FAILURE, once_connected
from policies.consent import Ask, EndCall, Outcome, Record, Suppress
from storage.database.engine import Database
from storage.database.tables import incident
from storage.errors import Unavailable
from storage.journal.kept_request import Kept
from storage.journal.request_journal import RequestJournal
from storage.moment import Moment
from storage.row_check import check as row_check
from storage.rows import declines
from tests.callflow.conftest import (
    CALLER,
    JOURNAL_KEY,
    URLS,
    Installation,
    PhoneCall,
    connects,
    install,
    read,
    recording_url,
    said,
    starts_recording,
)
from tests.callflow.test_failure_rules import hangs, unavailable
from tests.callflow.test_remembered_declines import TEXT, Remembering
from tests.callflow.whole_calls import MUST_RECORD, NOTICE, SILENCE_IS_CONSENT


@pytest.fixture
def remembering(used_database: Database) -> Remembering:
    made = install(used_database, TEXT)
    caller = f"+1512555{secrets.randbelow(10_000):04}"
    return Remembering(made.database, made.twilio, made.webhooks, caller)


@contextmanager
def away(installation: Installation) -> Iterator[None]:
    """The database fails at its first statement, and the disk is well."""

    def fail(*_: object) -> None:
        raise Unavailable("database: as was asked for")

    engine = installation.database.engine
    event.listen(engine, "before_cursor_execute", fail)
    try:
        yield
    finally:
        event.remove(engine, "before_cursor_execute", fail)


@contextmanager
def stalled_disk(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The disk takes a file's content, and does not say so until later."""
    goes_on, sync = Event(), os.fsync

    def wait(descriptor: int) -> None:
        goes_on.wait()
        sync(descriptor)

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", wait)
        try:
            yield
        finally:
            goes_on.set()


def keep(journal: RequestJournal, kept: Kept) -> None:
    journal.hold(kept)
    journal.write_down(kept)


def settle(installation: Installation) -> None:
    installation.webhooks.waiting.check()
    assert not installation.journal.waits()


def outcome(installation: Installation, call: PhoneCall) -> tuple[str, str]:
    known = installation.call(call.sid)
    return known.outcome, known.reason


@pytest.mark.parametrize("disclosed_on", ["+12125550100", SILENCE_IS_CONSENT])
def test_a_refusal_that_the_database_did_not_take_is_remembered(remembering: Remembering, disclosed_on: str) -> None:
    call = remembering.dial(disclosed_on)
    question = call.to_the_question()
    said_at = remembering.twilio.clock()
    with away(remembering):
        answer = call.presses(question, "2")
        assert connects(answer)
        assert not starts_recording(answer)
        assert remembering.journal.standing().waiting == 1
    remembering.twilio.clock.passes(600)
    notice = remembering.dial(NOTICE)
    disclosure = notice.arrives()
    assert "asked before not to record" in said(disclosure)
    assert not starts_recording(notice.presses(notice.hears_the_disclosure(disclosure), ""))
    assert outcome(remembering, call)[0] == "declined"
    known = remembering.call(call.sid)
    assert known.caller_hash is not None
    with remembering.database.read() as connection:
        no = declines.remembered(connection, known.caller_hash, remembering.twilio.clock())
    assert no is not None
    assert 0 <= (no.forget_at - said_at - timedelta(days=10)).total_seconds() <= 10, "it counts from when it was said"
    with remembering.database.read() as connection:
        assert row_check.of_call(connection, known.id) == []


def test_a_refusal_on_a_line_that_must_record_is_not_remembered_though_it_waited(remembering: Remembering) -> None:
    call = remembering.dial(MUST_RECORD)
    question = call.to_the_question()
    with away(remembering):
        call.presses(question, "2")
    settle(remembering)
    assert outcome(remembering, call)[0] == "declined"
    assert "decline.remembered" not in remembering.event_types(call.sid)


@pytest.mark.parametrize(
    ("key", "expected"),
    [("1", ("not_asked", OUR_FAILURE)), ("9", ("not_asked", OUR_FAILURE)), ("2", ("declined", ""))],
)
def test_a_key_that_was_pressed_then_is_in_the_log_and_permits_nothing(
    installation: Installation, key: str, expected: tuple[str, str]
) -> None:
    call = installation.twilio.dial()
    question = call.to_the_question()
    with away(installation):
        answer = call.presses(question, key)
        call.talks(answer)
    installation.twilio.clock.passes(60)
    call.ends()
    assert outcome(installation, call) == expected
    (choice,) = [told for told in installation.events(call.sid) if told["type"] == "consent.choice"]
    assert (choice["digit"], choice["action"]) == (key, "suppress")
    types = installation.event_types(call.sid)
    assert "recording.permitted" not in types
    assert types[-5:] == [
        "consent.choice",
        "recording.suppressed",
        "step.settled_late",
        "conversation.ended",
        "call.completed",
    ]
    assert installation.incidents(call.sid) == []


def test_a_call_that_was_never_written_down_is_with_the_time_at_which_it_came(installation: Installation) -> None:
    call, came_at = installation.twilio.dial(), installation.twilio.clock()
    with away(installation):
        assert connects(call.arrives())
    installation.twilio.clock.passes(90)
    settle(installation)
    received, late, suppressed = installation.events(call.sid)
    assert [told["type"] for told in (received, late, suppressed)] == [
        "call.received",
        "step.settled_late",
        "recording.suppressed",
    ]
    assert (late["step"], late["was_connected"]) == ("answer", True)
    assert str(late["received_at"]).startswith(f"{came_at:%Y-%m-%dT%H:%M:%S}")
    assert str(received["ts"]) > str(late["received_at"]), "no leaf is back-dated"
    assert outcome(installation, call) == ("not_asked", OUR_FAILURE)


def test_the_database_away_from_the_disclosure_to_the_end_is_no_hang_up(installation: Installation) -> None:
    call = installation.twilio.dial()
    disclosure = call.arrives()
    with away(installation):
        answer = call.hears_the_disclosure(disclosure)
        assert connects(answer)
        call.talks(answer)
        assert call.ends().status_code == 503
    call.ends()
    assert outcome(installation, call) == ("not_asked", OUR_FAILURE)


def test_a_caller_who_left_then_has_hung_up(installation: Installation) -> None:
    call = installation.twilio.dial()
    redirect = call.arrives().find("Redirect")
    assert redirect is not None
    with away(installation):
        installation.twilio.post(redirect.text or "", call.params(CallStatus="completed"))
    installation.twilio.clock.passes(300)
    call.ends()
    assert outcome(installation, call)[0] == "hung_up_in_disclosure"


def test_a_fallback_that_was_asked_for_then_is_told(installation: Installation) -> None:
    call = installation.twilio.dial()
    call.arrives()
    with away(installation):
        installation.twilio.post("/voice/fallback", call.params(ErrorCode="11200", ErrorUrl=URLS.answer()))
    settle(installation)
    assert outcome(installation, call)[0] == "disclosure_failed"
    assert installation.event_types(call.sid)[-3:] == ["step.settled_late", "call.fallback", "recording.suppressed"]


def test_a_request_that_comes_again_is_not_settled_twice(installation: Installation) -> None:
    call = installation.twilio.dial()
    question = call.to_the_question()
    with away(installation):
        first = call.presses(question, "2")
        call.presses(question, "2")
    kept = ET.tostring(first)
    assert ET.tostring(call.presses(question, "2")) == kept
    assert installation.event_types(call.sid).count("consent.choice") == 1
    assert installation.event_types(call.sid).count("step.settled_late") == 1


def test_a_process_that_dies_between_settling_and_removing_settles_once(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    call = installation.twilio.dial()
    question = call.to_the_question()
    with away(installation):
        call.talks(call.presses(question, "2"))

    def die(*_: object) -> None:
        raise SystemExit

    with monkeypatch.context() as patch:
        patch.setattr(RequestJournal, "settled_to", die)
        with pytest.raises(SystemExit):
            installation.webhooks.waiting.check()
    told = installation.event_types(call.sid)
    assert told.count("conversation.ended") == 1
    successor = RequestJournal(installation.journal.folder, JOURNAL_KEY)
    replace(installation.webhooks.waiting, journal=successor).check()
    assert not successor.waits()
    assert installation.event_types(call.sid) == told


def test_a_commit_that_came_through_too_late_is_recognised(installation: Installation) -> None:
    """The caller was connected, and yet the answer that was to be given is on disk: the question was never asked."""
    call = installation.twilio.dial()
    redirect = call.arrives().find("Redirect")
    assert redirect is not None
    installation.twilio.clock.passes(15)
    delivery = installation.twilio.sign(redirect.text or "", call.params())
    with away(installation):
        assert connects(read(delivery.to(installation.twilio.app)))
    journal = installation.journal
    (number,) = journal.waiting()
    kept = journal.read(number)
    journal.settled_to(number)
    delivery.to(installation.twilio.app)
    keep(journal, kept)
    settle(installation)
    assert outcome(installation, call) == ("not_asked", OUR_FAILURE)
    assert installation.event_types(call.sid).count("disclosure.completed") == 1
    keep(journal, kept)
    settle(installation)
    told = installation.event_types(call.sid)
    assert (told.count("recording.suppressed"), told.count("step.settled_late")) == (1, 1)


def test_a_disk_that_stalls_keeps_no_caller_waiting_and_loses_nothing(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    waiting = replace(installation.webhooks.waiting, disk_s=0.01)
    installation.twilio.app = create_app(replace(installation.webhooks, waiting=waiting, deadline_s=0.3))
    called = [installation.twilio.dial() for _ in range(3)]
    asked = [call.to_the_question() for call in called]
    with away(installation), stalled_disk(monkeypatch):
        answers = [call.presses(question, "2") for call, question in zip(called, asked, strict=True)]
        assert all(map(connects, answers))
        assert installation.journal.standing().unwritten == 3
    settle(installation)
    assert {outcome(installation, call)[0] for call in called} == {"declined"}


def test_earlier_requests_that_take_too_long_keep_no_caller_waiting(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    earlier, call, goes_on, ended = installation.twilio.dial(), installation.twilio.dial(), Event(), list[bool]()
    question = earlier.to_the_question()
    with away(installation):
        earlier.presses(question, "2")
    installation.twilio.app = create_app(replace(installation.webhooks, deadline_s=0.05))
    with monkeypatch.context() as patched:
        patched.setattr(WaitingRequests, "settle", lambda *_, **__: ended.append(goes_on.wait(10)))
        assert connects(call.arrives())
        assert ended == []
        goes_on.set()
    settle(installation)
    assert outcome(installation, call) == ("not_asked", OUR_FAILURE)


def test_what_comes_while_others_wait_waits_behind_them(installation: Installation) -> None:
    """Another process settles, and has not come to the end: nobody is recorded against a refusal that waits."""
    call, other = installation.twilio.dial(), installation.twilio.dial(NOTICE)
    question = call.to_the_question()
    with away(installation):
        call.presses(question, "2")
    with RequestJournal(installation.journal.folder, JOURNAL_KEY).turn(0):
        answer = other.arrives()
        assert connects(answer)
        assert call.ends().status_code == 503
    assert installation.journal.standing().waiting == 2
    settle(installation)
    assert outcome(installation, other) == ("not_asked", OUR_FAILURE)


def test_an_end_that_was_settled_elsewhere_is_corrected(remembering: Remembering) -> None:
    """The call's end reached another machine, and its refusal waits on this one."""
    call = remembering.dial()
    question = call.to_the_question()
    with away(remembering):
        call.presses(question, "2")
    elsewhere = install(remembering.database)
    delivery = remembering.twilio.sign("/callbacks/call", call.params(CallStatus="completed", CallDuration="20"))
    assert delivery.to(elsewhere.twilio.app).status_code == 204
    assert outcome(remembering, call)[0] == "hung_up_in_choice"
    settle(remembering)
    assert outcome(remembering, call)[0] == "declined"
    assert remembering.event_types(call.sid)[-4:] == [
        "step.settled_late",
        "consent.choice",
        "recording.suppressed",
        "decline.remembered",
    ]


@pytest.mark.parametrize("key", ["1", ""])
def test_a_hang_up_that_was_settled_elsewhere_and_was_none_is_corrected(installation: Installation, key: str) -> None:
    call = installation.twilio.dial()
    question = call.to_the_question()
    with away(installation):
        call.talks(call.presses(question, key))
    delivery = installation.twilio.sign("/callbacks/call", call.params(CallStatus="completed", CallDuration="20"))
    assert delivery.to(install(installation.database).twilio.app).status_code == 204
    assert outcome(installation, call)[0] == "hung_up_in_choice"
    settle(installation)
    assert outcome(installation, call) == ("not_asked", OUR_FAILURE)
    (corrected,) = [told for told in installation.events(call.sid) if told["type"] == "outcome.corrected"]
    assert (corrected["was"], corrected["outcome"]) == ("hung_up_in_choice", "not_asked")
    assert "recording.permitted" not in installation.event_types(call.sid)


@pytest.mark.parametrize("ended", [False, True], ids=["under way", "over"])
def test_a_refusal_after_a_consent_that_the_database_did_not_take_destroys_what_was_recorded(
    remembering: Remembering, ended: bool
) -> None:
    """Sent back by an agent, the caller is asked again and says no; that waits, and what runs is stopped after all."""
    call = remembering.dial()
    answer = call.presses(call.to_the_question(), "1")
    call.recording(recording_url(answer), "in-progress")
    call.talks(answer)
    question = call.hears_the_disclosure(call.is_sent_back())
    with away(remembering):
        assert connects(call.presses(question, "2"))
        if ended:
            elsewhere = install(remembering.database)
            over = remembering.twilio.sign("/callbacks/call", call.params(CallStatus="completed", CallDuration="90"))
    if ended:
        assert over.to(elsewhere.twilio.app).status_code == 204
    settle(remembering)
    assert outcome(remembering, call)[0] == "withdrawn"
    assert [one.state for one in remembering.recordings(call.sid)] == ["condemned"]
    assert "decline.remembered" in remembering.event_types(call.sid)


@pytest.mark.parametrize("spoil", ["altered", "another call's", "no form"])
def test_an_entry_that_cannot_be_settled_goes_aside_and_blocks_no_other(
    installation: Installation, spoil: str, caplog: pytest.LogCaptureFixture
) -> None:
    odd, call = installation.twilio.dial(), installation.twilio.dial()
    odd_question, question = odd.to_the_question(), call.to_the_question()
    journal, call_id = installation.journal, installation.call(call.sid).id
    with away(installation):
        odd.presses(odd_question, "2")
        if spoil == "altered":
            (file,) = journal.folder.glob("*.request")
            file.write_bytes(file.read_bytes()[:-1] + b"?")
        else:
            kept = journal.read(1)
            (file,) = journal.folder.glob("*.request")
            file.unlink()
            path = {**kept.path, "call_id": call_id} if spoil == "another call's" else kept.path
            keep(journal, replace(kept, path=path, body=b"" if spoil == "no form" else kept.body))
        call.presses(question, "2")
    settle(installation)
    assert outcome(installation, call)[0] == "declined"
    assert (journal.standing().waiting, journal.standing().aside) == (0, 1)
    with installation.database.read() as connection:
        kinds = set(connection.scalars(select(incident.c.kind).where(incident.c.call_id.is_(None))))
    assert "request_not_settled" in kinds
    assert CALLER not in caplog.text


def test_requests_that_were_taken_away_are_raised(installation: Installation) -> None:
    call = installation.twilio.dial()
    question = call.to_the_question()
    with away(installation):
        call.presses(question, "2")
    for file in installation.journal.folder.glob("*.request"):
        file.unlink()
    installation.webhooks.waiting.check()
    with installation.database.read() as connection:
        details = list(connection.scalars(select(incident.c.detail).where(incident.c.kind == "requests_missing")))
    assert details
    assert not installation.journal.lacks_its_last()


def test_a_caller_is_connected_when_the_journal_can_not_be_written_either_and_nothing_is_lost_while_we_live(
    installation: Installation, caplog: pytest.LogCaptureFixture
) -> None:
    call = installation.twilio.dial()
    question = call.to_the_question()
    installation.journal.folder.parent.mkdir(parents=True, exist_ok=True)
    installation.journal.folder.write_bytes(b"")  # no folder can be made there
    with unavailable(installation):
        caplog.clear()
        answer = call.presses(question, "2")
        assert connects(answer)
        call.talks(answer)
    assert caplog.text.count("kept in memory alone") == 1
    assert installation.journal.standing().unwritten == 2
    installation.journal.folder.unlink()
    settle(installation)
    assert outcome(installation, call)[0] == "declined"


def test_a_database_that_hangs_loses_nothing(installation: Installation) -> None:
    call = installation.twilio.dial()
    question = call.to_the_question()
    with hangs(installation):
        assert connects(call.presses(question, "2"))
    settle(installation)
    assert outcome(installation, call)[0] == "declined"


def test_while_the_database_is_well_nothing_is_written(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    def wrong(*_: object) -> None:
        raise AssertionError("the journal was written")

    monkeypatch.setattr(RequestJournal, "_flock", wrong)
    call = installation.twilio.dial()
    call.talks(call.presses(call.to_the_question(), "1"))
    call.ends()
    assert not installation.journal.folder.exists()


def test_an_entry_that_fails_time_and_again_while_the_database_is_well_is_given_up(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    call, other = installation.twilio.dial(), installation.twilio.dial()
    question, other_question = call.to_the_question(), other.to_the_question()
    with away(installation):
        call.presses(question, "2")
        other.presses(other_question, "2")
    waiting, sid = installation.webhooks.waiting, call.sid.encode()
    real = type(waiting.late).settle

    def fail(late: LateSteps, connection: Connection, moment: Moment, kept: Kept) -> None:
        if sid in kept.body:
            raise ZeroDivisionError
        real(late, connection, moment, kept)

    monkeypatch.setattr(type(waiting.late), "settle", fail)
    for _ in range(11):
        waiting.check()
    assert (installation.journal.standing().waiting, installation.journal.standing().aside) == (0, 1)
    assert outcome(installation, other)[0] == "declined"


def test_a_living_process_takes_over_what_a_killed_one_left(installation: Installation) -> None:
    call = installation.twilio.dial()
    question = call.to_the_question()
    with away(installation):
        call.presses(question, "2")
    neighbour = WaitingRequests(
        RequestJournal(installation.journal.folder, JOURNAL_KEY),
        installation.database,
        installation.webhooks.waiting.late,
        installation.twilio.clock,
    )
    neighbour.check()
    assert outcome(installation, call)[0] == "declined"


@pytest.mark.parametrize(
    ("decision", "becomes"),
    [
        (Record(Outcome.CONSENTED), Suppress(Outcome.NOT_ASKED, OUR_FAILURE)),
        (Record(Outcome.CONSENTED_BY_STAYING), Suppress(Outcome.NOT_ASKED, OUR_FAILURE)),
        (Ask(2), Suppress(Outcome.NOT_ASKED, OUR_FAILURE)),
        (Suppress(Outcome.DECLINED), Suppress(Outcome.DECLINED)),
        (Suppress(Outcome.SILENT), Suppress(Outcome.SILENT)),
        (EndCall(Outcome.DECLINED, "this line has no unrecorded calls"), Suppress(Outcome.DECLINED, OUR_FAILURE)),
    ],
)
def test_what_a_decision_becomes_once_the_caller_is_connected(
    decision: Record | Ask | Suppress | EndCall, becomes: Suppress
) -> None:
    assert once_connected(decision) == becomes


def test_outages_are_told_once(installation: Installation, caplog: pytest.LogCaptureFixture) -> None:
    call = installation.twilio.dial()
    question = call.to_the_question()
    with away(installation):
        call.presses(question, "2")
        caplog.clear()
        with caplog.at_level(logging.WARNING, "callflow.waiting_requests"):
            for _ in range(5):
                installation.webhooks.waiting.check()
    assert caplog.text.count("answered requests wait") == 1
