"""The page of a call, read from real databases: what it says, and that it says what is wrong."""

import json
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields, is_dataclass
from datetime import timedelta
from itertools import product
from typing import Any

import pytest
from sqlalchemy import Connection, delete, event, insert, select, update

from compliance.call_page.facts import ERASED_CALLER, OUTCOMES, UNKNOWN_CALLER
from compliance.call_page.no_recording import WhyNone
from compliance.call_page.page import CallPage, call_page
from compliance.call_page.strip_parts import What
from evidence.events import Event, Value, names_somebody
from evidence.merkle import leaf_hash
from policies.consent import Outcome
from policies.lifecycle import RecordingEvent, RecordingState
from policies.purposes import Allowed, NotGranted
from policies.rules import OnWithdrawal
from policies.withdrawal import WithdrawnBy
from storage.audio import audio_objects
from storage.audio.audio_objects import AudioObject
from storage.custody import access, erasure
from storage.custody.hearing import Heard, heard_event
from storage.database.engine import Database
from storage.database.tables import call, disclosure, log_checkpoint, log_leaf, recording_key, wording_version
from storage.log import checkpoints
from storage.log.checkpoints import Signing
from storage.moment import Moment
from storage.rows import calls, holds, recordings
from storage.rows.recordings import Recording
from storage.rows.withdrawing import Wish
from tests.callflow.conftest import RULEBOOK, Installation
from tests.callflow.whole_calls import call_every_way, is_recorded_by_somebody_else, talks
from tests.compliance.call_page.test_words_heard import publishing
from tests.compliance.signed_log import disarm
from tests.conftest import NOON
from tests.faults.premises import KEK, ONE_MACHINE, Premises, new_sid
from tests.faults.test_withdraw import withdrawn

ERASURE = erasure.Request("gdpr-17", "maria", "", "T-1")


def seen(database: Database, call_id: str, at: Any = NOON, **more: Any) -> CallPage:
    with database.read() as connection:
        page = call_page(connection, call_id, at, **more)
    assert page is not None
    return page


def page_of(premises: Premises, one: Recording, **more: Any) -> CallPage:
    return seen(premises.shop.database, one.call_id, premises.clock.now, **more)


@contextmanager
def counted(database: Database) -> Iterator[list[str]]:
    """The queries that are made meanwhile."""
    made: list[str] = []

    def note(_: object, __: object, statement: str, *___: object) -> None:
        made.append(statement)

    event.listen(database.engine, "before_cursor_execute", note)
    try:
        yield made
    finally:
        event.remove(database.engine, "before_cursor_execute", note)


def kept(installation: Installation, sid: str) -> Recording:
    """The recording of that call, stored and settled as the worker leaves it."""
    (known,) = [row for row in installation.recordings(sid) if row.permit]
    moment, key = Moment(installation.twilio.clock()), f"quality-90d/2026/11/22/{known.id}/master-00000000.sealed"

    def store(connection: Connection) -> Recording:
        owner, row = recordings.with_call(connection, known.id)
        until = NOON + timedelta(days=90)
        objects: dict[str, Value] = {"size_bytes": 1, "objects": ["master"], "retain_until": until.isoformat()}
        hashes: dict[str, Value] = {"audio_sha256": "0" * 64, "audio_sha512": "0" * 128, "object": key}
        audio_objects.keep(connection, row.id, [AudioObject("master", key, None, 1, "1" * 64, "0" * 64)])
        connection.execute(insert(recording_key), {"recording_id": row.id, "wrapped_key": b"k"})
        stored = recordings.advance(
            connection,
            moment,
            owner,
            row,
            RecordingEvent.STORED,
            Event("recording.stored", {"recording": row.id, **objects}, hashes),
            object_key=key,
            retain_until=until,
        )
        owner = calls.existing(connection, owner.id)
        gone = Event("recording.deleted", {"recording": row.id, "where": "provider", "rule": "stored here"})
        return recordings.advance(connection, moment, owner, stored, RecordingEvent.PROVIDER_COPY_GONE, gone)

    return installation.database.write(store)


