"""Calls that are made in this process and at its own pace, as if they had been held a little while ago."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from urllib.parse import parse_qsl

from flask import Flask

from bench.whole_call import STEPS, Caller, WholeCall
from callflow.callbacks import Callbacks
from callflow.late_steps import LateSteps
from callflow.waiting_requests import WaitingRequests
from callflow.webhooks import Webhooks, create_app
from onrecord.installation import Installation
from onrecord.processes.health import Readiness, add_health
from storage.journal.request_journal import RequestJournal


@dataclass(frozen=True)
class Exchange:
    """A request, and what it was answered."""

    path: str
    form: dict[str, str]
    status: int
    body: str
    at: datetime


@dataclass(frozen=True)
class PastCall:
    """`exchanges` are in the order of the steps."""

    sid: str
    exchanges: list[Exchange]

    @property
    def recording_sid(self) -> str:
        return "RE" + self.sid[2:]

    @property
    def is_over(self) -> bool:
        return len(self.exchanges) == len(STEPS)


@dataclass
class PastCalls:
    """By a clock of its own: each call is at its last step now."""

    installation: Installation
    caller: Caller
    _now: datetime = field(default_factory=lambda: datetime.now(UTC))

    def __post_init__(self) -> None:
        self._app = _app(self.installation, lambda: self._now)

    def make(self, count: int, *, until: str = STEPS[-1].name) -> Iterator[PastCall]:
        """Calls that have come to this step: whole ones, if it is the last."""
        steps = [step.name for step in STEPS].index(until) + 1
        for _ in range(count):
            self._now = datetime.now(UTC) - timedelta(seconds=sum(step.after_s for step in STEPS[:steps]))
            yield self._make_one(steps)

    def _make_one(self, steps: int) -> PastCall:
        call, exchanges = WholeCall(self.caller), list[Exchange]()
        while call.step < steps:
            step = STEPS[call.step]
            self._now += timedelta(seconds=step.after_s)
            exchanges.append(self._exchange(call.request()))
            answer = exchanges[-1]
            if not call.answered(b"HTTP/1.1 %d \r\n\r\n%b" % (answer.status, answer.body.encode())):
                raise RuntimeError(f"{step.name} was answered {answer.status}: {answer.body}")
        return PastCall(call.sid, exchanges)

    def _exchange(self, request: bytes) -> Exchange:
        head, _, body = request.decode().partition("\r\n\r\n")
        first, *lines = head.split("\r\n")
        path = first.split(" ")[1]
        answer = self._app.test_client().post(path, data=body, headers=dict(line.split(": ", 1) for line in lines))
        form = dict(parse_qsl(body, keep_blank_values=True))
        return Exchange(path, form, answer.status_code, answer.get_data(as_text=True), self._now)


def _app(installation: Installation, now: Callable[[], datetime]) -> Flask:
    settings, conversation = installation.settings, installation.conversation()
    journal = RequestJournal(settings.journal, installation.keys.journal_key)
    return create_app(
        Webhooks(
            database=installation.database,
            conversation=conversation,
            callbacks=Callbacks(conversation),
            account_sid=settings.account_sid,
            webhook_secrets=settings.webhook_secrets,
            add_health=partial(add_health, readiness=Readiness({})),
            waiting=WaitingRequests(journal, installation.database, LateSteps(conversation)),
            now=now,
        )
    )
