"""Failed attempts to sign in with a password, counted on the row of the account.

An unknown name leaves no row and costs the same: a row is written for it as well, and stays as it is.
"""

from datetime import datetime

from sqlalchemy import Connection, func, select, update

from policies.sign_in import wait_until
from storage.database.tables import staff


def waits(connection: Connection, account_id: str, now: datetime) -> bool:
    """Whether no password of the account is looked at for now. Nobody waits where there is no such account."""
    query = select(staff.c.failures, staff.c.failed_at).where(staff.c.id == account_id)
    row = connection.execute(query).one_or_none()
    until = None if row is None else wait_until(row.failures, row.failed_at)
    return until is not None and now < until


def fail(connection: Connection, account_id: str, now: datetime) -> None:
    """Count one more. Attempts while the account waits are not counted, or nobody could end its wait by waiting."""
    counted = {"failures": staff.c.failures + 1, "failed_at": now}
    connection.execute(update(staff).where(staff.c.id == account_id).values(**counted))


def fail_uncounted(connection: Connection) -> None:
    """The same write, of which nothing is kept."""
    any_account = select(func.min(staff.c.id)).scalar_subquery()
    same = {"failures": staff.c.failures, "failed_at": staff.c.failed_at}
    connection.execute(update(staff).where(staff.c.id == any_account).values(**same))


def clear(connection: Connection, account_id: str) -> None:
    """The person is in: the count begins anew."""
    connection.execute(update(staff).where(staff.c.id == account_id).values(failures=0, failed_at=None))
