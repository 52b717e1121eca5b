"""Copies that the provider made of a call beside its recordings, and that must go: found, and later seen to be gone."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, insert, select, update

from evidence.events import Event, Value
from policies.copies import CopyKind
from storage.database.tables import provider_copy
from storage.jobs.contract import JobKind, Lane
from storage.moment import Moment
from storage.provider import ProviderCopy
from storage.rows import calls
from storage.rows.calls import Call

COPIES = JobKind("copies", Lane.PROMPT)
"""Looks for the copies of a call, and deletes those that must go. Its argument is the call's id."""


@dataclass(frozen=True, slots=True)
class CopyRow:
    """A row of `provider_copy`. `name` is the provider's; `gone_at` is None while the copy is there."""

    id: str
    kind: CopyKind
    name: str
    call_id: str
    recording_id: str | None
    noticed_at: datetime
    gone_at: datetime | None


_SELECT = select(*[provider_copy.c[name] for name in CopyRow.__dataclass_fields__])


def is_noted(connection: Connection, copy: ProviderCopy) -> bool:
    """Whether the copy was found before, and is not gone since."""
    before = _named(connection, copy)
    return before is not None and before.gone_at is None


def found(
    connection: Connection, moment: Moment, call: Call, copy: ProviderCopy, *, recording_id: str | None, why: str
) -> CopyRow:
    """Note a copy that must go, and log it. A copy that was gone and is listed again is found again."""
    before = _named(connection, copy)
    if before is not None and before.gone_at is None:
        return before
    copy_id = before.id if before else moment.new_id()
    if before is None:
        connection.execute(
            insert(provider_copy).values(
                id=copy_id,
                kind=copy.kind,
                name=copy.name,
                call_id=call.id,
                recording_id=recording_id,
                state="found",
                noticed_at=moment.at,
            )
        )
    else:
        there_again = {"state": "found", "gone_at": None}
        connection.execute(update(provider_copy).where(provider_copy.c.id == copy_id).values(there_again))
    public: dict[str, Value] = {"copy": copy_id, "kind": copy.kind, "why": why}
    if recording_id:
        public["recording"] = recording_id
    event = Event("copy.found", public, {"provider_copy_id": copy.name})
    calls.append_events(connection, moment, call, event)
    return _by_id(connection, copy_id)


def gone(connection: Connection, moment: Moment, call: Call, row: CopyRow) -> None:
    """The copy was seen to be gone. Fine where that was noted before."""
    there = (provider_copy.c.id == row.id) & provider_copy.c.gone_at.is_(None)
    if connection.execute(update(provider_copy).where(there).values(state="gone", gone_at=moment.at)).rowcount == 1:
        calls.append_events(connection, moment, call, Event("copy.deleted", {"copy": row.id, "kind": row.kind}))


def of_call(connection: Connection, call_id: str) -> list[CopyRow]:
    rows = connection.execute(_SELECT.where(provider_copy.c.call_id == call_id).order_by(provider_copy.c.noticed_at))
    return [_read(row) for row in rows]


def there(connection: Connection, *, limit: int) -> list[CopyRow]:
    """Copies that are not gone, the first that was found first."""
    still = _SELECT.where(provider_copy.c.state == "found").order_by(provider_copy.c.noticed_at).limit(limit)
    return [_read(row) for row in connection.execute(still)]


def _named(connection: Connection, copy: ProviderCopy) -> CopyRow | None:
    query = _SELECT.where(provider_copy.c.kind == copy.kind, provider_copy.c.name == copy.name)
    row = connection.execute(query).first()
    return None if row is None else _read(row)


def _by_id(connection: Connection, copy_id: str) -> CopyRow:
    return _read(connection.execute(_SELECT.where(provider_copy.c.id == copy_id)).one())


def _read(row: Row[Any]) -> CopyRow:
    return CopyRow(**{**row._asdict(), "kind": CopyKind(row.kind)})
