"""The list of calls as rows, each worked out anew from the call's other rows and the event that received it."""

from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select
from sqlalchemy.dialects import postgresql, sqlite

from evidence.disclosures import read_disclosure
from policies.lifecycle import RecordingState
from policies.listing import ListedAudio, ListedRecording, kept_until, listed_audio, place_of, recorded_s
from policies.masking import UNREADABLE, masked
from storage.database.prepared_statements import Prepared
from storage.database.tables import call, call_listing, disclosure, incident, log_leaf, permit, recording, review
from storage.errors import Broken
from storage.log import consent_log
from storage.rows.recordings import IN_DOUBT


@dataclass(frozen=True, slots=True)
class Listed:
    """A row of `call_listing`. `place` is where the caller is by the ruling, empty where that is unknown;
    `caller_masked` is as `policies.masking` has it, and empty where it is erased.
    """

    call_id: str
    received_at: datetime
    line: str
    place: str
    mode: str
    language: str
    outcome: str
    audio: ListedAudio
    recorded_s: int | None
    retain_until: datetime | None
    reviewed: bool
    synthetic: bool
    caller_masked: str
    caller_hash: str | None
    erased: bool


@dataclass(frozen=True, slots=True)
class _Sources:
    """The rows beside the calls' own, by the call's id."""

    received: Mapping[str, Mapping[str, Any]]
    numbers: Mapping[str, str]
    recordings: Mapping[str, list[ListedRecording]]
    permitted_until: Mapping[str, datetime]
    in_doubt: Collection[str]
    reviewed: Collection[str]

    def masked(self, call_id: str) -> str:
        return masked(self.numbers[call_id]) if call_id in self.numbers else UNREADABLE


def _what_is_erased_stays(insert: postgresql.Insert | sqlite.Insert) -> postgresql.Insert | sqlite.Insert:
    """A row that was worked out before its call was erased does not come back after it."""
    new = insert.excluded
    return insert.on_conflict_do_update(
        index_elements=[call_listing.c.call_id],
        set_={name: new[name] for name in Listed.__dataclass_fields__ if name != "call_id"},
        where=call_listing.c.erased <= new.erased,
    )


COLUMNS = [call_listing.c[name] for name in Listed.__dataclass_fields__]
_CALLS = (call.c.id, call.c.received_at, call.c.line, call.c.mode, call.c.language, call.c.outcome)
_CALL = select(*_CALLS, call.c.synthetic, call.c.caller_hash, call.c.erased_at)
_RECORDINGS = select(
    recording.c.call_id, recording.c.state, recording.c.permit, recording.c.duration_s, recording.c.retain_until
)
_SAVE: Mapping[str, Prepared] = {
    "sqlite": Prepared(_what_is_erased_stays(sqlite.insert(call_listing))),
    "postgresql": Prepared(_what_is_erased_stays(postgresql.insert(call_listing))),
}


def by_ids(connection: Connection, call_ids: Collection[str]) -> dict[str, Listed]:
    """The rows of the list as they are, by the call's id."""
    rows = connection.execute(select(*COLUMNS).where(call_listing.c.call_id.in_(call_ids)))
    return {row.call_id: _read(row) for row in rows}


def worked_out(connection: Connection, call_ids: Collection[str]) -> list[Listed]:
    """The rows that the list should have for these calls, in the order of their ids."""
    sources = _sources(connection, call_ids)
    calls = connection.execute(_CALL.where(call.c.id.in_(call_ids)).order_by(call.c.id))
    return [_listed(row, sources) for row in calls]


def save(connection: Connection, rows: Iterable[Listed]) -> None:
    """Write rows of the list in the place of those that are there, but for those whose calls were erased meanwhile."""
    values = [{name: getattr(row, name) for name in Listed.__dataclass_fields__} for row in rows]
    if values:
        _SAVE[connection.dialect.name].run(connection, *values)


def renew(connection: Connection, call_id: str) -> None:
    """Work out and write a call's row in the caller's transaction."""
    save(connection, worked_out(connection, [call_id]))


def _listed(row: Any, sources: _Sources) -> Listed:
    made = sources.recordings.get(row.id, [])
    audio = listed_audio(row.outcome, made, is_in_doubt=row.id in sources.in_doubt, is_synthetic=bool(row.synthetic))
    is_erased = row.erased_at is not None
    return Listed(
        call_id=row.id,
        received_at=row.received_at,
        line=row.line,
        place=place_of(sources.received.get(row.id, {}).get("ruling", {}).get("ends", [])),
        mode=row.mode,
        language=row.language,
        outcome=row.outcome,
        audio=audio,
        recorded_s=recorded_s(made),
        retain_until=kept_until(audio, made, sources.permitted_until.get(row.id)),
        reviewed=row.id in sources.reviewed,
        synthetic=bool(row.synthetic),
        caller_masked="" if is_erased else sources.masked(row.id),
        caller_hash=None if is_erased else row.caller_hash,
        erased=is_erased,
    )


def _sources(connection: Connection, call_ids: Collection[str]) -> _Sources:
    received = _received(connection, call_ids)
    recordings: dict[str, list[ListedRecording]] = {}
    for row in connection.execute(_RECORDINGS.where(recording.c.call_id.in_(call_ids)).order_by(recording.c.id)):
        made = ListedRecording(RecordingState(row.state), row.permit is not None, row.duration_s, row.retain_until)
        recordings.setdefault(row.call_id, []).append(made)
    permits = select(permit.c.call_id, permit.c.retain_until).where(permit.c.call_id.in_(call_ids))
    doubts = select(incident.c.call_id).where(
        incident.c.kind == IN_DOUBT, incident.c.closed_at.is_(None), incident.c.call_id.in_(call_ids)
    )
    reviews = select(review.c.call_id).where(review.c.call_id.in_(call_ids))
    return _Sources(
        received=received,
        numbers=_numbers(connection, received),
        recordings=recordings,
        permitted_until={row.call_id: row.retain_until for row in connection.execute(permits)},
        in_doubt=frozenset(connection.scalars(doubts)),
        reviewed=frozenset(connection.scalars(reviews)),
    )


def _received(connection: Connection, call_ids: Collection[str]) -> dict[str, Mapping[str, Any]]:
    """The events that received the calls. A leaf that somebody has made unreadable is another's to find: one call
    without its place must not keep all others out of the list.
    """
    firsts = select(log_leaf.c.idx, log_leaf.c.call_id, log_leaf.c.leaf).where(
        log_leaf.c.call_id.in_(call_ids), log_leaf.c.n == 0
    )
    found: dict[str, Mapping[str, Any]] = {}
    for row in connection.execute(firsts):
        with suppress(Broken):
            found[row.call_id] = consent_log.read_event(row.idx, row.leaf)
    return found


def _numbers(connection: Connection, received: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """The callers' numbers, as far as they are not erased."""
    by_digest = {
        digest: call_id for call_id, event in received.items() if (digest := event.get("sd", {}).get("caller"))
    }
    kept = select(disclosure.c.digest, disclosure.c.body).where(disclosure.c.digest.in_(by_digest))
    numbers: dict[str, str] = {}
    for row in connection.execute(kept):
        with suppress(ValueError):
            numbers[by_digest[row.digest]] = str(read_disclosure(row.body)[1])
    return numbers


def _read(row: Any) -> Listed:
    fields = row._asdict()
    claims = {name: bool(fields[name]) for name in ("reviewed", "synthetic", "erased")}
    return Listed(**{**fields, **claims, "audio": ListedAudio(fields["audio"])})
