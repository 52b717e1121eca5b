"""Keyed hashes in the place of callers' numbers: only the holder of the key file can make them."""

import hmac

from policies.jurisdiction.places import valid_number


def number_hash(key: bytes, from_: str) -> str | None:
    """HMAC-SHA256 in hex; the same for each call from a number. None for a withheld, disguised or invalid number.

    Without the key it reveals nothing. With the key the number can be found by trying them all.
    """
    if valid_number(from_) is None:
        return None
    return hmac.digest(key, from_.encode("ascii"), "sha256").hex()


def sid_hash(key: bytes, sid: str) -> str:
    """The keyed hash of a call's sid, by which an erased call is recognized. No number hashes to it."""
    return hmac.digest(key, f"sid {sid}".encode(), "sha256").hex()
