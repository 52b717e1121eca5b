"""Leases to listen: opened for a purpose, renewed by reports, ended with a reason.

The log has the opening before a byte is handed out, and what was heard each minute and at the end. A lease that ends
without a last report counts up to the report before. Each piece of sound is in the row before it leaves, and in the log
with what was heard.
"""

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, func, insert, select, update

from evidence.events import Event
from policies.listening import (
    LAST_WORDS_MAX,
    LOST_AFTER,
    RANGES_MAX,
    STOPPED_BECAUSE,
    Range,
    Report,
    Stop,
    believed,
    coarse,
    common,
    is_lost,
    is_to_be_logged,
    union,
)
from policies.permissions import Act, may
from policies.purposes import Allowed, NotGranted
from policies.sessions import Limits
from storage.audio.contract import AudioStore
from storage.audio.unseal import KeptAudio
from storage.custody import access
from storage.custody.access import Refusal
from storage.custody.hearing import Heard, heard_event
from storage.database.tables import lease, recording
from storage.errors import Broken, Refused
from storage.moment import Moment
from storage.rows import agents, calls
from storage.staff import accounts, sessions

_REFUSED_AGAIN = timedelta(hours=1)
_AT_ONCE = 100
OPEN_MAX = 10
"""Listenings of one person at once: each has its events for ever, and every look at the call reads them."""
_RANGES = ("fresh", "handed", "handed_fresh")


@dataclass(frozen=True, slots=True)
class Listener:
    """Somebody signed in who listens. `actor` is the account's name."""

    account_id: str
    actor: str
    session_id: str


@dataclass(frozen=True, slots=True)
class Lease:
    """A row of `lease`. `report` is the number of the last report; `fresh` are ranges that are in no event yet.
    `handed` are all of which sound was handed out, and `handed_fresh` those of them that are in no event yet.
    `last_words` counts the reports that were taken after the end.
    """

    id: str
    recording_id: str
    staff_id: str
    session_id: str
    purpose: str
    opened_at: datetime
    renewed_at: datetime
    report: int
    position_ms: int
    fresh: tuple[Range, ...]
    fresh_played_ms: int
    handed: tuple[Range, ...]
    handed_fresh: tuple[Range, ...]
    logged_at: datetime
    refused_at: datetime | None
    ended_at: datetime | None
    ended_by: str
    last_words: int


@dataclass(frozen=True, slots=True)
class Stopped:
    """The listening is over. `why` is for the listener: empty where `by` says all."""

    by: Stop
    why: str = ""


OUT_OF_SCOPE = Stopped(Stop.NOT_YOURS)
_SELECT = select(*[lease.c[name] for name in Lease.__dataclass_fields__])


def open_lease(
    connection: Connection,
    moment: Moment,
    recording_id: str,
    purpose: str,
    listener: Listener,
    *,
    store: AudioStore,
    key_encryption_key: bytes,
) -> tuple[Lease, KeptAudio] | Refusal:
    """The access is in the log with the lease, in the caller's transaction: the audio is for after its commit.

    Raises as `access.open_for_purpose`, and Refused for a person who listens to too many at once.
    """
    if _open_of(connection, listener.account_id, moment.at) >= OPEN_MAX:
        raise Refused(f"account {listener.account_id}: it listens to {OPEN_MAX} recordings at once, which is the most")
    lease_id = moment.new_id()
    opened = access.open_for_purpose(
        connection,
        moment,
        recording_id,
        purpose,
        store=store,
        key_encryption_key=key_encryption_key,
        actor=listener.actor,
        lease_id=lease_id,
    )
    if isinstance(opened, Refusal):
        return opened
    connection.execute(
        insert(lease).values(
            id=lease_id,
            recording_id=recording_id,
            staff_id=listener.account_id,
            session_id=listener.session_id,
            purpose=purpose,
            opened_at=moment.at,
            renewed_at=moment.at,
            logged_at=moment.at,
        )
    )
    found = by_id(connection, lease_id)
    assert found is not None
    return found, opened


def by_id(connection: Connection, lease_id: str, *, lock: bool = False) -> Lease | None:
    query = _SELECT.where(lease.c.id == lease_id)
    row = connection.execute(query.with_for_update() if lock else query).one_or_none()
    return None if row is None else _read(row._asdict())


