"""What it costs the worker to take a recording in: `python -m bench.intake [--recordings 40] [--hours 4]`.

Prints the worker's CPU for a recording of 30 s, jobs and database included, against one ffmpeg process that makes the
listening copy of it; the same for a recording of an hour; the memory that the longest recording takes; the speed of
sealing against one call of AES-GCM; and whether each aim is met. CPU times are those of the process and its children,
so the figures hold on a busy machine too.
"""

import argparse
import os
import platform
import resource
import secrets
import subprocess
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median
from threading import Event

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from imageio_ffmpeg import get_ffmpeg_exe

from bench.installation import installed, settings
from bench.kept_calls import SameSound, Shelf, take_in, write_wav
from storage.audio import sealing
from storage.custody.intake import intake
from storage.custody.workshop import Workshop
from storage.jobs.queue import JobQueue
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
    parser.add_argument("--recordings", type=int, default=40)
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
        process_s = ffmpeg_s(wav, _TURNS)
        with installed(settings(folder, f"sqlite:///{folder}/log.db")) as installation:
            shelf = Shelf(installation, folder)
            workshop = shelf.workshop(SameSound(wav, _SHORT_S))
            recording_s = by_the_worker_s(shelf, workshop, count)
    print(f"a recording of {_SHORT_S} s: {1000 * recording_s:.0f} ms of the worker's CPU,")
    print(f"  {1 / recording_s:.1f} recordings per second of CPU; one ffmpeg process: {1000 * process_s:.0f} ms")
    said("the worker's CPU / one ffmpeg process", recording_s / process_s, RECORDING_AIM)


def by_the_worker_s(shelf: Shelf, workshop: Workshop, count: int) -> float:
    """CPU for each recording, of a worker that has taken one in already and so has loaded what it needs."""
    worker = Worker(workshop.database, {INTAKE: partial(intake, workshop)}, on_failure=print)
    worker.start()
    take_all_in(shelf, workshop, [shelf.completed("0", _SHORT_S)])
    completed = [shelf.completed(f"{number:x}".rjust(8, "0"), _SHORT_S) for number in range(1, count + 1)]
    spent_s = cpu_of(lambda: take_all_in(shelf, workshop, completed))
    worker.stop()
    return spent_s / count


def take_all_in(shelf: Shelf, workshop: Workshop, completed: list[Recording]) -> None:
    queue = JobQueue(workshop.database)
    for recording in completed:
        workshop.database.write(partial(queue.enqueue, kind=INTAKE, job_id=recording.id, argument=recording.id))
    while queue.under_way(INTAKE):
        Event().wait(0.2)


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
