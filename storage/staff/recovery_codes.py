"""Recovery codes: each takes the place of one code of the second factor, once. Only their hashes are kept."""

from base64 import b32encode
from datetime import datetime
from hashlib import sha256

from sqlalchemy import Connection, delete, func, insert, select, update

from storage.database.tables import staff_recovery_code
from storage.moment import Moment

COUNT = 10
_CODE_BYTES, _CODE_LENGTH, _GROUP = 10, 16, 4
# Crockford's base32 has no letter that looks like another: 80 bits are 16 of its characters.
_WRITTEN = str.maketrans("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", "0123456789ABCDEFGHJKMNPQRSTVWXYZ")
_READ = str.maketrans("OIL", "011", " -‐‑–")

_ROW = staff_recovery_code.c


def renew(connection: Connection, moment: Moment, account_id: str) -> tuple[str, ...]:
    """New codes in the place of all earlier ones, to be shown once: `4F7K-Z0QX-…`."""
    codes = [b32encode(moment.random(_CODE_BYTES)).decode().translate(_WRITTEN) for _ in range(COUNT)]
    forget(connection, account_id)
    connection.execute(
        insert(staff_recovery_code), [{"code_sha256": _sha256(code), "staff_id": account_id} for code in codes]
    )
    return tuple("-".join(code[start : start + _GROUP] for start in range(0, _CODE_LENGTH, _GROUP)) for code in codes)


def is_one(text: str) -> bool:
    """Whether it is written like such a code."""
    return len(_read(text)) == _CODE_LENGTH


def take(connection: Connection, account_id: str, text: str, now: datetime) -> bool:
    """Use a code up, however it was typed. False where the account has no such code, or it was used."""
    mine = (_ROW.code_sha256 == _sha256(_read(text))) & (_ROW.staff_id == account_id) & _ROW.used_at.is_(None)
    return connection.execute(update(staff_recovery_code).where(mine).values(used_at=now)).rowcount == 1


def left(connection: Connection, account_id: str) -> int:
    unused = select(func.count()).where(_ROW.staff_id == account_id, _ROW.used_at.is_(None))
    return connection.scalar(unused) or 0


def forget(connection: Connection, account_id: str) -> None:
    connection.execute(delete(staff_recovery_code).where(_ROW.staff_id == account_id))


def _read(text: str) -> str:
    return text[: 4 * _CODE_LENGTH].upper().translate(_READ).strip()


def _sha256(code: str) -> str:
    return sha256(code.encode("utf-8", "surrogatepass")).hexdigest()
