"""Identities of a single sign-on, as rows: the issuer and its subject, bound to one account.

An identity is bound by its person, signed in to the account, or by an administrator who names issuer and subject. An
email address binds nothing: a provider may give it to another person later, lets people change their own, and does not
always know whether it is theirs. To get an address there would be to get the account here.
"""

from dataclasses import dataclass

from sqlalchemy import Connection, delete, insert, select

from storage.database.tables import staff_identity
from storage.errors import Refused

LENGTH_MAX = 255


@dataclass(frozen=True, slots=True)
class BoundIdentity:
    """A row of `staff_identity`. Of one issuer an account has one identity at most."""

    issuer: str
    subject: str
    account_id: str


_ROW = staff_identity.c
_SELECT = select(_ROW.issuer, _ROW.subject, _ROW.staff_id.label("account_id"))


def account_of(connection: Connection, issuer: str, subject: str) -> str | None:
    """The id of the account; None where nobody bound the identity."""
    if not _is_one(issuer, subject):
        return None
    mine = (_ROW.issuer == issuer) & (_ROW.subject == subject)
    found: str | None = connection.scalar(select(_ROW.staff_id).where(mine))
    return found


def of_account(connection: Connection, account_id: str) -> list[BoundIdentity]:
    rows = connection.execute(_SELECT.where(_ROW.staff_id == account_id).order_by(_ROW.issuer))
    return [BoundIdentity(**row._asdict()) for row in rows]


def bind(connection: Connection, account_id: str, issuer: str, subject: str) -> bool:
    """Bind an identity to an account. False where it is bound to it already.

    Raises Refused where it is another account's, or the account has another identity of this issuer, or it is none.
    """
    if not _is_one(issuer, subject):
        raise Refused(f"identity: issuer and subject have 1 to {LENGTH_MAX} ASCII characters")
    bound_to = account_of(connection, issuer, subject)
    if bound_to is not None and bound_to != account_id:
        raise Refused("identity: it is another account's")
    if bound_to == account_id:
        return False
    if any(identity.issuer == issuer for identity in of_account(connection, account_id)):
        raise Refused("identity: the account has another one of this issuer; unbind that first")
    connection.execute(insert(staff_identity).values(issuer=issuer, subject=subject, staff_id=account_id))
    return True


def unbind(connection: Connection, account_id: str, issuer: str) -> bool:
    """False where the account has none of this issuer."""
    if not _is_one(issuer, issuer):
        return False
    mine = (_ROW.staff_id == account_id) & (_ROW.issuer == issuer)
    return connection.execute(delete(staff_identity).where(mine)).rowcount > 0


def unbind_all(connection: Connection, account_id: str) -> int:
    return connection.execute(delete(staff_identity).where(_ROW.staff_id == account_id)).rowcount


def _is_one(issuer: str, subject: str) -> bool:
    return all(0 < len(part) <= LENGTH_MAX and part.isascii() and part.isprintable() for part in (issuer, subject))
