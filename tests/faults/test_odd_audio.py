"""Audio that is odd: what broke off on its way is fetched again, and what comes twice alike is kept as it came."""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import pytest

from policies.lifecycle import RecordingEvent, RecordingState
from storage.custody.intake import intake
from storage.errors import Unavailable
from storage.jobs.steps import Steps
from storage.rows import delays
from storage.rows.delays import Delay
from storage.rows.recordings import Recording
from tests.faults.phone_company import PhoneCompany
from tests.faults.premises import ONE_MACHINE, WAV, Patient, Premises
from tests.storage.wavs import chunk, pcm_format, riff, tone, wav_bytes

PAGE = b"<html><body>Sign in to the guest network</body></html>"
MU_LAW = riff(pcm_format(tag=7, bits=8), chunk(b"data", bytes(48_000)))
UNFILLED = WAV[:4] + b"\xff" * 4 + WAV[8:40] + b"\xff" * 4 + WAV[44:]


def delay_of(premises: Premises, one: Recording) -> Delay | None:
    with premises.shop.database.read() as connection:
        return delays.of(connection, one.id)


def oddities(premises: Premises, one: Recording) -> list[str]:
    return cast(list[str], premises.story(one).as_json()["recordings"][0]["oddities"])


def fetched(premises: Premises, one: Recording) -> int:
    return premises.company.asked.count(("media", one.recording_sid))


class Changing(PhoneCompany):
    """Hands out other media each time, and the last of them from then on."""

    def become(self, recording_sid: str, *wavs: bytes) -> None:
        self.left = list(wavs)
        self.sid = recording_sid

    def media(self, recording_sid: str) -> Iterator[bytes]:
        self.tapes[self.sid].wav = self.left.pop(0) if len(self.left) > 1 else self.left[0]
        yield from super().media(recording_sid)


def changing(premises: Premises, one: Recording, *wavs: bytes) -> None:
    company = Changing(premises.clock, before_deletion=premises.company.before_deletion)
    company.calls, company.tapes = premises.company.calls, premises.company.tapes
    company.become(one.recording_sid, *wavs)
    premises.company = company
    premises.shop = replace(premises.shop, provider=company)


@pytest.mark.parametrize(
    ("wav", "told_s", "named"),
    [
        (UNFILLED, 3, ["riff_size", "data_size"]),
        (WAV + b"more", 3, ["riff_size", "trailing_bytes"]),
        (WAV, 30, ["duration"]),
        (wav_bytes(tone(5)), 2, ["duration"]),
        (WAV[:-8000], 3, ["riff_size", "cut_off"]),
        (WAV[:24_044], 3, ["riff_size", "cut_off", "duration"]),
        (wav_bytes(tone(0)), 3, ["duration"]),
        (MU_LAW, 3, ["other_format"]),
    ],
    ids=["unfilled", "padded", "shorter", "longer", "cut", "cut in half", "silent", "mu-law"],
)
@ONE_MACHINE
def test_odd_audio_that_comes_twice_alike_is_kept_as_it_came_and_its_oddity_is_on_record(
    premises: Premises, wav: bytes, told_s: int, named: list[str]
) -> None:
    one = premises.completed(wav, duration_s=told_s)
    premises.work()
    premises.assert_kept(one, wav)
    assert oddities(premises, one) == named
    assert premises.incidents(one) == set()
    assert delay_of(premises, one) is None


def test_plain_audio_is_fetched_once_and_nothing_is_said_of_it(premises: Premises) -> None:
    one = premises.completed()
    premises.work()
    assert (fetched(premises, one), oddities(premises, one)) == (1, [])


@ONE_MACHINE
def test_a_download_that_broke_off_is_made_again_until_it_is_whole(premises: Premises) -> None:
    one = premises.completed()
    changing(premises, one, WAV[:-20_000], WAV[:-20_000], WAV[:-1000], WAV)
    premises.work()
    premises.assert_kept(one)
    assert oddities(premises, one) == []


@ONE_MACHINE
def test_what_may_still_grow_is_given_half_a_minute(premises: Premises) -> None:
    one = premises.completed()
    changing(premises, one, *[WAV[:-40_000]] * 5, WAV)  # the sixth try is 31 s after the first
    premises.work()
    premises.assert_kept(one)


