"""Passkeys of the staff, as rows: added, renamed, used, removed."""

import re
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, delete, insert, select, update

from storage.database.tables import staff_passkey
from storage.errors import Refused
from storage.moment import Moment
from storage.staff.ceremonies import NewPasskey, passkey_id

LABEL_LENGTH_MAX = 64
COUNT_MAX = 20

_ID = re.compile(r"[0-9a-f]{64}")

_ROW = staff_passkey.c


@dataclass(frozen=True, slots=True)
class Passkey:
    """A row of `staff_passkey`. `id` names it in pages: the SHA-256 of the credential's own id."""

    id: str
    account_id: str
    credential_id: bytes = field(repr=False)
    public_key: bytes = field(repr=False)
    sign_count: int
    label: str
    added_at: datetime
    used_at: datetime | None


_SELECT = select(
    _ROW.credential_sha256.label("id"),
    _ROW.staff_id.label("account_id"),
    _ROW.credential_id,
    _ROW.public_key,
    _ROW.sign_count,
    _ROW.label,
    _ROW.added_at,
    _ROW.used_at,
)


def by_id(connection: Connection, id_: str) -> Passkey | None:
    row = connection.execute(_SELECT.where(_ROW.credential_sha256 == id_)).one_or_none()
    return None if row is None else Passkey(**row._asdict())


def of_account(connection: Connection, account_id: str) -> list[Passkey]:
    """The oldest first."""
    rows = connection.execute(_SELECT.where(_ROW.staff_id == account_id).order_by(_ROW.added_at, _ROW.label))
    return [Passkey(**row._asdict()) for row in rows]


def add(connection: Connection, moment: Moment, account_id: str, new: NewPasskey, label: str) -> str:
    """The id of the new row. Raises Refused where the passkey is there already, or the account has too many."""
    label = _checked(label)
    added = passkey_id(new.credential_id)
    if by_id(connection, added) is not None:
        raise Refused("passkey: it is there already")
    if len(of_account(connection, account_id)) >= COUNT_MAX:
        raise Refused(f"passkey: an account has {COUNT_MAX} at most")
    connection.execute(
        insert(staff_passkey).values(
            credential_sha256=added,
            credential_id=new.credential_id,
            staff_id=account_id,
            public_key=new.public_key,
            sign_count=new.sign_count,
            label=label,
            added_at=moment.at,
        )
    )
    return added


def rename(connection: Connection, account_id: str, id_: str, label: str) -> bool:
    """False where the account has no such passkey."""
    renamed = update(staff_passkey).where(_is_mine(account_id, id_)).values(label=_checked(label))
    return connection.execute(renamed).rowcount == 1


def use(connection: Connection, id_: str, sign_count: int, now: datetime) -> None:
    mine = _ROW.credential_sha256 == id_
    connection.execute(update(staff_passkey).where(mine).values(sign_count=sign_count, used_at=now))


def remove(connection: Connection, account_id: str, id_: str) -> bool:
    """False where the account has no such passkey."""
    return connection.execute(delete(staff_passkey).where(_is_mine(account_id, id_))).rowcount == 1


def remove_all(connection: Connection, account_id: str) -> int:
    return connection.execute(delete(staff_passkey).where(_ROW.staff_id == account_id)).rowcount


def _is_mine(account_id: str, id_: str) -> ColumnElement[bool]:
    """No row where the id is none."""
    return (_ROW.credential_sha256 == (id_ if _ID.fullmatch(id_) else "")) & (_ROW.staff_id == account_id)


def _checked(label: str) -> str:
    label = label.strip()
    if not label.isprintable() or not 0 < len(label) <= LABEL_LENGTH_MAX:
        raise Refused(f"passkey: its label has 1 to {LABEL_LENGTH_MAX} printable characters")
    return label
