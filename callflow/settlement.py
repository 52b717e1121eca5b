"""A settlement: all that one request changes, and the document that answers it, as one value.

It is decided by `callflow.decide` before anything is written, written by `settle` in one transaction, and only then
rendered.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import sha256

from sqlalchemy import Connection

from callflow.twiml import NOTHING, Document
from evidence.events import Event
from policies.consent import Outcome, Suppress
from policies.incidents import IncidentKind
from policies.lifecycle import CallEvent
from policies.wording import Wording
from storage.moment import Moment
from storage.rows import call_end, calls, declines, permits
from storage.rows.calls import Call
from storage.rows.incidents import raise_incident
from storage.rows.permits import Permit
from storage.rows.recordings import Jobs
from storage.rows.withdrawing import Follow, follow


@dataclass(frozen=True, slots=True)
class Correction:
    """Replaces the outcome of a hang-up that was none; `by` names the source that shows it."""

    found: Suppress
    by: str


@dataclass(frozen=True, slots=True)
class Move:
    """Events of the log, and the change they make to the call. Without `event` and `correction` its state and outcome
    stay.

    `prompt` is the number of the next playing of the question, `speaks` the words in the language of the caller's
    choice; `serves`: the disclosure is served now, so its time begins.
    """

    events: tuple[Event, ...] = ()
    event: CallEvent | None = None
    outcome: Outcome | None = None
    reason: str = ""
    prompt: int | None = None
    serves: bool = False
    speaks: Wording | None = None
    correction: Correction | None = None

    def of(self, call: Call, at: datetime) -> Call:
        """The call after the move, which is not written yet."""
        if self.event is not None:
            return calls.moved(
                call,
                self.event,
                at=at,
                events=len(self.events),
                outcome=self.outcome,
                reason=self.reason,
                prompt=self.prompt,
            )
        after = calls.appended(call, len(self.events), at if self.serves else None)
        if self.speaks:
            after = calls.speaking(after, self.speaks)
        if self.correction:
            found = self.correction.found
            return replace(after, events=after.events + 1, outcome=found.outcome.value, reason=found.reason)
        return after


@dataclass(frozen=True, slots=True)
class Settlement:
    """`permit` is given. A decline is remembered until `remember_until`, or forgotten at the caller's wish.
    `follows` are the consequences of a consent that was withdrawn. Compliance decides each of the
    `conflicts` between laws. `asks_provider`: the sweep looks once more at the rows of a call that was over.
    """

    moves: tuple[Move, ...] = ()
    document: Document = NOTHING
    permit: Permit | None = None
    remember_until: datetime | None = None
    forgets_decline: bool = False
    follows: Follow | None = None
    conflicts: tuple[str, ...] = ()
    asks_provider: bool = False

    def after(self, *moves: Move) -> "Settlement":
        """The same, with these moves in front."""
        return replace(self, moves=(*moves, *self.moves))


def settle(connection: Connection, moment: Moment, call: Call, settlement: Settlement, jobs: Jobs) -> Call:
    """Write a settlement in the request's transaction. Declines come first: every writer waits for the log's lock."""
    if settlement.remember_until and call.caller_hash:
        declines.remember(
            connection, call.caller_hash, call_id=call.id, at=moment.at, forget_at=settlement.remember_until
        )
    if settlement.forgets_decline and call.caller_hash:
        declines.forget(connection, call.caller_hash)
    for move in settlement.moves:
        call = _move(connection, moment, call, move)
    _raise_conflicts(connection, moment, call, settlement.conflicts)
    if settlement.permit:
        permits.give(connection, settlement.permit)
    if settlement.follows:
        call = follow(connection, moment, call, settlement.follows, jobs)
    if settlement.asks_provider:
        call = calls.look_again(connection, call, moment.at)
    return call


def _move(connection: Connection, moment: Moment, call: Call, move: Move) -> Call:
    if move.speaks:
        call = calls.speak(connection, call, move.speaks)
    if move.correction:
        correction = move.correction
        return call_end.correct(connection, moment, call, correction.found, by=correction.by, first=move.events)
    if move.event is None:
        served_at = moment.at if move.serves else None
        return calls.append_events(connection, moment, call, *move.events, served_at=served_at)
    return calls.settle(
        connection,
        moment,
        call,
        move.event,
        events=move.events,
        outcome=move.outcome,
        reason=move.reason,
        prompt=move.prompt,
    )


def _raise_conflicts(connection: Connection, moment: Moment, call: Call, conflicts: Iterable[str]) -> None:
    """Raised once for each line and conflict: compliance decides it for all calls of the line."""
    for conflict in conflicts:
        about = sha256(f"{call.line} {conflict}".encode()).hexdigest()[:32]
        detail = f"two laws disagree on how long recordings of this line are kept; {conflict}"
        raise_incident(connection, moment, IncidentKind.POLICY_CONFLICT, about=about, call_id=call.id, detail=detail)
