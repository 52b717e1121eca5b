"""Logs: one line each on standard error, without colours, without the chatter of libraries.

A failure that repeats is counted, and logged once a minute: in an outage everything fails several times a second, the
job engine's own threads too, and the disk must not fill.
"""

import logging
import math
import re
import sys
from typing import Any, NamedTuple, TextIO, cast

from evidence.printable import escaped
from onrecord.settings.unhurried_stream import UnhurriedStream
from storage.jobs import ENGINE_LOGGER
from storage.once_a_minute import Repeats

_FORMAT = "%(asctime)s %(levelname)s %(name)s %(message)s"
_CHATTY = ("alembic", "boto3", "botocore", ENGINE_LOGGER, "granian", "twilio", "urllib3", "werkzeug")
# The job engine retries for ever, and tells each failure as text of its own.
_TELLS_FAILURES_AS_TEXT = frozenset({ENGINE_LOGGER})
_ALIKE_CHARACTERS = 80
_VARIES = re.compile(r"[0-9a-f-]{32,}|[0-9]+")


class _Failure(NamedTuple):
    """A kind of failure: two that differ in ids and numbers only are logged as the same."""

    name: str
    level: int
    text: str


class _OneLine(logging.Formatter):
    """Only a traceback has lines of its own, indented: others' words neither begin a line nor act on a terminal."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802  # so `logging` calls it
        record.message = escaped(record.message)
        return super().formatMessage(record)

    def formatException(self, ei: Any) -> str:  # noqa: N802  # as above
        return "\n".join(f"  {escaped(line)}" for line in super().formatException(ei).split("\n"))


class PlainHandler(logging.StreamHandler[TextIO]):
    def __init__(self, stream: TextIO) -> None:
        super().__init__(stream)
        self.setFormatter(_OneLine(_FORMAT))
        self._repeats = Repeats[_Failure]()

    def emit(self, record: logging.LogRecord) -> None:
        failure = _failure_in(record)
        times = self._repeats.come(failure, record.created) if failure else 1
        self._tell_overdue(record.created)
        if failure and times > 1:
            super().emit(_told(failure, times))
        elif times:
            super().emit(record)

    def close(self) -> None:
        self._tell_overdue(math.inf)
        super().close()

    def _tell_overdue(self, now_s: float) -> None:
        for failure, times in self._repeats.overdue(now_s):
            super().emit(_told(failure, times))


def say_logs_plainly(level: int = logging.INFO, *, unhurried: bool = False) -> None:
    """`unhurried`: nobody who logs waits for whoever reads it."""
    stream = cast(TextIO, UnhurriedStream(sys.stderr)) if unhurried else sys.stderr
    logging.basicConfig(level=level, handlers=[PlainHandler(stream)], force=True)
    for chatty in _CHATTY:
        logging.getLogger(chatty).setLevel(logging.WARNING)


def _failure_in(record: logging.LogRecord) -> _Failure | None:
    arguments = record.args if isinstance(record.args, tuple) else ()
    tells_one = record.exc_info or any(isinstance(argument, BaseException) for argument in arguments)
    if record.levelno < logging.WARNING or not (tells_one or record.name in _TELLS_FAILURES_AS_TEXT):
        return None
    kind = f" ({record.exc_info[0].__name__})" if record.exc_info and record.exc_info[0] else ""
    text = _VARIES.sub("…", record.getMessage().partition("\n")[0][:_ALIKE_CHARACTERS])
    return _Failure(record.name, record.levelno, text + kind)


def _told(failure: _Failure, times: int) -> logging.LogRecord:
    return logging.LogRecord(failure.name, failure.level, "", 0, "%d times more: %s", (times, failure.text), None)
