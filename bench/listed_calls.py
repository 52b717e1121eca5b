"""A million calls for the list, as an installation of 20 lines and 200 agents has them after 500 days: the same for the
same seed. They are written past the service, which would take hours.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from typing import Any

from sqlalchemy import Connection, Index, Table, text

from policies.listing import ListedAudio
from policies.masking import WITHHELD
from storage.database.engine import Database
from storage.database.tables import call_listing, taken_by

SEED = 12
DAYS, KEPT_FOR = 500, timedelta(days=90)
LINES = tuple(f"+1212555{1000 + n}" for n in range(20))
PLACES = (*(f"US-{chr(65 + n // 26)}{chr(65 + n % 26)}" for n in range(59)), "")
AGENTS = tuple(f"client:agent-{n}" for n in range(200))
OUTCOMES = {
    "consented": 45.0,
    "declined": 18.0,
    "consented_by_staying": 14.0,
    "silent": 8.0,
    "hung_up_in_disclosure": 6.0,
    "hung_up_in_choice": 4.0,
    "not_asked": 2.0,
    "unclear": 1.5,
    "withdrawn": 1.0,
    "disclosure_cut_short": 0.4,
    "disclosure_failed": 0.08,
    "open": 0.02,
}
MODES = {"opt_in": 60.0, "notice": 25.0, "opt_out": 10.0, "must_record": 4.0, "never": 1.0}
LANGUAGES = {"en-US": 80.0, "es-US": 14.0, "fr-CA": 3.0, "de-DE": 2.0, "pt-BR": 0.9, "zh-CN": 0.1}
_UNANSWERED = frozenset({"hung_up_in_disclosure", "hung_up_in_choice", "open"})
_IN_DOUBT, _REVIEWED, _SYNTHETIC = 0.0005, 0.05, 0.02
_CALLERS = 400_000
_AT_ONCE = 20_000

Row = tuple[Any, ...]


@dataclass(frozen=True)
class Sizes:
    listed: int
    taken: int


def fill(database: Database, calls: int, now: datetime) -> Sizes:
    """Write the calls, the newest of them at `now`; the tables must be empty."""
    chance = Random(SEED)
    listed, taken = 0, 0
    with _unhindered(database) as raw:
        for rows in _batches(chance, calls, now):
            takers = list(_takers(chance, rows))
            _write(raw, database.dialect, call_listing, rows)
            _write(raw, database.dialect, taken_by, takers)
            listed, taken = listed + len(rows), taken + len(takers)
    return Sizes(listed, taken)


def _batches(chance: Random, calls: int, now: datetime) -> Iterator[list[Row]]:
    step = timedelta(days=DAYS) / calls
    for first in range(0, calls, _AT_ONCE):
        count = min(_AT_ONCE, calls - first)
        picked = zip(
            chance.choices(LINES, _skewed(LINES, 1.0), k=count),
            chance.choices(PLACES, _skewed(PLACES, 1.0), k=count),
            chance.choices([*MODES], [*MODES.values()], k=count),
            chance.choices([*LANGUAGES], [*LANGUAGES.values()], k=count),
            chance.choices([*OUTCOMES], [*OUTCOMES.values()], k=count),
            strict=True,
        )
        yield [_row(chance, now, step * (calls - first - n), *one) for n, one in enumerate(picked)]


def _row(chance: Random, now: datetime, age: timedelta, line: str, place: str, *agreed: str) -> Row:
    mode, language, outcome = agreed
    received_at, audio = now - age, _audio(chance, outcome, age)
    is_kept = audio in (ListedAudio.KEPT, ListedAudio.IN_DOUBT)
    return (
        f"{chance.getrandbits(128):032x}",
        received_at,
        line,
        place,
        mode,
        language,
        outcome,
        str(audio),
        None if audio is ListedAudio.NONE else chance.randrange(5, 1800),
        received_at + KEPT_FOR if is_kept else None,
        int(audio is not ListedAudio.NONE and chance.random() < _REVIEWED),
        int(chance.random() < _SYNTHETIC),
        WITHHELD if not place else f"+1 ••• ••• ••{chance.randrange(100):02}",
        caller_hash(chance.randrange(_CALLERS)) if place else None,
        0,
    )


def caller_hash(caller: int) -> str:
    """As long as a keyed hash, and as unlike its neighbours."""
    return f"{caller * 0x9E3779B97F4A7C15 % 2**64:016x}" * 4


def _audio(chance: Random, outcome: str, age: timedelta) -> ListedAudio:
    if not outcome.startswith("consented"):
        return ListedAudio.NONE
    if chance.random() < _IN_DOUBT:
        return ListedAudio.IN_DOUBT
    if age < timedelta(minutes=20):
        return ListedAudio.EXPECTED
    return ListedAudio.KEPT if age < KEPT_FOR else ListedAudio.DESTROYED


def _takers(chance: Random, rows: Sequence[Row]) -> Iterator[Row]:
    agents = chance.choices(AGENTS, _skewed(AGENTS, 0.5), k=len(rows))
    for row, agent in zip(rows, agents, strict=True):
        if row[6] not in _UNANSWERED:
            yield row[0], agent, row[1], row[1]


def _skewed(things: Sequence[object], exponent: float) -> list[float]:
    """The n-th is as frequent as n to the power of minus the exponent."""
    return [n**-exponent for n in range(1, len(things) + 1)]


@contextmanager
def _unhindered(database: Database) -> Iterator[Any]:
    """The driver's connection, with nothing synced, no reference checked, and indexes that are made at the end."""
    indexes = sorted(
        (index for table in (call_listing, taken_by) for index in table.indexes), key=lambda one: str(one.name)
    )
    with database.engine.connect() as connection:
        _each(connection, indexes, make=False)
        connection.commit()
        raw: Any = connection.connection.driver_connection
        if database.dialect == "sqlite":
            raw.execute("PRAGMA foreign_keys = OFF")
            raw.execute("PRAGMA synchronous = OFF")
            raw.execute("PRAGMA cache_size = -400000")
        else:
            raw.execute("SET session_replication_role = replica")
        yield raw
        raw.commit()
        _each(connection, indexes, make=True)
        connection.commit()
        if database.dialect == "postgresql":
            connection.execution_options(isolation_level="AUTOCOMMIT").execute(text("VACUUM ANALYZE"))
        connection.invalidate()  # with its settings


def _each(connection: Connection, indexes: Sequence[Index], *, make: bool) -> None:
    for index in indexes:
        (index.create if make else index.drop)(connection)


def _write(raw: Any, dialect: str, table: Table, rows: Sequence[Row]) -> None:
    names = ", ".join(column.name for column in table.c)
    if dialect == "postgresql":
        with raw.cursor().copy(f"COPY {table.name} ({names}) FROM STDIN") as copy:
            for row in rows:
                copy.write_row(row)
        return
    raw.execute("BEGIN IMMEDIATE")
    places = ", ".join("?" * len(table.c))
    raw.executemany(f"INSERT INTO {table.name} ({names}) VALUES ({places})", [tuple(map(_iso, row)) for row in rows])
    raw.execute("COMMIT")


def _iso(value: object) -> object:
    """A moment as `Instant` writes it on SQLite."""
    return value.isoformat(timespec="microseconds") if isinstance(value, datetime) else value
