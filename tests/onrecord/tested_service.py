"""The public face on a real web server, with the self-test of it, and room for a saboteur between them."""

import hashlib
import io
import json
import threading
import wave
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, partial
from typing import Any
from wsgiref.types import WSGIApplication

from sqlalchemy import select
from werkzeug.serving import WSGIRequestHandler, make_server

from callflow.callbacks import Callbacks
from callflow.conversation import Conversation
from callflow.urls import Urls
from callflow.webhooks import Webhooks, create_app
from onrecord.processes.health import Readiness, add_health
from onrecord.publish import InForce, publish_rules
from onrecord.recorded_prompts import RecordedPrompt
from onrecord.selftest.http import Wire
from onrecord.selftest.run import Verdict
from onrecord.selftest.schedule import SelfTest
from onrecord.selftest.synthetic_call import Means
from policies.rulebook.read import parse
from storage.database.engine import Database
from storage.database.tables import call, log_leaf
from storage.jobs.queue import JobQueue
from storage.moment import Moment
from storage.rows.incidents import Incident, open_incidents
from storage.rows.rules_in_force import RulesInForce
from tests.callflow.conftest import ACCOUNT, NUMBER_KEY, RULEBOOK, TOKEN, Clock, make_waiting
from tests.conftest import NOON

RULES = RULEBOOK.read_text()
MENU = RULES.replace('"es-US"]', '"es-US", "de-DE"]\nlanguage_by = "menu"', 1)
_HEAD, *_LINES = RULES.partition("[retention")[0].split("[[line]]")


def only(*lines: int) -> str:
    """The rulebook with these of its lines alone."""
    kept = "".join(f"[[line]]{_LINES[line]}" for line in lines)
    return f"{_HEAD}{kept}[retention{RULES.partition('[retention')[2]}"


Sabotage = Callable[[WSGIApplication], WSGIApplication]


def sound(seconds: float = 10) -> bytes:
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(b"\1\0" * round(8000 * seconds))
    return out.getvalue()


SOUND = sound()
PROMPT = RecordedPrompt(hashlib.sha256(SOUND).hexdigest(), SOUND, 10_000)
RECORDED = f"""{RULES}
[[wording]]
variant = "opt_in"
language = "en-US"
version = "1"
disclosure = "Welcome to Email Customer Support. We would like to record this call to check our service."
question = "Press 1 for yes, 2 for no, or 9 to hear this again."
purposes = ["quality"]
disclosure_audio = {{ file = "welcome.wav", sha256 = "{PROMPT.sha256}", length_s = 10.0 }}
approved_by = "A. Lawyer"
approved_on = 2026-11-01
"""


class Quiet(WSGIRequestHandler):
    def log_request(self, code: int | str = "-", size: int | str = "-") -> None: ...


@dataclass(frozen=True)
class Service:
    """The public face at an address of its own, and the self-test of it. Its time passes only while callers wait."""

    database: Database
    clock: Clock
    test: SelfTest

    def run(self, line: int | None = None) -> Verdict:
        return self.test.run(None if line is None else self.test.means.rulebook.lines[line])

    def logged(self) -> dict[str, Any]:
        """The last result."""
        query = select(log_leaf.c.leaf).where(log_leaf.c.leaf.contains('"type":"selftest.')).order_by(log_leaf.c.idx)
        with self.database.read() as connection:
            return dict(json.loads(list(connection.scalars(query))[-1]))

    def events(self, kind: str, verdict: Verdict) -> list[dict[str, Any]]:
        query = select(log_leaf.c.leaf).where(log_leaf.c.call_id.in_(verdict.calls))
        with self.database.read() as connection:
            leaves = [json.loads(leaf) for leaf in connection.scalars(query)]
        return [leaf for leaf in leaves if leaf["type"] == kind]

    def incidents(self) -> list[Incident]:
        with self.database.read() as connection:
            return [one for one in open_incidents(connection) if one.kind == "selftest_failed"]

    def calls(self, verdict: Verdict) -> list[Any]:
        with self.database.read() as connection:
            return list(connection.execute(select(call).where(call.c.id.in_(verdict.calls))))


@cache
def in_force(rules: str) -> InForce:
    prompts = [PROMPT] if "disclosure_audio" in rules else []
    return InForce.of(parse(rules), rules, prompts, NOON)


@contextmanager
def served(
    database: Database, rules: str = RULES, sabotage: Sabotage = lambda app: app, *, answer_s: float = 5
) -> Iterator[Service]:
    published, clock = in_force(rules), Clock()
    moment = Moment(NOON, bytes)
    database.write(lambda connection: publish_rules(connection, moment, published))
    server = make_server("127.0.0.1", 0, lambda *_: [], threaded=True, request_handler=Quiet)
    base = f"http://127.0.0.1:{server.server_port}"
    urls = Urls(base, b"k" * 32)
    conversation = Conversation(RulesInForce(published.rulebook), urls, NUMBER_KEY, JobQueue(database))
    callbacks = Callbacks(conversation)
    waiting = make_waiting(database, conversation, clock)
    parts = Webhooks(
        database,
        conversation,
        callbacks,
        ACCOUNT,
        (TOKEN,),
        partial(add_health, readiness=Readiness({})),
        waiting,
        clock,
    )
    server.app = sabotage(create_app(parts))
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()

    def seconds() -> float:
        return clock.now.timestamp()

    means = Means(database, published.rulebook, urls, Wire(base, ACCOUNT, TOKEN, answer_s=answer_s), seconds)
    try:
        yield Service(database, clock, SelfTest(means, wait=clock.passes, now=clock))
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
