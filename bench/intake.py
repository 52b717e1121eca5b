"""What it costs the worker to take a recording in: `python -m bench.intake [--recordings 100] [--hours 4]`.

Prints the worker's CPU for a recording of 30 s, jobs and database included, against one ffmpeg process that makes the
listening copy of it; the same for a recording of an hour; the memory that the longest recording takes; the speed of
sealing against one call of AES-GCM; and whether each aim is met. CPU times are those of the process and its children,
in pairs with the baseline's; on a busy machine they are larger, the ratios less so.
"""

import argparse
import os
import platform
import resource
import secrets
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median
from threading import Semaphore
from typing import Self

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from imageio_ffmpeg import get_ffmpeg_exe

from bench.installation import installed, settings
from bench.kept_calls import SameSound, Shelf, take_in, write_wav
from storage.audio import sealing
from storage.custody.intake import intake
from storage.custody.workshop import Workshop
from storage.jobs.queue import JobQueue
from storage.jobs.steps import Steps
from storage.jobs.worker import Worker
from storage.rows.recordings import INTAKE, Recording

RECORDING_AIM, HOUR_AIM, MEMORY_AIM_MB, SEALING_AIM = 1.0, 0.9, 100, 0.8
_SHORT_S, _HOUR_S = 30, 3_600
_SEALED_BYTES = 64 << 20
_TURNS = 5
# The listening copy as a command of ffmpeg makes it, with the same encoder, rate and length of packets.
_COPY = ("-map_metadata", "-1", "-c:a", "libopus", "-b:a", "28000", "-f", "ogg", "-y")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--recordings", type=int, default=100)
    parser.add_argument("--hours", type=float, default=4)
    given = parser.parse_args()
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]  # mypy knows it as a TextIO
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, {platform.platform()}")
    recordings_of_30_s(given.recordings)
    recording_of_an_hour()
    in_a_process_of_its_own("memory", given.hours * 3_600)
    speed_of_sealing()