@ONE_MACHINE
def test_audio_that_is_odd_in_another_way_each_time_is_not_kept_and_the_reason_is(premises: Premises) -> None:
    one = premises.completed()
    changing(premises, one, *(WAV[: 44 + 4 * many] for many in range(40)))
    premises.work(tries=12)
    assert premises.recording(one).state is RecordingState.COMPLETED
    assert premises.company.holds(one.recording_sid)
    known = delay_of(premises, one)
    assert known is not None
    assert "announces more than there is" in known.reason
    assert "recording_waits" in premises.incidents(one)
    assert premises.strays() == []


@ONE_MACHINE
@pytest.mark.parametrize("body", [PAGE, b"", b'{"code": 20404}', b"ID3"], ids=["page", "nothing", "json", "mp3"])
def test_what_is_no_audio_is_not_kept_an_incident_says_so_and_it_is_left_alone_for_a_day(
    premises: Premises, body: bytes
) -> None:
    one = premises.completed(body)
    premises.work()
    assert premises.recording(one).state is RecordingState.COMPLETED
    assert premises.company.holds(one.recording_sid)
    assert premises.incidents(one) == {"job_failed"}
    [incident] = premises.story(one).incidents
    assert one.id in incident.detail
    assert "tried again in 24 h" in incident.detail
    assert premises.strays() == []
    before = fetched(premises, one)
    for _ in range(23):
        premises.clock.passes(hours=1)
        premises.sweep()
        premises.work()
    assert fetched(premises, one) == before
    premises.company.tapes[one.recording_sid].wav = WAV
    premises.clock.passes(hours=1)
    premises.sweep()
    premises.work()
    premises.assert_kept(one)
    assert premises.incidents(one) == set(), "what has mended itself is closed"


@ONE_MACHINE
def test_a_stream_longer_than_any_recording_is_refused_at_once_and_once_a_day(
    premises: Premises, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("storage.custody.fetching.MEDIA_BYTES_MAX", len(WAV) - 1)
    one = premises.completed()
    for _ in range(24):
        premises.work()
        premises.clock.passes(hours=1)
        premises.sweep()
    assert fetched(premises, one) == 1
    assert premises.incidents(one) == {"job_failed", "recording_stays_completed"}
    assert premises.company.holds(one.recording_sid)
    assert premises.strays() == []


@ONE_MACHINE
def test_a_length_that_twilio_corrects_is_taken_in(premises: Premises) -> None:
    one = premises.completed(duration_s=300)
    with pytest.raises(Unavailable, match="Twilio says 300 s, the audio has 1.5 s"):
        intake(premises.shop, cast(Steps, Patient(tries=2)), one.id)
    owner = premises.owner(one)
    premises.hears(owner, one.recording_sid, RecordingEvent.COMPLETED, duration_s=3)
    premises.work()
    premises.assert_kept(one)
    assert (premises.recording(one).duration_s, oddities(premises, one)) == (3, [])
    types = [event["type"] for event in premises.story(one).events]
    assert types.count("recording.corrected") == 1
    premises.hears(owner, one.recording_sid, RecordingEvent.COMPLETED, duration_s=4)
    assert premises.recording(one).duration_s == 3, "what is stored says itself how long it is"


@ONE_MACHINE
def test_a_recording_for_which_the_disk_has_no_room_is_not_begun(
    premises: Premises, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=200_000_000))
    one = premises.completed(duration_s=3600)
    premises.work(tries=12)
    assert fetched(premises, one) == 0
    known = delay_of(premises, one)
    assert known is not None
    assert "no room left on the disk of the spool: 227 MiB are needed, 190 MiB are free" in known.reason


@ONE_MACHINE
def test_a_store_that_is_away_is_found_out_before_any_work_on_the_audio(
    premises: Premises, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object) -> Any:
        raise Unavailable("audio store: away")

    worked: list[Callable[..., Any]] = []
    monkeypatch.setattr("storage.audio.sealing.seal", lambda *_, **__: worked.append(away))
    monkeypatch.setattr(type(premises.shop.store), "stat", away)
    premises.completed()
    premises.work()
    assert worked == []
