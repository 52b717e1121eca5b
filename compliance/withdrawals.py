"""Withdraws consents for the people who answer for calls: of a call, of a reference, or of all calls from a number."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from sqlalchemy import Connection

from policies.consent import Outcome
from policies.lifecycle import RecordingState
from policies.rules import Rulebook
from policies.withdrawal import Effect
from storage.database.engine import Database
from storage.errors import Refused
from storage.moment import Moment
from storage.number_hash import number_hash
from storage.rows import callers, calls, permits, recordings, withdrawals, withdrawing
from storage.rows.recordings import Jobs
from storage.rows.rules_in_force import rules_of
from storage.rows.withdrawing import Wish, Withdrawn

_GONE = frozenset({RecordingState.ABSENT, RecordingState.DESTROYED})


@dataclass(frozen=True)
class Withdrawals:
    """`rulebook` are the rules of today; a call is held to those that it came in under."""

    database: Database
    rulebook: Rulebook
    jobs: Jobs
    moment: Callable[[], Moment] = Moment.now

    def withdraw(self, call_id: str, wish: Wish) -> Withdrawn:
        """Withdraw the consent of one call, durably; the worker carries it out. Raises Refused where there is no such
        call, or where it was erased.
        """
        moment = self.moment()

        def settle(connection: Connection) -> Withdrawn:
            call = calls.by_id(connection, call_id)
            if call is None:
                raise Refused(f"call {call_id}: there is no such call")
            rules = rules_of(connection, call, self.rulebook)
            return withdrawing.withdraw(connection, moment, call, wish, rules, self.jobs)

        return self.database.write(settle)

    def calls_from(self, number: str, number_key: bytes) -> list[str]:
        """The calls from a number that may be recorded, or of which something is kept, oldest first."""
        with self.database.read() as connection:
            found = callers.calls_from(connection, number, number_hash(number_key, number))
            return [call_id for call_id in found if _concerns(connection, call_id)]

    def referred_to(self, reference: str) -> str | None:
        """The call whose id begins with the reference; None where there is none.

        Raises Refused where there are several, or the reference is too short.
        """
        with self.database.read() as connection:
            return referred_to(connection, reference)


def referred_to(connection: Connection, reference: str) -> str | None:
    """As `Withdrawals.referred_to`."""
    if len(reference) < calls.REFERENCE_LENGTH:
        raise Refused(f"reference: it has at least {calls.REFERENCE_LENGTH} characters")
    found = calls.beginning(connection, reference.lower(), limit=2)
    if len(found) > 1:
        raise Refused("reference: several calls begin with it; write more of it")
    return found[0] if found else None


def told(withdrawn: Withdrawn) -> str:
    """The effect in words for a person."""
    match withdrawn.effect:
        case Effect.ENDS if withdrawn.keeps:
            return "consent withdrawn; the recording stops, and is kept up to now"
        case Effect.ENDS:
            return "consent withdrawn; the recording stops, and all of it is destroyed"
        case Effect.DESTROYS:
            return "consent withdrawn before; the recording that was kept is destroyed"
        case Effect.STANDS:
            kept = "kept" if withdrawn.keeps else "destroyed"
            return f"consent withdrawn before, and the recording up to then {kept}: nothing to do"
        case Effect.DECLINES:
            return "not decided yet: declined, and not recorded"
        case Effect.NOTHING:
            return "no consent was given: nothing to withdraw"


def still_waiting(database: Database, call_ids: Iterable[str]) -> list[str]:
    """Of these calls, the calls whose withdrawal is not seen to be carried out yet."""
    with database.read() as connection:
        found = {call_id: withdrawals.of(connection, call_id) for call_id in call_ids}
    return [call_id for call_id, row in found.items() if row is not None and row.carried_out_at is None]


def _concerns(connection: Connection, call_id: str) -> bool:
    call, permit = calls.peek(connection, call_id), permits.kept_permit(connection, call_id)
    keeps = any(row.state not in _GONE for row in recordings.of_call(connection, call_id))
    return keeps or (call is not None and permit is not None and call.outcome != Outcome.WITHDRAWN)