def recordings_of_30_s(count: int) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        wav = write_wav(folder / "short.wav", _SHORT_S, ())
        with installed(settings(folder, f"sqlite:///{folder}/log.db")) as installation:
            shelf = Shelf(installation, folder)
            with Intakes.of(shelf, shelf.workshop(SameSound(wav, _SHORT_S))) as intakes:
                intakes.take_in(1)  # which loads what it needs
                pairs = [(ffmpeg_s(wav, _TURNS), intakes.cpu_each_s(count // _TURNS)) for _ in range(_TURNS)]
    process_s, recording_s = (median(times) for times in zip(*pairs, strict=True))
    print(f"a recording of {_SHORT_S} s: {1000 * recording_s:.0f} ms of the worker's CPU,")
    print(f"  {1 / recording_s:.1f} recordings per second of CPU; one ffmpeg process: {1000 * process_s:.0f} ms")
    ratio = median(taken / made for made, taken in pairs)
    said("the worker's CPU / one ffmpeg process", ratio, RECORDING_AIM)


@dataclass
class Intakes:
    """A worker that does intakes alone. `ended` counts those that are done: to ask the database would cost as well."""

    shelf: Shelf
    queue: JobQueue
    ended: Semaphore
    begun: int = 0

    @classmethod
    @contextmanager
    def of(cls, shelf: Shelf, workshop: Workshop) -> Iterator[Self]:
        ended = Semaphore(0)

        def job(steps: Steps, recording_id: str) -> None:
            intake(workshop, steps, recording_id)
            ended.release()

        worker = Worker(workshop.database, {INTAKE: job}, on_failure=print)
        worker.start()
        try:
            yield cls(shelf, JobQueue(workshop.database), ended)
        finally:
            worker.stop()

    def cpu_each_s(self, count: int) -> float:
        return self.take_in(count) / count

    def take_in(self, count: int) -> float:
        """The CPU time that it took, of this process and its children."""
        completed = [self.shelf.completed(f"{self.begun + n:08x}", _SHORT_S) for n in range(count)]
        self.begun += count
        return cpu_of(lambda: self._until_taken_in(completed))

    def _until_taken_in(self, completed: Sequence[Recording]) -> None:
        for recording in completed:
            enqueue = partial(self.queue.enqueue, kind=INTAKE, job_id=recording.id, argument=recording.id)
            self.shelf.installation.database.write(enqueue)
        for _ in completed:
            self.ended.acquire()


def recording_of_an_hour() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        wav = write_wav(folder / "hour.wav", _HOUR_S, ())
        with installed(settings(folder, f"sqlite:///{folder}/log.db")) as installation:
            shelf = Shelf(installation, folder)
            shelf.kept("short", 1)
            workshop, recording = shelf.workshop(SameSound(wav, _HOUR_S)), shelf.completed("hour", _HOUR_S)
            intake_s = cpu_of(lambda: take_in(workshop, recording.id))
        process_s = ffmpeg_s(wav, 1)
    print(f"a recording of an hour: {intake_s:.1f} s of CPU; one ffmpeg process: {process_s:.1f} s")
    said("intake of an hour / one ffmpeg process", intake_s / process_s, HOUR_AIM)


def memory(seconds: float) -> None:
    """By how much the process grows, beyond what it has loaded for a short recording, and its largest child."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with installed(settings(folder, f"sqlite:///{folder}/log.db")) as installation:
            shelf = Shelf(installation, folder)
            shelf.kept("short", 1)
            long = write_wav(folder / "long.wav", seconds, ())
            completed = shelf.completed("long", seconds)
            before_mb, child_before_mb = highest_mb(since_now=True), largest_child_mb()
            take_in(shelf.workshop(SameSound(long, seconds)), completed.id)
            grown_mb = highest_mb() - before_mb
            child_mb = largest_child_mb() if largest_child_mb() > child_before_mb else 0
    print(f"a recording of {seconds / 3600:g} h: {grown_mb:.0f} MB more than the {before_mb:.0f} MB of the process")
    said("memory in MB", grown_mb + child_mb, MEMORY_AIM_MB)


def speed_of_sealing() -> None:
    with tempfile.TemporaryDirectory() as name:
        plain, sealed = Path(name) / "plain", Path(name) / "sealed"
        content, key = os.urandom(_SEALED_BYTES), secrets.token_bytes(32)
        plain.write_bytes(content)
        pairs = [
            (
                cpu_of(lambda: AESGCM(key).encrypt(bytes(12), content, None)),
                cpu_of(lambda: sealing.seal(plain, sealed, data_key=key, recording_id="bench/master")),
            )
            for _ in range(_TURNS)
        ]
    once_s, seal_s = (median(times) for times in zip(*pairs, strict=True))
    print(f"{_SEALED_BYTES >> 20} MiB: sealed in {1000 * seal_s:.0f} ms, encrypted at once in {1000 * once_s:.0f} ms")
    said("speed of sealing / one call of AES-GCM", once_s / seal_s, SEALING_AIM, at_least=True)


def ffmpeg_s(wav: Path, turns: int) -> float:
    command = [get_ffmpeg_exe(), "-v", "error", "-i", str(wav), *_COPY, str(wav.with_suffix(".ogg"))]
    return median(cpu_of(lambda: subprocess.run(command, check=True)) for _ in range(turns))


def cpu_of(work: Callable[[], object]) -> float:
    before = cpu_s()
    work()
    return cpu_s() - before


def cpu_s() -> float:
    spent = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in spent)


def highest_mb(*, since_now: bool = False) -> float:
    """The most memory that this process has had, since it was last asked to count from then on (Linux)."""
    if since_now:
        Path("/proc/self/clear_refs").write_text("5")
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1024


def largest_child_mb() -> float:
    """Of all that have ended."""
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024


def in_a_process_of_its_own(*words: object) -> None:
    subprocess.run([sys.executable, "-m", "bench.intake", *map(str, words)], check=True)


def said(what: str, figure: float, aim: float, *, at_least: bool = False) -> None:
    is_met = figure >= aim if at_least else figure <= aim
    print(f"  {what}: {figure:.2f}, aim {'>=' if at_least else '<='} {aim:g}: {'met' if is_met else 'MISSED'}")


if __name__ == "__main__":
    if sys.argv[1:2] == ["memory"]:
        memory(float(sys.argv[2]))
    else:
        main()
