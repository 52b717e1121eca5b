"""The one way to kept audio: for a purpose that was agreed to, while its time lasts, and never without a trace."""

import ast
import json
from base64 import urlsafe_b64decode
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from sqlalchemy import Connection, delete, select, update

from evidence.events import Event
from evidence.merkle import leaf_hash
from policies.consent import Outcome
from policies.lifecycle import CallEvent, RecordingEvent, RecordingState
from policies.purposes import Allowed, NotGranted
from policies.rulebook.read import parse
from policies.rules import OnWithdrawal
from policies.withdrawal import WithdrawnBy
from storage.audio.contract import AudioKey, AudioStore
from storage.audio.unseal import KeptAudio
from storage.custody import access
from storage.custody.access import Refusal
from storage.database.tables import call, disclosure, log_leaf, recording_key
from storage.errors import Broken, Missing, Refused, Unavailable
from storage.log import checkpoints, consent_log
from storage.log import verification as log_verification
from storage.log.checkpoints import Signing
from storage.rows import calls, recordings
from storage.rows.incidents import open_incidents, raise_incident
from storage.rows.recordings import Recording
from storage.rows.withdrawing import Wish, withdraw
from tests.callflow.conftest import RULEBOOK
from tests.compliance.signed_log import disarm
from tests.conftest import NOON
from tests.faults.premises import KEK, ONE_MACHINE, WAV, Premises, new_sid
from tests.source import ROOMS, modules, text_of

ACTOR = "maria.example"


def ask(
    premises: Premises, one: Recording, purpose: str = "quality", *, store: AudioStore | None = None, **more: Any
) -> KeptAudio | Refusal:
    return premises.write(
        lambda connection: access.open_for_purpose(
            connection,
            premises.moment(),
            one.id,
            purpose,
            store=store or premises.shop.store,
            key_encryption_key=KEK,
            actor=ACTOR,
            **more,
        )
    )


def reason(answer: KeptAudio | Refusal) -> str:
    assert isinstance(answer, Refusal)
    return answer.reason


def traces(premises: Premises, one: Recording) -> list[dict[str, Any]]:
    """What the log says of those who asked, without what every event has."""
    usual = {"index", "ts", "call", "n", "v", "sd"}
    told = [event for event in premises.story(one).events if event["type"].startswith("recording.access")]
    assert all(event["sd"].keys() == {"actor"} for event in told)
    return [{name: event[name] for name in event if name not in usual} for event in told]


def test_who_asks_for_a_purpose_that_was_agreed_to_hears_it_all(premises: Premises) -> None:
    one = premises.stored()
    audio = ask(premises, one)
    assert isinstance(audio, KeptAudio)
    opened = audio.open()
    assert opened.range(0, opened.length) == WAV
    assert opened.range(44, 100) == WAV[44:144]
    assert traces(premises, one) == [
        {"type": "recording.accessed", "recording": one.id, "purpose": "quality", "what": "export"}
    ]


def test_who_asks_for_another_purpose_hears_nothing_and_it_is_kept(premises: Premises) -> None:
    one = premises.stored()
    answer = ask(premises, one, "training")
    why = "its caller did not agree to its use for training"
    assert answer == Refusal(one.id, why)
    assert str(answer) == f"recording {one.id}: {why}"
    assert traces(premises, one) == [
        {"type": "recording.access_refused", "recording": one.id, "purpose": "training", "why": why}
    ]
    log_verification.verify(premises.shop.database.read)


@ONE_MACHINE
def test_who_hears_it_opens_what_was_derived_from_it_by_the_same_way(premises: Premises) -> None:
    audio = ask(premises, premises.stored())
    assert isinstance(audio, KeptAudio)
    assert audio.names == {"master", "peaks", "levels"}
    assert audio.open("peaks").range(0, 4) == b"PEAK"
    levels = audio.open("levels")
    assert json.loads(levels.range(0, levels.length)).keys() == {"silences", "loudness"}


@ONE_MACHINE
def test_what_was_not_derived_from_it_is_missing_and_nothing_else_is_opened_for_it(premises: Premises) -> None:
    audio = ask(premises, premises.stored())
    assert isinstance(audio, KeptAudio)
    with pytest.raises(Missing, match="it is kept without listening"):
        audio.open("listening")


