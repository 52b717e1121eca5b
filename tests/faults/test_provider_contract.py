"""What the jobs may count on: one suite for Twilio's adapter over HTTP against the simulator, and the one in memory."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from outbound.twilio_client import Account
from outbound.twilio_provider import TwilioProvider
from policies.copies import ACCOUNT_WIDE, CopyKind
from simulator.config import Config
from simulator.exchange import Exchange
from simulator.plans import CallPlan
from simulator.server import Server
from storage.errors import Unavailable
from storage.provider import CopyDeletion, Provider, Sight
from tests.faults.phone_company import OURS, PhoneCompany
from tests.simulator.office import ACCOUNT, CALLER, LINE, ORIGIN, RECORD, TOKEN, Office
from tests.storage.wavs import quiet, stereo, tone, wav_bytes


@dataclass(frozen=True)
class Rig:
    """A provider, and what the people do: a call with a running recording comes in, and ends."""

    provider: Provider
    ring: Callable[[], str]
    hang_up: Callable[[str], None]
    make_copy: Callable[[CopyKind, str, str], object]
    """Of a kind, of a recording or a call."""

    def recording_of(self, call_sid: str, status: str = "") -> str:
        """Its sid, as soon as it is there and in that status."""
        while True:
            for found in self.provider.recordings_of(call_sid):
                if found.status == status or not status:
                    return found.recording_sid


@pytest.fixture(params=["in memory", "over HTTP"])
def rig(request: pytest.FixtureRequest) -> Iterator[Rig]:
    with in_memory() if request.param == "in memory" else over_http() as made:
        yield made


@contextmanager
def in_memory() -> Iterator[Rig]:
    company = PhoneCompany(lambda: datetime.now(UTC))

    def ring() -> str:
        sid = company.ring(LINE, CALLER)
        company.start(sid, wav_bytes(stereo(tone(1), quiet(1))))
        return sid

    def hang_up(call_sid: str) -> None:
        company.hang_up(call_sid)
        for shown in company.recordings_of(call_sid):
            company.complete(shown.recording_sid)

    def make_copy(kind: CopyKind, recording_sid: str, call_sid: str) -> object:
        return company.make_copy(kind, recording_sid=recording_sid, call_sid=call_sid)

    yield Rig(company, ring, hang_up, make_copy)


@contextmanager
def over_http() -> Iterator[Rig]:
    office = Office(answer=f"{RECORD}<Pause length='60'/>")
    timing = {"request_s": 0, "callback_s": 0, "processing_s": 0.05, "recording_min_s": 0, "events_s": 0}
    numbers = {LINE: {"voice_url": f"{ORIGIN}/answer"}}
    exchange = Exchange(Config.of({"account_sid": ACCOUNT, "auth_token": TOKEN, "numbers": numbers, "timing": timing}))
    exchange.mount(ORIGIN, office._app())
    with Server(exchange) as server:
        provider = TwilioProvider(Account(ACCOUNT, ACCOUNT, TOKEN, server.url))
        plan = CallPlan.of({"from": CALLER, "to": LINE})
        exchange.services = exchange.services.changed({"batch_delete": True, "operation_s": 0.0})
        yield Rig(
            provider,
            lambda: exchange.start_call(plan).sid,
            lambda sid: _hang_up(exchange, sid),
            lambda kind, recording_sid, call_sid: exchange.texts.make(
                kind, recording_sid=recording_sid, call_sid=call_sid
            ),
        )
        for thread in threading.enumerate():
            if thread.name in exchange.calls:
                exchange.calls[thread.name].line.hang_up()
                thread.join()
        exchange.settle()


def _hang_up(exchange: Exchange, call_sid: str) -> None:
    exchange.calls[call_sid].line.hang_up()
    exchange.calls[call_sid].ended.wait()


def test_a_call_is_under_way_until_it_has_ended(rig: Rig) -> None:
    sid = rig.ring()
    rig.recording_of(sid)
    under_way = rig.provider.call(sid)
    assert under_way is not None
    assert (under_way.ended, under_way.line, under_way.caller) == (False, LINE, CALLER)
    rig.hang_up(sid)
    over = rig.provider.call(sid)
    assert over is not None
    assert (over.ended, over.status) == (True, "completed")


def test_what_never_was_is_nowhere(rig: Rig) -> None:
    assert rig.provider.call("CA" + "0" * 32) is None
    assert rig.provider.call_account("CA" + "0" * 32) is None
    assert rig.provider.recording("RE" + "0" * 32) is None
    assert rig.provider.stop("CA" + "0" * 32, "RE" + "0" * 32) is None
    rig.provider.delete("RE" + "0" * 32)


def test_calls_are_listed_by_when_they_came_in(rig: Rig) -> None:
    sid = rig.ring()
    rig.recording_of(sid)
    now = datetime.now(UTC)
    assert [one.call_sid for one in rig.provider.calls_since(now - timedelta(minutes=1))] == [sid]
    assert rig.provider.calls_since(now + timedelta(minutes=1)).rows == ()


def test_calls_are_listed_by_the_time_between_which_they_came_in(rig: Rig) -> None:
    sid = rig.ring()
    rig.recording_of(sid)
    now, minute = datetime.now(UTC), timedelta(minutes=1)
    assert [one.call_sid for one in rig.provider.calls_between(now - minute, now + minute)] == [sid]
    assert rig.provider.calls_between(now + minute, now + 2 * minute).rows == ()
    assert rig.provider.calls_between(now - 2 * minute, now - minute).rows == ()


def test_what_was_asked_about_a_call_is_told_when_it_is_over(rig: Rig) -> None:
    sid = rig.ring()
    rig.recording_of(sid)
    under_way = rig.provider.call_account(sid)
    assert under_way is not None
    assert (under_way.body, under_way.requests) == (b"[]", ())
    rig.hang_up(sid)
    over = rig.provider.call_account(sid)
    assert over is not None
    assert [one.url.rpartition("/")[2] for one in over.requests if one.parameters["callsid"] == sid][-1] == "answer"
    assert over.body.startswith(b"[")


def test_a_running_recording_is_listed_and_has_no_media(rig: Rig) -> None:
    sid = rig.ring()
    recording = rig.provider.recording(rig.recording_of(sid))
    assert recording is not None
    assert (recording.call_sid, recording.source) == (sid, OURS)
    with pytest.raises(Unavailable):
        list(rig.provider.media(recording.recording_sid))


def test_a_running_recording_cannot_be_deleted_and_a_stopped_one_can_once_it_is_completed(rig: Rig) -> None:
    call_sid = rig.ring()
    sid = rig.recording_of(call_sid)
    with pytest.raises(Unavailable):
        rig.provider.delete(sid)
    stopped = rig.provider.stop(call_sid, sid)
    assert stopped is not None
    assert (stopped.recording_sid, stopped.has_stopped) == (sid, True)
    assert rig.provider.stop(call_sid, sid) is None
    while rig.provider.recording(sid) is not None:
        try:
            rig.provider.delete(sid)
        except Unavailable:
            continue
    assert rig.provider.recordings_of(call_sid).rows == ()


def test_a_completed_recordings_media_is_a_wav_until_it_is_deleted(rig: Rig) -> None:
    call_sid = rig.ring()
    rig.recording_of(call_sid)
    rig.hang_up(call_sid)
    sid = rig.recording_of(call_sid, "completed")
    assert b"".join(rig.provider.media(sid))[:4] == b"RIFF"
    for _ in range(2):
        rig.provider.delete(sid)
    assert rig.provider.recording(sid) is None
    assert rig.provider.recordings_since(datetime.now(UTC) - timedelta(minutes=1)).rows == ()
    with pytest.raises(Unavailable):
        list(rig.provider.media(sid))


@pytest.mark.parametrize("kind", CopyKind)
def test_a_copy_is_found_until_it_is_deleted_and_outlives_its_recording(rig: Rig, kind: CopyKind) -> None:
    call_sid = rig.ring()
    sid = rig.recording_of(call_sid)
    rig.hang_up(call_sid)
    is_of_call = kind is CopyKind.CONVERSATION
    rig.make_copy(kind, "" if is_of_call else sid, call_sid if is_of_call else "")
    rig.recording_of(call_sid, "completed")
    rig.provider.delete(sid)
    found = rig.provider.copies_of(sid, call_sid)
    assert [(seen.kind, seen.sight, len(seen.copies)) for seen in found] == [
        (each, Sight.SEEN, int(each is kind)) for each in CopyKind
    ]
    (copy,) = [copy for seen in found for copy in seen.copies]
    since = [rig.provider.copies_since(each, datetime.now(UTC) - timedelta(minutes=1)) for each in ACCOUNT_WIDE]
    assert [copy for seen in since for copy in seen.copies] == ([copy] if kind in ACCOUNT_WIDE else [])
    for _ in range(2):
        assert rig.provider.delete_copy(copy) == CopyDeletion(True)
    assert [seen.copies for seen in rig.provider.copies_of(sid, call_sid)] == [()] * len(CopyKind)


def test_of_nothing_there_are_no_copies(rig: Rig) -> None:
    found = rig.provider.copies_of("RE" + "0" * 32, "CA" + "0" * 32)
    assert [(seen.kind, seen.sight, seen.copies) for seen in found] == [(kind, Sight.SEEN, ()) for kind in CopyKind]


def test_a_running_recording_is_paused_and_goes_on_and_an_ended_one_does_neither(rig: Rig) -> None:
    call_sid = rig.ring()
    recording_sid = rig.recording_of(call_sid)
    for _ in range(2):
        paused = rig.provider.pause(call_sid, recording_sid)
        assert paused is not None
        assert (paused.status, paused.recording_sid) == ("paused", recording_sid)
        assert paused.started_at is not None
        assert abs(datetime.now(UTC) - paused.started_at) < timedelta(minutes=1)
    for _ in range(2):
        resumed = rig.provider.resume(call_sid, recording_sid)
        assert resumed is not None
        assert resumed.status == "in-progress"
    rig.hang_up(call_sid)
    assert rig.provider.pause(call_sid, recording_sid) is None
    assert rig.provider.resume(call_sid, recording_sid) is None
