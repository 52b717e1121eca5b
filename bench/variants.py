"""What the durable webhook is measured against, each served as `onrecord serve` serves the real one."""

import os
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, TypeVar

from sqlalchemy import Connection, select

from callflow import decide, twiml
from callflow.callbacks import Callbacks
from callflow.conversation import Conversation
from callflow.forms import Answered
from callflow.late_steps import LateSteps
from callflow.waiting_requests import WaitingRequests
from callflow.webhooks import Webhooks, create_app
from onrecord.installation import Installation, open_installation
from onrecord.processes.address import Address
from onrecord.processes.body_gate import BodyGate
from onrecord.processes.health import Readiness, add_health
from onrecord.processes.serve import die_with_parent, run
from onrecord.settings.environment import read_settings
from onrecord.settings.logging_setup import say_logs_plainly
from policies.lifecycle import CallState
from storage.database.engine import Database
from storage.database.tables import call
from storage.journal.request_journal import RequestJournal
from storage.moment import Moment
from storage.rows import calls
from storage.rows.calls import OPEN, Call

T = TypeVar("T")


class _NoDatabase(Database):
    """Runs the work at once, and keeps nothing."""

    def write(self, work: Callable[[Any], T], *, within_s: float | None = None) -> T:
        return work(None)


@dataclass(frozen=True, kw_only=True)
class _Forgetful(Conversation):
    """Parses, decides and renders as the real one does; settles nothing. Every call is like the example."""

    example: Call

    def consent(
        self, connection: Connection, moment: Moment, request_sha256: str, call_id: str, prompt: int, heard: Answered
    ) -> bytes:
        asked = replace(self.example, id=call_id, state=CallState.CHOOSING, outcome=OPEN, prompt=prompt, asked_before=0)
        facts = self.facts(connection, moment, asked)
        settlement = decide.answered(facts, request_sha256, prompt, heard.digits)
        return twiml.render(settlement.document, call_id, facts.line, self.urls)


def without_database() -> BodyGate:
    installation = open_installation(os.environ)
    real = installation.conversation()
    conversation = _Forgetful(
        rules=real.rules,
        urls=real.urls,
        number_key=real.number_key,
        jobs=real.jobs,
        example=_any_call(installation),
    )
    parts = Webhooks(
        database=_NoDatabase(installation.database.engine),
        conversation=conversation,
        callbacks=Callbacks(conversation),
        account_sid=installation.settings.account_sid,
        webhook_secrets=installation.settings.webhook_secrets,
        add_health=partial(add_health, readiness=Readiness({})),
        waiting=WaitingRequests(
            RequestJournal(installation.settings.journal, installation.keys.journal_key),
            installation.database,
            LateSteps(conversation),
        ),
    )
    return BodyGate(create_app(parts))


def constant() -> BodyGate:
    """No framework either: what the server itself can do."""
    body = twiml.nothing()
    headers = [("Content-Type", "text/xml; charset=utf-8"), ("Content-Length", str(len(body)))]

    def answer(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        environ["wsgi.input"].read()
        start_response("200 OK", headers)
        return [body]

    return BodyGate(answer)


def _any_call(installation: Installation) -> Call:
    with installation.database.read() as connection:
        found = calls.peek(connection, str(connection.scalar(select(call.c.id).limit(1))))
    assert found is not None, "calls are prepared before the servers start"
    return found


if __name__ == "__main__":
    say_logs_plainly()
    die_with_parent()
    run(
        f"bench.variants:{sys.argv[1]}",
        Address("127.0.0.1", int(sys.argv[2])),
        workers=read_settings(os.environ).web_processes,
    )
