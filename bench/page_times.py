"""How long pages of the list of calls take, by what is asked for."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from itertools import combinations
from random import Random
from statistics import quantiles
from time import perf_counter

from bench.listed_calls import AGENTS, DAYS, LANGUAGES, LINES, MODES, OUTCOMES, PLACES, caller_hash
from policies.listing import ListedAudio
from policies.permissions import Reach
from storage.database.engine import Database
from storage.rows.call_pages import Cursor, Filters, Page, page

EVERYWHERE = Reach(everywhere=True)
REACHES = {
    "one line": Reach(lines=frozenset(LINES[7:8])),
    "five lines and a team of 20": Reach(lines=frozenset(LINES[3:8]), addresses=frozenset(AGENTS[40:60])),
    "an agent's own calls": Reach(addresses=frozenset(AGENTS[100:101])),
}
NAMES = [one.name for one in fields(Filters)]
_CALLERS = 400_000


@dataclass(frozen=True)
class Timed:
    """What was asked for, and how long each page took, in milliseconds."""

    what: str
    took_ms: list[float]

    def percentile(self, percent: int) -> float:
        return quantiles(self.took_ms, n=100, method="inclusive")[percent - 1]


@dataclass
class Pages:
    """Asks a database for pages, with values at random: as frequent as they are among the calls, or evenly."""

    database: Database
    now: datetime
    chance: Random
    times: int

    def timed(self) -> Iterator[Timed]:
        """Every kind of page."""
        yield from self._turned()
        for among in [(name,) for name in NAMES] + list(combinations(NAMES, 2)):
            if among == ("caller_hash",):
                yield Timed("search by number", [self._first(among, EVERYWHERE)[0] for _ in range(self.times)])
            else:
                yield Timed(" and ".join(among), [self._first(among, EVERYWHERE)[0] for _ in range(self.times)])
        for name, reach in REACHES.items():
            yield Timed(f"reach: {name}", [self._first((), reach)[0] for _ in range(self.times)])
            some = [self._first((self.chance.choice(NAMES),), reach)[0] for _ in range(self.times)]
            yield Timed(f"reach: {name}, and a filter", some)

    def one(self) -> float:
        """A page such as somebody may ask for, who filters by one or two columns, or turns the page."""
        among = self.chance.sample(NAMES, self.chance.choice([0, 1, 1, 2]))
        after = self._somewhere() if self.chance.random() < 0.3 else None
        reach = EVERYWHERE if self.chance.random() < 0.5 else self.chance.choice([*REACHES.values()])
        return self._page(self.filters(among), reach, after)[0]

    def _turned(self) -> Iterator[Timed]:
        firsts, nexts, deep = [], [], []
        for _ in range(self.times):
            took_ms, found = self._first((), EVERYWHERE)
            firsts.append(took_ms)
            nexts.append(self._page(self.filters(()), EVERYWHERE, found.next)[0])
            deep.append(self._page(self.filters([self.chance.choice(NAMES)]), EVERYWHERE, self._somewhere())[0])
        yield from (
            Timed("first page", firsts),
            Timed("next page", nexts),
            Timed("a page far back, with a filter", deep),
        )

    def _first(self, among: Sequence[str], reach: Reach) -> tuple[float, Page]:
        return self._page(self.filters(among), reach, None)

    def _page(self, filters: Filters, reach: Reach, after: Cursor | None) -> tuple[float, Page]:
        began = perf_counter()
        with self.database.read() as connection:
            found = page(connection, filters, reach, after, now=self.now)
        return (perf_counter() - began) * 1000, found

    def _somewhere(self) -> Cursor:
        return Cursor(self.now - timedelta(days=self.chance.uniform(1, DAYS)), "8" * 32)

    def filters(self, among: Sequence[str]) -> Filters:
        """Without the calls of tests where nothing else is said, as the console asks."""
        values = {"synthetic": False} | {name: self._value(name) for name in among}
        return Filters(**values)  # type: ignore[arg-type]  # by name

    def _value(self, name: str) -> object:
        since = self.now - timedelta(days=self.chance.uniform(1, DAYS))
        choices: dict[str, Sequence[object]] = {
            "line": LINES,
            "place": PLACES,
            "outcome": [*OUTCOMES],
            "audio": [str(audio) for audio in ListedAudio],
            "language": [*LANGUAGES],
            "mode": [*MODES],
            "reviewed": [True, False],
            "synthetic": [True, False],
            "agent": AGENTS,
            "received_from": [since],
            "received_until": [since],
            "due_within_days": [1, 7, 30, 90],
            "caller_hash": [caller_hash(self.chance.randrange(_CALLERS))],
        }
        return self.chance.choice(choices[name])
