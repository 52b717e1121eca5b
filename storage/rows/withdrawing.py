"""Withdrawing a consent, in the transaction of whoever asks for it: event, row, the end of recordings, and the job.

The call's row must be locked. Nothing is asked of the provider here: the job `WITHDRAW` does that.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from evidence.events import Event, Value
from policies.consent import Outcome
from policies.lifecycle import CallEvent
from policies.pausing import PauseEnd
from policies.rules import OnWithdrawal, Rulebook
from policies.withdrawal import REASONS, Effect, WithdrawnBy, effect_of, is_remembered, remembered_until
from storage.errors import Refused
from storage.jobs.contract import JobKind, Lane
from storage.moment import Moment
from storage.rows import calls, declines, pauses, recordings, withdrawals
from storage.rows.calls import Call
from storage.rows.recordings import Jobs
from storage.rows.terms import Terms
from storage.rows.withdrawals import Withdrawal

WITHDRAW = JobKind("withdraw", Lane.PROMPT)


@dataclass(frozen=True, slots=True)
class Wish:
    """A withdrawal that somebody asks for. `actor` is the name of the staff, empty where the caller pressed a key.

    `on_recording` is None where the rules of the call's line decide.
    """

    by: WithdrawnBy
    actor: str = ""
    on_recording: OnWithdrawal | None = None


@dataclass(frozen=True, slots=True)
class Withdrawn:
    """The effect of a wish, and the call as it is now; `keeps`: the recording up to the withdrawal is kept."""

    call: Call
    effect: Effect
    keeps: bool = False


def withdraw(
    connection: Connection, moment: Moment, call: Call, wish: Wish, rulebook: Rulebook, jobs: Jobs
) -> Withdrawn:
    """Settle a wish. `rulebook` are the rules that the call came in under. Raises Refused for an erased call.

    Declines come first: every writer waits for the log's lock.
    """
    if call.erased_at is not None:
        raise Refused(f"call {call.id}: it was erased")
    before = withdrawals.of(connection, call.id)
    on_recording = wish.on_recording or _by_its_rules(rulebook, call)
    effect = effect_of(call.outcome, before.keeps if before else None, on_recording)
    until = _remember(connection, moment, call, wish, effect, rulebook)
    remembered = [decline_remembered(until)] if until else []
    keeps, reason = on_recording is OnWithdrawal.KEEP, REASONS[wish.by]
    match effect:
        case Effect.ENDS | Effect.DESTROYS:
            said = consent_withdrawn(call, reason, by=wish.by, keeps=keeps, actor=wish.actor)
            call = _move(connection, moment, call, CallEvent.WITHDRAWN, Outcome.WITHDRAWN, reason, said, *remembered)
            call = follow(connection, moment, call, Follow(reason, wish.by, keeps, wish.actor), jobs)
        case Effect.DECLINES:
            said = recording_suppressed(call, Outcome.DECLINED, reason)
            call = _move(connection, moment, call, CallEvent.SUPPRESSED, Outcome.DECLINED, reason, said, *remembered)
        case Effect.STANDS | Effect.NOTHING if remembered:
            call = calls.append_events(connection, moment, call, *remembered)
    still = withdrawals.of(connection, call.id)
    return Withdrawn(call, effect, keeps=still is not None and still.keeps)


@dataclass(frozen=True, slots=True)
class Follow:
    """The consequences of an event `consent.withdrawn`, beside the call's own."""

    reason: str
    by: WithdrawnBy = WithdrawnBy.CALLER
    keeps: bool = False
    actor: str = ""


def follow(connection: Connection, moment: Moment, call: Call, what: Follow, jobs: Jobs) -> Call:
    """Write the row, condemn all recordings of the call unless the recording up to now is kept, and queue the job.

    Its event must have been appended in this transaction, and have made the call's outcome `withdrawn`.
    """
    call = pauses.close(connection, moment, call, PauseEnd.WITHDRAWN)
    if withdrawals.of(connection, call.id) is None:
        new = Withdrawal(call.id, moment.at, what.by, what.actor, what.keeps, asked_at=moment.at)
        withdrawals.add(connection, new)
    elif not what.keeps:
        withdrawals.keep_no_longer(connection, moment, call.id)
    if not what.keeps:
        call = recordings.condemn_all(connection, moment, call, jobs, why=what.reason)
    jobs.enqueue(connection, WITHDRAW, f"{call.id}:{moment.at:%Y%m%dT%H%M%S%f}", call.id)
    return call


def consent_withdrawn(
    call: Call, reason: str, *, by: WithdrawnBy, keeps: bool = False, actor: str = "", ends_call: bool = False
) -> Event:
    public: dict[str, Value] = {"outcome": Outcome.WITHDRAWN, "reason": reason, "ends_call": ends_call}
    private: dict[str, Value] = {"actor": actor} if actor else {}
    return Event("consent.withdrawn", {**public, "by": by, "keeps": keeps, **under(call)}, private)


def recording_suppressed(call: Call, outcome: Outcome, reason: str) -> Event:
    return Event("recording.suppressed", {"outcome": outcome, "reason": reason, **under(call)})


def decline_remembered(until: datetime) -> Event:
    """To the day: a finer time would tie this call to a later call of the same caller, so it is private."""
    return Event("decline.remembered", {"until": until.date().isoformat()}, {"forget_at": until.isoformat()})


def under(call: Call) -> dict[str, Value]:
    """The rules and the law behind a decision. Their texts are kept under these hashes."""
    law = {"version": Terms.read(call.terms).law if call.terms else "", "sha256": call.law_sha256}
    return {"rules_sha256": call.rules_sha256, "law": law}


def _by_its_rules(rulebook: Rulebook, call: Call) -> OnWithdrawal:
    line = rulebook.line_or_first(call.line)
    return line.on_withdrawal


def _remember(
    connection: Connection, moment: Moment, call: Call, wish: Wish, effect: Effect, rulebook: Rulebook
) -> datetime | None:
    """Remember the number, unless it is remembered already; the moment until when, where it is remembered anew."""
    if call.caller_hash is None or not is_remembered(effect, wish.by):
        return None
    until = remembered_until(rulebook, call.mode, moment.at)
    if until is None or declines.remembered(connection, call.caller_hash, moment.at):
        return None
    declines.remember(connection, call.caller_hash, call_id=call.id, at=moment.at, forget_at=until)
    return until


def _move(
    connection: Connection, moment: Moment, call: Call, event: CallEvent, outcome: Outcome, reason: str, *said: Event
) -> Call:
    return calls.settle(connection, moment, call, event, events=said, outcome=outcome, reason=reason)
