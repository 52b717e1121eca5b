"""Calls with kept recordings of any length, for measurements of listening: stored by the worker's own job, from a WAV
that is made here.
"""

import wave
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, TypeVar, cast

import numpy as np
from sqlalchemy import Connection

from callflow import events
from evidence.events import Event, Value
from onrecord.installation import Installation
from policies.consent import Outcome
from policies.copies import CopyKind
from policies.lifecycle import CallEvent, CallState, RecordingEvent
from policies.purposes import Granted
from storage.custody.intake import intake
from storage.custody.workshop import Workshop
from storage.jobs.steps import Steps
from storage.moment import Moment, utc_now
from storage.provider import CopiesSeen, Provider, ProviderRecording, Sight
from storage.rows import call_end, calls, news, permits, recordings
from storage.rows.calls import OPEN, Call
from storage.rows.news import News
from storage.rows.permits import Permit
from storage.rows.recordings import Recording

T = TypeVar("T")
RATE = 8_000
_LINE, _KEPT = "+12125550100", timedelta(days=90)
_OURS = "StartCallRecordingTwiML"
_CLICK_S, _PIECE_BYTES = 0.01, 1 << 20


@dataclass
class SameSound:
    """The provider's side of recordings with the same sound, each complete until it is deleted."""

    wav: Path
    seconds: float
    deleted: set[str] = field(default_factory=set)

    def recording(self, sid: str) -> ProviderRecording | None:
        shown = ProviderRecording(sid, "", "completed", round(self.seconds), 2, _OURS, utc_now())
        return None if sid in self.deleted else shown

    def media(self, _: str) -> Iterator[bytes]:
        with self.wav.open("rb") as file:
            while piece := file.read(_PIECE_BYTES):
                yield piece

    def delete(self, sid: str) -> None:
        self.deleted.add(sid)

    def copies_of(self, *_: str) -> tuple[CopiesSeen, ...]:
        return tuple(CopiesSeen(kind, Sight.SEEN) for kind in CopyKind)

    def clocks_apart(self) -> None:
        return None


@dataclass(frozen=True)
class Shelf:
    """Makes kept calls in an installation, whose worker does not run."""

    installation: Installation
    folder: Path
    _jobs: Any = field(default_factory=lambda: SimpleNamespace(enqueue=lambda *_: None))

    def kept(self, name: str, seconds: float, clicks_s: Sequence[float] = ()) -> Recording:
        wav = write_wav(self.folder / f"{name}.wav", seconds, clicks_s)
        completed = self.completed(name, seconds)
        take_in(self.workshop(SameSound(wav, seconds)), completed.id)
        end = call_end.end
        self._write(lambda c, m: end(c, m, calls.existing(c, completed.call_id), status="completed", duration_s=None))
        wav.unlink()
        with self.installation.database.read() as connection:
            found = recordings.peek(connection, completed.id)
        assert found is not None
        return found

    def completed(self, name: str, seconds: float) -> Recording:
        """A recording that the provider has completed, and that is not taken in yet."""
        call, sid = self._call(name), "RE" + name.ljust(32, "0")[:32]
        told = [
            News(sid, event, _OURS, reports_to_us=True, duration_s=length)
            for event, length in ((RecordingEvent.IN_PROGRESS, None), (RecordingEvent.COMPLETED, round(seconds)))
        ]
        return [self._write(lambda c, m, one=one: self._hear(c, m, call.id, one)) for one in told][-1]  # type: ignore[misc]  # mypy and defaults

    def workshop(self, provider: SameSound) -> Workshop:
        installation = self.installation
        return Workshop(
            installation.database,
            cast(Provider, provider),
            installation.store,
            self.folder / "spool",
            installation.keys.key_encryption_key,
            listening_copies=True,
        )

    def _call(self, name: str) -> Call:
        def decide(connection: Connection, moment: Moment) -> Call:
            new = _new(name, moment)
            calls.add(connection, new)
            rules: dict[str, Value] = {
                "rules_sha256": new.rules_sha256,
                "law": {"version": "", "sha256": new.law_sha256},
            }
            private = {"callee": new.line, "provider_call_id": new.call_sid}
            received = Event("call.received", {"mode": new.mode, "language": new.language, **rules}, private)
            call = calls.append_events(connection, moment, new, received)
            completed = [events.disclosure_completed(timedelta(0))]
            call = calls.settle(connection, moment, call, CallEvent.DISCLOSURE_COMPLETED, events=completed)
            until = moment.at + _KEPT
            given = Permit(call.id, Outcome.CONSENTED, (Granted("quality", until),), "quality-90d", until, moment.at)
            yes = [events.recording_permitted(call, given, ())]
            call = calls.settle(connection, moment, call, CallEvent.PERMITTED, events=yes, outcome=Outcome.CONSENTED)
            permits.give(connection, given)
            return call

        return self._write(decide)

    def _hear(self, connection: Connection, moment: Moment, call_id: str, told: News) -> Recording:
        return news.take_news(connection, moment, calls.existing(connection, call_id), told, self._jobs)

    def _write(self, work: Callable[[Connection, Moment], T]) -> T:
        moment = Moment.now()
        return self.installation.database.write(lambda connection: work(connection, moment))


def take_in(workshop: Workshop, recording_id: str) -> None:
    """As the worker does."""
    once: Callable[[str, Callable[[], T]], T] = lambda _, step: step()  # noqa: E731 - a job without an engine
    intake(workshop, cast(Steps, once), recording_id)


def write_wav(path: Path, seconds: float, clicks_s: Sequence[float]) -> Path:
    """Two sides that speak by turns; or, where clicks are named, these clicks in silence."""
    voices = np.random.default_rng(1).standard_normal((60 * RATE, 2)) * (0 if clicks_s else 3_000)
    speaks = np.arange(60 * RATE) // (7 * RATE) % 2
    minute = (voices * np.column_stack([speaks, 1 - speaks])).clip(-32_768, 32_767).astype("<i2")
    click = np.round(np.sin(np.arange(round(_CLICK_S * RATE)) * 2 * np.pi * 1000 / RATE) * 29_000).astype("<i2")
    with wave.open(str(path), "wb") as file:
        file.setparams((2, 2, RATE, 0, "NONE", ""))
        for begin_s in range(0, round(seconds), 60):
            part = minute[: round((seconds - begin_s) * RATE)].copy()
            for at_s in clicks_s:
                if begin_s <= at_s < begin_s + 60:
                    at = round((at_s - begin_s) * RATE)
                    part[at : at + len(click)] = click[:, None]
            file.writeframesraw(part.tobytes())
    return path


def _new(name: str, moment: Moment) -> Call:
    return Call(
        id=moment.new_id(),
        call_sid="CA" + name.ljust(32, "0")[:32],
        line=_LINE,
        mode="opt_in",
        silence_is_consent=False,
        prompts_max=2,
        language="en-US",
        wording_sha256="0" * 64,
        rules_sha256="0" * 64,
        state=CallState.DISCLOSING,
        outcome=OPEN,
        reason="",
        prompt=0,
        events=0,
        received_at=moment.at,
        disclosure_length_ms=0,
        sweep_at=moment.at + timedelta(days=1),
    )
