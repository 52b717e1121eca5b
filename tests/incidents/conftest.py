"""One whole installation: both web servers' applications and the jobs, on one database, and who comes to them."""

from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from callflow import webhooks
from callflow.callbacks import Callbacks
from callflow.conversation import Conversation
from compliance.pauses import Pauses
from compliance.withdrawals import Withdrawals
from console.app import Console
from console.app import create_app as create_console
from console.live_calls import LiveCalls
from onrecord.processes.health import Readiness, add_health
from policies.lifecycle import RecordingState
from policies.rulebook.read import parse
from storage.audio.contract import AudioStore
from storage.audio.directory_store import DirectoryStore
from storage.database.engine import Database
from storage.database.schema import migrate
from storage.database.tables import metadata
from storage.provider import ProviderCall, ProviderRecording
from storage.rows import calls, recordings
from storage.rows.calls import Call
from storage.rows.recordings import Recording
from storage.rows.rules_in_force import RulesInForce
from tests.callflow.conftest import (
    ACCOUNT,
    CALLER,
    NUMBER_KEY,
    RULEBOOK,
    TOKEN,
    URLS,
    PhoneCall,
    Twilio,
    make_waiting,
    recording_url,
    starts_recording,
)
from tests.callflow.conftest import Clock as WebhookClock
from tests.console.conftest import BASE_URL, Staff, entry_of
from tests.console.provider import Provider
from tests.databases import PostgresServer, migrated_file
from tests.faults.conftest import peer
from tests.faults.phone_company import OURS, Tape
from tests.faults.premises import KEK, Premises
from tests.storage.wavs import quiet, stereo, tone, wav_bytes

__all__ = ["peer"]
RULES = RULEBOOK.read_text()
API_TOKEN = "a-token-of-the-agents-page-0123456789"
WAV = wav_bytes(stereo(tone(1.0), quiet(1.0)))
Rows = dict[str, list[tuple[object, ...]]]


@dataclass
class OneClock(WebhookClock):
    """The time of the webhooks, which is that of the premises."""

    premises: Premises | None = None

    def __call__(self) -> Any:
        assert self.premises
        return self.premises.clock.now

    def passes(self, seconds: float) -> None:
        assert self.premises
        self.premises.clock.now += timedelta(seconds=seconds)


@dataclass
class Service:
    """`webhooks` is Twilio's application and `console` the staff's; what either asks for, `premises` does."""

    premises: Premises
    twilio: Twilio
    console: Flask
    staff: Staff

    @classmethod
    def on(cls, premises: Premises, rules: str = RULES, secrets: tuple[str, ...] = (TOKEN,)) -> "Service":
        database, rulebook, clock = premises.shop.database, parse(rules), OneClock(premises=premises)
        conversation = Conversation(RulesInForce(rulebook), URLS, NUMBER_KEY, premises.jobs)
        console = create_console(make_console(premises, rules))
        add_health(console, Readiness({}))
        made = webhooks.create_app(
            webhooks.Webhooks(
                database=database,
                conversation=conversation,
                callbacks=Callbacks(conversation),
                account_sid=ACCOUNT,
                webhook_secrets=secrets,
                add_health=partial(add_health, readiness=Readiness({})),
                waiting=make_waiting(database, conversation, clock),
                now=clock,
            )
        )
        staff = Staff(database, console, premises.clock)  # type: ignore[arg-type]  # a clock as well
        return cls(premises, Twilio(made, clock), console, staff)

    @property
    def webhooks(self) -> Flask:
        return self.twilio.app

    @property
    def database(self) -> Database:
        return self.premises.shop.database

    def call_of(self, sid: str) -> Call:
        with self.database.read() as connection:
            known = calls.peek_sid(connection, sid)
        assert known is not None
        return known

    def recordings_of(self, sid: str) -> list[Recording]:
        call = self.call_of(sid)
        with self.database.read() as connection:
            return recordings.of_call(connection, call.id)

    def keeps_a_call(self, line: str = "+12125550100", caller: str = CALLER) -> tuple[PhoneCall, Recording]:
        """A call whose caller agrees, from the first request to the kept recording."""
        call = self.twilio.dial(line, caller)
        answer = call.to_the_question()
        if answer.find("Gather") is not None:
            answer = call.presses(answer, "1")
        assert starts_recording(answer)
        call.recording(recording_url(answer), "in-progress")
        call.agent_answers(answer)
        call.talks(answer)
        self.is_known_to_the_company(call)
        call.recording(recording_url(answer), "completed", RecordingDuration="1")
        call.ends()
        self.premises.work()
        (kept,) = self.recordings_of(call.sid)
        assert kept.state is RecordingState.KEPT
        return call, kept

    def is_known_to_the_company(self, call: PhoneCall, recording_sid: str = "") -> Tape:
        """It has the call and its recording, which is complete."""
        company, now = self.premises.company, self.premises.clock.now
        company.calls[call.sid] = ProviderCall(call.sid, "completed", 60, True, call.line, call.caller, now)
        sid = recording_sid or "RE" + call.sid[2:]
        shown = ProviderRecording(sid, call.sid, "completed", 1, 2, OURS, now)
        company.tapes[sid] = Tape(shown, WAV)
        return company.tapes[sid]

    def everything(self) -> Rows:
        """Every row there is, but for the time at which a session was last seen."""
        with self.database.read() as connection:
            return {
                table.name: sorted((tuple(row) for row in connection.execute(select(table))), key=repr)
                for table in metadata.sorted_tables
                if table.name != "staff_session"
            }


def make_console(premises: Premises, rules: str = RULES) -> Console:
    """With every part that it can have: no route of the table is missing."""
    database, rulebook, moment = premises.shop.database, parse(rules), premises.moment
    live = LiveCalls(
        API_TOKEN, Withdrawals(database, rulebook, premises.jobs, moment), Pauses(database, rulebook, premises.jobs)
    )
    return Console(
        database,
        BASE_URL,
        live=live,
        rulebook=rulebook,
        number_hash_key=NUMBER_KEY,
        store=premises.shop.store,
        key_encryption_key=KEK,
        entry=entry_of(database, premises.clock),
        sign_on=Provider(),
        lines=tuple(line.number for line in rulebook.lines),
        limits=rulebook.console.limits,
        now=premises.clock,
    )


@pytest.fixture
def service(request: pytest.FixtureRequest, postgres: PostgresServer, tmp_path: Path) -> Iterator[Service]:
    """On SQLite, unless the test names another database."""
    with ExitStack() as stack:
        if getattr(request, "param", "sqlite") == "sqlite":
            url = migrated_file(tmp_path / "onrecord.db")
        else:
            url = stack.enter_context(postgres.fresh_database(migrated=True))
        yield stack.enter_context(opened(url, DirectoryStore(tmp_path / "audio"), tmp_path))


@contextmanager
def opened(url: str, store: AudioStore, folder: Path) -> Iterator[Service]:
    """A service on that database, which may be empty, and is closed in the end."""
    (folder / "audio").mkdir(exist_ok=True)
    with closing(Database.open(url)) as database:
        migrate(database)
        yield Service.on(Premises.open(database, store, folder / "spool"))
