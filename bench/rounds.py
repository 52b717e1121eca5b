"""Short rounds in which the variants take turns, so that whatever else the machine does meets all of them."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from statistics import median, quantiles

from sqlalchemy import func, select

from bench.caller import Order, Round, run
from bench.installation import CONSTANT, DURABLE, WITHOUT_DATABASE
from bench.waiting_calls import WaitingCalls
from onrecord.installation import Installation
from storage.database.tables import permit
from storage.log import verification as log_verification

VARIANTS = (DURABLE, WITHOUT_DATABASE, CONSTANT)
_WANTED = {DURABLE: b"<Recording ", WITHOUT_DATABASE: b"<Recording ", CONSTANT: b"<Response/>"}
_WARM_UP_S = 0.5
# More than a round uses up; one that does use them up ends early, and is measured by the time that it took.
_PER_SECOND_MAX = 2500


@dataclass
class Measured:
    """All rounds of one variant at one number of connections. Each figure but the slowest is the rounds' median."""

    rounds: list[Round] = field(default_factory=list)

    @property
    def per_second(self) -> float:
        return median(len(done.latencies_ms) / done.seconds for done in self.rounds)

    def percentile_ms(self, percent: int) -> float:
        return median(quantiles(done.latencies_ms, n=100, method="inclusive")[percent - 1] for done in self.rounds)

    @property
    def slowest_ms(self) -> float:
        return max(max(done.latencies_ms) for done in self.rounds)

    @property
    def errors(self) -> int:
        return sum(done.errors for done in self.rounds)


@dataclass
class Turns:
    """Sends the rounds. `answered` counts the durable answers, each of which must then be on disk."""

    ports: Mapping[str, int]
    waiting: WaitingCalls
    callers: ProcessPoolExecutor
    answered: int = 0

    def measure(self, connections: int, rounds: int, seconds: float) -> dict[str, Measured]:
        measured = {variant: Measured() for variant in VARIANTS}
        for _ in range(rounds):
            for variant in VARIANTS:
                measured[variant].rounds.append(self.round(variant, connections, seconds))
        return measured

    def warm_up(self) -> None:
        for variant in VARIANTS:
            self.round(variant, 8, _WARM_UP_S)

    def round(self, variant: str, connections: int, seconds: float) -> Round:
        requests = self.waiting.at_least(int(_PER_SECOND_MAX * seconds))
        order = Order(self.ports[variant], connections, seconds, self._requests(variant, requests), _WANTED[variant])
        done = self.callers.submit(run, order).result()
        if variant == DURABLE:
            self.answered += len(done.latencies_ms)
            self.waiting.used(len(done.latencies_ms))
        return done

    def _requests(self, variant: str, requests: Sequence[bytes]) -> list[bytes]:
        """A durable one is the first of its call; the others remember none, and are faster."""
        return list(requests) if variant == DURABLE else list(requests) * 4


def permits_on_disk(installation: Installation) -> int:
    """How many decisions the database holds. Raises Broken if its log does not verify."""
    log_verification.verify(installation.database.read)
    with installation.database.read() as connection:
        return int(connection.execute(select(func.count()).select_from(permit)).scalar_one())
