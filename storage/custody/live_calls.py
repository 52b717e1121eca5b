"""Ends the calls whose end was never reported: one list of the legs under way shows which calls may be over.

Only a call that is not on that list is asked about by itself.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from sqlalchemy import Connection

from policies.asking import ASKED_AFTER, ask_next, is_over
from storage.custody.failures import note_not_understood
from storage.custody.workshop import Workshop
from storage.errors import Broken, Refused, Unavailable
from storage.provider import ProviderCall
from storage.rows import call_end, calls, handoffs
from storage.rows.calls import OpenCall
from storage.rows.recordings import Jobs

log = logging.getLogger(__name__)

LOOK_EVERY_S = 60.0
_AT_ONCE = 500
_FAILURES_MAX = 5
_NEVER = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True)
class LiveCalls:
    """Several workers may call `look` at once. `again_at` is when each call that was asked about has its next turn."""

    workshop: Workshop
    jobs: Jobs
    again_at: dict[str, datetime] = field(default_factory=dict)

    def look(self) -> None:
        """Raises Refused where the provider refuses to answer: a person must see to the reason."""
        now = self.workshop.now()
        with self.workshop.database.read() as connection:
            open_calls = calls.open_before(connection, now - ASKED_AFTER)
        running = {leg.call_sid for leg in self.workshop.provider.calls_in_progress()} if open_calls else set()
        silent = [call for call in open_calls if call.call_sid not in running]
        for call_id in self.again_at.keys() - {call.id for call in silent}:
            del self.again_at[call_id]
        due = [call for call in silent if self.again_at.get(call.id, _NEVER) <= now]
        self._ask_about(sorted(due, key=lambda call: self.again_at.get(call.id, _NEVER))[:_AT_ONCE])

    def _ask_about(self, due: Sequence[OpenCall]) -> None:
        """A call that can't be asked about does not hold up the others."""
        failures: list[Exception] = []
        for call in due:
            try:
                self._ask(call)
            except (Unavailable, Refused, Broken) as error:
                failures.append(error)
                self._put_off(call, error)
            if len(failures) == _FAILURES_MAX:
                break  # it is the provider that fails, or our way to it
        for failure in failures:
            log.warning("a call could not be asked about: %s", failure)
            if isinstance(failure, Refused):
                raise failure

    def _ask(self, asked: OpenCall) -> None:
        at_provider = self.workshop.provider.call(asked.call_sid)
        now = self.workshop.now()
        self.again_at[asked.id] = ask_next(asked.received_at, now, is_known=at_provider is not None)
        if is_over(asked.received_at, at_provider.ended if at_provider else None, now):
            self.workshop.database.write(lambda connection: self._end(connection, asked, at_provider))

    def _end(self, connection: Connection, asked: OpenCall, at_provider: ProviderCall | None) -> None:
        call = calls.existing(connection, asked.id)
        status = at_provider.status if at_provider else "unknown to Twilio"
        duration_s = at_provider.duration_s if at_provider else None
        call_end.end(connection, self.workshop.moment(), call, status=status, duration_s=duration_s)
        handoffs.release(connection, call.id, self.jobs)

    def _put_off(self, asked: OpenCall, error: Exception) -> None:
        """An answer that makes no sense is an incident."""
        moment = self.workshop.moment()
        self.again_at[asked.id] = moment.at + ASKED_AFTER
        if isinstance(error, Broken):
            note_not_understood(self.workshop, moment, asked.id, error)
