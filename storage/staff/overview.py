"""An overview of all accounts: by which ways each can sign in, and when its person was last there."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, func, select

from storage.database.tables import staff, staff_identity, staff_link, staff_passkey, staff_session


@dataclass(frozen=True, slots=True)
class Overview:
    """`has_link`: the account has a link that was not used yet and still works. `seen_at` is None before the first
    sign-in.
    """

    passkeys: int
    has_password: bool
    identities: int
    has_link: bool
    seen_at: datetime | None

    @property
    def has_any(self) -> bool:
        return self.passkeys > 0 or self.has_password or self.identities > 0


def of_everybody(connection: Connection, now: datetime) -> Mapping[str, Overview]:
    """By the id of the account."""
    passkeys = _by_account(connection, _counted(staff_passkey.c.staff_id))
    identities = _by_account(connection, _counted(staff_identity.c.staff_id))
    living = (staff_link.c.used_at.is_(None)) & (staff_link.c.expires_at > now)
    links = _by_account(connection, _counted(staff_link.c.staff_id).where(living))
    seen = _by_account(
        connection,
        select(staff_session.c.staff_id, func.max(staff_session.c.seen_at)).group_by(staff_session.c.staff_id),
    )
    rows = connection.execute(select(staff.c.id, staff.c.password_hash.is_not(None)))
    return {
        id_: Overview(passkeys.get(id_, 0), bool(has), identities.get(id_, 0), id_ in links, seen.get(id_))
        for id_, has in rows
    }


def _counted(column: Any) -> Select[Any]:
    return select(column, func.count()).group_by(column)


def _by_account(connection: Connection, query: Select[Any]) -> dict[str, Any]:
    return {row[0]: row[1] for row in connection.execute(query)}
