"""What a piece of a long recording costs: `python -m bench.pieces [--minutes 120]`.

Prints, for the listening copy and the master, the time of a piece at any place with the facts of the recording kept and
read again, and how many listeners a core serves at that. Sealing is left out: it costs what its bytes cost. Read the
ratios: the figures themselves are the machine's.
"""

import argparse
import os
import platform
import wave
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter

import numpy as np

from storage.audio.derived_files import derive
from storage.audio.pieces import AudioPieces, Piece, Track

_RATE, _ROUNDS = 8_000, 200
_ROW = "{:<44}{:>10}{:>10}"


@dataclass
class FileRanges:
    """A file by ranges, which counts how often it is read."""

    path: Path
    reads: int = 0

    @property
    def recording_id(self) -> str:
        return self.path.name

    @property
    def length(self) -> int:
        return self.path.stat().st_size

    def range(self, start: int, length: int) -> bytes:
        self.reads += 1
        with self.path.open("rb") as file:
            file.seek(start)
            return file.read(length)


def main() -> int:
    parser = argparse.ArgumentParser(prog="bench.pieces", description="Read the ratios, not the figures.")
    parser.add_argument("--minutes", type=int, default=120)
    minutes = parser.parse_args().minutes
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, {platform.platform()}, {minutes} minutes")
    with TemporaryDirectory() as folder:
        master = _noise(Path(folder) / "master.wav", minutes)
        listening = derive(master, Path(folder), listening=True).listening
        assert listening, "bench.pieces needs the listening extra"
        for line in (*_of_track("listening", listening), *_of_track("master", master)):
            print(line, flush=True)
    return 0


def _of_track(track: Track, path: Path) -> Iterator[str]:
    ranges = FileRanges(path)
    pieces = AudioPieces.of(ranges, track)
    times = [Random(turn).randrange(pieces.duration_ms) for turn in range(_ROUNDS)]
    yield _ROW.format(f"{track}, {ranges.length >> 20} MiB", "ms", "reads")
    kept = _measured(ranges, times, pieces.piece)
    again = _measured(ranges, times, lambda at: AudioPieces.of(ranges, track).piece(at))
    yield _ROW.format("  a piece, its facts kept", f"{kept[0]:.2f}", f"{kept[1]:.1f}")
    yield _ROW.format("  a piece, its facts read again", f"{again[0]:.2f}", f"{again[1]:.1f}")
    piece = pieces.piece(pieces.duration_ms // 2)
    assert piece
    yield f"  sound / work {(piece.to_ms - piece.from_ms) / kept[0]:.0f}; read again / kept {again[0] / kept[0]:.1f}"


def _measured(ranges: FileRanges, times: list[int], piece: Callable[[int], Piece | None]) -> tuple[float, float]:
    """The median in milliseconds, and the mean of reads."""
    ranges.reads, took = 0, []
    for at in times:
        began = perf_counter()
        piece(at)
        took.append((perf_counter() - began) * 1000)
    return median(took), ranges.reads / len(times)


def _noise(path: Path, minutes: int) -> Path:
    """Two sides that speak by turns, as loud as voices are."""
    minute = np.random.default_rng(1).standard_normal((60 * _RATE, 2)) * 3_000
    speaks = np.arange(60 * _RATE) // (7 * _RATE) % 2
    samples = (minute * np.column_stack([speaks, 1 - speaks])).clip(-32_768, 32_767).astype("<i2").tobytes()
    with wave.open(str(path), "wb") as file:
        file.setparams((2, 2, _RATE, 0, "NONE", ""))
        for _ in range(minutes):
            file.writeframesraw(samples)
    return path


if __name__ == "__main__":
    raise SystemExit(main())
