"""A webhook talks to the database and to nobody else: it must not wait for the world, nor be sent to ask it."""

import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from sqlalchemy import Connection

from callflow.callbacks import Callbacks
from callflow.webhooks import create_app
from storage.jobs.queue import JobKind
from tests.callflow.conftest import CALLER, Installation, make_webhooks, recording_url
from tests.callflow.whole_calls import call_every_way

OUTWARD = {
    "socket.connect",
    "socket.sendto",
    "socket.getaddrinfo",
    "socket.gethostbyname",
    "subprocess.Popen",
    "os.exec",
}
_seen: list[str] | None = None


def _listen(event: str, _: tuple[object, ...]) -> None:
    if _seen is not None and event in OUTWARD:
        _seen.append(event)


sys.addaudithook(_listen)  # for ever, so it does nothing unless asked to; Postgres' own library is below it


@contextmanager
def outward_calls() -> Iterator[list[str]]:
    """What any thread of this process tries to reach meanwhile, whoever catches the failure."""
    global _seen  # noqa: PLW0603  # an audit hook cannot be removed
    _seen = []
    try:
        yield _seen
    finally:
        _seen = None


def test_no_webhook_and_no_callback_reaches_out(installation: Installation) -> None:
    with outward_calls() as seen:
        call_every_way(installation.twilio, CALLER)
    assert seen == []


class Nosy:
    """A job queue that asks Twilio itself, as no callback may."""

    def enqueue(self, connection: Connection, kind: JobKind, job_id: str, argument: str) -> None:
        socket.create_connection(("127.0.0.1", 9), timeout=0.1)


def test_a_callback_that_reached_out_would_be_seen_though_its_failure_is_caught(installation: Installation) -> None:
    twilio = installation.twilio
    parts = make_webhooks(installation.database, twilio.clock)
    twilio.app = create_app(replace(parts, callbacks=Callbacks(replace(parts.conversation, jobs=Nosy()))))
    call = twilio.dial()
    url = recording_url(call.presses(call.to_the_question(), "1"))
    with outward_calls() as seen:
        assert call.recording(url, "completed").status_code == 503
    assert "socket.connect" in seen
