"""Fragmented MP4, as Media Source Extensions take it: an initialization segment and media segments (ISO 14496-12).

Only what a stream of sound needs is written. Every sample is a place to begin at.
"""

import struct
from collections.abc import Sequence
from dataclasses import dataclass

# The most that a fragment may have, what it has without samples, and what each of these adds to its own size.
BYTES_MAX = 1 << 16
FRAGMENT_BYTES, SAMPLE_BYTES = 100, 8
_TRACK = 1
_UNITY = struct.pack(">9i", 0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000)
_BASE_IS_MOOF = 0x020000
_DATA_OFFSET, _DURATIONS, _SIZES = 0x001, 0x100, 0x200
_IS_SYNC = 0x02000000


@dataclass(frozen=True, slots=True)
class StreamHeader:
    """How a stream of sound is coded. Times are in units of its `timescale`, which has so many a second.

    `coding` names the sample entry and `configuration` is the box of the coding in it. The stream is presented from
    `lead` on, and ends at `end`.
    """

    coding: bytes
    configuration: bytes
    channels: int
    timescale: int
    lead: int
    end: int

    @property
    def length(self) -> int:
        return max(0, self.end - self.lead)


@dataclass(frozen=True, slots=True)
class Run:
    """Samples that follow each other from the time `start` on; `durations` holds how long each is."""

    start: int
    samples: Sequence[bytes]
    durations: Sequence[int]

    @property
    def end(self) -> int:
        return self.start + sum(self.durations)


def box(name: bytes, *content: bytes) -> bytes:
    body = b"".join(content)
    return struct.pack(">I4s", 8 + len(body), name) + body


def full_box(name: bytes, *content: bytes, version: int = 0, flags: int = 0) -> bytes:
    return box(name, struct.pack(">I", version << 24 | flags), *content)


def initialization(stream: StreamHeader) -> bytes:
    length = full_box(b"mehd", struct.pack(">Q", stream.length), version=1)
    return box(b"ftyp", b"iso6", bytes(4), b"iso6", b"mp41") + box(
        b"moov",
        _movie_header(stream),
        box(b"trak", _track_header(), _edits(stream), _media(stream)),
        box(b"mvex", length, full_box(b"trex", struct.pack(">5I", _TRACK, 1, 0, 0, _IS_SYNC))),
    )


def fragment(run: Run, number: int) -> bytes:
    """A movie fragment and its samples; `number` is larger than that of the fragment before."""
    sizes_only = len(set(run.durations)) == 1
    sizes = [len(sample) for sample in run.samples]
    each = sizes if sizes_only else [n for pair in zip(run.durations, sizes, strict=True) for n in pair]
    flags = _DATA_OFFSET | _SIZES | (0 if sizes_only else _DURATIONS)

    def moof(data_offset: int) -> bytes:
        table = struct.pack(f">Ii{len(each)}I", len(sizes), data_offset, *each)
        header = struct.pack(">II", _TRACK, run.durations[0])
        return box(
            b"moof",
            full_box(b"mfhd", struct.pack(">I", number)),
            box(
                b"traf",
                full_box(b"tfhd", header, flags=_BASE_IS_MOOF | 0x8),
                full_box(b"tfdt", struct.pack(">Q", run.start), version=1),
                full_box(b"trun", table, flags=flags),
            ),
        )

    return moof(len(moof(0)) + 8) + box(b"mdat", *run.samples)


def _movie_header(stream: StreamHeader) -> bytes:
    times = struct.pack(">4I", 0, 0, stream.timescale, 0)
    return full_box(b"mvhd", times, struct.pack(">iH10x", 0x10000, 0x100), _UNITY, bytes(24), struct.pack(">I", 2))


def _track_header() -> bytes:
    times = struct.pack(">5I", 0, 0, _TRACK, 0, 0)
    return full_box(b"tkhd", times, struct.pack(">8xHHHH", 0, 0, 0x100, 0), _UNITY, bytes(8), flags=3)


def _edits(stream: StreamHeader) -> bytes:
    """The part that is to be heard, where a codec needs some time before it and fills up its last packet."""
    return box(b"edts", full_box(b"elst", struct.pack(">IQqHH", 1, stream.length, stream.lead, 1, 0), version=1))


def _media(stream: StreamHeader) -> bytes:
    return box(
        b"mdia",
        full_box(b"mdhd", struct.pack(">4IHH", 0, 0, stream.timescale, 0, 0x55C4, 0)),  # of no language
        full_box(b"hdlr", struct.pack(">I4s12x", 0, b"soun"), b"\0"),
        box(
            b"minf",
            full_box(b"smhd", bytes(4)),
            box(b"dinf", full_box(b"dref", struct.pack(">I", 1), full_box(b"url ", flags=1))),
            box(b"stbl", _sample_description(stream), *_no_samples()),
        ),
    )


def _sample_description(stream: StreamHeader) -> bytes:
    header = struct.pack(">6xH8xHHHHI", 1, stream.channels, 16, 0, 0, stream.timescale << 16)
    return full_box(b"stsd", struct.pack(">I", 1), box(stream.coding, header, stream.configuration))


def _no_samples() -> list[bytes]:
    """The tables of samples, which in a movie of fragments are empty."""
    tables = [full_box(name, bytes(4)) for name in (b"stts", b"stsc", b"stco")]
    return [*tables, full_box(b"stsz", bytes(8))]
