"""An S3 server for the tests: moto over real HTTP on a free loopback port, or the real one that is named."""

import functools
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import boto3
import pytest
from botocore.config import Config
from moto.s3.models import FakeKey
from moto.server import ThreadedMotoServer
from werkzeug.serving import WSGIRequestHandler

from storage.audio.contract import AudioStore
from storage.audio.opening import open_store
from storage.audio.s3_bucket import S3Bucket
from storage.audio.s3_client import s3_client
from storage.audio.s3_store import S3Store

_AWS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": "us-east-1"}


class ListedKey(FakeKey):
    """An object in a listing, which shares its bytes with the object in the bucket.

    For each listing moto copies every object of the bucket with all of its bytes, whatever prefix was asked for, and
    keeps every copy as long as the server lives: several gigabytes for the calls of one test file.
    """

    def __deepcopy__(self, memo: object) -> "ListedKey":
        return self

    def dispose(self, garbage: bool = False) -> None:
        """The bytes are the other's."""


def listed(key: FakeKey, memo: object) -> ListedKey:
    copied: ListedKey = object.__new__(ListedKey)  # past moto's list of every object that it ever made
    vars(copied).update(vars(key))
    return copied


@dataclass(frozen=True)
class Peer:
    endpoint: str
    client: Any

    def new_bucket(self, *, lock: bool) -> str:
        name = f"bucket-{uuid4().hex[:12]}"
        self.client.create_bucket(Bucket=name, ObjectLockEnabledForBucket=lock)
        return name

    def new_store(self, *, lock: bool) -> AudioStore:
        return S3Store(S3Bucket(self.client, self.new_bucket(lock=lock), "some/prefix"))

    def opened(self, url: str) -> AudioStore:
        """As an operator opens it: all that is known of the server stands in AWS's own variables."""
        with operators_settings(self.endpoint):
            return open_store(url)

    @functools.cache  # noqa: B019 - a client takes a third of a second to make, and lives as long as its peer
    def client_through(self, endpoint: str, attempts: int = 4, trusted: Path | None = None) -> Any:
        """Like the product's own, but for how often it tries: a test doesn't wait for the pauses between."""
        retries = {"mode": "standard", "total_max_attempts": attempts}
        config = self.client.meta.config.merge(Config(retries=retries))
        with operators_settings(endpoint):
            return boto3.session.Session().client("s3", config=config, verify=str(trusted) if trusted else None)

    def versions(self, bucket: str) -> list[dict[str, Any]]:
        """Versions and delete markers, whatever their key."""
        page = self.client.list_object_versions(Bucket=bucket)
        return [*page.get("Versions", []), *page.get("DeleteMarkers", [])]


@contextmanager
def s3_peer() -> Iterator[Peer]:
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(WSGIRequestHandler, "disable_nagle_algorithm", True)  # 40 ms per answer
        patch.setattr(FakeKey, "__deepcopy__", listed, raising=False)
        server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
        server.start()
        endpoint = "http://{}:{}".format(*server.get_host_and_port())
        with operators_settings(endpoint):
            client = s3_client()
        yield Peer(endpoint, client)
        server.stop()
        assert server._server is not None
        server._server.server_close()


def real_peer() -> Peer | None:
    """The server that S3_TEST_ENDPOINT, S3_TEST_KEY and S3_TEST_SECRET name, if they do."""
    if not (endpoint := os.environ.get("S3_TEST_ENDPOINT")):
        return None
    session = boto3.session.Session(os.environ["S3_TEST_KEY"], os.environ["S3_TEST_SECRET"], region_name="us-east-1")
    return Peer(endpoint, session.client("s3", endpoint_url=endpoint))


@contextmanager
def operators_settings(endpoint: str) -> Iterator[None]:
    """AWS's own variables point to the peer, as an operator would set them."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {**_AWS, "AWS_ENDPOINT_URL_S3": endpoint}.items():
            patch.setenv(name, value)
        yield
