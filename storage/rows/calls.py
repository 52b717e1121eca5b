"""Calls as rows: found, moved along `policies.lifecycle`, decided.

Every function works in the caller's transaction. `Moment` carries the time and the randomness of that transaction.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, bindparam, func, insert, select, update

from evidence.events import Event
from policies.consent import Mode, Outcome, Standard, replaces
from policies.lifecycle import CallEvent, CallState, after
from policies.wording import Wording
from storage.database.prepared_statements import Prepared
from storage.database.tables import call
from storage.errors import Broken
from storage.log import consent_log
from storage.moment import Moment

OPEN = "open"
REFERENCE_LENGTH = 8


@dataclass(frozen=True, slots=True)
class Call:
    """A row of `call`. `outcome` is a `policies.consent.Outcome`, or "open" before it is settled.

    `law_sha256` names the law pack that decided, `terms` is JSON of what a permit of this call will say, `caller_hash`
    is None where the number was withheld or has been erased, `served_at` until the disclosure has been served.
    `round` counts how often the call was sent to the line's beginning, from 1; `asked_before` are the playings of the
    question in earlier rounds, and `agreed_round` is the round of the latest consent, 0 before there is one.
    `synthetic` is a call of the self-test. Once a call is erased at `erased_at`, its `call_sid` is not the provider's.
    """

    id: str
    call_sid: str
    line: str
    mode: str
    silence_is_consent: bool
    prompts_max: int
    language: str
    wording_sha256: str
    rules_sha256: str
    state: CallState
    outcome: str
    reason: str
    prompt: int
    events: int
    received_at: datetime
    disclosure_length_ms: int
    decided_at: datetime | None = None
    ended_at: datetime | None = None
    sweep_at: datetime | None = None
    law_sha256: str = ""
    on_refusal: str = ""
    remembers_decline: bool = False
    terms: str = ""
    caller_hash: str | None = None
    served_at: datetime | None = None
    corroborate_at: datetime | None = None
    synthetic: bool = False
    erased_at: datetime | None = None
    round: int = 1
    asked_before: int = 0
    agreed_round: int = 0

    @property
    def is_asked_again(self) -> bool:
        """Whether a caller who is recorded was sent back and has not answered yet: the earlier consent stands."""
        return self.state is CallState.RECORDING and self.agreed_round < self.round

    @property
    def reference(self) -> str:
        """The beginning of our id, by which staff and callers name the call."""
        return self.id[:REFERENCE_LENGTH]

    @property
    def standard(self) -> Standard:
        return Standard(Mode(self.mode), self.silence_is_consent, self.prompts_max, self.remembers_decline)


@dataclass(frozen=True, slots=True)
class OpenCall:
    """A call that is not over, as far as we know."""

    id: str
    call_sid: str
    received_at: datetime


_COLUMNS = [call.c[name] for name in Call.__dataclass_fields__]
_OF_SID = select(*_COLUMNS).where(call.c.call_sid == bindparam("sid"))
_OF_ID = select(*_COLUMNS).where(call.c.id == bindparam("id"))
_PEEK_SID, _BY_SID = Prepared(_OF_SID), Prepared(_OF_SID.with_for_update())
_PEEK, _BY_ID = Prepared(_OF_ID, of_call="id"), Prepared(_OF_ID.with_for_update(), of_call="id")
_ADD = Prepared(insert(call))
_MOVE = Prepared(
    update(call)
    .where(call.c.id == bindparam("the_id"), call.c.state == bindparam("the_state"), call.c.events == bindparam("seen"))
    .values(
        {
            name: bindparam(name)
            for name in (
                "state",
                "outcome",
                "reason",
                "prompt",
                "events",
                "served_at",
                "decided_at",
                "ended_at",
                "round",
                "asked_before",
                "agreed_round",
            )
        }
    )
)
_SPEAK = Prepared(
    update(call)
    .where(call.c.id == bindparam("the_id"))
    .values({name: bindparam(name) for name in ("language", "wording_sha256", "disclosure_length_ms")})
)
_LOOK_AGAIN = Prepared(update(call).where(call.c.id == bindparam("the_id")).values(sweep_at=bindparam("at")))
_CONCLUDE = Prepared(
    update(call)
    .where(call.c.id == bindparam("the_id"))
    .values({name: bindparam(name) for name in ("outcome", "reason")})
)
_CORROBORATE = Prepared(update(call).where(call.c.id == bindparam("the_id")).values(corroborate_at=bindparam("at")))


def by_sid(connection: Connection, call_sid: str) -> Call | None:
    """The call the provider knows by this sid. Its row stays locked until the transaction ends (as with `by_id`)."""
    return _read(_BY_SID.first(connection, {"sid": call_sid}))


def by_id(connection: Connection, call_id: str) -> Call | None:
    return _read(_BY_ID.first(connection, {"id": call_id}))


def existing(connection: Connection, call_id: str) -> Call:
    """As `by_id`. Raises Broken where the call has no row."""
    call = by_id(connection, call_id)
    if call is None:
        raise Broken(f"call {call_id}: there is no such row")
    return call


def peek(connection: Connection, call_id: str) -> Call | None:
    """As `by_id`, without a lock, for reading only."""
    return _read(_PEEK.first(connection, {"id": call_id}))


def peek_sid(connection: Connection, call_sid: str) -> Call | None:
    return _read(_PEEK_SID.first(connection, {"sid": call_sid}))


def ids_of(connection: Connection, call_sids: Collection[str]) -> dict[str, str]:
    """Our ids of the calls with these sids, by sid; the sids of other calls are left out."""
    rows = connection.execute(select(call.c.call_sid, call.c.id).where(call.c.call_sid.in_(call_sids)))
    return {row.call_sid: row.id for row in rows}


def open_before(connection: Connection, moment: datetime) -> list[OpenCall]:
    """The calls that were received by then and have not ended. They all have a time at which they are looked at."""
    columns = (call.c.id, call.c.call_sid, call.c.received_at)
    is_open = (call.c.state != CallState.ENDED) & call.c.sweep_at.is_not(None) & call.c.erased_at.is_(None)
    rows = connection.execute(select(*columns).where(is_open, call.c.received_at <= moment, call.c.synthetic == 0))
    return [OpenCall(row.id, row.call_sid, row.received_at) for row in rows]


def first_received(connection: Connection) -> datetime | None:
    """When the first call of this installation came in."""
    first: datetime | None = connection.scalar(select(func.min(call.c.received_at)))
    return first


def named(connection: Connection, name: str) -> Call | None:
    """By the provider's sid, or by our own id, the only name of an erased call; not locked."""
    return peek_sid(connection, name) or peek(connection, name)


