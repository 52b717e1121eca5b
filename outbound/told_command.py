"""A message handed to a program on this machine: its JSON on standard input, its id in the environment."""

import os
import signal
import subprocess
from collections.abc import Sequence

from storage.errors import Refused, Unavailable

WITHIN_S = 30.0
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def run(words: Sequence[str], message_id: str, body: str, *, within_s: float = WITHIN_S) -> None:
    """Run the program until it ends with 0. It gets none of this process's environment, which holds secrets.

    Raises Unavailable for another end or none in time, and Refused for a program that can't be run.
    """
    environment = {"PATH": _PATH, "LANG": "C.UTF-8", "ONRECORD_MESSAGE": message_id}
    try:
        program = subprocess.Popen(  # noqa: S603  # the operator's own rulebook names it
            words,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=environment,
            start_new_session=True,
        )
    except OSError as error:
        raise Refused(f"command: {words[0]} can't be run: {error.strerror}") from error
    with program:
        try:
            program.communicate(body.encode(), timeout=within_s)
        except subprocess.TimeoutExpired:
            os.killpg(program.pid, signal.SIGKILL)  # with all that it has started
            raise Unavailable(f"command: {words[0]} has not ended after {within_s:.0f} s") from None
    if program.returncode:
        raise Unavailable(f"command: {words[0]} ended with {program.returncode}")
