"""What a caller is shown to have heard is what the answers to the telephone company said, word for word."""

import os
import secrets
from collections.abc import Callable, Mapping
from xml.etree import ElementTree as ET

import pytest
from sqlalchemy import select

from compliance.call_log import CallLog
from compliance.call_page.words_heard import TEXTS, Said, Text, words_heard
from onrecord.publish import InForce, publish_rules
from policies.rulebook.read import parse
from policies.wording import Wording
from storage.database.engine import Database
from storage.database.tables import wording_version
from storage.moment import Moment
from storage.rows.rules_in_force import read_wording
from tests.callflow.conftest import CALLER, RULEBOOK, Installation, PhoneCall, install, recording_url, starts_recording
from tests.callflow.test_language_menu import MENU
from tests.callflow.test_remembered_declines import TEXT as REMEMBERING
from tests.callflow.test_star_key import RULES as STAR_KEY
from tests.callflow.test_star_key import Talk
from tests.callflow.whole_calls import ASKS, MUST_RECORD, NOTICE, OPT_IN, call_every_way, is_asked_again, talks
from tests.compliance.call_page.told import Told, happens
from tests.conftest import NOON


def publishing(database: Database, rules: str) -> Installation:
    """An installation whose words are kept."""
    in_force = InForce.of(parse(rules), rules, (), NOON)
    database.write(lambda connection: publish_rules(connection, Moment(NOON, os.urandom), in_force))
    return install(database, rules)


def kept(installation: Installation) -> dict[str, Wording]:
    with installation.database.read() as connection:
        texts = connection.scalars(select(wording_version.c.text)).all()
    return {wording.sha256: wording for text in texts if (wording := read_wording(text)) is not None}


def shown(installation: Installation, call: PhoneCall, wordings: Mapping[str, Wording] | None = None) -> list[Said]:
    row = installation.call(call.sid)
    with installation.database.read() as connection:
        log = CallLog.read(connection, row.id)
    found = kept(installation) if wordings is None else wordings
    return words_heard(log.entries, found, row.wording_sha256)


def answered(installation: Installation, call: PhoneCall) -> list[str]:
    """Every text of the answers that the caller's leg got."""
    heard = []
    for delivery, response in installation.twilio.sent:
        if call.sid.encode() in delivery.body and "/whisper/" not in delivery.path and response.data:
            heard += [say.text or "" for say in ET.fromstring(response.data).iter("Say")]
    return heard


def sent_back_mid_question(call: PhoneCall) -> PhoneCall:
    call.to_the_question()
    call.talks(call.presses(call.hears_the_disclosure(call.is_sent_back()), "2"))
    call.ends()
    return call


def recorded_to_its_end_and_sent_back(call: PhoneCall) -> PhoneCall:
    answer = call.presses(call.to_the_question(), "1")
    for status in ("in-progress", "completed"):
        call.recording(recording_url(answer), status)
    again = call.presses(call.hears_the_disclosure(call.is_sent_back()), "1")
    assert not starts_recording(again)
    call.talks(again)
    call.ends()
    return call


def stays_on_and_is_sent_back(call: PhoneCall) -> PhoneCall:
    answer = call.to_the_question()
    call.recording(recording_url(answer), "in-progress")
    call.talks(call.hears_the_disclosure(call.is_sent_back()))
    call.ends()
    return call


def refused_and_sent_back(call: PhoneCall) -> PhoneCall:
    call.presses(call.to_the_question(), "2")
    call.is_sent_back()
    call.ends()
    return call


def ended_and_sent_back(call: PhoneCall) -> PhoneCall:
    talks(call, "2")
    call.talks(call.is_sent_back())
    return call


def chooses(call: PhoneCall, key: str, *keys: str) -> PhoneCall:
    answer = call.hears_the_disclosure(call.presses(call.arrives(), key))
    for pressed in keys:
        answer = call.presses(answer, pressed)
    call.talks(answer, "no-answer")
    call.ends()
    return call


def test_the_words_of_every_kind_of_call_are_those_of_its_answers(used_database: Database) -> None:
    installation = publishing(used_database, RULEBOOK.read_text())
    for call in call_every_way(installation.twilio, CALLER):
        row = installation.call(call.sid)
        told = [said.words for said in shown(installation, call)]
        assert told == answered(installation, call), (row.line, row.outcome, row.reason)


