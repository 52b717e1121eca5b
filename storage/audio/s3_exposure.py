"""Finds ways by which others can read a bucket: its audio is sealed, and must not be public all the same."""

import json
from collections.abc import Iterator
from typing import Any

from storage.audio.s3_bucket import S3Bucket

_REMEDY = "block its public access"
_EVERYBODY = {
    "http://acs.amazonaws.com/groups/global/AllUsers": "everybody",
    "http://acs.amazonaws.com/groups/global/AuthenticatedUsers": "whoever has an AWS account",
}


def exposures(bucket: S3Bucket, name: str | None) -> Iterator[str]:
    """`name` is an object of ours that is there, if any. A setting that we may not see is skipped: access without
    credentials was tried.
    """
    if name and bucket.is_open_to_all(name):
        yield f"whoever knows the bucket's name gets at what is in it, without credentials: {_REMEDY}"
    if _is_closed(bucket.settings("get_public_access_block")):
        return
    for grantee, right in _grants(bucket.settings("get_bucket_acl")):
        yield f"the bucket's ACL gives {grantee} the right {right}: {_REMEDY}"
    if _lets_all_in(bucket.settings("get_bucket_policy")):
        yield f"the bucket's policy lets everybody in: {_REMEDY}"


def _is_closed(answer: dict[str, Any] | None) -> bool:
    block = (answer or {}).get("PublicAccessBlockConfiguration", {})
    return bool(block.get("IgnorePublicAcls") and block.get("RestrictPublicBuckets"))


def _grants(answer: dict[str, Any] | None) -> Iterator[tuple[str, str]]:
    for grant in (answer or {}).get("Grants", []):
        if who := _EVERYBODY.get(grant.get("Grantee", {}).get("URI", "")):
            yield who, str(grant.get("Permission"))


def _lets_all_in(answer: dict[str, Any] | None) -> bool:
    try:
        policy = json.loads((answer or {}).get("Policy", "{}"))
    except ValueError:
        return False
    stated = policy.get("Statement", []) if isinstance(policy, dict) else []
    return any(_is_for_all(statement) for statement in (stated if isinstance(stated, list) else [stated]))


def _is_for_all(statement: Any) -> bool:
    """Whether a statement allows everybody in. A statement with a condition is not judged."""
    if not isinstance(statement, dict) or statement.get("Effect") != "Allow" or statement.get("Condition"):
        return False
    who = statement.get("Principal")
    named = who.get("AWS") if isinstance(who, dict) else who
    return "*" in (named if isinstance(named, list) else [named])
