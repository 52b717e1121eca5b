"""Postgres quotes the row that a constraint refused, which may be a caller's; and errors are logged."""

from sqlalchemy import ExceptionContext

_A_VALUE = "22"  # the class of errors about a value, whose first sentence may quote it


def leave_the_row_out(error: BaseException) -> None:
    """Cut a driver's error down to its first sentence, or to its name where that would quote a value: in place, so that
    errors chained to it say no more.
    """
    if (getattr(error, "sqlstate", None) or "").startswith(_A_VALUE):
        error.args = (type(error).__name__,)
        return
    primary = getattr(getattr(error, "diag", None), "message_primary", None)
    if primary:
        error.args = (primary,)


def on_error(context: ExceptionContext) -> None:
    """The same for errors that SQLAlchemy wraps; a `handle_error` listener."""
    leave_the_row_out(context.original_exception)
    if context.sqlalchemy_exception is not None:
        kind = type(context.original_exception).__name__
        context.sqlalchemy_exception.args = (f"({kind}) {context.original_exception}",)
