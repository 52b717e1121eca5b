"""Which workers are alive: each keeps a row and renews it every second.

No two clocks are compared: a worker watches whether the others' rows change, so none is forgotten for a clock that is
wrong.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import Connection, delete, insert, select, update

from storage.database.engine import Database
from storage.database.tables import worker


@dataclass(frozen=True)
class Liveness:
    """The workers with a row, eldest first."""

    living: list[str]
    silent: list[str]


@dataclass
class BeatHistory:
    """When one worker saw the beat of each of the others change."""

    silent_s: float
    _changed: dict[str, tuple[datetime, float]] = field(default_factory=dict)  # the beat, and when it was first seen
    _looked: float = float("-inf")

    def see(self, beats: Iterable[tuple[str, datetime]], now: float) -> Liveness:
        """Living is whose beat changed in the `silent_s` up to `now`, which are seconds of a clock that never jumps."""
        if now - self._looked >= self.silent_s:
            self._changed.clear()  # it was this process that stood still: nothing is known of the others
        self._looked = now
        before, self._changed = self._changed, {}
        for executor_id, beat in beats:
            last = before.get(executor_id)
            self._changed[executor_id] = last if last is not None and last[0] == beat else (beat, now)
        silent = [executor for executor, (_, changed) in self._changed.items() if now - changed >= self.silent_s]
        return Liveness([executor for executor in self._changed if executor not in silent], silent)


@dataclass(frozen=True)
class Heartbeats:
    """One worker's place among all."""

    database: Database
    executor_id: str
    history: BeatHistory

    def beat(self, now: datetime) -> None:
        """Durable on return. Another may have forgotten us meanwhile: then we are back."""

        def renew(connection: Connection) -> None:
            mine = worker.c.executor_id == self.executor_id
            if connection.execute(update(worker).where(mine).values(beat_at=now)).rowcount == 0:
                connection.execute(insert(worker).values(executor_id=self.executor_id, started_at=now, beat_at=now))

        self.database.write(renew)

    def look(self, now: float) -> Liveness:
        rows = select(worker.c.executor_id, worker.c.beat_at).order_by(worker.c.started_at, worker.c.executor_id)
        with self.database.read() as connection:
            beats = [(row.executor_id, row.beat_at) for row in connection.execute(rows)]
        return self.history.see(beats, now)

    def leave(self) -> None:
        self.forget([self.executor_id])

    def forget(self, executor_ids: Iterable[str]) -> None:
        rows = delete(worker).where(worker.c.executor_id.in_(list(executor_ids)))
        self.database.write(lambda connection: connection.execute(rows))
