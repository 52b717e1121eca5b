"""Passwords of the staff, kept as argon2id hashes."""

import hmac
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from threading import BoundedSemaphore
from typing import TYPE_CHECKING

from sqlalchemy import Connection, select, update

from policies.passwords import LENGTH_MAX, normalised
from storage.database.tables import staff
from storage.errors import Unavailable

if TYPE_CHECKING:
    from argon2 import PasswordHasher

# The second of the two choices that RFC 9106 recommends, for where 2 GiB are too much: 64 MiB and four lanes.
TIME_COST, MEMORY_KIB, LANES = 3, 64 * 1024, 4
_SALT_BYTES, _HASH_BYTES = 16, 32
# As it would be kept of a password that nobody has: of what is looked at for an unknown name.
NOBODYS = f"$argon2id$v=19$m={MEMORY_KIB},t={TIME_COST},p={LANES}${'A' * 22}${'A' * 43}"
# Anybody can ask for a password to be looked at, so how much memory and time that takes is limited.
_AT_ONCE_MAX, _WAIT_S = 2, 5.0
_at_once = BoundedSemaphore(_AT_ONCE_MAX)


@dataclass(frozen=True, slots=True)
class KeptPassword:
    """The hash of an account's password; empty where it has none."""

    account_id: str
    kept: str = field(repr=False)


def hash_of(password: str, random: Callable[[int], bytes]) -> str:
    """Slow. Raises Unavailable where too many passwords are being looked at."""
    with _one_of_few():
        return _hasher().hash(_spelled(password), salt=random(_SALT_BYTES))


def is_right(password: str, kept: str) -> bool:
    """Whether the hash is of this password; as slow where it is empty. Raises Unavailable as `hash_of` does."""
    from argon2.exceptions import InvalidHashError, VerificationError

    with _one_of_few():
        try:
            return _hasher().verify(kept or NOBODYS, _spelled(password)) and bool(kept)
        except (VerificationError, InvalidHashError):
            return False


def is_outdated(kept: str) -> bool:
    """Whether the hash was made with other parameters than today's."""
    return _hasher().check_needs_rehash(kept)


def of_name(connection: Connection, name: str) -> KeptPassword | None:
    """None where there is no such account."""
    query = select(staff.c.id, staff.c.password_hash).where(staff.c.name == name.strip().lower())
    row = connection.execute(query).one_or_none()
    return None if row is None else KeptPassword(row.id, row.password_hash or "")


def of_account(connection: Connection, account_id: str) -> str:
    """The hash; empty where there is none."""
    return connection.scalar(select(staff.c.password_hash).where(staff.c.id == account_id)) or ""


def is_still(connection: Connection, password: KeptPassword) -> bool:
    """Whether the account's password is still the one that was read."""
    return hmac.compare_digest(of_account(connection, password.account_id), password.kept)


def save(connection: Connection, account_id: str, kept: str) -> None:
    connection.execute(update(staff).where(staff.c.id == account_id).values(password_hash=kept))


def forget(connection: Connection, account_id: str) -> None:
    connection.execute(update(staff).where(staff.c.id == account_id).values(password_hash=None))


@contextmanager
def _one_of_few() -> Iterator[None]:
    if not _at_once.acquire(timeout=_WAIT_S):
        raise Unavailable("passwords: too many are being looked at")
    try:
        yield
    finally:
        _at_once.release()


@cache
def _hasher() -> "PasswordHasher":
    from argon2 import PasswordHasher

    return PasswordHasher(TIME_COST, MEMORY_KIB, LANES, hash_len=_HASH_BYTES, salt_len=_SALT_BYTES)


def _spelled(password: str) -> bytes:
    """Nobody has a longer one, and a text of any length must not cost any time."""
    return normalised(password[: LENGTH_MAX + 1]).encode("utf-8", "surrogatepass")