def test_a_kept_recording_says_by_which_rule_and_for_which_purposes_it_may_be_heard(used_database: Database) -> None:
    installation = publishing(used_database, RULEBOOK.read_text())
    phone = talks(installation.twilio.dial(), "1")
    one = kept(installation, phone.sid)
    page = seen(used_database, one.call_id)
    assert (page.differs, page.faults) == ((), ())
    assert page.recording is not None
    assert (page.recording.id, page.recording.state, page.why_none) == (one.id, RecordingState.KEPT, None)
    why = page.why_heard
    assert why is not None
    assert (why.mode, why.outcome, why.basis, why.retention) == ("opt_out", "consented", "express", "quality-90d")
    assert [(step.about, step.says) for step in why.decided_by] == [("consent for quality", "opt_out")]
    texas = next(step for step in why.because if step.about == "caller in US-TX")
    assert texas.by == "Tex. Penal Code 16.02"
    assert texas.sources
    (purpose,) = why.purposes
    assert (purpose.purpose, purpose.until, purpose.is_over) == ("quality", one.retain_until, False)
    assert (purpose.rule, purpose.keep, purpose.opens) == ("quality-90d", "P90D", Allowed())
    assert (why.can_be_heard, why.why_not, why.holds) == (True, (), ())


def test_a_caller_is_shown_masked_with_the_place_and_how_it_is_known(installation: Installation) -> None:
    phone = talks(installation.twilio.dial(), "2")
    facts = seen(installation.database, installation.call(phone.sid).id).facts
    assert (facts.caller, facts.line) == ("+1 ••• ••• ••11", "+12125550100")
    assert [(place.code, place.name) for place in facts.places] == [("US-TX", "Texas")]
    assert (facts.places_by, facts.language, facts.mode) == ("area code", "en-US", "opt_out")
    assert facts.mode_says == "the caller is asked; 1 accepts, 2 declines"
    assert (facts.outcome, facts.outcome_says, facts.is_over) == ("declined", "declined to be recorded", True)


@pytest.mark.parametrize(
    ("caller", "shown"), [("anonymous", "withheld"), ("sip:anna@example.com", "SIP •••"), ("+266696687", "withheld")]
)
def test_a_caller_without_a_number_is_shown_as_that(installation: Installation, caller: str, shown: str) -> None:
    phone = talks(installation.twilio.dial(caller=caller), "2")
    facts = seen(installation.database, installation.call(phone.sid).id).facts
    assert (facts.caller, [place.code for place in facts.places]) == (shown, ["ZZ"])


def test_the_page_of_every_kind_of_call_is_whole_and_names_nobody(used_database: Database) -> None:
    installation = publishing(used_database, RULEBOOK.read_text())
    for phone in call_every_way(installation.twilio, "+15125550111"):
        known = installation.call(phone.sid)
        page = seen(used_database, known.id)
        assert (page.differs, page.faults) == ((), ()), known.reason
        assert page.strip is not None
        assert page.why_none is not None  # no worker has stored any
        assert page.why_none_says
        assert len(page.events) == known.events
        assert all(told.lines and told.lines != (told.type,) for told in page.events)
        lines = {text for text in texts_in(page) if text != known.line}
        assert [text for text in lines if names_somebody(text)] == []


def texts_in(value: object) -> Iterator[str]:
    """Every text anywhere in it."""
    if isinstance(value, str):
        yield str(value)
    elif is_dataclass(value):
        for name in fields(value):
            if name.name not in {"certificate", "line"}:  # of which only compliance sees all
                yield from texts_in(getattr(value, name.name))
    elif isinstance(value, dict):
        yield from (text for each in value.items() for text in texts_in(each))
    elif isinstance(value, tuple | list | frozenset):
        yield from (text for each in value for text in texts_in(each))


def test_who_may_see_names_sees_those_of_the_caller_and_of_the_provider(installation: Installation) -> None:
    phone = talks(installation.twilio.dial(), "1")
    page = seen(installation.database, installation.call(phone.sid).id)
    full = seen(installation.database, installation.call(phone.sid).id, names=True)
    assert page.events[0].lines == ("A call came in from +1 ••• ••• ••11 to +1 ••• ••• ••00.",)
    assert full.events[0].lines == ("A call came in from +15125550111 to +12125550100.",)
    assert page.events[0].shown == {"caller": "+1 ••• ••• ••11", "callee": "+1 ••• ••• ••00"}
    assert page.events[0].hidden == ("caller_hash", "provider_call_id", "request_sha256")
    assert (full.events[0].shown["provider_call_id"], full.events[0].hidden) == (phone.sid, ())


