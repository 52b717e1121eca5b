"""Errors of the driver as SQLAlchemy would raise them, for statements that went past it."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from storage.database.lost_connections import leave_where_lost
from storage.database.row_errors import leave_the_row_out


@contextmanager
def translating(connection: Connection, sql: str) -> Iterator[None]:
    """The errors of what is executed inside, which quote no row."""
    dialect = connection.dialect
    try:
        yield
    except dialect.loaded_dbapi.Error as error:
        leave_the_row_out(error)
        is_lost = leave_where_lost(connection, error)
        failure: Any = error
        raise DBAPIError.instance(
            sql, None, failure, dialect.loaded_dbapi.Error, connection_invalidated=is_lost, dialect=dialect
        ) from error