def standing(connection: Connection, held: Lease, now: datetime, limits: Limits) -> Stopped | None:
    """Why nothing more may be heard under the lease; None where it goes on. Changes and logs nothing."""
    if held.ended_by:
        return Stopped(Stop(held.ended_by))
    if not sessions.lives(connection, held.session_id, now, limits):
        return Stopped(Stop.SIGNED_OUT)
    account = accounts.existing(connection, held.staff_id)
    if not may(account.role, Act.HEAR):
        return Stopped(Stop.NOT_PERMITTED)
    call_id = call_of(connection, held)
    call = calls.peek(connection, call_id)
    if call is None or not accounts.reach(connection, account).covers(call.line, agents.addresses(connection, call_id)):
        return Stopped(Stop.NOT_YOURS)
    opens = _would_open(connection, held, now)
    if isinstance(opens, NotGranted):
        return Stopped(Stop.NOT_TO_BE_OPENED, opens.reason)
    return Stopped(Stop.SILENT) if is_lost(held.renewed_at, now) else None


def audio_under(
    connection: Connection,
    lease_id: str,
    session_id: str | None,
    now: datetime,
    limits: Limits,
    *,
    store: AudioStore,
    key_encryption_key: bytes,
) -> tuple[Lease, KeptAudio] | Stopped:
    """The lease and its audio, for a session whose lease it is and while it stands; a lease that does not exist and
    another session's are both out of scope.
    """
    held = by_id(connection, lease_id)
    if held is None or held.session_id != session_id:
        return OUT_OF_SCOPE
    if stopped := standing(connection, held, now, limits):
        return stopped
    return held, access.reopen(connection, held.recording_id, store=store, key_encryption_key=key_encryption_key)


def hand_out(connection: Connection, lease_id: str, piece: Range) -> Stopped | None:
    """Note that this piece of sound leaves, which it may not do before the commit; or why it may not at all."""
    held = by_id(connection, lease_id, lock=True)
    if held is None:
        return OUT_OF_SCOPE
    if held.ended_by:
        return Stopped(Stop(held.ended_by))
    handed = {"handed": (*held.handed, piece), "handed_fresh": (*held.handed_fresh, piece)}
    noted = {name: json.dumps(union(ranges)) for name, ranges in handed.items()}
    connection.execute(update(lease).where(lease.c.id == held.id).values(noted))
    return None


def renew(
    connection: Connection, moment: Moment, lease_id: str, session_id: str, report: Report, limits: Limits
) -> Stopped | None:
    """Take a report of a session in, and say whether the listening goes on: None. A report that comes twice counts
    once. A last report of what was heard until the page learned of the end counts too, in an event of its own.
    """
    held = by_id(connection, lease_id, lock=True)
    if held is None or held.session_id != session_id:
        return OUT_OF_SCOPE
    if held.ended_by:
        ended = Stopped(Stop(held.ended_by))
        if _is_last_word(held, report, moment.at):
            _log(connection, moment, _take(connection, moment, held, report), stopped=ended)
            counted = {"last_words": held.last_words + 1}
            connection.execute(update(lease).where(lease.c.id == held.id).values(counted))
        return ended
    stopped = standing(connection, held, moment.at, limits) or (Stopped(Stop.CLOSED) if report.closes else None)
    if report.number > held.report:
        held = _take(connection, moment, held, report)
    if stopped:
        end(connection, moment, held, stopped)
    elif len(held.handed_fresh) > RANGES_MAX or is_to_be_logged(
        held.logged_at, moment.at, (*held.fresh, *held.handed_fresh)
    ):
        _log(connection, moment, held)
    return stopped


def end(connection: Connection, moment: Moment, held: Lease, stopped: Stopped) -> None:
    """Log what was heard and why it ended. The row is locked by the caller."""
    _log(connection, moment, held, stopped=stopped)
    ended = {"ended_at": moment.at, "ended_by": stopped.by}
    connection.execute(update(lease).where(lease.c.id == held.id).values(ended))


def not_standing(connection: Connection, now: datetime, limits: Limits) -> list[str]:
    """Ids of leases that are to be ended: nobody reports any more, or nothing more may be heard."""
    rows = connection.execute(_SELECT.where(lease.c.ended_at.is_(None)).order_by(lease.c.renewed_at).limit(_AT_ONCE))
    return [held.id for row in rows if standing(connection, held := _read(row._asdict()), now, limits)]