def test_the_words_are_told_without_the_files_of_a_bundle(used_database: Database) -> None:
    installation = publishing(used_database, RULEBOOK.read_text())
    phone = talks(installation.twilio.dial(), "1")
    page = seen(used_database, installation.call(phone.sid).id)
    (served,) = [told for told in page.events if told.type == "disclosure.served"]
    assert served.lines[0] == "The caller was told, in en-US:"
    assert "prompts/" not in "".join(served.lines)
    assert [said.what for said in page.words] == ["disclosure", "question", "tag"]
    (spoken,) = page.wordings
    assert (spoken.prompt, spoken.language) == ("opt_out.en-US@2026-11-24", "en-US")
    assert spoken.wording is not None


def test_words_that_were_altered_are_a_fault_and_are_not_shown(used_database: Database) -> None:
    installation = publishing(used_database, RULEBOOK.read_text().replace("Example", "Sample"))
    phone = talks(installation.twilio.dial(), "1")
    known = installation.call(phone.sid)
    row = wording_version.c.sha256 == known.wording_sha256
    with used_database.read() as connection:
        text = connection.execute(wording_version.select().where(row)).one().text
    altered = text.replace("Press 1 for yes", "Press 2 for yes")
    used_database.write(lambda connection: connection.execute(update(wording_version).where(row).values(text=altered)))
    try:
        page = seen(used_database, known.id)
    finally:
        used_database.write(lambda connection: connection.execute(update(wording_version).where(row).values(text=text)))
    assert page.faults == (f"the wording {known.wording_sha256} was altered since it was published",)
    assert {said.words for said in page.words} == {""}


def test_a_recording_in_doubt_beside_the_kept_one_closes_both(used_database: Database) -> None:
    installation = publishing(used_database, RULEBOOK.read_text())
    phone = is_recorded_by_somebody_else(installation.twilio.dial())
    one = kept(installation, phone.sid)
    page = seen(used_database, one.call_id)
    assert {made.state for made in page.recordings} == {RecordingState.KEPT, RecordingState.QUARANTINED}
    assert page.strip is not None
    assert page.strip.recording_id == one.id
    assert page.why_heard is not None
    assert page.why_heard.why_not == ("it is unclear which recording of the call is the one that was agreed to",)
    assert [incident.kind for incident in page.incidents] == ["recording_in_doubt"]


@ONE_MACHINE
def test_there_is_no_page_of_a_call_that_is_not_there(premises: Premises) -> None:
    with premises.shop.database.read() as connection:
        assert call_page(connection, "f" * 32, NOON) is None


def test_a_recording_that_is_kept_can_be_heard_until_its_purposes_end(premises: Premises) -> None:
    one = premises.stored({"quality": timedelta(days=30), "training": timedelta(days=60)})
    premises.clock.now = NOON + timedelta(days=30)
    why = page_of(premises, one).why_heard
    assert why is not None
    assert [(each.purpose, each.is_over, each.opens) for each in why.purposes] == [
        ("quality", True, NotGranted("its use for quality ended on 2026-12-22")),
        ("training", False, Allowed()),
    ]
    premises.clock.now = NOON + timedelta(days=60)
    why = page_of(premises, one).why_heard
    assert why is not None
    assert (why.can_be_heard, len(why.why_not)) == (False, 2)


@ONE_MACHINE
def test_a_look_at_the_page_is_no_access(premises: Premises) -> None:
    one = premises.stored()
    before = premises.story(one).events
    page_of(premises, one, names=True)
    assert premises.story(one).events == before