@ONE_MACHINE
def test_the_objects_of_a_recording_cannot_stand_in_for_each_other(premises: Premises) -> None:
    audio = ask(premises, premises.stored())
    assert isinstance(audio, KeptAudio)
    exchanged = replace(audio, _objects={"peaks": audio._objects["levels"]})
    with pytest.raises(Broken):
        exchanged.open("peaks")


@ONE_MACHINE
def test_who_asked_can_be_read_and_erased_and_is_in_no_event(premises: Premises) -> None:
    one = premises.stored()
    ask(premises, one)
    ask(premises, one, "training")
    with premises.shop.database.read() as connection:
        bodies = [urlsafe_b64decode(body + "==") for body in connection.scalars(select(disclosure.c.body))]
        assert ACTOR not in "".join(consent_log.leaves(connection))
    named = [json.loads(body) for body in bodies if ACTOR.encode() in body]
    assert [(name, value) for _, name, value in named] == [("actor", ACTOR)] * 2


@ONE_MACHINE
def test_the_log_says_whether_it_was_copied_or_played(premises: Premises) -> None:
    one = premises.stored()
    ask(premises, one, lease_id="a" * 32)
    ask(premises, one)
    assert [(trace["what"], trace.get("lease")) for trace in traces(premises, one)] == [
        ("playback", "a" * 32),
        ("export", None),
    ]


@ONE_MACHINE
def test_each_purpose_ends_when_it_was_said_to_although_the_audio_is_kept(premises: Premises) -> None:
    one = premises.stored({"quality": timedelta(days=30), "training": timedelta(days=60)})
    premises.clock.now = NOON + timedelta(days=30)
    assert reason(ask(premises, one)) == "its use for quality ended on 2026-12-22"
    assert isinstance(ask(premises, one, "training"), KeptAudio)


@ONE_MACHINE
def test_at_the_end_of_its_time_it_is_not_opened_any_more_whatever_the_sweep_does(premises: Premises) -> None:
    one = premises.stored({"quality": timedelta(days=99)})
    assert one.retain_until is not None
    premises.clock.now = one.retain_until
    assert reason(ask(premises, one)) == "the time for which it is kept is over"


@ONE_MACHINE
@pytest.mark.parametrize("event", [RecordingEvent.IN_PROGRESS, RecordingEvent.COMPLETED, RecordingEvent.ABSENT])
def test_only_what_is_kept_is_opened(premises: Premises, event: RecordingEvent) -> None:
    one = premises.hears(premises.call(), new_sid(), event)
    assert reason(ask(premises, one)) == f"it is {one.state}, not kept"


@ONE_MACHINE
def test_what_its_caller_withdrew_is_not_opened_although_it_is_still_there(premises: Premises) -> None:
    one = premises.stored()

    def withdraw(connection: Connection) -> None:
        owner = calls.by_id(connection, one.call_id)
        assert owner is not None
        told = Event("consent.withdrawn", {"outcome": "withdrawn", "reason": ""})
        calls.settle(
            connection, premises.moment(), owner, CallEvent.WITHDRAWN, events=[told], outcome=Outcome.WITHDRAWN
        )

    premises.write(withdraw)
    assert premises.recording(one).state is RecordingState.KEPT
    assert reason(ask(premises, one)) == "its caller has withdrawn the consent"


@ONE_MACHINE
def test_what_is_condemned_or_destroyed_is_not_opened(premises: Premises) -> None:
    one = premises.stored()
    premises.condemn(one)
    assert reason(ask(premises, one)) == "it is condemned, not kept"
    premises.work()
    assert reason(ask(premises, one)) == "it is destroyed, not kept"


@dataclass
class Away:
    """A store that nobody may touch while the log's head is held."""

    def read(self, key: AudioKey, version_id: str, start: int, length: int) -> bytes:
        raise Unavailable("audio store: it is away")


@ONE_MACHINE
def test_nothing_is_read_before_the_access_is_in_the_log(premises: Premises) -> None:
    one = premises.stored()
    audio = ask(premises, one, store=Away())  # type: ignore[arg-type]  # nothing else of it is asked for
    assert isinstance(audio, KeptAudio)
    assert [trace["type"] for trace in traces(premises, one)] == ["recording.accessed"]
    with pytest.raises(Unavailable):
        audio.open()


