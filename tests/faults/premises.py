"""One installation's insides for the tests of its jobs: database, audio store, spool, jobs, and a phone company."""

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar, cast

import pytest
from sqlalchemy import Connection, text

from callflow import events
from compliance.call_life import CallLife, life_of
from evidence.events import Event, Value
from onrecord.demo.promises import Breach, Witness, open_master, strays
from policies.consent import Outcome
from policies.lifecycle import CallEvent, CallState, RecordingEvent, RecordingState
from policies.permissions import Role
from policies.purposes import Granted
from storage.audio import audio_objects
from storage.audio.contract import AudioStore
from storage.custody import sweep
from storage.custody.account_watch import AccountWatch
from storage.custody.copies import remove_copies
from storage.custody.destroy import delete_again, destroy
from storage.custody.failures import note_failure, note_wait
from storage.custody.intake import intake
from storage.custody.live_calls import LiveCalls
from storage.custody.pausing import pause, resume, see_to_pauses
from storage.custody.withdraw import see_to_withdrawals, withdraw
from storage.custody.workshop import Workshop
from storage.database.engine import Database
from storage.errors import Broken, Refused, Unavailable
from storage.jobs.queue import JobKind
from storage.jobs.steps import OnWait, Patience, Steps
from storage.moment import Moment
from storage.rows import call_end, calls, news, permits, provider_copies, recordings
from storage.rows.calls import OPEN, Call
from storage.rows.news import News
from storage.rows.permits import Permit
from storage.rows.provider_copies import COPIES
from storage.rows.recordings import DELETE_AGAIN, DESTROY, EXPIRE, INTAKE, PAUSE, RESUME, Recording
from storage.rows.withdrawing import WITHDRAW, recording_suppressed
from storage.staff import accounts
from storage.staff.accounts import Position
from tests.conftest import NOON
from tests.faults.interruptions import Died
from tests.faults.phone_company import OURS, PhoneCompany
from tests.storage.wavs import quiet, stereo, tone, wav_bytes

T = TypeVar("T")
Job = Callable[[Workshop, Steps, str], None]

LINE, KEK = "+12125550100", b"K" * 32
WAV = wav_bytes(stereo(tone(1.5), quiet(1.5)))
# For what no database or store can make different.
ONE_MACHINE = pytest.mark.parametrize("premises", ["one machine"], indirect=True)
JOBS: Mapping[JobKind, Job] = {
    INTAKE: intake,
    DESTROY: destroy,
    EXPIRE: destroy,
    DELETE_AGAIN: delete_again,
    COPIES: remove_copies,
}


@dataclass
class Clock:
    now: datetime = NOON

    def __call__(self) -> datetime:
        return self.now

    def passes(self, **time: float) -> None:
        self.now += timedelta(**time)


@dataclass(frozen=True)
class BookedJobs:
    """Jobs as rows of the same database: on disk with their reason, or not at all."""

    database: Database

    def open(self) -> None:
        columns = "job VARCHAR(99) PRIMARY KEY, kind VARCHAR(20), argument VARCHAR(99), standing VARCHAR(9)"
        create = f"CREATE TABLE booked ({columns})"
        self.database.write(lambda connection: connection.execute(text(create)))

    def enqueue(self, connection: Connection, kind: JobKind, job_id: str, argument: str) -> None:
        row = {"job": kind.key(job_id), "kind": kind.name, "argument": argument}
        book = "INSERT INTO booked VALUES (:job, :kind, :argument, 'waiting') ON CONFLICT DO NOTHING"
        connection.execute(text(book), row)

    def under_way(self, kind: JobKind) -> frozenset[str]:
        return frozenset(job.removeprefix(kind.key("")) for job, _ in self.waiting(kind))

    def waiting(self, kind: JobKind) -> list[tuple[str, str]]:
        query = "SELECT job, argument FROM booked WHERE kind = :kind AND standing = 'waiting' ORDER BY job"
        with self.database.read() as connection:
            return [(row.job, row.argument) for row in connection.execute(text(query), {"kind": kind.name})]

    def take(self) -> list[tuple[JobKind, str]]:
        taken = [(kind, job, argument) for kind in (WITHDRAW, *JOBS) for job, argument in self.waiting(kind)]
        for _, job, _ in taken:
            self.ended(job)
        return [(kind, argument) for kind, _, argument in taken]

    def ended(self, job: str) -> None:
        tell = "UPDATE booked SET standing = 'ended' WHERE job = :job"
        self.database.write(lambda connection: connection.execute(text(tell), {"job": job}))


