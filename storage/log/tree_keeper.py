"""Closes the log's full subtrees: keeps the roots that `storage.log.tree` reads. It is done after the events are
committed, so that nobody who appends waits for it.

Leaves below a committed size never change, so a subtree has the same root whoever closes it, and whenever. Reading and
hashing hold no lock; a short transaction then adds the rows, and leaves out those that somebody else has added. Where a
process is killed, the next turn of any other goes on from there.
"""

import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, func, select
from sqlalchemy.dialects import postgresql, sqlite

from storage.database.engine import Database
from storage.database.tables import log_node
from storage.errors import Broken
from storage.log import consent_log
from storage.log.tree import FAN_OUT, subtree_roots
from storage.refrain import Refrain

log = logging.getLogger(__name__)

LOOK_EVERY_S = 1.0
AT_ONCE = 64
"""Subtrees in a transaction: writing them takes a millisecond on SQLite, where a caller's step may wait for it."""
_ADD = {
    "sqlite": sqlite.insert(log_node).on_conflict_do_nothing(),
    "postgresql": postgresql.insert(log_node).on_conflict_do_nothing(),
}

Row = Mapping[str, Any]


@dataclass(frozen=True)
class TreeKeeper:
    """The worker's duty. A log that can't be read is told of rarely: its verification and signing say more."""

    database: Database
    refrain: Refrain = field(default_factory=Refrain)

    def look(self) -> None:
        try:
            close_subtrees(self.database)
        except Broken as error:
            if self.refrain.is_due(str(error), time.monotonic()):
                log.error("subtrees of the log are not closed: %s", error)


def close_subtrees(database: Database, at_once: int = AT_ONCE) -> None:
    """Keep the root of every subtree that is full by now, `at_once` in a transaction."""
    while full := _read(database, at_once):
        database.write(lambda connection, full=full: keep(connection, full))  # type: ignore[misc]  # mypy and defaults


def _read(database: Database, at_once: int) -> Sequence[Row]:
    with database.read() as connection:
        return full_subtrees(connection, at_once)


def full_subtrees(connection: Connection, at_most: int) -> list[Row]:
    """The next subtrees that are full and not kept, as rows of `log_node`; lower levels first."""
    rows: list[Row] = []
    level, below = 1, consent_log.size(connection)
    while full := below // FAN_OUT:
        last = connection.scalar(select(func.max(log_node.c.n)).where(log_node.c.lvl == level))
        kept = 0 if last is None else last + 1
        count = min(full - kept, at_most - len(rows))
        roots = subtree_roots(connection, level, kept, count) if count > 0 else []
        rows += [{"lvl": level, "n": kept + k, "hash": root} for k, root in enumerate(roots)]
        level, below = level + 1, kept
    return rows


def keep(connection: Connection, subtrees: Sequence[Row]) -> None:
    """Add the rows that nobody has added yet."""
    connection.execute(_ADD[connection.dialect.name], subtrees)
