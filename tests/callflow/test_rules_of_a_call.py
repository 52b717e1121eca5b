"""What the rules make of a call stands in the log, with the hashes of the rules, before anything is said."""

import json

import pytest

from callflow.new_call import LOOKED_AT_AFTER
from evidence.events import canonical
from policies.jurisdiction.pack import packaged_law
from policies.jurisdiction.places import places_of
from policies.rulebook.read import parse
from policies.ruling import ends_of, rule
from storage.database.engine import Database
from storage.jobs.queue import create_job_tables
from storage.moment import Moment
from storage.rows.incidents import close_incident, open_incidents
from tests.callflow.conftest import CALLER, RULEBOOK, Installation, connects, install, said, starts_recording
from tests.callflow.whole_calls import ASKS, MUST_RECORD, NOTICE, is_turned_away, talks

TEXT = RULEBOOK.read_text()
CONNECTICUT, GERMANY, BELGIUM = "+18602345678", "+4930123456", "+3225134567"
PURPOSES = TEXT.replace('purposes = ["quality"]', 'purposes = ["quality", "training"]')


@pytest.mark.parametrize("caller", [CALLER, CONNECTICUT, GERMANY, "anonymous"])
def test_the_log_holds_the_ruling_word_for_word(caller: str, installation: Installation) -> None:
    call = installation.twilio.dial(caller=caller)
    call.arrives()
    law, rulebook = packaged_law(), parse(TEXT)
    line = rulebook.line(ASKS)
    assert line is not None
    at = installation.call(call.sid).received_at
    expected = rule(law, rulebook, line, ends_of(rulebook, line, places_of(caller, law)[0]), at).told()
    received = installation.events(call.sid)[0]
    assert received["ruling"] == json.loads(canonical(expected))
    assert at + LOOKED_AT_AFTER == installation.call(call.sid).sweep_at


def test_every_decision_names_the_law_and_the_rules_that_it_was_taken_under(installation: Installation) -> None:
    twilio = installation.twilio
    calls = [
        talks(twilio.dial(), "9", "1"),
        talks(twilio.dial(), "2"),
        talks(twilio.dial(NOTICE)),
        is_turned_away(twilio.dial(MUST_RECORD)),
    ]
    law, seen = packaged_law(), set()
    for call in calls:
        for event in installation.events(call.sid):
            if event["type"] in DECISIONS:
                seen.add(event["type"])
                assert event["rules_sha256"] == parse(TEXT).sha256
                assert event["law"] == {"version": law.version, "sha256": law.sha256}
    assert seen == DECISIONS


def test_the_fallback_is_a_decision_like_any_other(installation: Installation) -> None:
    call = installation.twilio.dial()
    call.to_the_question()
    installation.twilio.post("/voice/fallback", call.params(ErrorCode="11200"))
    told = {str(event["type"]): event for event in installation.events(call.sid)}
    assert told["recording.suppressed"]["reason"] == "Twilio reported error 11200"
    assert told["recording.suppressed"]["rules_sha256"] == parse(TEXT).sha256


DECISIONS = {"call.received", "consent.choice", "recording.permitted", "recording.suppressed", "call.refused"}


def test_no_leaf_holds_a_callers_number(installation: Installation) -> None:
    for caller in (CALLER, CONNECTICUT, GERMANY):
        call = talks(installation.twilio.dial(caller=caller), "2")
        told = json.dumps(installation.events(call.sid))
        assert caller[2:] not in told
        assert caller[-7:] not in told


def test_each_purpose_has_its_own_end_and_the_last_one_is_the_recordings(used_database: Database) -> None:
    rules = PURPOSES.replace(
        'retention = "quality-90d"', 'retention = { quality = "quality-90d", training = "short" }'
    ).replace("[declines]", '[retention.short]\nkeep = "P10D"\n\n[declines]')
    installation = install(used_database, rules)
    call = talks(installation.twilio.dial(), "1")
    (permitted,) = [event for event in installation.events(call.sid) if event["type"] == "recording.permitted"]
    received = installation.call(call.sid).received_at
    days = {
        purpose: (type(received).fromisoformat(until) - received).days
        for purpose, until in dict(permitted["usable_until"]).items()  # type: ignore[call-overload]  # JSON
    }
    assert days == {"quality": 90, "training": 10}
    assert permitted["retain_until"] == dict(permitted["usable_until"])["quality"]  # type: ignore[call-overload]  # JSON


def test_a_law_that_is_shorter_than_the_rulebook_ends_the_recording(installation: Installation) -> None:
    call = talks(installation.twilio.dial(caller=BELGIUM), "1")
    (permitted,) = [event for event in installation.events(call.sid) if event["type"] == "recording.permitted"]
    received = installation.call(call.sid).received_at
    kept = type(received).fromisoformat(str(permitted["retain_until"])) - received
    assert 28 <= kept.days <= 31


REGULATED = PURPOSES.replace("[business]", '[business]\nsectors = ["regulated_by_federal_executive"]').replace(
    'jurisdiction = "US-TX"', 'jurisdiction = ["US-TX", "PT"]'
)


def test_two_laws_that_disagree_are_told_to_compliance_once(used_database: Database) -> None:
    """Brazil wants the call kept for 90 days at least, and Portugal for 30 at most."""
    installation = install(used_database, REGULATED)
    calls = [talks(installation.twilio.dial(caller="+5511912345678"), "1") for _ in range(2)]
    assert [installation.incidents(call.sid) for call in calls] == [["policy_conflict"], []]
    for call in calls:
        (permitted,) = [event for event in installation.events(call.sid) if event["type"] == "recording.permitted"]
        assert permitted["purposes"] == ["quality"]  # training is left out: Portugal allows it for nothing
        assert permitted["policy_conflicts"] == [
            "quality: br-sac-regulated keeps it longer than pt-quality allows",
        ]


def test_laws_that_disagree_again_after_a_person_closed_it_are_told(database: Database) -> None:
    create_job_tables(database)
    installation = install(database, REGULATED)

    def call() -> list[str]:
        return installation.incidents(talks(installation.twilio.dial(caller="+5511912345678"), "1").sid)

    assert call() == ["policy_conflict"]
    with database.read() as connection:
        numbers = [one.id for one in open_incidents(connection) if one.kind == "policy_conflict"]
    for number in numbers:
        database.write(
            lambda connection, number=number: close_incident(  # type: ignore[misc]  # a default
                connection, Moment.now(), number, actor="ann", reason="a lawyer decides it"
            )
        )
    assert (call(), call()) == (["policy_conflict"], [])


def test_a_regulated_line_offers_no_way_on_without_a_recording(used_database: Database) -> None:
    installation = install(used_database, REGULATED)
    call = installation.twilio.dial(caller="+5511912345678")
    question = call.to_the_question()
    answer = call.presses(question, "2")
    assert not connects(answer)
    assert not starts_recording(answer)
    assert "in another way" in said(answer)
    assert installation.call(call.sid).mode == "must_record"
    assert installation.call(call.sid).on_refusal == "offer_other_channel"
