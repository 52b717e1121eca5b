"""What a caller is remembered by where their number must not stand: a hash that only the key file's holder can make."""

import hmac

from policies.jurisdiction.places import valid_number


def number_hash(key: bytes, from_: str) -> str | None:
    """HMAC-SHA256 in hex; the same for each call from that number. None for what is withheld, disguised or no number.

    Without the key it tells nothing. With it the number can be found by trying them all.
    """
    if valid_number(from_) is None:
        return None
    return hmac.digest(key, from_.encode("ascii"), "sha256").hex()


def sid_hash(key: bytes, sid: str) -> str:
    """The same of the provider's sid of a call, by which an erased call is known again. No number hashes to it."""
    return hmac.digest(key, f"sid {sid}".encode(), "sha256").hex()