@dataclass
class Patient:
    """A job's steps with a worker's patience, which takes no time here but on the clock that is handed in."""

    clock: Clock | None = None
    on_wait: OnWait = lambda _error, _wait_s: None
    tries: int = 6

    def __call__(self, name: str, step: Callable[[], T]) -> T:
        for wait_s in islice(Patience().waits(), self.tries - 1):
            try:
                return step()
            except Unavailable as error:
                self.on_wait(error, wait_s)
                if self.clock:
                    self.clock.passes(seconds=wait_s)
        return step()


@dataclass
class Remembered:
    """A job's steps as they are remembered when its worker dies: what has ended is not done again.

    `last`: the worker dies, or another turns out to have taken its place, when the step of that name has ended.
    """

    done: dict[str, Any] = field(default_factory=dict)
    last: str = ""

    def __call__(self, name: str, step: Callable[[], T]) -> T:
        if name not in self.done:
            self.done[name] = Patient()(name, step)
            if name == self.last:
                raise Died
        return cast(T, self.done[name])


@dataclass
class Premises:
    shop: Workshop
    company: PhoneCompany
    jobs: BookedJobs
    clock: Clock
    watch: AccountWatch
    live: LiveCalls
    stride: int = 1
    """How many of a job's effects a test goes on at a time when it interrupts each."""
    rules_sha256: str = "0" * 64
    law_sha256: str = ""
    """The rules and the law that a call came in under."""

    @classmethod
    def open(
        cls,
        database: Database,
        store: AudioStore,
        spool: Path,
        *,
        at: Clock | None = None,
        listening_copies: bool = False,
    ) -> "Premises":
        clock, jobs = at or Clock(), BookedJobs(database)
        company = PhoneCompany(clock)
        shop = Workshop(database, company, store, spool, KEK, listening_copies, now=clock)
        jobs.open()
        watch = AccountWatch(shop, jobs, frozenset({LINE}))
        made = cls(shop, company, jobs, clock, watch, LiveCalls(shop, jobs))
        company.before_deletion = made._verified_first
        return made

    def other_machine(self) -> Workshop:
        return replace(self.shop, spool=self.shop.spool.with_name("spool of another machine"))

    def write(self, work: Callable[[Connection], T]) -> T:
        return self.shop.database.write(work)

    def moment(self) -> Moment:
        return self.shop.moment()

    def call(
        self,
        outcome: Outcome | None = Outcome.CONSENTED,
        *,
        keep: timedelta = timedelta(days=90),
        purposes: Mapping[str, timedelta] | None = None,
        call_sid: str = "",
        caller_hash: str | None = None,
        synthetic: bool = False,
    ) -> Call:
        """A call as the webhooks leave it when that is its outcome; None: still in the disclosure.

        `purposes` say for how long each may be used; otherwise quality, for as long as it is kept.
        """
        new = Call(
            id=self.moment().new_id(),
            call_sid=call_sid or self.company.ring(LINE),
            line=LINE,
            mode="opt_in",
            silence_is_consent=False,
            prompts_max=2,
            language="en-US",
            wording_sha256="0" * 64,
            rules_sha256=self.rules_sha256,
            law_sha256=self.law_sha256,
            state=CallState.DISCLOSING,
            outcome=OPEN,
            reason="",
            prompt=0,
            events=0,
            received_at=self.clock.now,
            disclosure_length_ms=0,
            sweep_at=self.clock.now + timedelta(days=1),
            caller_hash=caller_hash,
            synthetic=synthetic,
        )
        came = self.write(lambda connection: self._receive(connection, new))
        if outcome is None:
            return came
        lengths = purposes or {"quality": keep}
        return self.write(lambda connection: self._decide(connection, came, outcome, keep, lengths))

    def staff_id(self, name: str) -> str:
        """The account of somebody of that name, which is made where there is none."""

        def find(connection: Connection) -> str:
            position = Position(Role.REVIEWER)
            found = accounts.by_name(connection, name)
            return (found or accounts.add(connection, self.moment(), name, name.title(), position, actor="root")).id

        return self.write(find)

    def _receive(self, connection: Connection, new: Call) -> Call:
        calls.add(connection, new)
        rules: dict[str, Value] = {"rules_sha256": new.rules_sha256, "law": {"version": "", "sha256": new.law_sha256}}
        public = {"mode": new.mode, "language": new.language, **rules}
        if new.synthetic:
            public["synthetic"] = True
        private = {"callee": new.line, "provider_call_id": new.call_sid, "caller_hash": new.caller_hash}
        return calls.append_events(connection, self.moment(), new, Event("call.received", public, private))

    def _decide(
        self, connection: Connection, known: Call, outcome: Outcome, keep: timedelta, lengths: Mapping[str, timedelta]
    ) -> Call:
        moment = self.moment()
        completed = [events.disclosure_completed(timedelta(0))]
        told = calls.settle(connection, moment, known, CallEvent.DISCLOSURE_COMPLETED, events=completed)
        if outcome is not Outcome.CONSENTED:
            no = [recording_suppressed(told, outcome, "")]
            return calls.settle(connection, moment, told, CallEvent.SUPPRESSED, events=no, outcome=outcome)
        granted = tuple(Granted(purpose, known.received_at + length) for purpose, length in lengths.items())
        given = Permit(known.id, outcome, granted, "quality-90d", known.received_at + keep, moment.at)
        yes = [events.recording_permitted(told, given, ())]
        decided = calls.settle(connection, moment, told, CallEvent.PERMITTED, events=yes, outcome=outcome)
        permits.give(connection, given)
        return decided

    def hears(
        self,
        owner: Call,
        recording_sid: str,
        event: RecordingEvent,
        *,
        duration_s: int | None = None,
        source: str = OURS,
    ) -> Recording:
        """A callback tells of it: at our own address, unless another source started it."""
        told = News(recording_sid, event, source, reports_to_us=source == OURS, duration_s=duration_s)
        return self.write(
            lambda connection: news.take_news(connection, self.moment(), self.row(connection, owner), told, self.jobs)
        )

    def ends(self, one: Recording | Call) -> None:
        """The call is over, and its end was heard of."""
        call_id = one.call_id if isinstance(one, Recording) else one.id

        def end(connection: Connection) -> None:
            call = calls.existing(connection, call_id)
            call_end.end(connection, self.moment(), call, status="completed", duration_s=30)

        self.write(end)

    def owner(self, one: Recording) -> Call:
        with self.shop.database.read() as connection:
            known = calls.peek(connection, one.call_id)
        assert known is not None
        return known

    def row(self, connection: Connection, owner: Call) -> Call:
        known = calls.by_id(connection, owner.id)
        assert known is not None
        return known

    def completed(
        self, wav: bytes = WAV, *, duration_s: int = 3, purposes: Mapping[str, timedelta] | None = None
    ) -> Recording:
        """The caller agreed, the recording is complete, and its callback has come."""
        owner = self.call(purposes=purposes)
        sid = self.company.start(owner.call_sid, wav)
        self.company.hang_up(owner.call_sid)
        self.company.complete(sid, duration_s=duration_s)
        return self.hears(owner, sid, RecordingEvent.COMPLETED, duration_s=duration_s)

    def stored(
        self, purposes: Mapping[str, timedelta] | None = None, *, wav: bytes = WAV, duration_s: int = 3
    ) -> Recording:
        kept = self.completed(wav, duration_s=duration_s, purposes=purposes)
        self.work()
        return self.recording(kept)

    def recording(self, one: Recording) -> Recording:
        with self.shop.database.read() as connection:
            known = recordings.peek(connection, one.id)
        assert known is not None
        return known

    def condemn(self, one: Recording) -> None:
        def condemn(connection: Connection) -> None:
            owner, known = recordings.with_call(connection, one.id)
            recordings.condemn(connection, self.moment(), owner, known, self.jobs, why="withdrawn")

        self.write(condemn)

    def sweep(self) -> None:
        """And what else a worker does again and again."""
        sweep.sweep(self.shop, self.jobs, cast(Steps, Patient()))
        self.watch.look()
        self.live.look()
        see_to_withdrawals(self.shop, self.jobs)
        see_to_pauses(self.shop, self.jobs)

    def work(self, *, tries: int = 6) -> None:
        """Carry out every job that was asked for. One that fails for good ends as it does in a worker."""
        for kind, job in self.does().items():
            for booked, argument in self.jobs.waiting(kind):
                steps = Patient(self.clock, partial(note_wait, self.shop, kind, argument), tries)
                try:
                    job(self.shop, cast(Steps, steps), argument)
                except (Refused, Unavailable, Broken) as error:
                    note_failure(self.shop, kind, argument, error)
                self.jobs.ended(booked)

    def does(self) -> Mapping[JobKind, Job]:
        """The jobs of a worker, a withdrawal first."""

        def withdraws(shop: Workshop, steps: Steps, call_id: str) -> None:
            withdraw(shop, self.jobs, steps, call_id)

        return {PAUSE: pause, RESUME: resume, WITHDRAW: withdraws, **JOBS}

    def story(self, one: Recording | Call) -> CallLife:
        call_id = one.call_id if isinstance(one, Recording) else one.id
        with self.shop.database.read() as connection:
            owner = calls.peek(connection, call_id)
            assert owner is not None
            told = life_of(connection, owner.call_sid)
        assert told is not None
        return told

    def incidents(self, one: Recording | Call) -> set[str]:
        return {incident.kind for incident in self.story(one).incidents}

    def told(self, one: Recording) -> list[str]:
        """The types of the events about the recording."""
        return [event["type"] for event in self.story(one).events if event.get("recording") == one.id]

    def event(self, one: Recording | Call, kind: str) -> dict[str, Any]:
        """The event of a type that the call has once."""
        (found,) = [event for event in self.story(one).events if event["type"] == kind]
        return found

    def assert_no_copies(self, one: Recording) -> None:
        """The company has no copy of the recording or its call, and every row of a copy says so."""
        sids = {one.recording_sid, self.owner(one).call_sid}
        left = [kept.copy for kept in self.company.copies if not kept.is_deleted]
        assert [copy for copy in left if sids & {copy.recording_sid, copy.call_sid}] == []
        with self.shop.database.read() as connection:
            assert [row for row in provider_copies.of_call(connection, one.call_id) if row.gone_at is None] == []

    def strays(self) -> list[Breach]:
        """Audio and keys that no kept recording accounts for."""
        with self.shop.database.read() as connection:
            return list(strays(self._witness(), connection))

    def audio(self, one: Recording) -> bytes:
        """The master, opened from the store."""
        with self.shop.database.read() as connection:
            return open_master(self._witness(), connection, one.id)

    def assert_kept(self, one: Recording, wav: bytes = WAV) -> None:
        """Stored exactly once, opens, is alone in its folder, and Twilio's copy is gone."""
        known = self.recording(one)
        assert known.state is RecordingState.KEPT
        assert self.audio(one) == wav
        types = self.told(one)
        assert (types.count("recording.stored"), types.count("recording.deleted")) == (1, 1)
        assert not self.company.holds(known.recording_sid)
        assert self.strays() == []

    def assert_gone(self, one: Recording) -> None:
        """Destroyed and certified once, and nothing of it remains anywhere."""
        known = self.recording(one)
        assert known.state is RecordingState.DESTROYED
        assert self.told(one).count("recording.destroyed") == 1
        with self.shop.database.read() as connection:
            assert audio_objects.of(connection, one.id) == []
        assert [key for key in self.shop.store.list("") if key.recording_id == one.id] == []
        assert not self.company.holds(known.recording_sid)
        assert self.strays() == []
        self.assert_no_copies(one)

    def _verified_first(self, recording_sid: str) -> None:
        """Twilio's copy of what we are to keep is deleted only when ours is stored, and opens."""
        with self.shop.database.read() as connection:
            known = recordings.peek_sid(connection, recording_sid)
        assert known is not None
        if known.state not in {RecordingState.CONDEMNED, RecordingState.DESTROYED}:
            assert known.state in {RecordingState.STORED, RecordingState.KEPT}
            assert self.audio(known) == self.company.tapes[recording_sid].wav

    def _witness(self) -> Witness:
        return Witness(self.shop.database, self.shop.store, KEK, self.shop.spool)


def new_sid() -> str:
    return "RE" + secrets.token_hex(16)
