"""A server that goes away takes every connection with it, and the pool must not give any of them to the next caller."""

from typing import Any

from sqlalchemy import Connection, ExceptionContext

# The server ends the connection: it was told to, it crashed, it starts or stops (PostgreSQL, appendix "Error Codes").
_GOES_AWAY = frozenset({"57P01", "57P02", "57P03"})


def on_lost(context: ExceptionContext) -> None:
    """A `handle_error` listener. The server says that it ends a connection before it closes it; SQLAlchemy goes by the
    closed socket alone.
    """
    if _says_so(context.original_exception):
        context.is_disconnect = True


def leave_where_lost(connection: Connection, error: BaseException) -> bool:
    """The same for a statement that went past SQLAlchemy: give up this connection and whatever waits in the pool."""
    driver: Any = connection.connection.dbapi_connection
    failure: Any = error  # of the driver, as SQLAlchemy wants it
    if not (_says_so(error) or connection.dialect.is_disconnect(failure, driver, None)):
        return False
    connection.invalidate(error)
    connection.engine.dispose()
    return True


def _says_so(error: BaseException) -> bool:
    return getattr(error, "sqlstate", "") in _GOES_AWAY