@pytest.mark.parametrize(
    ("rules", "line", "act"),
    [
        (RULEBOOK.read_text(), ASKS, sent_back_mid_question),
        (RULEBOOK.read_text(), ASKS, recorded_to_its_end_and_sent_back),
        (RULEBOOK.read_text(), MUST_RECORD, refused_and_sent_back),
        (RULEBOOK.read_text(), ASKS, ended_and_sent_back),
        (RULEBOOK.read_text(), NOTICE, stays_on_and_is_sent_back),
        (RULEBOOK.read_text(), OPT_IN, lambda call: talks(call, "9", "9", "1")),
        (MENU, ASKS, lambda call: chooses(call, "2", "9", "2")),
        (MENU, ASKS, lambda call: chooses(call, "", "1")),
    ],
)
def test_rounds_and_languages_are_told_in_their_order(
    used_database: Database, rules: str, line: str, act: Callable[[PhoneCall], PhoneCall]
) -> None:
    installation = publishing(used_database, rules)
    call = act(installation.twilio.dial(line))
    assert [said.words for said in shown(installation, call)] == answered(installation, call)


@pytest.mark.parametrize("keys", [(), ("1",), ("9", "1")])
@pytest.mark.parametrize("line", [ASKS, NOTICE])
def test_a_number_that_declined_before_hears_its_own_words(
    used_database: Database, line: str, keys: tuple[str, ...]
) -> None:
    installation = publishing(used_database, REMEMBERING)
    caller = f"+1512555{secrets.randbelow(10_000):04}"
    talks(installation.twilio.dial(caller=caller), "2")
    call = talks(installation.twilio.dial(line, caller=caller), *(keys or ("",)))
    told = [said.words for said in shown(installation, call)]
    assert told == answered(installation, call)
    assert "asked before not to record" in told[0]


def test_each_text_has_the_hash_of_its_wording_its_language_and_its_round(used_database: Database) -> None:
    installation = publishing(used_database, RULEBOOK.read_text())
    call = is_asked_again(installation.twilio.dial(), "1", "2")
    told = shown(installation, call)
    assert [(said.what, said.round) for said in told] == [
        (Text.DISCLOSURE, 1),
        (Text.QUESTION, 1),
        (Text.TAG, 1),
        (Text.DISCLOSURE, 2),
        (Text.QUESTION, 2),
        (Text.CONFIRMATION, 2),
        (Text.PARTING, 2),
        (Text.PARTING, 2),
    ]
    assert {(said.sha256, said.language) for said in told} == {(installation.call(call.sid).wording_sha256, "en-US")}
    assert next(said.words for said in told if said.what is Text.TAG) == "This call is now being recorded."


def test_who_withdrew_by_the_star_key_heard_that_it_has_stopped(used_database: Database) -> None:
    talk = Talk(publishing(used_database, STAR_KEY))
    talk.call.presses(talk.handed_over().star(talk.goes_over()), "1")
    told = shown(talk.installation, talk.call)
    assert told[-1].what is Text.WITHDRAWAL
    assert told[-1].words == "Recording has stopped, and what was recorded will be deleted."
    assert told[-1].words in answered(talk.installation, talk.call)
    assert told[-1].sha256 == ""


def test_of_words_that_nobody_kept_the_hash_is_told(used_database: Database) -> None:
    installation = install(used_database)
    call = talks(installation.twilio.dial(), "1")
    told = shown(installation, call, {})
    assert [said.what for said in told] == [Text.DISCLOSURE, Text.QUESTION, Text.TAG]
    assert {said.words for said in told} == {""}
    assert {said.sha256 for said in told} == {installation.call(call.sid).wording_sha256}


def test_every_text_has_a_name() -> None:
    assert TEXTS.keys() == {*Text}


@pytest.mark.parametrize(
    ("since", "told"),
    [
        ([], []),
        ([(20, "recording.started", {})], [Text.TAG]),
        ([(20, "recording.started", {}), (30, "pause.asked", {})], []),
        ([(20, "recording.started", {}), (30, "pause.asked", {}), (40, "pause.ended", {})], [Text.TAG]),
        ([(20, "recording.started", {}), (30, "recording.stopped", {})], [Text.CONFIRMATION]),
        ([(20, "recording.started", {}), (30, "recording.stopped", {}), (31, "pause.asked", {})], []),
    ],
)
def test_who_agrees_again_hears_of_the_recording_only_what_is_certain(since: list[Told], told: list[Text]) -> None:
    entries = happens(
        (0, "call.received", {"mode": "opt_in"}),
        (10, "recording.permitted", {"outcome": "consented"}),
        *since,
        (50, "call.sent_back", {"round": 2, "state": "recording"}),
        (60, "consent.choice", {"answer": "accepted", "action": "record"}),
    )
    assert [said.what for said in words_heard(entries, {}, "a" * 64) if said.round == 2] == told


def test_of_a_step_that_was_settled_late_its_caller_heard_nothing() -> None:
    came = NOON.isoformat()
    entries = happens(
        (0, "call.received", {"mode": "opt_in"}),
        (90, "step.settled_late", {"step": "consent", "received_at": came}),
        (90, "consent.choice", {"answer": "declined", "action": "suppress"}),
        (90, "recording.suppressed", {"outcome": "declined"}),
        (90, "conversation.ended", {"status": "busy", "bridged": False}),
    )
    assert words_heard(entries, {}, "a" * 64) == []
