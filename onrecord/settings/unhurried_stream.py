"""Standard error for a process that must not wait for whoever reads it: a pipe that nobody reads stops its writers."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from threading import Semaphore
from typing import TextIO

LINES_MAX = 1_000


class UnhurriedStream:
    """Writes in a thread of its own. Lines beyond `lines_max` that wait are lost, and their number is told once there
    is room. On the process's end all that wait are written.
    """

    def __init__(self, stream: TextIO, lines_max: int = LINES_MAX) -> None:
        self._stream, self._room = stream, Semaphore(lines_max)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="log")
        self._lost = 0

    def write(self, line: str) -> None:
        if not self._room.acquire(blocking=False):
            self._lost += 1
            return
        with suppress(RuntimeError):  # the process ends
            self._thread.submit(self._write, line)

    def flush(self) -> None:
        """Of no use: each line is flushed once it is written."""

    def close(self) -> None:
        """Once all lines are written."""
        self._thread.shutdown()

    def _write(self, line: str) -> None:
        try:
            self._stream.write(line)
            lost, self._lost = self._lost, 0
            if lost:
                self._stream.write(f"{lost} lines of this log are lost: nobody read it\n")
            self._stream.flush()
        finally:
            self._room.release()
