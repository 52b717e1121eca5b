"""A bucket as we talk to it: one request per method, its answer checked and its failure translated."""

import base64
import binascii
import contextlib
import functools
import itertools
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from storage.audio.audio_key import AudioKey
from storage.audio.contract import StoredAudio
from storage.audio.s3_client import ABSENT, NO_LOCK, anonymous, code_of, s3_edge, status_of
from storage.disk import disk_edge
from storage.errors import Broken, Refused, Unavailable

# GOVERNANCE: someone with the bypass right can still undo a mistake. Nobody could undo COMPLIANCE.
_LOCK_MODE = "GOVERNANCE"
_LOCK_MODES = (_LOCK_MODE, "COMPLIANCE")
# Precondition failed, and: another put of this key is under way.
_TAKEN = (412, 409)


@dataclass(frozen=True)
class Terms:
    takes_locks: bool
    is_versioned: bool
    locks_by_default: bool


@dataclass(frozen=True)
class Version:
    id: str
    is_marker: bool


class S3Bucket:
    def __init__(self, client: Any, name: str, prefix: str = "") -> None:
        self._client = client
        self._name = name
        self._prefix = f"{prefix.strip('/')}/" if prefix.strip("/") else ""

    @functools.cached_property
    def terms(self) -> Terms:
        """Object Lock and versioning, once on, stay on: asked once. Also finds out that there is no such
        bucket, which the 404 of a HEAD would not tell from an object that isn't there."""
        versioning = self._ask("look at the bucket", "get_bucket_versioning")
        lock = self._ask("look at the bucket", "get_object_lock_configuration", none_for=NO_LOCK)
        configuration = lock["ObjectLockConfiguration"] if lock else {}
        has_lock = configuration.get("ObjectLockEnabled") == "Enabled"
        return Terms(has_lock, "Status" in (versioning or {}), has_lock and bool(configuration.get("Rule")))

    def versions(self, key: AudioKey) -> list[Version]:
        """Everything under exactly this key, delete markers too, oldest first."""
        found = [version for name, version in self._entries(str(key)) if name == str(key)]
        return found[::-1]

    def names(self, prefix: str) -> Iterator[str]:
        """The names under which at least one version is kept, in order, each once."""
        kept = (name for name, version in self._entries(prefix) if not version.is_marker)
        return (name for name, _ in itertools.groupby(kept))

    def send(self, key: AudioKey, source: Path, sha256: str, lock: datetime | None) -> str | None:
        """The version made, or None if something was there already (perhaps our own put, its answer lost)."""
        with disk_edge(f"audio store: put of {key}"), source.open("rb") as body:
            answer = self._ask(
                f"put of {key}",
                "put_object",
                none_for=_TAKEN,
                Key=self._object(key),
                Body=body,
                IfNoneMatch="*",
                ContentType="application/octet-stream",
                # Both: moto wants the algorithm named, AWS wants the put of a lock to carry a checksum.
                ChecksumAlgorithm="SHA256",
                ChecksumSHA256=base64.b64encode(bytes.fromhex(sha256)).decode(),
                **({"ObjectLockMode": _LOCK_MODE, "ObjectLockRetainUntilDate": lock} if lock else {}),
            )
        return str(answer.get("VersionId", "null")) if answer else None

    def head(self, key: AudioKey, version_id: str) -> StoredAudio | None:
        """`sha256` is empty where the server doesn't report the one it was given."""
        if not self.terms.is_versioned and version_id != "null":
            return None
        at = self._at(key, version_id)
        answer = self._ask(f"stat of {key}", "head_object", none_for=ABSENT, ChecksumMode="ENABLED", **at)
        return _stored(key, version_id, answer) if answer else None

    def lock(self, key: AudioKey, version_id: str, retain_until: datetime) -> None:
        there = self._ask(f"stat of {key}", "head_object", **self._at(key, version_id)) or {}
        # A COMPLIANCE lock, which a bucket's default may set, can't be changed into another.
        retention = {"Mode": there.get("ObjectLockMode", _LOCK_MODE), "RetainUntilDate": retain_until}
        self._ask(f"lock of {key}", "put_object_retention", Retention=retention, **self._at(key, version_id))

    def hold(self, key: AudioKey, version_id: str, on: bool) -> None:
        status = {"Status": "ON" if on else "OFF"}
        self._ask(f"hold of {key}", "put_object_legal_hold", LegalHold=status, **self._at(key, version_id))

    def remove(self, key: AudioKey, version_id: str) -> None:
        """Without a version a deletion only lays a marker on top. Success proves nothing: list after it."""
        self._ask(f"delete of {key}", "delete_object", none_for=ABSENT, **self._at(key, version_id))

    def get(self, key: AudioKey, version_id: str, start: int, length: int) -> tuple[Any, int] | None:
        """A range's body and its length; None beyond the end."""
        at = self._at(key, version_id) | {"Range": f"bytes={start}-{start + length - 1}"}
        answer = self._ask(f"read of {key}", "get_object", none_for=(416,), **at)
        if answer is None:
            return None
        size_bytes = int(answer["ContentLength"])
        # Some servers ignore the range where a version is named, and send everything with a 200.
        if not str(answer.get("ContentRange", "")).startswith(f"bytes {start}-") or size_bytes > length:
            answer["Body"].close()
            raise Broken(f"audio store: S3 answered another range of {key} than we asked for")
        return answer["Body"], size_bytes

    def settings(self, method: str) -> dict[str, Any] | None:
        """A setting of the bucket; None where it is not set, or we may not see it."""
        with contextlib.suppress(Refused, Unavailable, Broken):
            return self._ask("look at the bucket", method)
        return None

    def is_open_to_all(self, name: str) -> bool:
        """Whether somebody without credentials can read the object of that name. A listing would prove nothing: some
        servers give it to everybody who knows the bucket's name.
        """
        with contextlib.suppress(ClientError, BotoCoreError):
            anonymous(self._client).get_object(Bucket=self._name, Key=f"{self._prefix}{name}")
            return True
        return False

    def _ask(
        self, what: str, method: str, *, none_for: Collection[int | str] = (), **parameters: object
    ) -> dict[str, Any] | None:
        """Make a request; None where the answer is an error with a status or code of `none_for`."""
        with s3_edge(what):
            try:
                answer: dict[str, Any] = getattr(self._client, method)(Bucket=self._name, **parameters)
            except ClientError as error:
                if not {status_of(error), code_of(error)} & set(none_for):
                    raise
                return None
        return answer

    def _entries(self, prefix: str) -> Iterator[tuple[str, Version]]:
        pages = self._client.get_paginator("list_object_versions").paginate(
            Bucket=self._name, Prefix=self._prefix + prefix
        )
        with s3_edge(f"list of {prefix or 'everything'}"):
            for page in pages:
                for kind, is_marker in (("Versions", False), ("DeleteMarkers", True)):
                    for entry in page.get(kind, []):
                        yield entry["Key"].removeprefix(self._prefix), Version(entry["VersionId"], is_marker)

    def _object(self, key: AudioKey) -> str:
        return self._prefix + str(key)

    def _at(self, key: AudioKey, version_id: str) -> dict[str, str]:
        # Where versioning was never on, the one version is called null, and some servers don't know it by
        # that name.
        named = {"VersionId": version_id} if self.terms.is_versioned else {}
        return {"Key": self._object(key), **named}


def _stored(key: AudioKey, version_id: str, answer: dict[str, Any]) -> StoredAudio:
    lock: datetime | None = answer.get("ObjectLockRetainUntilDate")
    return StoredAudio(
        key,
        version_id,
        int(answer["ContentLength"]),
        _hex(answer.get("ChecksumSHA256", "")),
        lock.astimezone(UTC) if lock and answer.get("ObjectLockMode") in _LOCK_MODES else None,
        answer.get("ObjectLockLegalHoldStatus") == "ON",
    )


def _hex(checksum: str) -> str:
    """Empty for anything but a sha-256 of the whole object: that of parts ends in their number."""
    try:
        digest = base64.b64decode(checksum, validate=True)
    except binascii.Error:
        return ""
    return digest.hex() if len(digest) == 32 else ""