def beginning(connection: Connection, digits: str, *, limit: int) -> list[str]:
    """The ids of calls that begin with these digits."""
    mine = call.c.id.startswith(digits, autoescape=True)
    return list(connection.scalars(select(call.c.id).where(mine).order_by(call.c.id).limit(limit)))


def add(connection: Connection, new: Call) -> None:
    _ADD.run(connection, {name: getattr(new, name) for name in Call.__dataclass_fields__})


def moved(
    call: Call,
    event: CallEvent,
    *,
    at: datetime,
    events: int = 0,
    outcome: Outcome | None = None,
    reason: str = "",
    prompt: int | None = None,
) -> Call:
    """The call after an event of its state machine, which adds this number of `events` to the log.

    Playings of the question are numbered on from round to round, so that the number of an answer shows its round. An
    outcome, once there, is only ever replaced by a no.
    """
    after_it = replace(
        call,
        state=after(call.state, event),
        prompt=call.prompt if prompt is None else prompt,
        events=call.events + events,
        agreed_round=call.round if event is CallEvent.PERMITTED else call.agreed_round,
        round=call.round + (event is CallEvent.SENT_BACK),
        asked_before=call.prompt if event is CallEvent.SENT_BACK else call.asked_before,
        ended_at=at if event is CallEvent.ENDED and call.ended_at is None else call.ended_at,
    )
    if outcome is not None and replaces(outcome, None if call.outcome == OPEN else Outcome(call.outcome)):
        return replace(after_it, outcome=outcome.value, reason=reason, decided_at=at)
    return after_it


