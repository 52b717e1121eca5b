"""A store behind a way that fails as told."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from storage.audio.contract import AudioKey, StoredAudio
from storage.audio.s3_bucket import S3Bucket
from storage.audio.s3_store import S3Store
from tests.storage.s3_peer import Peer
from tests.storage.toxic_proxy import Faults

CONTENT = bytes(range(256)) * 40


@dataclass
class Line:
    """`peer` sees the bucket as it is."""

    peer: Peer
    endpoint: str
    faults: Faults
    bucket: str
    source: Path

    def store(self, *, attempts: int = 1, read_s_max: float = 60, ahead: timedelta = timedelta(0)) -> S3Store:
        client = self.peer.client_through(self.endpoint, attempts)
        bucket = S3Bucket(client, self.bucket)
        return S3Store(bucket, read_s_max=read_s_max, now=lambda: datetime.now(UTC) + ahead)

    def put(self, store: S3Store, key: AudioKey, retain_until: datetime | None = None) -> StoredAudio:
        self.source.write_bytes(CONTENT)
        return store.put(key, self.source, retain_until=retain_until)

    def kept(self) -> list[str]:
        return [entry["VersionId"] for entry in self.peer.versions(self.bucket)]


def soon(**ahead: float) -> datetime:
    return datetime.now(UTC) + timedelta(**ahead)