@ONE_MACHINE
def test_a_kept_recording_without_its_key_is_a_matter_for_a_person(premises: Premises) -> None:
    one = premises.stored()
    premises.write(lambda connection: connection.execute(delete(recording_key)))
    assert reason(ask(premises, one)) == "its rows say something else than the log"
    (told,) = premises.story(one).incidents
    assert (told.kind, told.detail) == (
        "rows_contradict_log",
        f"recording {one.id} of call {one.call_id}: it is kept by its events, and its key is gone",
    )


@ONE_MACHINE
@pytest.mark.parametrize("purpose", ["", "Quality", "+15125550111", "quality ", "quality\n", "q1", "a" * 49, "quälity"])
def test_what_is_no_word_is_no_purpose_and_does_not_stay_in_the_log(premises: Premises, purpose: str) -> None:
    one = premises.completed()
    with pytest.raises(Refused, match="a purpose is one word"):
        ask(premises, one, purpose)
    assert traces(premises, one) == []


@ONE_MACHINE
def test_a_recording_that_there_is_not_is_not_asked_for(premises: Premises) -> None:
    one = replace(premises.completed(), id="0" * 32)
    with pytest.raises(Broken, match="there is no such row"):
        ask(premises, one)


@ONE_MACHINE
def test_neither_the_key_nor_the_store_shows_in_what_is_printed(premises: Premises) -> None:
    audio = ask(premises, premises.stored())
    assert isinstance(audio, KeptAudio)
    assert "_data_key" not in repr(audio)
    assert "_header" not in repr(audio.open())


# Who may unseal, and what with. All others come by `storage.custody.access`.
OPENERS: dict[str, set[str]] = {
    "kept_audio": {"storage/custody/access.py", "onrecord/demo/promises.py"},
    "reopen": {"storage/custody/leases.py"},
    "picture_of": {"console/calls/listening.py"},
    "open_sealed": {"storage/audio/unseal.py", "storage/audio/reading_back.py"},
    "unseal_range": set(),
    "plaintext_length": set(),
    "unwrap_key": {"storage/audio/unseal.py", "storage/custody/intake.py"},
    "open_master": set(),
}


def _named(source: str) -> set[str]:
    """What a module calls or imports of these, wherever it stands."""
    nodes = list(ast.walk(ast.parse(source)))
    names = {node.id for node in nodes if isinstance(node, ast.Name)}
    names |= {node.attr for node in nodes if isinstance(node, ast.Attribute)}
    names |= {alias.name for node in nodes if isinstance(node, ast.ImportFrom) for alias in node.names}
    return names & OPENERS.keys()


def test_there_is_no_second_way_to_kept_audio() -> None:
    homes = {"storage/audio/unseal.py", "storage/audio/sealing.py", "onrecord/demo/promises.py"}
    found = {str(path): _named(text_of(path)) for path in modules(*ROOMS, "bench")}
    used = {name: {path for path, names in found.items() if name in names} for name in OPENERS}
    assert {name: paths - OPENERS[name] - homes for name, paths in used.items()} == {name: set() for name in OPENERS}
    assert all(paths >= OPENERS[name] for name, paths in used.items())


@pytest.mark.parametrize(
    "source", ["from storage.audio.unseal import kept_audio", "sealing.open_sealed(read)", "x = promises.open_master"]
)
def test_a_second_way_is_seen(source: str) -> None:
    assert len(_named(source)) == 1


def look(premises: Premises, one: Recording, purpose: str = "quality") -> Allowed | NotGranted:
    with premises.shop.database.read() as connection:
        return access.would_open(connection, one.id, purpose, premises.clock.now)


def is_destroyed(premises: Premises) -> Recording:
    one = premises.stored()
    premises.condemn(one)
    premises.work()
    return one


def is_over(premises: Premises) -> Recording:
    one = premises.stored()
    premises.clock.passes(days=91)
    return one


def is_in_doubt(premises: Premises) -> Recording:
    one = premises.stored()
    premises.write(
        lambda connection: raise_incident(
            connection, premises.moment(), recordings.IN_DOUBT, about=one.id, call_id=one.call_id, detail="unclear"
        )
    )
    return one


