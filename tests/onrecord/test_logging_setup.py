"""In an outage each failure is told once a minute, with how often; nothing else is ever left out."""

import io
import logging
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from onrecord.settings.logging_setup import PlainHandler
from onrecord.settings.unhurried_stream import UnhurriedStream
from storage.errors import Refused, Unavailable
from storage.once_a_minute import EVERY_S
from tests.callflow.conftest import Installation
from tests.callflow.test_failure_rules import deliveries, unavailable


@dataclass
class Log:
    """A log of its own, whose time passes when it is told to."""

    stream: io.StringIO = field(default_factory=io.StringIO)
    now_s: float = 1_000_000.0

    def __post_init__(self) -> None:
        self.handler = PlainHandler(self.stream)

    def tell(
        self, text: str, *values: object, name: str = "x", level: int = logging.ERROR, is_raised: bool = False
    ) -> None:
        error = Unavailable("database: away")
        told = logging.LogRecord(name, level, "", 0, text, values, (Unavailable, error, None) if is_raised else None)
        told.created = self.now_s
        self.handler.handle(told)

    @property
    def lines(self) -> list[str]:
        return [
            line.split(" ", 2)[2]
            for line in self.stream.getvalue().splitlines()
            if line[:2] == "19" or line[:2] == "20"
        ]


@pytest.fixture
def log() -> Iterator[Log]:
    log = Log()
    yield log
    log.handler.close()


AWAY = Unavailable("database: away")


def test_a_failure_is_told_at_once_and_then_counted(log: Log) -> None:
    for _ in range(130):
        log.tell("a step failed: %s", AWAY)
        log.now_s += 1.0
    assert log.lines == [
        "ERROR x a step failed: database: away",
        *["ERROR x 60 times more: a step failed: database: away"] * 2,
    ]


def test_what_no_longer_comes_is_told_with_whatever_comes_next(log: Log) -> None:
    for _ in range(4):
        log.tell("a step failed: %s", AWAY)
    log.now_s += EVERY_S
    log.tell("all is well", level=logging.INFO)
    assert log.lines[1:] == ["ERROR x 3 times more: a step failed: database: away", "INFO x all is well"]


def test_what_was_counted_is_told_in_the_end(log: Log) -> None:
    for _ in range(3):
        log.tell("a step failed: %s", AWAY)
    log.handler.close()
    assert log.lines[1:] == ["ERROR x 2 times more: a step failed: database: away"]


def test_a_traceback_is_told_once(log: Log) -> None:
    for _ in range(200):
        log.tell("a callback failed", is_raised=True)
        log.now_s += 1.0
    assert log.stream.getvalue().count("storage.errors.Unavailable: database: away") == 1


def test_other_failures_are_told_whatever_is_counted(log: Log) -> None:
    told: list[tuple[str, tuple[object, ...]]] = [
        ("not well: %s: %s", ("database", AWAY)),
        ("not well: %s: %s", ("audio_store", AWAY)),
        ("a step failed: %s", (AWAY,)),
        ("a step failed: %s", (Unavailable("twilio: away"),)),
        ("a step failed: %s", (Refused("form: To: odd"),)),
    ]
    for text, values in told:
        log.tell(text, *values)
    log.tell("a step failed: %s", AWAY, name="y")
    assert len(log.lines) == len(told) + 1


def test_ids_and_numbers_make_no_other_failure(log: Log) -> None:
    for n in range(9):
        log.tell("call %s could not be asked about: %s", f"{n:032x}", Unavailable(f"twilio: {n} s"))
        log.tell(f"Exception in thread {n}: away", name="dbos", level=logging.WARNING)
    assert len(log.lines) == 2


def test_what_is_no_failure_is_never_left_out(log: Log) -> None:
    for n in range(5):
        log.tell("incident %s about %s", "recording_without_permit", n)
        log.tell("serving", level=logging.INFO)
    assert len(log.lines) == 10


def test_words_of_others_stay_on_their_line_and_act_on_no_terminal(log: Log) -> None:
    log.tell("twilio: %s", "\x1b[31mred\n1970-01-12 ERROR x forged\u2028end")
    assert log.lines == [r"ERROR x twilio: \x1b[31mred\n1970-01-12 ERROR x forged\u2028end"]
    assert len(log.stream.getvalue().splitlines()) == 1


def test_words_of_others_in_a_traceback_are_no_lines_of_the_log(log: Log) -> None:
    error = Unavailable("twilio: \x1b[31mred\n1970-01-12 ERROR x forged")
    log.handler.handle(logging.LogRecord("x", logging.ERROR, "", 0, "it failed", (), (Unavailable, error, None)))
    assert [line for line in log.stream.getvalue().splitlines() if not line.startswith("  ")][1:] == []
    assert "\x1b" not in log.stream.getvalue()


def test_an_outage_of_the_database_is_a_few_lines(installation: Installation, log: Log) -> None:
    sent = deliveries(installation.twilio)
    logging.getLogger().addHandler(log.handler)
    with unavailable(installation):
        for _ in range(20):
            for delivery in sent.values():
                delivery.to(installation.twilio.app)
    logging.getLogger().removeHandler(log.handler)
    assert 0 < len(log.stream.getvalue().splitlines()) < 20


class SlowlyRead(io.StringIO):
    """A pipe that nobody reads for now."""

    def __init__(self) -> None:
        super().__init__()
        self.is_read = threading.Event()

    def write(self, text: str) -> int:
        self.is_read.wait(60)
        return super().write(text)


def test_whoever_logs_does_not_wait_for_whoever_reads_it() -> None:
    pipe = SlowlyRead()
    stream = UnhurriedStream(pipe)
    for line in ("one\n", "two\n"):
        stream.write(line)
    assert pipe.getvalue() == ""
    pipe.is_read.set()
    stream.close()
    assert pipe.getvalue() == "one\ntwo\n"


def test_of_a_log_that_nobody_reads_lines_are_lost_and_counted() -> None:
    pipe = SlowlyRead()
    stream = UnhurriedStream(pipe, lines_max=2)
    for number in range(5):
        stream.write(f"{number}\n")
    pipe.is_read.set()
    stream.close()
    assert pipe.getvalue() == "0\n3 lines of this log are lost: nobody read it\n1\n"
