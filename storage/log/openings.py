"""The values of personal fields, by the digests with which events commit to them."""

from collections.abc import Iterable
from typing import Any

from sqlalchemy import Connection, select

from evidence.disclosures import read_disclosure
from storage.database.tables import disclosure
from storage.errors import Broken

_AT_ONCE = 5000


def opened(connection: Connection, digests: Iterable[str]) -> dict[str, Any]:
    """The values of the disclosures that are left; empty digests are skipped."""
    sought, values = [digest for digest in digests if digest], {}
    for start in range(0, len(sought), _AT_ONCE):
        some = disclosure.c.digest.in_(sought[start : start + _AT_ONCE])
        for row in connection.execute(select(disclosure.c.digest, disclosure.c.body).where(some)):
            values[row.digest] = value_of(row.digest, row.body)
    return values


def value_of(digest: str, body: str) -> Any:
    """Raises Broken for a disclosure that can't be read."""
    try:
        return read_disclosure(body)[1]
    except ValueError as error:
        raise Broken(f"consent log: the disclosure {digest} can't be read") from error
