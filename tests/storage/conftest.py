"""One S3 server for all of the room's tests, and one way to it that can be made to fail."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from uuid import uuid4

import pytest

from storage.audio.contract import AudioKey
from tests.storage.s3_line import Line
from tests.storage.s3_peer import Peer, s3_peer
from tests.storage.toxic_proxy import Faults, toxic_proxy


@pytest.fixture(scope="session")
def peer() -> Iterator[Peer]:
    with s3_peer() as peer:
        yield peer


@pytest.fixture(scope="session")
def way(peer: Peer) -> Iterator[tuple[str, Faults]]:
    with toxic_proxy(peer.endpoint) as way:
        yield way


@pytest.fixture
def line(peer: Peer, way: tuple[str, Faults], tmp_path: Path) -> Iterator[Line]:
    endpoint, faults = way
    yield Line(peer, endpoint, faults, peer.new_bucket(lock=True), tmp_path / "source")
    faults.heal()


@pytest.fixture
def key() -> AudioKey:
    return AudioKey("quality-90d", date(2026, 11, 22), uuid4().hex, "master.wav.sealed")
