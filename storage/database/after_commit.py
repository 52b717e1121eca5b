"""Log lines that wait for the commit of a `Database.write`, whose work may run more than once, or be taken back."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError

from storage.database.held_back import commit, holding_back

_WAITING = "onrecord_after_commit"


def after_commit(connection: Connection, say: Callable[[], object]) -> None:
    """Call `say` once, when the connection's writes are on disk, and never where they are taken back. While nothing
    is written, as in a `Database.read`, it is called at once.

    `say` writes log lines: it raises nothing, and takes no time, since others wait for the same commit.
    """
    waiting = connection.info.get(_WAITING)
    if waiting is None:
        say()
    else:
        waiting.append(say)


@contextmanager
def transaction(engine: Engine, until: Callable[[], float | None] = lambda: None) -> Iterator[Connection]:
    """Commits at the end, as `held_back.commit` does with `until`, and then makes the calls that waited for it."""
    waiting: list[Callable[[], object]] = []
    with engine.connect() as connection:
        info = connection.info  # of a connection that is lost on the way it can't be asked for any more
        info[_WAITING] = waiting
        try:
            connection.begin()
            with holding_back(connection):
                yield connection
            commit(connection, until())
        except BaseException:
            with suppress(DBAPIError):  # of a connection that is lost there is nothing to take back
                connection.rollback()
            raise
        finally:
            info.pop(_WAITING, None)
    for say in waiting:
        say()
