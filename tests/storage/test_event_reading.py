"""A long log is read in a second process: it says what is said without it."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import count
from multiprocessing import active_children
from pathlib import Path

import pytest
from sqlalchemy import Connection, insert, update

from evidence.checkpoints import Checkpoint
from evidence.events import Event
from evidence.merkle import leaf_hash, root_of
from storage.database.engine import Database
from storage.database.tables import disclosure, log_head, log_leaf
from storage.errors import Broken, Unavailable
from storage.log import consent_log, event_reading
from storage.log.event_reading import read_page
from storage.log.followed_log import Held
from storage.log.verification import verify
from storage.moment import Moment
from tests.conftest import NOON
from tests.databases import migrated_file

PAGE = 1000
DEEP = "[" * 5000 + "]" * 5000
BODY = "WyJ4IiwiY2FsbGVyIiwiKzE0MTU1NTUwMTk5Il0"


@pytest.fixture(params=["here", "beside"])
def reader(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Whether the events are read in this process or in one beside it."""
    monkeypatch.setattr(event_reading, "BESIDE_FROM", 0 if request.param == "beside" else 1_000_000)
    name: str = request.param
    return name


def fill(database: Database, lines: Sequence[str]) -> list[bytes]:
    hashes = [leaf_hash(line.encode()) for line in lines]
    rows = [
        {"idx": n, "leaf": line, "hash": digest} for n, (line, digest) in enumerate(zip(lines, hashes, strict=True))
    ]
    database.write(lambda connection: connection.execute(insert(log_leaf), rows))
    database.write(lambda connection: connection.execute(update(log_head).values(size=len(rows))))
    return hashes


def test_a_log_of_several_pages_is_verified_against_every_checkpoint(database: Database, reader: str) -> None:
    hashes = fill(database, [f'{{"ts":"2026-11-22T12:00:00.{n % 1000:03}Z","v":{n}}}' for n in range(2 * PAGE + 17)])
    sizes = [0, 1, 999, 1000, 1000, 1001, 2000, len(hashes)]
    held = [Held(Checkpoint("x", size, root_of(hashes[:size])), f"of {size}") for size in sizes]
    verified = verify(database.read, held)
    assert (verified.size, verified.root, verified.checkpoints) == (len(hashes), root_of(hashes), len(sizes))
    with pytest.raises(Broken, match="first 1500 events are not those of the checkpoint in a drawer"):
        verify(database.read, [*held, Held(Checkpoint("x", 1500, b"\x05" * 32), "in a drawer")])


FAULTS = {
    "no JSON": ("{", "event 1234 is no event"),
    "more than one value": ("{}{}", "event 1234 is no event"),
    "no object": ("[]", "event 1234 is no event"),
    "too deep": (DEEP, "event 1234 is no event"),
    "fields that are none": ('{"sd":"x"}', "event 1234 is no event"),
    "digests that are none": ('{"sd":{"caller":[]}}', "event 1234 is no event"),
    "a type that is none": ('{"type":{}}', "event 1234 is no event"),
    "a time that is none": ('{"ts":7}', "event 1234 is no event"),
    "an erasure of no call": ('{"type":"privacy.erased"}', "event 1234 is no event"),
    "a text without a name": ('{"type":"law.published"}', "event 1234 is no event"),
    "another call's": ('{"call":"c","n":0}', "event 1234 is filed under another call"),
}


@pytest.mark.parametrize(("line", "found"), FAULTS.values(), ids=FAULTS)
def test_a_line_that_is_no_event_is_named(on_sqlite: Database, line: str, found: str) -> None:
    require_named(on_sqlite, line, found)


def test_a_line_that_is_no_event_is_named_by_either_process(on_sqlite: Database, reader: str) -> None:
    require_named(on_sqlite, *FAULTS["no JSON"])


def require_named(database: Database, line: str, found: str) -> None:
    lines = ['{"ts":"2026-11-22T12:00:00.000Z"}'] * (PAGE + 300)
    lines[1234] = line
    fill(database, lines)
    with pytest.raises(Broken, match=found):
        verify(database.read)


@pytest.fixture
def on_sqlite(tmp_path: Path) -> Iterator[Database]:
    """For lines, which are read alike on every database."""
    opened = Database.open(migrated_file(tmp_path / "onrecord.db"))
    yield opened
    opened.close()


def test_of_several_breaks_the_first_is_named() -> None:
    leaves = [(n, "{}", leaf_hash(b"{}"), None, None) for n in range(9)]
    leaves[7] = (7, "{", leaf_hash(b"{"), None, None)
    assert "event 7 is no event" in read_page(leaves, 0).fault
    leaves[5] = (5, "{}", b"\x05" * 32, None, None)
    assert "event 5 does not match its hash" in read_page(leaves, 0).fault
    del leaves[3]
    reading = read_page(leaves, 0)
    assert "event 3 is missing, the next is 4" in reading.fault
    assert len(reading.hashes) == len(reading.times) == 3


def kill() -> None:
    for child in active_children():
        child.kill()


def test_where_the_process_beside_is_killed_nothing_is_said_of_the_log(database: Database, reader: str) -> None:
    if reader == "here":
        return
    fill(database, ["{}"] * 12 * PAGE)
    numbers = count()

    @contextmanager
    def views() -> Iterator[Connection]:
        if next(numbers) == 7:  # it has been given pages, and is starting
            kill()
        with database.read() as connection:
            yield connection

    with pytest.raises(Unavailable, match="was ended"):
        verify(views)


@pytest.mark.parametrize("moment", range(1, 13))
def test_whenever_the_process_beside_is_killed_reading_ends(
    on_sqlite: Database, moment: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also in the middle of an answer, or when it has nothing to do: all is read, or it is said that it is not."""
    monkeypatch.setattr(event_reading, "BESIDE_FROM", 0)
    hashes, done = fill(on_sqlite, ["{}"] * 12 * PAGE), count(1)
    told, root = "", root_of(hashes)
    try:
        root = verify(on_sqlite.read, progress=lambda *_: kill() if next(done) == moment else None).root
    except Unavailable as error:
        told = str(error)
    assert root == root_of(hashes)
    assert told in ("", "consent log: the process that reads its events was ended")


@pytest.mark.parametrize("altered", [BODY, "ü", "", "A" * 44])
def test_the_one_altered_disclosure_among_many_is_named(database: Database, altered: str) -> None:
    numbers = count()

    def received(connection: Connection) -> None:
        events = [Event("call.received", {}, {"caller": f"+1415555{next(numbers):04}"}) for _ in range(1100)]
        consent_log.append_events(connection, Moment(NOON, os.urandom), *events)

    database.write(received)
    with database.read() as connection:
        assert verify(database.read).size == 1100
        digest = connection.execute(disclosure.select().offset(1050).limit(1)).one().digest
    change = update(disclosure).where(disclosure.c.digest == digest).values(body=altered)
    database.write(lambda connection: connection.execute(change))
    with pytest.raises(Broken, match=f"{digest} says something else"):
        verify(database.read)
