"""Which workers are alive: each renews its own row every second, and reads the others' rows as it does.

No two clocks are compared: a worker watches whether the others' rows change, so none is forgotten for a clock that is
wrong. A row stays for as long as its worker may hold a job, and is deleted once another has resumed the jobs. So the
search for dead workers reads the workers' rows only, however many jobs there are.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from sqlalchemy import Connection, Update, delete, false, insert, or_, select, update

from storage.database.engine import Database
from storage.database.tables import worker

# The beat of a worker that was stopped, and may have left jobs.
ENDED = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Liveness:
    """The workers that are alive, eldest first, and the last beat of each whose jobs are to be resumed."""

    living: list[str]
    dead: dict[str, datetime]


@dataclass
class BeatHistory:
    """When one worker saw the beat of each of the others change."""

    silent_s: float
    _changed: dict[str, tuple[datetime, float]] = field(default_factory=dict)  # the beat, and when it was first seen
    _looked: float = float("-inf")

    def see(self, beats: Iterable[tuple[str, datetime]], now: float) -> Liveness:
        """A worker lives if its beat changed in the `silent_s` up to `now`, in seconds of a clock that never jumps.

        A deleted row means a dead worker: the worker that deleted it may have died before it had resumed the jobs.
        """
        stood_still = now - self._looked >= self.silent_s  # this process did: nothing is known of the others
        self._looked = now
        before, changed = self._changed, dict[str, tuple[datetime, float]]()
        for executor_id, beat in beats:
            last = before.get(executor_id)
            changed[executor_id] = last if last is not None and last[0] == beat and not stood_still else (beat, now)
        changed |= {executor_id: (ENDED, now) for executor_id in before if executor_id not in changed}
        self._changed = changed
        dead = {
            executor_id: beat
            for executor_id, (beat, since) in changed.items()
            if beat == ENDED or now - since >= self.silent_s
        }
        return Liveness([executor_id for executor_id in changed if executor_id not in dead], dead)

    def miss(self, executor_ids: Collection[str]) -> None:
        """Count workers as dead whose rows were deleted before they were ever seen."""
        self._changed = dict.fromkeys(executor_ids, (ENDED, self._looked)) | self._changed

    def forget(self, executor_ids: Collection[str]) -> None:
        self._changed = {executor: seen for executor, seen in self._changed.items() if executor not in executor_ids}


@dataclass(frozen=True)
class Heartbeats:
    """The heartbeat of this process's worker."""

    database: Database
    executor_id: str
    history: BeatHistory

    def beat(self, at: datetime, now: float) -> Liveness:
        """Durable on return. Another worker may have deleted our row meanwhile: then it is inserted again."""
        everybody = select(worker.c.executor_id, worker.c.beat_at).order_by(worker.c.started_at, worker.c.executor_id)

        def renew(connection: Connection) -> list[tuple[str, datetime]]:
            if connection.execute(self._change().values(beat_at=at)).rowcount == 0:
                connection.execute(insert(worker).values(executor_id=self.executor_id, started_at=at, beat_at=at))
            return [(row.executor_id, row.beat_at) for row in connection.execute(everybody)]

        return self.history.see(self.database.write(renew), now)

    def leave(self) -> None:
        """Mark this worker as ended, so that the others resume its jobs without waiting for `silent_s`."""
        self.database.write(lambda connection: connection.execute(self._change().values(beat_at=ENDED)))

    def forget(self, dead: Mapping[str, datetime]) -> None:
        """Delete the rows of dead workers whose jobs are resumed. A worker that came back meanwhile keeps its row."""
        last = [
            (worker.c.executor_id == executor_id) & (worker.c.beat_at == beat) for executor_id, beat in dead.items()
        ]
        self.database.write(lambda connection: connection.execute(delete(worker).where(or_(false(), *last))))
        self.history.forget(dead.keys())

    def _change(self) -> Update:
        return update(worker).where(worker.c.executor_id == self.executor_id)