@ONE_MACHINE
def test_holds_that_are_in_force_are_told_with_the_staffs_words(premises: Premises) -> None:
    one = premises.stored()

    def hold(connection: Connection) -> None:
        owner = calls.existing(connection, one.call_id)
        first = holds.place(connection, premises.moment(), owner, reason="case 12", actor="maria")
        holds.place(connection, premises.moment(), calls.existing(connection, owner.id), reason="case 13", actor="kim")
        holds.release(connection, premises.moment(), first, reason="closed", actor="maria")

    premises.write(hold)
    why = page_of(premises, one).why_heard
    assert why is not None
    assert [(each.since, each.reason, each.placed_by) for each in why.holds] == [(NOON, "case 13", "kim")]


@ONE_MACHINE
def test_a_destroyed_recording_keeps_its_page_and_shows_its_certificate(premises: Premises) -> None:
    one = premises.stored()
    premises.ends(one)
    premises.condemn(one)
    going = page_of(premises, one)
    assert (going.why_none, going.certificate is not None) == (WhyNone.GOING, True)
    premises.work()
    page = page_of(premises, one)
    assert (page.why_none, page.why_none_says) == (WhyNone.DESTROYED, "The recording was destroyed.")
    assert page.certificate is not None
    papers = page.certificate.as_json()
    assert (papers["all_gone"], papers["recordings"][0]["certified"]["rule"]) == (True, "withdrawn")
    assert not names_somebody(json.dumps(papers))
    assert page.why_heard is not None
    assert page.why_heard.why_not == ("The recording was destroyed.",)


@ONE_MACHINE
@pytest.mark.parametrize(
    ("on_recording", "why"), [(OnWithdrawal.DESTROY, WhyNone.WITHDRAWN), (OnWithdrawal.KEEP, None)]
)
def test_a_withdrawn_call_says_what_became_of_its_recording(
    premises: Premises, on_recording: OnWithdrawal, why: WhyNone | None
) -> None:
    one = premises.stored()
    premises.ends(one)
    premises.clock.passes(days=1)
    withdrawn(premises, premises.owner(one), Wish(WithdrawnBy.REQUEST, "maria", on_recording))
    premises.work()
    page = page_of(premises, one)
    assert page.why_none is why
    assert page.why_heard is not None
    assert page.why_heard.can_be_heard == (why is None)
    assert page.strip is not None
    assert [later.mark.what for later in page.strip.later][:1] == [What.WITHDRAWN]


@ONE_MACHINE
def test_an_erased_call_keeps_its_page_without_anything_personal(premises: Premises) -> None:
    one = premises.stored()
    premises.ends(one)
    premises.clock.passes(days=2)
    premises.write(lambda connection: connection.execute(update(call).values(sweep_at=None)))
    erased = premises.write(
        lambda connection: erasure.erase(connection, premises.moment(), one.call_id, ERASURE, premises.jobs)
    )
    assert isinstance(erased, erasure.Traces), erased
    premises.work()
    page = page_of(premises, one, names=True)
    assert (page.differs, page.faults) == ((), ())
    assert (page.facts.caller, page.facts.erased_at) == (ERASED_CALLER, premises.clock.now)
    assert page.why_none is WhyNone.ERASED
    assert page.events[0].shown == {}
    assert "provider_call_id" in page.events[0].erased
    assert page.strip is not None
    assert page.certificate is not None


@ONE_MACHINE
def test_a_call_of_an_earlier_version_without_a_ruling_has_no_citation(premises: Premises) -> None:
    one = premises.stored()
    page = page_of(premises, one)
    assert (page.facts.caller, page.facts.places) == (UNKNOWN_CALLER, ())
    assert page.why_heard is not None
    assert (page.why_heard.because, page.why_heard.can_be_heard) == ((), True)


@ONE_MACHINE
def test_where_rows_contradict_the_log_the_log_is_shown_and_nothing_opens(premises: Premises) -> None:
    one = premises.stored()
    premises.write(lambda connection: connection.execute(update(call).values(outcome="consented_by_staying")))
    page = page_of(premises, one)
    assert page.differs == (
        f"call {one.call_id}: its row says that outcome is consented_by_staying, and its events say consented",
    )
    assert page.facts.outcome == "consented"
    assert page.why_heard is not None
    assert page.why_heard.why_not == ("its rows say something else than the log",)


