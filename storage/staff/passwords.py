"""Passwords of the staff, kept as argon2id hashes."""

import hmac
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import BoundedSemaphore
from typing import TYPE_CHECKING

from sqlalchemy import Connection, select, update

from policies.passwords import LENGTH_MAX, normalised
from storage.database.tables import staff
from storage.errors import Unavailable

if TYPE_CHECKING:
    from argon2 import PasswordHasher

_SALT_BYTES, _HASH_BYTES = 16, 32
# Anybody can have a password looked at, so how much memory and time that takes is limited.
_AT_ONCE_MAX = 2
# A thread that waits for its turn serves nobody else, so anybody could keep all of a process's threads waiting.
_WAITING_MAX = 4


@dataclass(frozen=True)
class Hashing:
    """How passwords are hashed: usually by the second of the two choices of RFC 9106, for where 2 GiB are too much.

    Both methods that look at a password are slow. They raise Unavailable after `wait_s` where too many are being looked
    at, and at once where others are waiting for that already, so a process has one such value.
    """

    time_cost: int = 3
    memory_kib: int = 64 * 1024
    lanes: int = 4
    wait_s: float = 5.0
    at_once: BoundedSemaphore = field(default_factory=lambda: BoundedSemaphore(_AT_ONCE_MAX), repr=False, compare=False)
    waiting: BoundedSemaphore = field(default_factory=lambda: BoundedSemaphore(_WAITING_MAX), repr=False, compare=False)

    @property
    def nobodys(self) -> str:
        """The hash of a password that nobody has, to look at for an unknown name."""
        return f"$argon2id$v=19$m={self.memory_kib},t={self.time_cost},p={self.lanes}${'A' * 22}${'A' * 43}"

    def hash_of(self, password: str, random: Callable[[int], bytes]) -> str:
        with self._one_of_few():
            return self._hasher().hash(_spelled(password), salt=random(_SALT_BYTES))

    def is_right(self, password: str, kept: str) -> bool:
        """Whether the hash is of this password; as slow where it is empty."""
        from argon2.exceptions import InvalidHashError, VerificationError

        with self._one_of_few():
            try:
                return self._hasher().verify(kept or self.nobodys, _spelled(password))
            except (VerificationError, InvalidHashError):
                return False

    def is_outdated(self, kept: str) -> bool:
        """Whether the hash was made with other parameters than these."""
        return self._hasher().check_needs_rehash(kept)

    def _hasher(self) -> "PasswordHasher":
        from argon2 import PasswordHasher

        return PasswordHasher(self.time_cost, self.memory_kib, self.lanes, hash_len=_HASH_BYTES, salt_len=_SALT_BYTES)

    @contextmanager
    def _one_of_few(self) -> Iterator[None]:
        if not (self.at_once.acquire(blocking=False) or self._waited()):
            raise Unavailable("passwords: too many are being looked at")
        try:
            yield
        finally:
            self.at_once.release()

    def _waited(self) -> bool:
        """Whether the turn came in time, for one of those few that may wait."""
        if not self.waiting.acquire(blocking=False):
            return False
        try:
            return self.at_once.acquire(timeout=self.wait_s)
        finally:
            self.waiting.release()


@dataclass(frozen=True, slots=True)
class KeptPassword:
    """The hash of an account's password, empty where it has none; of no account where `account_id` is empty."""

    account_id: str = ""
    kept: str = field(default="", repr=False)


def of_name(connection: Connection, name: str) -> KeptPassword:
    """The password of an account; that of no account where none has this name, with as much work."""
    asked = name.strip().lower()
    asked = asked if asked.isascii() and asked.isprintable() else ""  # Postgres takes no NUL
    query = select(staff.c.id, staff.c.password_hash).where(staff.c.name == asked)
    row = connection.execute(query).one_or_none()
    return KeptPassword() if row is None else KeptPassword(row.id, row.password_hash or "")


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


def _spelled(password: str) -> bytes:
    """Nobody has a longer one, and a text of any length must not cost any time."""
    return normalised(password[: LENGTH_MAX + 1]).encode("utf-8", "surrogatepass")
