"""Reading a span from S3 within a total time.

botocore's own time limits start anew with every byte, and it does not go on with a body that broke off.
"""

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from urllib3.exceptions import HTTPError

from storage.audio.audio_key import AudioKey
from storage.audio.s3_bucket import S3Bucket
from storage.errors import Unavailable

_ATTEMPTS = 4
_PIECE_BYTES = 1 << 16


@dataclass(frozen=True)
class Span:
    key: AudioKey
    version_id: str
    start: int
    length: int

    def after(self, count: int) -> "Span":
        """The rest of the span when that many bytes have come."""
        return replace(self, start=self.start + count, length=self.length - count)


def read_span(bucket: S3Bucket, span: Span, *, is_late: Callable[[], bool]) -> bytes:
    """Its bytes, fewer where they end; taken up again where a connection broke off."""
    got = bytearray()
    for _ in range(_ATTEMPTS):
        with contextlib.suppress(_CutShort):
            for piece in _stream(bucket, span.after(len(got))):
                got += piece
                if is_late():
                    raise Unavailable(f"audio store: read of {span.key}: S3 took too long")
            return bytes(got)
    raise Unavailable(f"audio store: read of {span.key}: the connection kept breaking off")


class _CutShort(Exception):
    """The connection ended before the answer did."""


def _stream(bucket: S3Bucket, span: Span) -> Iterator[bytes]:
    answer = bucket.get(span.key, span.version_id, span.start, span.length) if span.length else None
    if answer is None:
        return
    body, rest = answer
    with body as raw:
        while rest:
            piece = _next(raw, rest)
            rest -= len(piece)
            yield piece


def _next(raw: Any, rest: int) -> bytes:
    try:
        # read1 hands over what has come; read would wait for all of it, however slowly it drips.
        piece: bytes = raw.read1(min(rest, _PIECE_BYTES), decode_content=False)
    except HTTPError as error:
        raise _CutShort from error
    if not piece:
        raise _CutShort
    return piece