@ONE_MACHINE
@pytest.mark.parametrize("lost", ["call.received", "recording.permitted"])
def test_a_call_whose_log_has_a_hole_is_shown_with_the_hole(premises: Premises, lost: str) -> None:
    one = premises.stored()

    def cut(connection: Connection) -> None:
        disarm(connection, "log_leaf")
        connection.execute(delete(log_leaf).where(log_leaf.c.leaf.contains(f'"type":"{lost}"')))

    premises.write(cut)
    page = page_of(premises, one)
    assert len(page.differs) == 1
    assert "is not as it was logged" in page.differs[0]
    assert page.why_heard is None
    assert page.strip is not None
    assert lost not in {told.type for told in page.events}
    assert page.facts.outcome == "consented"


@ONE_MACHINE
def test_a_call_without_any_event_is_shown_by_its_rows_and_as_contradicted(premises: Premises) -> None:
    one = premises.stored()

    def cut(connection: Connection) -> None:
        disarm(connection, "log_leaf")
        connection.execute(delete(log_leaf))
        connection.execute(delete(disclosure))

    premises.write(cut)
    page = page_of(premises, one)
    assert page.differs
    assert (page.strip, page.events, page.why_heard) == (None, (), None)


@ONE_MACHINE
def test_a_personal_field_that_was_altered_is_a_fault_and_is_not_shown(premises: Premises) -> None:
    one = premises.stored()
    access_by(premises, one)

    digest = premises.event(one, "recording.accessed")["sd"]["actor"]
    forged = urlsafe_b64encode(b'["c2FsdA","actor","mallory"]').rstrip(b"=").decode()
    premises.write(
        lambda connection: connection.execute(
            update(disclosure).where(disclosure.c.digest == digest).values(body=forged)
        )
    )
    page = page_of(premises, one, names=True)
    assert page.faults == ("a personal field says something else than was committed to: it was altered",)
    assert [each.actor for each in page.listeners.accesses] == [""]
    assert "mallory" not in {text for told in page.events for text in (*told.lines, *told.shown.values())}


@ONE_MACHINE
def test_a_permit_that_is_not_the_one_that_was_signed_is_a_fault(premises: Premises) -> None:
    one = premises.stored()
    premises.write(lambda connection: checkpoints.sign(connection, premises.moment(), Signing("x.example", [KEK])))

    def forge(connection: Connection) -> None:
        disarm(connection, "log_leaf", "log_checkpoint")
        note = connection.execute(log_checkpoint.select()).one().note
        size, root = note.split("\n")[1], note.split("\n")[2]
        forged = note.replace(f"{size}\n{root}", f"{size}\n{'A' * 43}=")
        connection.execute(update(log_checkpoint).values(note=forged))

    premises.write(forge)
    page = page_of(premises, one)
    assert len(page.faults) == 1
    assert "is not among those that were signed" in page.faults[0]
    assert page.why_heard is not None
    assert not page.why_heard.can_be_heard


@ONE_MACHINE
def test_whatever_an_event_is_changed_into_there_is_a_page(premises: Premises) -> None:
    one = premises.stored()
    premises.ends(one)
    hears(premises, Heard(one.id, "a" * 32, "quality", ((0, 1000),), 1000))
    premises.condemn(one)
    premises.work()
    premises.write(lambda connection: disarm(connection, "log_leaf"))
    mine = select(log_leaf.c.idx, log_leaf.c.leaf).where(log_leaf.c.call_id == one.call_id)
    with premises.shop.database.read() as connection:
        leaves = connection.execute(mine).all()
    for index, leaf in leaves:
        told = json.loads(leaf)
        for name, value in product(told.keys() | {"ruling", "oddities"}, (7, "x", None, [7], {"ends": 7})):
            put(premises, index, json.dumps({**told, name: value}))
            assert page_of(premises, one).recordings
        put(premises, index, leaf)
    assert page_of(premises, one).differs == ()


def put(premises: Premises, index: int, leaf: str) -> None:
    changed = {"leaf": leaf, "hash": leaf_hash(leaf.encode())}
    premises.write(
        lambda connection: connection.execute(update(log_leaf).where(log_leaf.c.idx == index).values(changed))
    )


