"""Texts and other copies of a recording that must go: deleted with it, or it does not count as destroyed."""

from datetime import timedelta

import pytest

from policies.copies import PLACES, CopyKind
from policies.durations import Duration
from policies.lifecycle import RecordingEvent, RecordingState
from storage.errors import Unavailable
from storage.provider import Sight
from storage.rows.recordings import Recording
from tests.faults.premises import ONE_MACHINE, Premises

pytestmark = ONE_MACHINE
EACH_KIND = pytest.mark.parametrize("kind", CopyKind)


def kept(premises: Premises, kind: CopyKind) -> Recording:
    """A kept recording, of which Twilio has a copy."""
    one = premises.stored({"quality": timedelta(days=90), "transcription": timedelta(days=90)})
    copy_of(premises, one, kind)
    return one


def copy_of(premises: Premises, one: Recording, kind: CopyKind) -> None:
    if kind is CopyKind.CONVERSATION:
        premises.company.make_copy(kind, call_sid=premises.owner(one).call_sid)
    else:
        premises.company.make_copy(kind, recording_sid=one.recording_sid)


def lines(premises: Premises, one: Recording) -> dict[str, tuple[int, str]]:
    """The certificate's lines: how many were found, and how they were last seen."""
    copies = premises.event(one, "recording.destroyed")["copies"]
    return {line["kind"]: (line["found"], line["seen"]) for line in copies}


def an_hour_later(premises: Premises) -> None:
    premises.clock.passes(hours=1)
    premises.sweep()
    premises.work()


def test_a_certificate_says_for_each_copy_how_its_absence_was_seen(premises: Premises) -> None:
    one = kept(premises, CopyKind.TRANSCRIPT)
    premises.company.looks[CopyKind.ADD_ON_RESULT] = Sight.NO_SERVICE
    premises.condemn(one)
    premises.work()
    premises.assert_gone(one)
    assert lines(premises, one) == {
        "recording": (1, "deleted"),
        "stored_object": (3, "deleted"),
        "key": (1, "deleted"),
        "conversation": (0, "none"),
        "transcript": (1, "deleted"),
        "batch_transcript": (0, "none"),
        "transcription": (0, "none"),
        "add_on_result": (0, "no service"),
    }


@pytest.mark.parametrize(("backups", "until"), [(None, "unknown to the service"), (Duration(days=30), "2026-12-22")])
def test_a_certificate_names_the_copies_that_nobody_can_look_for(
    premises: Premises, backups: Duration | None, until: str
) -> None:
    one = kept(premises, CopyKind.TRANSCRIPT)
    object.__setattr__(premises.shop, "backups", lambda: backups)
    premises.condemn(one)
    premises.work()
    residual = premises.event(one, "recording.destroyed")["residual"]
    assert residual["backups_until"].startswith(until)
    assert residual["provider_metadata_until"].startswith("2027-01-01")
    assert {"live_transcriptions", "streams", "siprec_forks", "external_storage"} <= {*residual["not_looked_for"]}


@EACH_KIND
def test_texts_go_before_the_recording(premises: Premises, kind: CopyKind) -> None:
    one = kept(premises, kind)
    premises.company.asked.clear()
    premises.company.tapes[one.recording_sid].is_deleted = False  # as a recording that was not taken in yet
    premises.company.before_deletion = lambda _: premises.assert_no_copies(one)
    premises.condemn(one)
    premises.work()
    premises.assert_gone(one)


@pytest.mark.parametrize("ends", ["condemned", "expired"])
@EACH_KIND
def test_over_a_copy_that_remains_nothing_is_certified_and_the_audio_goes_all_the_same(
    premises: Premises, kind: CopyKind, ends: str
) -> None:
    one = kept(premises, kind)
    premises.company.keeps[kind] = "answered 405"
    must_go(premises, one, ends)
    remains(premises, one, ends)
    (incident,) = [found for found in premises.story(one).incidents if found.kind == "copy_remains"]
    assert PLACES[kind].name in incident.detail
    assert PLACES[kind].page in incident.detail
    an_hour_later(premises)
    remains(premises, one, ends)
    (copy,) = [found.copy for found in premises.company.copies]
    premises.company.remove_copy(copy)
    an_hour_later(premises)
    premises.assert_gone(one)
    assert "copy_remains" not in premises.incidents(one)


@pytest.mark.parametrize("ends", ["condemned", "expired"])
@EACH_KIND
def test_over_a_kind_that_could_not_be_looked_for_nothing_is_certified(
    premises: Premises, kind: CopyKind, ends: str
) -> None:
    one = kept(premises, kind)
    premises.company.looks[kind] = Sight.FORBIDDEN
    must_go(premises, one, ends)
    remains(premises, one, ends)
    (incident,) = [found for found in premises.story(one).incidents if found.kind == "copies_not_looked_for"]
    assert PLACES[kind].page in incident.detail
    assert "403" in incident.detail
    premises.company.looks.clear()
    an_hour_later(premises)
    premises.assert_gone(one)
    assert "copies_not_looked_for" not in premises.incidents(one)


def must_go(premises: Premises, one: Recording, ends: str) -> None:
    if ends == "condemned":
        premises.condemn(one)
    else:
        premises.clock.passes(days=91)
        premises.sweep()
    premises.work()


def remains(premises: Premises, one: Recording, ends: str) -> None:
    """Nothing is certified; key and audio are gone, here and there."""
    state = RecordingState.CONDEMNED if ends == "condemned" else RecordingState.KEPT
    assert premises.recording(one).state is state
    assert "recording.destroyed" not in premises.told(one)
    assert not premises.company.holds(one.recording_sid)
    assert [key for key in premises.shop.store.list("") if key.recording_id == one.id] == []
    assert premises.strays() == []


def test_a_host_of_texts_that_is_away_does_not_hold_up_the_audio(premises: Premises) -> None:
    one = kept(premises, CopyKind.TRANSCRIPT)
    premises.company.trouble["copies_of"] = [Unavailable("503")] * 20
    must_go(premises, one, "condemned")
    remains(premises, one, "condemned")
    premises.company.trouble.clear()
    an_hour_later(premises)
    premises.assert_gone(one)


def test_a_host_of_texts_that_is_away_for_long_is_an_incident_and_takes_up_no_worker(premises: Premises) -> None:
    one = kept(premises, CopyKind.TRANSCRIPT)
    premises.company.trouble["copies_of"] = [Unavailable("503"), Unavailable("503")]
    must_go(premises, one, "expired")
    remains(premises, one, "expired")
    assert "copies_not_looked_for" in premises.incidents(one)
    an_hour_later(premises)
    premises.assert_gone(one)
    assert premises.incidents(one) == set()


def test_a_text_of_another_recording_of_the_call_may_stay(premises: Premises) -> None:
    one = kept(premises, CopyKind.TRANSCRIPT)
    sid = premises.company.start(premises.owner(one).call_sid, b"")
    other = premises.hears(premises.owner(one), sid, RecordingEvent.IN_PROGRESS, source="StartCallRecordingAPI")
    premises.company.make_copy(CopyKind.TRANSCRIPT, recording_sid=other.recording_sid)
    premises.company.complete(sid, duration_s=1)
    premises.work()
    assert premises.recording(other).state is RecordingState.DESTROYED
    assert [found.copy.recording_sid for found in premises.company.copies if not found.is_deleted] == [
        one.recording_sid
    ]
