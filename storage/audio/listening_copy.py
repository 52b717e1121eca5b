"""The copy that reviewers hear: Ogg Opus, an eighth of the WAV's size, the two sides still left and right.

A single ffmpeg process takes the samples through a pipe, so a call of four hours costs no more memory than
a short call. The same samples give the same bytes, which lets a job that was cut off run again.
"""

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryFile
from threading import Timer
from typing import IO

from storage.audio.wav import WavFacts
from storage.disk import create_private, disk_edge
from storage.errors import Refused, Unavailable

_QUIET = ("-nostdin", "-hide_banner", "-nostats", "-loglevel", "error")
# Without these, each run writes another serial number and the encoder's version.
_SAME_BYTES = ("-map_metadata", "-1", "-fflags", "+bitexact", "-flags:a", "+bitexact")
_BITS_PER_SECOND = {1: 16_000, 2: 28_000}


def find_ffmpeg(configured: str | None) -> str | None:
    """The configured ffmpeg, else the system's, else that of the `ffmpeg` extra; None if there is none.

    Without ffmpeg there is no listening copy and reviewers hear the WAV. A configured ffmpeg that can't be
    run is Refused, not passed over.
    """
    if configured:
        if found := shutil.which(configured):
            return found
        raise Refused(f"ffmpeg: {configured} is not a program that can be run")
    return shutil.which("ffmpeg") or _extra()


@contextmanager
def listening_copy(
    ffmpeg: str, target: Path, facts: WavFacts, *, s_max: float | None = None
) -> Iterator[Callable[[bytes], object]]:
    """Hands out the function that takes the samples; `target` is there, whole, once the block has ended well.

    Unavailable if ffmpeg can't be run, fails, or takes longer than `s_max`: a minute more than the recording.
    """
    partial = target.with_name(f"{target.name}.part")
    try:
        with disk_edge("listening copy"):
            os.close(create_private(partial))
        with _running(_command(ffmpeg, partial, facts), s_max or 60 + facts.duration_s) as (process, said):
            assert process.stdin is not None
            took_all = False
            # A broken pipe tells only that ffmpeg ended: its status and last words tell why.
            with suppress(BrokenPipeError):
                yield process.stdin.write
                process.stdin.close()
                took_all = True
            if process.wait() or not took_all:
                raise Unavailable(f"listening copy: ffmpeg ended with {process.returncode}: {_last_line(said)}")
        with disk_edge("listening copy"):
            partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)


@contextmanager
def _running(command: list[str], s_max: float) -> Iterator[tuple[subprocess.Popen[bytes], IO[bytes]]]:
    """The process, and a file with its messages: an unread pipe would stop it when full. Ended in any case."""
    with TemporaryFile() as said:
        try:
            # The program is the operator's choice, the rest our own words and paths; there is no shell.
            process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=said)  # noqa: S603
        except OSError as error:
            raise Unavailable(f"listening copy: ffmpeg can't be run: {error.strerror}") from error
        watchdog = Timer(s_max, process.kill)
        watchdog.start()
        try:
            yield process, said
        finally:
            watchdog.cancel()
            process.kill()
            process.communicate()


def _command(ffmpeg: str, target: Path, facts: WavFacts) -> list[str]:
    samples = ("-f", "s16le", "-ar", str(facts.frame_rate), "-ac", str(facts.channels), "-i", "pipe:0")
    # Opus' voice mode ends the stream with a packet that is all padding, which ffmpeg's own decoder
    # complains of.
    opus = ("-c:a", "libopus", "-b:a", str(_BITS_PER_SECOND[facts.channels]))
    return [ffmpeg, *_QUIET, *samples, *_SAME_BYTES, *opus, "-f", "ogg", "-y", f"file:{target}"]


def _last_line(said: IO[bytes]) -> str:
    said.seek(0)
    lines = said.read().decode(errors="replace").split("\n")
    return next((line.strip()[:200] for line in reversed(lines) if line.strip()), "it said nothing")


def _extra() -> str | None:
    try:
        from imageio_ffmpeg import get_ffmpeg_exe
    except ImportError:
        return None
    try:
        return str(get_ffmpeg_exe())
    except RuntimeError:  # installed for a platform without a binary
        return None