def settle(
    connection: Connection,
    moment: Moment,
    call: Call,
    event: CallEvent,
    *,
    events: Sequence[Event] = (),
    outcome: Outcome | None = None,
    reason: str = "",
    prompt: int | None = None,
) -> Call:
    """Move a call (`moved`) and append the events to the log."""
    settled = moved(call, event, at=moment.at, events=len(events), outcome=outcome, reason=reason, prompt=prompt)
    _save(connection, call, settled)
    if events:
        consent_log.append(connection, events, call_id=call.id, first_n=call.events, at=moment.at, random=moment.random)
    return settled


def appended(call: Call, events: int, served_at: datetime | None = None) -> Call:
    """The call after that many events which leave its state, not saved yet; `served_at` as in `append_events`."""
    return replace(call, events=call.events + events, served_at=served_at or call.served_at)


def append_events(
    connection: Connection, moment: Moment, call: Call, *events: Event, served_at: datetime | None = None
) -> Call:
    """Append events that don't change the call's state. `served_at`: when the disclosure is served with them; the
    time to hear it is measured from then.
    """
    after_them = appended(call, len(events), served_at)
    _save(connection, call, after_them)
    consent_log.append(connection, events, call_id=call.id, first_n=call.events, at=moment.at, random=moment.random)
    return after_them


def speaking(call: Call, wording: Wording) -> Call:
    """The call with another wording, not saved yet."""
    return replace(
        call,
        language=wording.language,
        wording_sha256=wording.sha256,
        disclosure_length_ms=wording.disclosure_length_ms,
    )


def speak(connection: Connection, call: Call, wording: Wording) -> Call:
    """Save the wording in the language that the caller chose."""
    spoken = speaking(call, wording)
    _SPEAK.run(
        connection,
        {
            "the_id": call.id,
            "language": spoken.language,
            "wording_sha256": spoken.wording_sha256,
            "disclosure_length_ms": spoken.disclosure_length_ms,
        },
    )
    return spoken


def conclude(connection: Connection, call: Call, outcome: Outcome, reason: str) -> Call:
    """Replace the outcome that a call ended with."""
    _CONCLUDE.run(connection, {"the_id": call.id, "outcome": outcome.value, "reason": reason})
    return replace(call, outcome=outcome.value, reason=reason)


def look_again(connection: Connection, call: Call, at: datetime | None) -> Call:
    """Have the sweep look at the call's rows at that time; None: never again, as for synthetic calls."""
    at = None if call.synthetic else at
    _LOOK_AGAIN.run(connection, {"the_id": call.id, "at": at})
    return replace(call, sweep_at=at)


def corroborate(connection: Connection, call: Call, at: datetime | None) -> Call:
    """Have the provider's account of the call fetched at that time; None: never again."""
    _CORROBORATE.run(connection, {"the_id": call.id, "at": at})
    return replace(call, corroborate_at=at)


def of_row(row: Row[Any]) -> Call:
    """The call in a whole row of `call`."""
    fields = row._asdict()
    read = _read(tuple(fields[name] for name in Call.__dataclass_fields__))
    assert read is not None
    return read


def _read(row: tuple[Any, ...] | None) -> Call | None:
    if row is None:
        return None
    fields = dict(zip(Call.__dataclass_fields__, row, strict=True))
    claims = {name: bool(fields[name]) for name in ("silence_is_consent", "remembers_decline", "synthetic")}
    return Call(**{**fields, **claims, "state": CallState(fields["state"])})


def _save(connection: Connection, call: Call, moved: Call) -> None:
    _MOVE.hold(
        connection,
        {
            "the_id": call.id,
            "the_state": call.state,
            "seen": call.events,
            "state": moved.state,
            "outcome": moved.outcome,
            "reason": moved.reason,
            "prompt": moved.prompt,
            "events": moved.events,
            "served_at": moved.served_at,
            "decided_at": moved.decided_at,
            "ended_at": moved.ended_at,
            "round": moved.round,
            "asked_before": moved.asked_before,
            "agreed_round": moved.agreed_round,
        },
        call_id=call.id,
    )
