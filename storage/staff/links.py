"""Links by which a person sets up how they sign in: 256 random bits, once, within a day.

Only the hash of the bits is kept. An account has one link at most: a newer one takes the place of the older.
"""

from base64 import urlsafe_b64encode
from datetime import datetime, timedelta
from hashlib import sha256

from sqlalchemy import ColumnElement, Connection, delete, insert, select, update

from storage.database.tables import staff, staff_link
from storage.moment import Moment

LIFETIME = timedelta(hours=24)
_BYTES = 32


def make(connection: Connection, moment: Moment, account_id: str) -> str:
    """The last part of the link, for the person and nobody else. Earlier links of the account open nothing more."""
    bearer = urlsafe_b64encode(moment.random(_BYTES)).rstrip(b"=").decode()
    revoke(connection, account_id)
    row = {"bearer_sha256": _sha256(bearer), "made_at": moment.at, "expires_at": moment.at + LIFETIME}
    connection.execute(insert(staff_link).values(staff_id=account_id, **row))
    return bearer


def account_of(connection: Connection, bearer: str, now: datetime) -> str | None:
    """The account that the link is for; None where it was used or revoked, is too old, or its account is disabled.
    Looking does not use it up.
    """
    query = select(staff_link.c.staff_id).join(staff).where(_is_good(bearer, now), staff.c.disabled_at.is_(None))
    found: str | None = connection.scalar(query)
    return found


def redeem(connection: Connection, bearer: str, now: datetime) -> bool:
    """Use the link up. False where it does not open anything any more: then the rest must not happen."""
    return connection.execute(update(staff_link).where(_is_good(bearer, now)).values(used_at=now)).rowcount == 1


def revoke(connection: Connection, account_id: str) -> None:
    connection.execute(delete(staff_link).where(staff_link.c.staff_id == account_id))


def _is_good(bearer: str, now: datetime) -> ColumnElement[bool]:
    row = staff_link.c
    return (row.bearer_sha256 == _sha256(bearer)) & row.used_at.is_(None) & (row.expires_at > now)


def _sha256(bearer: str) -> str:
    return sha256(bearer.encode("utf-8", "surrogatepass")).hexdigest()
