"""Boxes of fragmented MP4, taken apart again."""

import struct
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.audio.fmp4 import FRAGMENT_BYTES, SAMPLE_BYTES, Run, StreamHeader, box, fragment, initialization

WITH_BOXES = {b"moov", b"trak", b"edts", b"mdia", b"minf", b"dinf", b"stbl", b"mvex", b"moof", b"traf"}
STREAM = StreamHeader(
    coding=b"Opus", configuration=box(b"dOps", bytes(11)), channels=2, timescale=48_000, lead=312, end=345_600_312
)


def boxes(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Every box and what is in it, also those within others."""
    while content:
        length, name = struct.unpack_from(">I4s", content)
        assert 8 <= length <= len(content)
        body, content = content[8:length], content[length:]
        yield name, body
        if name in WITH_BOXES:
            yield from boxes(body)


def samples_of(body: bytes) -> list[tuple[int, bytes]]:
    """How long each sample of a fragment is, and the sample."""
    found = dict(boxes(body))
    flags, count, at = struct.unpack_from(">IIi", found[b"trun"])
    entries = found[b"trun"][12:]
    default = struct.unpack_from(">II", found[b"tfhd"], 4)[1]
    width = 8 if flags & 0x100 else 4
    assert len(entries) == count * width
    samples = []
    for entry in (entries[n : n + width] for n in range(0, len(entries), width)):
        *duration, size = struct.unpack(f">{width // 4}I", entry)
        samples.append((duration[0] if duration else default, body[at : at + size]))
        at += size
    assert at == len(body)
    return samples


@given(st.lists(st.tuples(st.sampled_from([960, 312]), st.binary(max_size=300)), min_size=1))
def test_a_fragment_holds_each_sample_with_its_length_in_time(samples: list[tuple[int, bytes]]) -> None:
    durations, contents = zip(*samples, strict=True)
    body = fragment(Run(1 << 40, contents, durations), 7)
    assert samples_of(body) == samples
    assert dict(boxes(body))[b"tfdt"] == struct.pack(">IQ", 1 << 24, 1 << 40)
    assert dict(boxes(body))[b"mfhd"] == struct.pack(">II", 0, 7)


@pytest.mark.parametrize("durations", [[960] * 9, [960] * 8 + [1]])
def test_a_fragment_is_no_longer_than_is_counted_on(durations: list[int]) -> None:
    body = fragment(Run(0, [bytes(10)] * 9, durations), 1)
    most = FRAGMENT_BYTES + 9 * (SAMPLE_BYTES + 10)
    assert len(body) == most if len(set(durations)) > 1 else len(body) < most


def test_the_beginning_tells_which_part_is_to_be_heard() -> None:
    found = dict(boxes(initialization(STREAM)))
    assert struct.unpack(">IIQqHH", found[b"elst"]) == (1 << 24, 1, 345_600_000, 312, 1, 0)
    assert struct.unpack(">IQ", found[b"mehd"]) == (1 << 24, 345_600_000)
    assert struct.unpack_from(">I", found[b"mvhd"], 12) == struct.unpack_from(">I", found[b"mdhd"], 12) == (48_000,)


def test_the_beginning_describes_its_samples_and_has_none() -> None:
    found = dict(boxes(initialization(STREAM)))
    entry = found[b"stsd"][8:]
    assert entry[4:8] == b"Opus"
    assert struct.unpack_from(">HH4xI", entry, 24) == (2, 16, 48_000 << 16)
    assert entry.endswith(STREAM.configuration)
    assert {name: found[name].strip(b"\0") for name in (b"stts", b"stsc", b"stsz", b"stco")} == dict.fromkeys(
        (b"stts", b"stsc", b"stsz", b"stco"), b""
    )


def test_a_stream_that_ends_in_its_lead_has_no_length() -> None:
    stream = StreamHeader(coding=b"Opus", configuration=b"", channels=1, timescale=48_000, lead=312, end=0)
    assert stream.length == 0
