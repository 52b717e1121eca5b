"""The signals that end the demonstration. SIGINT, SIGTERM and SIGHUP leave it as an exception does, so that everything
that it started is ended first.
"""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType, TracebackType
from typing import Self

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Ended(BaseException):
    """A signal asked for the end. It is no Exception: nothing on the way may take it for a failure and go on."""

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.exit_code = 128 + number


class EndedBySignal:
    """A context manager. Within it the first signal raises Ended in the main thread, wherever that is, but for `held`.

    Later signals change nothing, since the end is under way. A signal that was ignored before stays ignored: the
    demonstration may run under nohup.
    """

    def __init__(self) -> None:
        self._before: dict[int, object] = {}
        self._came: int | None = None
        self._holds = 0

    def __enter__(self) -> Self:
        for number in _SIGNALS:
            if signal.getsignal(number) is not signal.SIG_IGN:
                self._before[number] = signal.signal(number, self._take)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)  # type: ignore[arg-type]  # as it was given

    @contextmanager
    def held(self) -> Iterator[None]:
        """A signal waits until the block is left: for a process that is started, and not yet written down. Its end also
        raises Ended where a library swallowed it before.
        """
        self._holds += 1
        try:
            yield
        finally:
            self._holds -= 1
            if not self._holds:
                self.check()

    def check(self) -> None:
        """Raises Ended where a signal came, also a second time: a library may have swallowed the first."""
        if self._came is not None:
            raise Ended(self._came)

    @property
    def came(self) -> bool:
        return self._came is not None

    def _take(self, number: int, _: FrameType | None) -> None:
        is_first, self._came = self._came is None, self._came or number
        if is_first and not self._holds:
            self.check()
