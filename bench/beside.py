"""Another process at work on the same database, while something else is measured."""

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from multiprocessing import get_context
from multiprocessing.synchronize import Event
from random import Random
from time import monotonic, sleep

from bench.page_times import Pages
from storage.database.engine import Database
from storage.rows import listing_projection
from storage.rows.listing_projection import Projection

_BEGIN_S = 60.0

Work = Callable[[str, datetime, float, Event, Event], None]


def turns_pages(url: str, now: datetime, per_s: float, begun: Event, ended: Event) -> None:
    """So many pages a second, as a floor full of reviewers turns them."""
    with closing(Database.open(url)) as database:
        pages = Pages(database, now, Random(7), times=1)
        while not ended.is_set():
            due_at = monotonic() + 1 / per_s
            pages.one()
            begun.set()
            sleep(max(0.0, due_at - monotonic()))


def keeps_the_list(url: str, _now: datetime, _per_s: float, begun: Event, ended: Event) -> None:
    """The list of calls, as a worker keeps it up to date."""
    with closing(Database.open(url)) as database:
        projection = Projection(database)
        while not ended.is_set():
            projection.look()
            begun.set()
            ended.wait(listing_projection.LOOK_EVERY_S)


@dataclass(frozen=True)
class Beside:
    """`per_s` is how many pages are turned in a second."""

    url: str
    now: datetime
    per_s: float

    @contextmanager
    def at(self, work: Work | None) -> Iterator[None]:
        """While that work is under way; None is nothing."""
        if work is None:
            yield
            return
        context = get_context("spawn")
        begun, ended = context.Event(), context.Event()
        process = context.Process(target=work, args=(self.url, self.now, self.per_s, begun, ended))
        process.start()
        try:
            if not begun.wait(_BEGIN_S):
                raise RuntimeError("the process beside did not begin")
            yield
        finally:
            ended.set()
            process.join()
