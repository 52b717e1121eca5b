"""The public face in one process, and Twilio's side of it: requests signed as Twilio signs them."""

import json
import logging
import os
import re
import secrets
import tempfile
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from threading import Barrier
from urllib.parse import urlencode
from xml.etree import ElementTree as ET

import pytest
from flask import Flask
from sqlalchemy import func, select, text
from twilio.request_validator import RequestValidator
from werkzeug.test import TestResponse

from callflow.callbacks import Callbacks
from callflow.conversation import Conversation
from callflow.late_steps import LateSteps
from callflow.urls import Urls
from callflow.waiting_requests import WaitingRequests
from callflow.webhooks import Webhooks, create_app
from onrecord.processes.health import Readiness, add_health
from onrecord.settings.key_file import create_key_file
from policies.rulebook.read import parse
from simulator import twiml
from storage.database.engine import Database
from storage.database.tables import incident, log_leaf, metadata
from storage.jobs.queue import JobQueue, create_job_tables
from storage.journal.request_journal import RequestJournal
from storage.log import consent_log
from storage.rows import calls, recordings
from storage.rows.calls import Call
from storage.rows.incidents import open_incidents
from storage.rows.recordings import Recording
from storage.rows.rules_in_force import RulesInForce
from tests.compliance.signed_log import SignedLog
from tests.conftest import DIALECTS, NOON
from tests.databases import PostgresServer, migrated_file

BASE = "https://voice.example.com"
ACCOUNT = "AC" + "a" * 32
TOKEN = "an-auth-token-of-32-characters!!"
RULEBOOK = Path(__file__).with_name("rulebook.toml")
URLS = Urls(BASE, b"k" * 32)
NUMBER_KEY, JOURNAL_KEY = b"N" * 32, b"J" * 32
CALLER = "+15125550111"


