"""Connects to S3, and translates its errors into ours."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import boto3
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError

from storage.errors import Broken, Missing, Refused, Unavailable

# 405: the version is a delete marker. Some servers say 404 for it.
ABSENT = (404, 405)
NO_LOCK = {"ObjectLockConfigurationNotFoundError", "NoSuchObjectLockConfiguration", "NotImplemented"}
# Try again: these 400s say nothing about the request itself.
_PASSING = {"RequestTimeout", "ExpiredToken", "ExpiredTokenException", "SlowDown", "OperationAborted"}
_NOT_IMPLEMENTED = 501
_OTHER_REGION = "the bucket is in another region; set AWS_REGION"
_REMEDIES = {
    "RequestTimeTooSkewed": "this machine's clock differs from S3's; set it",
    "NoSuchBucket": "there is no such bucket; create it",
    "PermanentRedirect": _OTHER_REGION,
    "AuthorizationHeaderMalformed": _OTHER_REGION,
}


class NotAllowed(Refused):
    """A 403. S3 uses the same code for a lock in the way and for a right that we lack until a person gives it."""


def s3_client() -> Any:
    """A client with AWS's own settings for who, where and which endpoint; safe to share between threads."""
    config = Config(
        connect_timeout=5,
        read_timeout=20,
        retries={"mode": "standard", "total_max_attempts": 4},
        max_pool_connections=32,
        # We compare checksums ourselves; boto would check a range against the checksum of the whole.
        response_checksum_validation="when_required",
    )
    try:
        return boto3.session.Session().client("s3", config=config)
    except (BotoCoreError, ValueError) as error:
        raise Refused(f"AUDIO_STORE: S3 can't be reached with these AWS settings: {error}") from error


def anonymous(client: Any) -> Any:
    """A client that asks the same server as anybody could, without credentials."""
    config = client.meta.config.merge(Config(signature_version=UNSIGNED, retries={"total_max_attempts": 1}))
    place = {"endpoint_url": client.meta.endpoint_url, "region_name": client.meta.region_name}
    return boto3.session.Session().client("s3", config=config, **place)


@contextmanager
def s3_edge(what: str, *, store: str = "audio store") -> Iterator[None]:
    try:
        yield
    except ClientError as error:
        raise _translated(f"{store}: {what}", error) from error
    except NoCredentialsError as error:
        missing = "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or a profile or role"
        raise Unavailable(f"{store}: {what}: there are no AWS credentials; {missing}") from error
    except BotoCoreError as error:
        raise Unavailable(f"{store}: {what}: no answer from S3 ({type(error).__name__})") from error


def status_of(error: ClientError) -> int:
    """The HTTP status: the one thing all servers agree on, and all that a HEAD says."""
    return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))


def code_of(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))


def _translated(what: str, error: ClientError) -> Exception:
    status, code = status_of(error), code_of(error)
    if code in _REMEDIES:
        return Unavailable(f"{what}: {_REMEDIES[code]}")
    if status in (401, 403):
        return NotAllowed(f"{what}: S3 does not allow it; check the AWS credentials and the bucket's policy")
    if status == _NOT_IMPLEMENTED or code == "NotImplemented":
        return Broken(f"{what}: this server cannot do it ({status} {code}); another one is needed, or a newer version")
    if status in ABSENT:
        return Missing(f"{what}: it is not kept in that version")
    if status >= 500 or status in (408, 409, 429) or code in _PASSING:
        return Unavailable(f"{what}: S3 answered {status} {code}")
    return Broken(f"{what}: S3 refused our request with {status} {code}")
