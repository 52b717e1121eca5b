"""Calls at random in the list, many of them at one moment, and the same list as it is filtered by hand."""

import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random

from sqlalchemy import Connection, insert

from policies.listing import ListedAudio
from policies.permissions import Reach
from storage.database.tables import call, taken_by
from storage.rows.call_pages import Filters
from storage.rows.listing import Listed, save
from tests.conftest import NOON

LINES = ("+12125550100", "+12125550101", "+12125550102", "")
PLACES = ("US-TX", "US-CA", "")
OUTCOMES = ("consented", "declined", "silent")
LANGUAGES, MODES = ("en-US", "es-US"), ("opt_in", "notice")
AGENTS = ("client:anna", "client:ben", "+12125550199")
HASHES = ("a" * 64, "b" * 64, None)


@dataclass(frozen=True)
class Calls:
    rows: tuple[Listed, ...]
    takers: Mapping[str, frozenset[str]]

    def asked_for(self, filters: Filters, reach: Reach, now: datetime) -> list[Listed]:
        found = [row for row in self.rows if self._is_in_reach(row, reach) and self._is_asked_for(row, filters, now)]
        if filters.due_within_days is None:
            return sorted(found, key=lambda row: (row.received_at, row.call_id), reverse=True)
        return sorted(found, key=lambda row: (row.retain_until or NOON, row.call_id))

    def _is_in_reach(self, row: Listed, reach: Reach) -> bool:
        return reach.everywhere or row.line in reach.lines or bool(reach.addresses & self.takers[row.call_id])

    def _is_asked_for(self, row: Listed, filters: Filters, now: datetime) -> bool:
        names = ("line", "place", "outcome", "audio", "language", "mode", "reviewed", "synthetic", "caller_hash")
        days = None if filters.due_within_days is None else min(filters.due_within_days, 9_999)
        return (
            all(getattr(filters, name) in (None, getattr(row, name)) for name in names)
            and (filters.agent is None or filters.agent in self.takers[row.call_id])
            and (filters.received_from is None or row.received_at >= filters.received_from)
            and (filters.received_until is None or row.received_at < filters.received_until)
            and (days is None or (row.retain_until is not None and row.retain_until <= now + timedelta(days=days)))
        )


def make(chance: Random, count: int) -> Calls:
    rows = tuple(_row(chance) for _ in range(count))
    takers = {row.call_id: frozenset(chance.sample(AGENTS, chance.choice([0, 1, 1, 2]))) for row in rows}
    return Calls(rows, takers)


def write(connection: Connection, calls: Calls) -> None:
    connection.execute(insert(call), [_call(row) for row in calls.rows])
    save(connection, calls.rows)
    taken = [
        {"call_id": row.call_id, "address": address, "taken_at": NOON, "received_at": row.received_at}
        for row in calls.rows
        for address in calls.takers[row.call_id]
    ]
    connection.execute(insert(taken_by), taken)


def _row(chance: Random) -> Listed:
    audio = chance.choice([*ListedAudio])
    is_erased = chance.random() < 0.1
    return Listed(
        call_id=f"{chance.getrandbits(128):032x}",
        received_at=NOON - timedelta(hours=chance.randrange(60)),  # many at one moment
        line=chance.choice((LINES[0], *LINES)),
        place=chance.choice(PLACES),
        mode=chance.choice(MODES),
        language=chance.choice(LANGUAGES),
        outcome=chance.choice(OUTCOMES),
        audio=audio,
        recorded_s=30,
        retain_until=NOON + timedelta(days=chance.randrange(-2, 9)) if audio is ListedAudio.KEPT else None,
        reviewed=chance.random() < 0.2,
        synthetic=chance.random() < 0.2,
        caller_masked="" if is_erased else "+1 ••• ••• ••11",
        caller_hash=None if is_erased else chance.choice(HASHES),
        erased=is_erased,
    )


def _call(row: Listed) -> dict[str, object]:
    """The call's own row, which only the agents' rows refer to."""
    texts = dict.fromkeys(("line", "mode", "language", "wording_sha256", "rules_sha256"), "")
    numbers = dict.fromkeys(("silence_is_consent", "prompts_max", "disclosure_length_ms"), 0)
    own = {"id": row.call_id, "call_sid": secrets.token_hex(16), "received_at": row.received_at}
    return {**texts, **numbers, **own, "state": "disclosing", "outcome": "open"}


def some_filters(chance: Random, among: Iterable[str]) -> Filters:
    """A value for each of these filters: one that some call has, or none has."""
    since = NOON - timedelta(hours=chance.randrange(60))
    values = {
        "line": (*LINES, "+1"),
        "place": (*PLACES, "DE"),
        "outcome": OUTCOMES,
        "audio": tuple(ListedAudio),
        "language": LANGUAGES,
        "mode": MODES,
        "reviewed": (True, False),
        "synthetic": (True, False),
        "agent": (*AGENTS, "client:nobody"),
        "received_from": (since,),
        "received_until": (since + timedelta(hours=20),),
        "due_within_days": (-1, 0, 3, 30, 10**9),
        "caller_hash": ("a" * 64, "b" * 64, "c" * 64),
    }
    return Filters(**{name: chance.choice(values[name]) for name in among})  # type: ignore[arg-type]  # by name


def some_reach(chance: Random) -> Reach:
    if chance.random() < 0.3:
        return Reach(everywhere=True)
    lines, agents = chance.sample(LINES, chance.randrange(3)), chance.sample(AGENTS, chance.randrange(3))
    return Reach(lines=frozenset(lines), addresses=frozenset(agents))
