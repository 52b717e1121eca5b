"""The steps a job consists of: each is tried until it succeeds, and once it has succeeded never again."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from threading import Event, Semaphore
from typing import TypeVar

from dbos import DBOS, PortableWorkflowError
from dbos import error as dbos_error

from storage.errors import Broken, Refused, Unavailable, Unusable

T = TypeVar("T")
OnWait = Callable[[Unavailable, float], None]
"""Called before a step waits, with the reason and the seconds."""

_FAMILIES = {family.__name__: family for family in (Refused, Unusable, Unavailable, Broken)}


@dataclass(frozen=True)
class Patience:
    """How a step waits for something unavailable: twice as long each time up to a longest, and not for ever."""

    first_s: float = 1.0
    longest_s: float = 300.0
    total_s: float = 12 * 3600.0

    def waits(self) -> Iterator[float]:
        wait_s, waited_s = self.first_s, 0.0
        while waited_s < self.total_s:
            yield wait_s
            waited_s += wait_s
            wait_s = min(2 * wait_s, self.longest_s)


class OtherCode(Broken):
    """A finished step has another name than the step that the job's code has at this place."""


class Stopping(BaseException):
    """This process stops, and another will finish the job. Not an Exception, so that nothing takes it for a failure."""


@dataclass(frozen=True)
class Steps:
    """Carries out the steps of a job: `steps("fetch", lambda: ...)` does a step and returns its result.

    A step is run again when the process died in it, so what it does must bear repeating. Its result is kept as JSON, so
    it is made of strings, numbers, lists and dictionaries, and is nothing personal. Steps are known by order and name:
    a job whose steps must change takes a new name, and the old one stays until none of its jobs is left.
    """

    # Held while a step is looked up, done and kept: a hundred jobs that write at once would make the callers wait.
    slots: Semaphore
    stopping: Event
    patience: Patience
    on_wait: OnWait = lambda _error, _wait_s: None

    def __call__(self, name: str, step: Callable[[], T]) -> T:
        """Raises what the step raised, also when that was before the process died."""
        with self.slots:
            self._go_on()
            try:
                return DBOS.run_step({"name": name}, self.persevere, step)
            except PortableWorkflowError as kept:
                raise _FAMILIES.get(kept.name, Broken)(kept.message) from kept
            except dbos_error.DBOSUnexpectedStepError as error:
                raise OtherCode(f"step {name}: the job was begun by code with other steps") from error

    def patiently(self, work: Callable[[], T]) -> T:
        """As a step, but its result is not kept."""
        with self.slots:
            return self.persevere(work)

    def persevere(self, step: Callable[[], T]) -> T:
        """Try again while the step raises Unavailable. Any other failure is raised at once.

        The caller holds a slot; it is given up while waiting, so that a waiting job holds up no other.
        """
        for wait_s in self.patience.waits():
            try:
                return step()
            except Unavailable as error:
                self.on_wait(error, wait_s)
                self._wait(wait_s)
        return step()

    def _wait(self, wait_s: float) -> None:
        self.slots.release()
        try:
            self.stopping.wait(wait_s)
        finally:
            self.slots.acquire()
        self._go_on()

    def _go_on(self) -> None:
        if self.stopping.is_set():
            raise Stopping