def access_by(
    premises: Premises, one: Recording, actor: str = "jane", purpose: str = "quality", lease_id: str = ""
) -> None:
    premises.write(
        lambda connection: access.open_for_purpose(
            connection,
            premises.moment(),
            one.id,
            purpose,
            store=premises.shop.store,
            key_encryption_key=KEK,
            actor=actor,
            lease_id=lease_id,
        )
    )


def hears(premises: Premises, heard: Heard, actor: str = "jane") -> None:
    def note(connection: Connection) -> None:
        owner, _ = recordings.with_call(connection, heard.recording_id)
        calls.append_events(connection, premises.moment(), owner, heard_event(heard, actor=actor))

    premises.write(note)


def test_who_has_just_begun_to_listen_is_told(premises: Premises) -> None:
    one = premises.stored()
    access_by(premises, one, lease_id="a" * 32)
    began = premises.clock.now
    page = page_of(premises, one)
    assert (page.differs, page.faults, page.listeners.accesses) == ((), (), ())
    [only] = page.listeners.listenings
    assert (only.actor, only.first_at, only.heard, only.is_over) == ("jane", began, (), False)
    premises.clock.passes(seconds=60)
    hears(premises, Heard(one.id, "a" * 32, "quality", ((0, 1000),), 1000, ((0, 4000),)))
    [only] = page_of(premises, one).listeners.listenings
    assert (only.first_at, only.heard, only.handed_out_ms) == (began, ((0, 1000),), 4000)


def test_who_listened_is_told_with_purpose_and_seconds(premises: Premises) -> None:
    one = premises.stored()
    access_by(premises, one)
    access_by(premises, one, "kim", "training")
    hears(premises, Heard(one.id, "a" * 32, "quality", ((0, 1000), (2000, 2500)), 1500))
    premises.clock.passes(seconds=60)
    hears(premises, Heard(one.id, "a" * 32, "quality", ((900, 2000),), 2200, final=True, why="the session ended"))
    hears(premises, Heard(one.id, "b" * 32, "quality", ((2400, 3000),), 600), "kim")
    page = page_of(premises, one)
    assert (page.differs, page.faults) == ((), ())
    assert [(each.actor, each.purpose, each.what, each.refused) for each in page.listeners.accesses] == [
        ("jane", "quality", "export", ""),
        ("kim", "training", "", "its caller did not agree to its use for training"),
    ]
    first, second = page.listeners.listenings
    assert (first.actor, first.heard, first.heard_ms, first.played_ms) == ("jane", ((0, 2500),), 2500, 3700)
    assert (first.is_over, first.why, first.last_at - first.first_at) == (
        True,
        "the session ended",
        timedelta(minutes=1),
    )
    assert (second.actor, second.is_over, second.why) == ("kim", False, "")
    assert page.listeners.heard_of(one.id) == ((0, 3000),)
    assert page.listeners.heard_of("f" * 32) == ()


@ONE_MACHINE
def test_the_number_of_queries_does_not_grow_with_the_call(premises: Premises) -> None:
    one = premises.stored()
    premises.ends(one)
    premises.write(lambda connection: checkpoints.sign(connection, premises.moment(), Signing("x.example", [KEK])))
    with counted(premises.shop.database) as few:
        page_of(premises, one)
    for _ in range(30):
        hears(premises, Heard(one.id, "a" * 32, "quality", ((0, 1000),), 1000))
        access_by(premises, one)
    with counted(premises.shop.database) as many:
        page_of(premises, one)
    assert len(many) == len(few) <= 20  # the beginning of the view included


@ONE_MACHINE
def test_a_certificate_takes_three_queries_more(premises: Premises) -> None:
    one = premises.stored()
    premises.ends(one)
    premises.hears(premises.owner(one), new_sid(), RecordingEvent.COMPLETED, source="DialVerb")
    premises.work()
    with counted(premises.shop.database) as made:
        page = page_of(premises, one)
    assert {made.state for made in page.recordings} == {RecordingState.KEPT, RecordingState.DESTROYED}
    assert page.certificate is not None
    assert len(made) <= 22


def test_every_outcome_has_words() -> None:
    assert OUTCOMES.keys() == {"open", *Outcome}