@dataclass
class Clock:
    """The time of the test, which passes only when it is told to."""

    now: datetime = NOON

    def __call__(self) -> datetime:
        return self.now

    def passes(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


@dataclass(frozen=True)
class Delivery:
    """One signed request, byte for byte, that can be delivered any number of times."""

    path: str
    body: bytes
    signature: str

    def to(self, app: Flask) -> TestResponse:
        headers = {"X-Twilio-Signature": self.signature, "Content-Type": "application/x-www-form-urlencoded"}
        return app.test_client().post(self.path, data=self.body, headers=headers)

    def at_once(self, app: Flask, times: int) -> list[TestResponse]:
        """Delivered that often at the same moment, each from a thread of its own."""
        gate = Barrier(times)

        def deliver(_: int) -> TestResponse:
            gate.wait()
            return self.to(app)

        with ThreadPoolExecutor(times) as threads:
            return list(threads.map(deliver, range(times)))


@dataclass
class Twilio:
    """Twilio's side of one account: sends what a call would send, reads the answers, and remembers both."""

    app: Flask
    clock: Clock
    account_sid: str = ACCOUNT
    token: str = TOKEN
    sent: list[tuple[Delivery, TestResponse]] = field(default_factory=list)

    def sign(self, url: str, params: Mapping[str, str]) -> Delivery:
        """A signed request to one of our own URLs, absolute or from its path on."""
        path = url.removeprefix(BASE).partition("#")[0]
        params = {"AccountSid": self.account_sid, **params}
        signature = RequestValidator(self.token).compute_signature(BASE + path, params)
        return Delivery(path, urlencode(params).encode(), signature)

    def post(self, url: str, params: Mapping[str, str]) -> TestResponse:
        delivery = self.sign(url, params)
        response = delivery.to(self.app)
        self.sent.append((delivery, response))
        return response

    def dial(self, line: str = "+12125550100", caller: str = CALLER) -> "PhoneCall":
        return PhoneCall(self, line, caller)


@dataclass
class PhoneCall:
    """One call. Each method does what the caller's or Twilio's next act would cause, and returns the answer's XML."""

    twilio: Twilio
    line: str
    caller: str
    sid: str = field(default_factory=lambda: "CA" + secrets.token_hex(16))
    began: datetime = field(init=False)

    def __post_init__(self) -> None:
        self.began = self.twilio.clock()

    def params(self, **more: str) -> dict[str, str]:
        return {"CallSid": self.sid, "From": self.caller, "To": self.line, "CallStatus": "in-progress", **more}

    def arrives(self) -> ET.Element:
        return read(self.twilio.post("/voice/answer", self.params(CallStatus="ringing")))

    def is_sent_back(self) -> ET.Element:
        """An agent sends the call to the line's own URL by REST: the interrupted <Dial> is told of first."""
        self.twilio.clock.passes(20.0)
        return read(self.twilio.post("/voice/answer", self.params()))

    def hears_the_disclosure(self, answer: ET.Element, *, seconds: float = 15.0) -> ET.Element:
        self.twilio.clock.passes(seconds)
        redirect = answer.find("Redirect")
        assert redirect is not None
        assert redirect.text
        return read(self.twilio.post(redirect.text, self.params()))

    def presses(self, question: ET.Element, digits: str) -> ET.Element:
        self.twilio.clock.passes(4.0)
        gather = question.find("Gather")
        assert gather is not None
        return read(self.twilio.post(gather.attrib["action"], self.pressed(digits)))

    def pressed(self, digits: str) -> dict[str, str]:
        return self.params(**({"Digits": digits, "msg": "Gather End"} if digits else {"Digits": ""}))

    def to_the_question(self) -> ET.Element:
        return self.hears_the_disclosure(self.arrives())

    def agent_answers(self, answer: ET.Element) -> ET.Element:
        number = answer.find("Dial/Number")
        assert number is not None
        return read(self.twilio.post(number.attrib["url"], self.of_agent(number.text or "")))

    def of_agent(self, address: str, **more: str) -> dict[str, str]:
        """The parameters of a request about the leg to that agent's phone."""
        child = {"CallSid": "CA" + secrets.token_hex(16), "ParentCallSid": self.sid, "Direction": "outbound-dial"}
        return self.params(**child, **{"To": address, **more})

    def talks(self, answer: ET.Element, dial_call_status: str = "completed") -> ET.Element:
        """The <Dial> of that answer has ended."""
        self.twilio.clock.passes(60.0)
        dial = answer.find("Dial")
        assert dial is not None
        return read(self.twilio.post(dial.attrib["action"], self.params(DialCallStatus=dial_call_status)))

    def ends(self, status: str = "completed") -> TestResponse:
        self.twilio.clock.passes(1.0)
        duration_s = round((self.twilio.clock() - self.began).total_seconds())
        return self.twilio.post("/callbacks/call", self.params(CallStatus=status, CallDuration=str(duration_s)))

    def recording(self, url: str, status: str, recording_sid: str = "", **more: str) -> TestResponse:
        return self.twilio.post(url, self.recorded(status, recording_sid, **more))

    def recorded(self, status: str, recording_sid: str = "", **more: str) -> dict[str, str]:
        return {
            "CallSid": self.sid,
            "RecordingSid": recording_sid or "RE" + self.sid[2:],
            "RecordingStatus": status,
            "RecordingSource": "StartCallRecordingTwiML",
            "RecordingChannels": "2",
            **({"RecordingDuration": "30"} if status == "completed" else {}),
            **more,
        }


def read(response: TestResponse) -> ET.Element:
    """The answer, which Twilio must be able to carry out."""
    assert response.status_code == 200, response.status
    assert response.content_type == "text/xml; charset=utf-8"
    twiml.parse(response.data, response.content_type)
    return ET.fromstring(response.data)  # our own answer


def starts_recording(answer: ET.Element) -> bool:
    return answer.find("Start/Recording") is not None


def recording_url(answer: ET.Element) -> str:
    recording = answer.find("Start/Recording")
    assert recording is not None
    return recording.attrib["recordingStatusCallback"]


def connects(answer: ET.Element) -> bool:
    return answer.find("Dial/Number") is not None


def said(answer: ET.Element) -> str:
    return " ".join(element.text or "" for element in answer.iter("Say"))


# A phone number, a signature of Twilio's, a MAC of ours; of what the tests use, the token and whoever calls.
PRIVATE = re.compile(r"\+[1-9][0-9]{7,14}|[A-Za-z0-9+/]{27}=|(?<![\w-])[\w-]{43}(?![\w-])|5125550111")


@pytest.fixture(autouse=True)
def nothing_private_in_logs(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Whatever a test does, the log that an operator keeps has no number, signature or token in it."""
    caplog.set_level(logging.INFO)
    yield
    logged = "\n".join(caplog.handler.format(record) for record in caplog.get_records("call"))
    assert TOKEN not in logged
    assert PRIVATE.findall(logged) == []


Rows = dict[str, list[tuple[object, ...]]]


@dataclass
class Installation:
    """One installation of the public face and what it keeps."""

    database: Database
    twilio: Twilio
    webhooks: Webhooks

    @property
    def journal(self) -> RequestJournal:
        return self.webhooks.waiting.journal

    def call(self, sid: str) -> Call:
        with self.database.read() as connection:
            known = calls.peek_sid(connection, sid)
        assert known is not None
        return known

    def recordings(self, sid: str) -> list[Recording]:
        with self.database.read() as connection:
            return recordings.of_call(connection, self.call(sid).id)

    def events(self, sid: str) -> list[dict[str, object]]:
        query = select(log_leaf.c.leaf).where(log_leaf.c.call_id == self.call(sid).id).order_by(log_leaf.c.n)
        with self.database.read() as connection:
            return [json.loads(leaf) for leaf in connection.scalars(query)]

    def event_types(self, sid: str) -> list[str]:
        return [str(event["type"]) for event in self.events(sid)]

    def incidents(self, sid: str) -> list[str]:
        query = select(incident.c.kind).where(incident.c.call_id == self.call(sid).id).order_by(incident.c.id)
        with self.database.read() as connection:
            return list(connection.scalars(query))

    def open_incidents(self, sid: str) -> list[str]:
        with self.database.read() as connection:
            return [one.kind for one in open_incidents(connection, self.call(sid).id)]

    def jobs(self) -> list[str]:
        """The kind and id of every job that was ever asked for."""
        schema = "" if self.database.dialect == "sqlite" else "dbos."
        with self.database.read() as connection:
            return sorted(connection.scalars(text(f"SELECT workflow_uuid FROM {schema}workflow_status")))

    def counts(self) -> list[int]:
        """How many rows each table has, and the log's own number: quicker than `everything`."""
        counted = [select(func.count()).select_from(table) for table in metadata.sorted_tables]
        with self.database.read() as connection:
            return [consent_log.size(connection), *(connection.scalar(query) or 0 for query in counted)]

    def everything(self) -> Rows:
        """Every row there is, by table: what must not differ where nothing may have changed."""
        with self.database.read() as connection:
            rows = {
                table.name: sorted((tuple(row) for row in connection.execute(select(table))), key=repr)
                for table in metadata.sorted_tables
            }
        return {**rows, "job": [(job,) for job in self.jobs()]}


def make_waiting(
    database: Database, conversation: Conversation, now: Callable[[], datetime], folder: Path | None = None
) -> WaitingRequests:
    """Without a thread of its own: what waits is settled before the next request. The folder is made when needed."""
    folder = folder or Path(tempfile.gettempdir()) / f"onrecord-{os.getpid()}" / secrets.token_hex(8)
    return WaitingRequests(RequestJournal(folder, JOURNAL_KEY), database, LateSteps(conversation), now)


def make_webhooks(database: Database, clock: Clock, rules: str | None = None, folder: Path | None = None) -> Webhooks:
    conversation = Conversation(
        RulesInForce(parse(rules or RULEBOOK.read_text())), URLS, NUMBER_KEY, JobQueue(database)
    )
    return Webhooks(
        database=database,
        conversation=conversation,
        callbacks=Callbacks(conversation),
        account_sid=ACCOUNT,
        webhook_secrets=(TOKEN,),
        add_health=partial(add_health, readiness=Readiness({})),
        waiting=make_waiting(database, conversation, clock, folder),
        now=clock,
    )


def install(database: Database, rules: str | None = None) -> Installation:
    """Under the rulebook of these tests, or another (its text)."""
    clock = Clock()
    webhooks = make_webhooks(database, clock, rules)
    return Installation(database, Twilio(create_app(webhooks), clock), webhooks)


@pytest.fixture
def installation(used_database: Database) -> Installation:
    return install(used_database)


@pytest.fixture
def fresh_installation(database: Database) -> Installation:
    """One whose database may be broken, and holds nothing yet."""
    create_job_tables(database)
    return install(database)


@pytest.fixture
def twilio(installation: Installation) -> Twilio:
    return installation.twilio


@pytest.fixture(params=DIALECTS)
def signed_log(request: pytest.FixtureRequest, postgres: PostgresServer, tmp_path: Path) -> Iterator[SignedLog]:
    with ExitStack() as stack:
        if request.param == "sqlite":
            url = migrated_file(tmp_path / "onrecord.db")
        else:
            url = stack.enter_context(postgres.fresh_database(migrated=True))
        kept = SignedLog(Database.open(url), tmp_path / "signed")
        create_key_file(kept.key_file)
        yield kept
        kept.database.close()