def is_withdrawn(premises: Premises, *, keeps: bool = False) -> Recording:
    one = premises.stored()
    wish = Wish(WithdrawnBy.REQUEST, "maria", OnWithdrawal.KEEP if keeps else OnWithdrawal.DESTROY)
    rulebook = parse(RULEBOOK.read_text())

    def settle(connection: Connection) -> None:
        owner = calls.existing(connection, one.call_id)
        withdraw(connection, premises.moment(), owner, wish, rulebook, premises.jobs)

    premises.write(settle)
    return one


def is_tampered_with(premises: Premises) -> Recording:
    one = premises.stored()
    premises.write(lambda connection: connection.execute(update(call).values(outcome="consented_by_staying")))
    return one


STANDINGS: list[tuple[Callable[[Premises], Recording], str, str]] = [
    (Premises.stored, "quality", ""),
    (Premises.stored, "training", "its caller did not agree to its use for training"),
    (Premises.completed, "quality", "it is completed, not kept"),
    (is_over, "quality", "the time for which it is kept is over"),
    (is_destroyed, "quality", "it is destroyed, not kept"),
    (is_in_doubt, "quality", "it is unclear which recording of the call is the one that was agreed to"),
    (is_withdrawn, "quality", "its caller has withdrawn the consent"),
    (partial(is_withdrawn, keeps=True), "quality", ""),
    (is_tampered_with, "quality", "its rows say something else than the log"),
]


@ONE_MACHINE
@pytest.mark.parametrize(("standing", "purpose", "why"), STANDINGS)
def test_a_look_says_what_asking_would_come_to_and_leaves_no_trace(
    premises: Premises, standing: Callable[[Premises], Recording], purpose: str, why: str
) -> None:
    one = standing(premises)
    before = counted(premises)
    assert look(premises, one, purpose) == (NotGranted(why) if why else Allowed())
    assert counted(premises) == before
    asked = ask(premises, one, purpose)
    assert asked == Refusal(one.id, why) if why else isinstance(asked, KeptAudio)
    assert counted(premises) != before


def counted(premises: Premises) -> tuple[int, int]:
    """Events of the log, and incidents."""
    with premises.shop.database.read() as connection:
        return consent_log.size(connection), len(open_incidents(connection))


@ONE_MACHINE
def test_each_purpose_of_the_permit_is_looked_at(premises: Premises) -> None:
    one = premises.stored({"quality": timedelta(days=30), "training": timedelta(days=60)})
    premises.clock.now = NOON + timedelta(days=30)
    with premises.shop.database.read() as connection:
        found = access.purposes_open(connection, one.id, premises.clock.now)
    assert found == {"quality": NotGranted("its use for quality ended on 2026-12-22"), "training": Allowed()}


@ONE_MACHINE
def test_a_recording_that_was_never_agreed_to_is_open_for_no_purpose(premises: Premises) -> None:
    one = premises.hears(premises.call(Outcome.DECLINED), new_sid(), RecordingEvent.COMPLETED)
    with premises.shop.database.read() as connection:
        assert access.purposes_open(connection, one.id, premises.clock.now) == {}


@ONE_MACHINE
def test_a_look_at_no_recording_or_for_no_purpose_is_a_mistake(premises: Premises) -> None:
    with premises.shop.database.read() as connection:
        with pytest.raises(Broken, match="there is no such row"):
            access.would_open(connection, "f" * 32, "quality", NOON)
        with pytest.raises(Refused, match="one word"):
            access.would_open(connection, "f" * 32, "+15125550111", NOON)


@ONE_MACHINE
def test_a_permit_that_is_not_the_one_that_was_signed_opens_nothing_at_a_look_either(premises: Premises) -> None:
    one = premises.stored()
    premises.write(lambda connection: checkpoints.sign(connection, premises.moment(), Signing("x.example", [KEK])))
    assert look(premises, one) == Allowed()

    def forge(connection: Connection) -> None:
        disarm(connection, "log_leaf")
        found = select(log_leaf.c.idx, log_leaf.c.leaf).where(log_leaf.c.leaf.contains("recording.permitted"))
        row = connection.execute(found).one()
        line = row.leaf.replace('"policy_conflicts":[]', '"policy_conflicts":["forged"]')
        changed = {"leaf": line, "hash": leaf_hash(line.encode())}
        connection.execute(update(log_leaf).where(log_leaf.c.idx == row.idx).values(changed))

    premises.write(forge)
    with pytest.raises(Broken, match="not among those that were signed"):
        look(premises, one)
