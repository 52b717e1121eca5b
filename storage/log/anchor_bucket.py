"""Checkpoints in a bucket with Object Lock, in COMPLIANCE mode: until the lock ends nobody can remove or change one,
not the account's owner included. They hold nothing personal, so nothing has to be erased from there.
"""

import base64
import json
import re
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

from storage.audio.s3_client import NO_LOCK, code_of, s3_client, s3_edge
from storage.errors import Broken, NotEnforced, Refused
from storage.log.checkpoints import SignedCheckpoint

LOCKED_FOR = timedelta(days=3653)
_STORE = "checkpoints in S3"


class AnchorBucket:
    """`place` is s3://BUCKET/PREFIX; credentials, region and endpoint come from AWS's own variables."""

    def __init__(self, place: str, client: Any = None) -> None:
        found = re.fullmatch(r"s3://([^/]+)/?(.*)", place)
        if not found:
            raise Refused("ONRECORD_ANCHOR_S3: write s3://BUCKET/PREFIX")
        self._bucket, self._prefix = found[1], f"{found[2].strip('/')}/" if found[2].strip("/") else ""
        self._client = client

    def lock(self, checkpoint: SignedCheckpoint, at: datetime) -> bytes:
        """Put the checkpoint and read back that it is locked. The receipt is JSON: key, version and the lock's end.

        Each checkpoint has a key of its own; another put there makes a second version, and the receipt names ours.
        Raises NotEnforced where the bucket takes no locks.
        """
        client = self._client or s3_client()
        body, until = str(checkpoint.note).encode(), (at + LOCKED_FOR).replace(microsecond=0)
        origin = sha256(checkpoint.checkpoint.origin.encode()).hexdigest()[:16]
        at_key = {"Bucket": self._bucket, "Key": f"{self._prefix}{origin}/{checkpoint.size:012d}"}
        version = self._put(client, at_key, body, until)
        with s3_edge("read back", store=_STORE):
            kept = client.get_object(**at_key, VersionId=version)
            there = kept["Body"].read()
        if kept.get("ObjectLockMode") != "COMPLIANCE" or kept["ObjectLockRetainUntilDate"] < until or there != body:
            raise NotEnforced(f"{_STORE}: what was put there is not locked as it was asked for")
        receipt = {
            "bucket": self._bucket,
            "key": at_key["Key"],
            "version_id": version,
            "locked_until": until.isoformat(),
        }
        return json.dumps(receipt, sort_keys=True).encode()

    def check(self) -> None:
        """Raises NotEnforced where the bucket takes no locks, and any error that keeps it from being inspected."""
        with s3_edge("look at the bucket", store=_STORE):
            client = self._client or s3_client()
            try:
                configuration = client.get_object_lock_configuration(Bucket=self._bucket)["ObjectLockConfiguration"]
            except client.exceptions.ClientError as error:
                if code_of(error) not in NO_LOCK:
                    raise
                configuration = {}
        if configuration.get("ObjectLockEnabled") != "Enabled":
            raise NotEnforced(f"{_STORE}: the bucket has no Object Lock: name one that was made with it")

    def _put(self, client: Any, at_key: dict[str, str], body: bytes, until: datetime) -> str:
        """The id of the new version."""
        try:
            with s3_edge("put", store=_STORE):
                put = client.put_object(
                    **at_key,
                    Body=body,
                    ContentType="text/plain; charset=utf-8",
                    ChecksumAlgorithm="SHA256",
                    ChecksumSHA256=base64.b64encode(sha256(body).digest()).decode(),
                    ObjectLockMode="COMPLIANCE",
                    ObjectLockRetainUntilDate=until,
                )
        except Broken as error:  # a lock in a bucket that has none is an invalid request, like any other
            raise NotEnforced(f"{error}: has the bucket Object Lock? It is made with it") from error
        if not (version := put.get("VersionId")):
            raise NotEnforced(f"{_STORE}: the bucket keeps no versions, so it locks nothing")
        return str(version)
