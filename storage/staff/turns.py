"""The turns of the staff's transactions: each locks the accounts that it is about before anything else.

So two transactions about one account follow one another, and none waits for an account while it holds the log.
"""

from sqlalchemy import Connection, select

from policies.permissions import Role
from storage.database.tables import staff
from storage.errors import Refused
from storage.staff import accounts
from storage.staff.accounts import Account


def lock(connection: Connection, *account_ids: str) -> None:
    """Wait for these accounts, in one order whatever theirs. Accounts that there are not are nothing to wait for."""
    mine = select(staff.c.id).where(staff.c.id.in_(account_ids)).order_by(staff.c.id)
    connection.execute(mine.with_for_update()).all()


def take(connection: Connection, account_id: str) -> Account:
    """The account, locked. Raises Refused where there is none of that id."""
    lock(connection, account_id)
    return _known(connection, account_id)


def take_with_admins(connection: Connection, account_id: str) -> tuple[Account, frozenset[str]]:
    """The account and the ids of all enabled admins, all of them locked."""
    admins = (staff.c.role == Role.ADMIN) & staff.c.disabled_at.is_(None)
    query = select(staff.c.id, staff.c.role, staff.c.disabled_at).where((staff.c.id == account_id) | admins)
    rows = connection.execute(query.order_by(staff.c.id).with_for_update()).all()
    enabled = frozenset(row.id for row in rows if row.role == Role.ADMIN and row.disabled_at is None)
    return _known(connection, account_id), enabled


def _known(connection: Connection, account_id: str) -> Account:
    found = accounts.by_id(connection, account_id)
    if found is None:
        raise Refused(f"account {account_id}: there is no such account")
    return found