def end_where_due(connection: Connection, moment: Moment, lease_id: str, limits: Limits) -> None:
    """End a lease that does not stand any more. Ended before is fine."""
    held = by_id(connection, lease_id, lock=True)
    if held is None or held.ended_by:
        return
    if stopped := standing(connection, held, moment.at, limits):
        end(connection, moment, held, stopped)


def refuse_others(connection: Connection, moment: Moment, lease_id: str, limits: Limits, *, actor: str) -> None:
    """Log that somebody tried to hear by another session's lease: once an hour for a lease, since it costs nothing to
    try. A lease that does not exist leaves no trace, nor does one by which nothing can be heard: it may be the listener
    who has just signed out.
    """
    held = by_id(connection, lease_id, lock=True)
    if (
        held is None
        or standing(connection, held, moment.at, limits)
        or (held.refused_at and moment.at - held.refused_at < _REFUSED_AGAIN)
    ):
        return
    connection.execute(update(lease).where(lease.c.id == held.id).values(refused_at=moment.at))
    public = {"recording": held.recording_id, "purpose": held.purpose, "why": "the lease to hear it is another's"}
    call = calls.existing(connection, call_of(connection, held))
    calls.append_events(connection, moment, call, Event("recording.access_refused", public, {"actor": actor}))


def call_of(connection: Connection, held: Lease) -> str:
    """Our id of the call whose recording it is."""
    found = connection.scalar(select(recording.c.call_id).where(recording.c.id == held.recording_id))
    return str(found)


def _would_open(connection: Connection, held: Lease, now: datetime) -> Allowed | NotGranted:
    """A log that does not hold lets nothing be heard. Here that is a refusal: the other leases are to be ended too."""
    try:
        return access.would_open(connection, held.recording_id, held.purpose, now)
    except Broken:  # the check of the log tells a person
        return access.NOT_BELIEVED


def _open_of(connection: Connection, account_id: str, now: datetime) -> int:
    """Leases of a person that are reported on, whether anybody has ended the others yet or not."""
    mine = (lease.c.staff_id == account_id) & lease.c.ended_at.is_(None) & (lease.c.renewed_at >= now - LOST_AFTER)
    return connection.scalar(select(func.count()).where(mine)) or 0


def _is_last_word(held: Lease, report: Report, now: datetime) -> bool:
    """Whether it tells of sound that the page still played while its lease was ended elsewhere."""
    is_new = report.number > held.report and bool(common(report.ranges, held.handed))
    is_soon = held.ended_at is not None and abs(now - held.ended_at) <= LOST_AFTER
    return is_new and is_soon and held.last_words < LAST_WORDS_MAX


def _take(connection: Connection, moment: Moment, held: Lease, report: Report) -> Lease:
    fresh = common(coarse(union((*held.fresh, *common(report.ranges, held.handed)))), held.handed)
    taken = {
        "renewed_at": moment.at,
        "report": report.number,
        "position_ms": report.position_ms,
        "fresh": json.dumps(fresh),
        "fresh_played_ms": believed(held.fresh_played_ms + report.played_ms, moment.at - held.logged_at),
    }
    connection.execute(update(lease).where(lease.c.id == held.id).values(taken))
    found = by_id(connection, held.id)
    assert found is not None
    return found


def _log(connection: Connection, moment: Moment, held: Lease, *, stopped: Stopped | None = None) -> None:
    why = (stopped.why or STOPPED_BECAUSE[stopped.by]) if stopped else ""
    heard = Heard(
        held.recording_id,
        held.id,
        held.purpose,
        held.fresh,
        held.fresh_played_ms,
        held.handed_fresh,
        final=stopped is not None,
        why=why,
    )
    actor = accounts.existing(connection, held.staff_id).name
    call = calls.existing(connection, call_of(connection, held))
    calls.append_events(connection, moment, call, heard_event(heard, actor=actor))
    logged = {"fresh": "[]", "fresh_played_ms": 0, "handed_fresh": "[]", "logged_at": moment.at}
    connection.execute(update(lease).where(lease.c.id == held.id).values(logged))


def _read(row: dict[str, Any]) -> Lease:
    ranges = {name: tuple((begin, end) for begin, end in json.loads(row[name])) for name in _RANGES}
    return Lease(**{**row, **ranges})
