"""A terminal of a given width, and all that a program writes to it."""

import fcntl
import os
import pty
import struct
import subprocess
import termios
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.source import ROOT


def at_a_terminal(
    command: Sequence[str],
    *,
    width: int,
    environ: Mapping[str, str] | None = None,
    folder: Path = ROOT,
    errors_too: bool = False,
) -> str:
    """The output of a program whose standard output is a terminal; with `errors_too` its errors as well."""
    unset = {"COLUMNS", "NO_COLOR", "FORCE_COLOR"}
    given = {name: value for name, value in os.environ.items() if name not in unset}
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, width, 0, 0))
    program = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=theirs,
        stderr=theirs if errors_too else subprocess.DEVNULL,
        env=given | {"PYTHONPATH": str(ROOT)} | dict(environ or {}),
        cwd=folder,
    )
    os.close(theirs)
    written = b"".join(_pieces(ours))
    os.close(ours)
    program.wait()
    return written.decode().replace("\r\n", "\n")


def _pieces(terminal: int) -> list[bytes]:
    pieces: list[bytes] = []
    while True:
        try:
            piece = os.read(terminal, 1 << 16)
        except OSError:  # nobody has the other end any more
            return pieces
        if not piece:
            return pieces
        pieces.append(piece)
