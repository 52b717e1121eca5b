"""The job *corroborate*: asks Twilio for its account of a call that is over, and logs whether it agrees with ours.

Nobody here could have written Twilio's account: it is kept byte for byte, its hash is in the log, and where it differs
from ours that is an incident. An account that differs soon after the call may not be whole yet, and is asked for again.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import Connection

from compliance.call_life import life_of
from compliance.provider.events import corroborated, not_corroborated
from compliance.provider.logged_account import addresses_of, logged_of, ordering_steps
from compliance.provider.provider_account import ours, steps_of
from evidence.events import Event
from policies import corroboration, unheard
from policies.attribution import UNTIMED, Times
from policies.corroboration import CORROBORATED_AFTER, Differs, Logged, Request
from policies.incidents import IncidentKind
from storage.custody.sweep import KnownJobs
from storage.database.engine import Database
from storage.errors import Broken, Refused, Unavailable
from storage.jobs.contract import JobKind, Lane, Turn
from storage.jobs.steps import Steps
from storage.moment import Moment
from storage.provider import CallAccount, Listed, Provider, ProviderRecording
from storage.rows import calls, news, provider_accounts
from storage.rows.calls import Call
from storage.rows.incidents import raise_incident, resolve
from storage.rows.recordings import Jobs

log = logging.getLogger(__name__)

CORROBORATE = JobKind("corroborate", Lane.BULK, Turn.LOOKING_BACK)
_AT_ONCE, _TURNS_MAX = 10, 5
_FAILURES_MAX = 5
_WHOLE_AFTER = timedelta(hours=1)
_UNKNOWN_AFTER = timedelta(days=1)
_KEPT_THERE = timedelta(days=30)
_GAP_MIN, _GAP_MAX = timedelta(minutes=5), timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Corroborated:
    """The result of asking. `match` is None where Twilio gave no account; `is_logged`: it will not be asked again."""

    match: bool | None
    differs: tuple[Differs, ...] = ()
    reason: str = ""
    is_logged: bool = False


TakeIn = Callable[[Connection, Moment, Call, Sequence[Request], Logged, bytes], Call]


@dataclass(frozen=True)
class Corroboration:
    """`take_in` settles a request that the provider sent and our log does not have, as the webhook would have.

    `look` may be done by several workers at once, any number of times.

    `wait` is how long after a call Twilio is first asked: less only for a simulator, which has its account sooner.
    """

    database: Database
    provider: Provider
    public_base_url: str
    jobs: Jobs
    take_in: TakeIn
    moment: Callable[[], Moment]
    wait: timedelta = CORROBORATED_AFTER

    def ask_for_one(self, jobs: KnownJobs) -> None:
        """Queue the job where a call is due and none is under way."""
        if self._due() and not jobs.under_way(CORROBORATE):
            job_id = f"{self.moment().at:%Y%m%dT%H%M%S}"
            self.database.write(lambda connection: jobs.enqueue(connection, CORROBORATE, job_id, ""))

    def corroborate(self, steps: Steps) -> None:
        """A few calls in each step, so that a recording to be stored waits for no more than these."""
        for _ in range(_TURNS_MAX):
            if not steps("ask", self.look):
                return

    def look(self) -> bool:
        """Ask about some calls that are due. A call that can't be asked about delays no other.

        False where no more are due, or Twilio fails.
        """
        due, failures = self._due(), 0
        for call_id in due:
            try:
                self._ask(call_id)
            except (Unavailable, Refused, Broken) as error:
                log.warning("call %s could not be corroborated: %s", call_id, error)
                failures += 1
                self._not_told(call_id, "Twilio could not be asked", give_up_after=_KEPT_THERE)
            if failures == _FAILURES_MAX:
                return False  # it is Twilio that fails, or our way to it
        return len(due) == _AT_ONCE

    def ask_now(self, name: str) -> Corroborated:
        """Ask at once about the call of that sid, or id of ours, and take the account for whole. Logged where it was
        not yet.

        Raises Refused for a call that we don't have.
        """
        with self.database.read() as connection:
            call = calls.named(connection, name)
        if call is None or call.synthetic or call.ended_at is None:
            raise Refused("corroborate: there is no call with this sid or id that Twilio had and that is over")
        return self._ask(call.id, at_once=True)

    def _due(self) -> list[str]:
        with self.database.read() as connection:
            return provider_accounts.due(connection, self.moment().at + self._ahead, limit=_AT_ONCE)

    @property
    def _ahead(self) -> timedelta:
        """How much sooner than it was booked a call is asked about."""
        return CORROBORATED_AFTER - self.wait

    def _ask(self, call_id: str, *, at_once: bool = False) -> Corroborated:
        with self.database.read() as connection:
            call = calls.peek(connection, call_id)
        if call is None or call.erased_at:
            return Corroborated(None, reason="the call was erased")
        account = self.provider.call_account(call.call_sid)
        if account is None:
            return self._not_told(call_id, "Twilio does not know the call", give_up_after=_UNKNOWN_AFTER)
        if not account.requests:
            return self._not_told(call_id, "Twilio told nothing", give_up_after=_KEPT_THERE)
        listed = self.provider.recordings_of(call.call_sid)
        return self.database.write(lambda connection: self._settle(connection, call_id, account, listed, at_once))

    def _settle(
        self,
        connection: Connection,
        call_id: str,
        account: CallAccount,
        listed: Listed[ProviderRecording],
        at_once: bool,
    ) -> Corroborated:
        moment, call = self.moment(), calls.by_id(connection, call_id)
        life = life_of(connection, call.call_sid) if call else None
        if call is None or life is None or call.erased_at:
            return Corroborated(None, reason="the call was erased")
        addresses = {self.public_base_url, *addresses_of(connection, call_id)}
        seen, logged = steps_of(account.requests, addresses, call_id), logged_of(connection, life)
        contradicted = unheard.contradicts(seen, logged)
        differs = (*corroboration.differences(seen, logged), *([Differs.OUTCOME] if contradicted else []))
        found = Corroborated(not differs, differs)
        if contradicted:
            call = self.take_in(connection, moment, call, seen, logged, account.body)
            resolve(connection, moment, IncidentKind.STEPS_NOT_HEARD, call_id)
        is_whole = at_once or contradicted or not differs or _age(call, moment) >= _WHOLE_AFTER
        if is_whole:
            call = self._identify(connection, moment, call, seen, listed)
        if not differs:
            resolve(connection, moment, IncidentKind.PROVIDER_CONTRADICTS, call_id)
        if not _is_to_be_logged(connection, call, at_once=at_once):
            return found
        if not is_whole:
            self._put_off(connection, moment, call)
            return found
        if differs:
            unread = f"; {account.unread} rows of it can't be read" if account.unread else ""
            detail = f"Twilio's account of the call differs from the log in: {', '.join(differs)}{unread}"
            raise_incident(
                connection, moment, IncidentKind.PROVIDER_CONTRADICTS, about=call_id, call_id=call_id, detail=detail
            )
        asked_at = corroboration.recording_asked_at(seen)
        provider_accounts.keep(connection, call_id, account.body, moment.at, recording_asked_at=asked_at)
        event = corroborated(
            seen,
            logged,
            differs,
            requests=len(ours(account.requests, addresses)),
            recordings_at_provider=len(listed),
            account=account.body,
        )
        self._close(connection, moment, call, event)
        return Corroborated(not differs, differs, is_logged=True)

    def _identify(
        self,
        connection: Connection,
        moment: Moment,
        call: Call,
        seen: Sequence[Request],
        listed: Listed[ProviderRecording],
    ) -> Call:
        """Of several recordings, Twilio's own account shows which of them we ordered, if any."""
        times = Times(
            asked_at=corroboration.recording_asked_at(seen),
            never_ordered=corroboration.never_ordered(seen, ordering_steps(connection, call.id)),
        )
        if times != UNTIMED:
            news.take_in(connection, moment, call, listed.rows, self.jobs, times)
        return calls.by_id(connection, call.id) or call

    def _not_told(self, call_id: str, reason: str, *, give_up_after: timedelta) -> Corroborated:
        """Ask again later, ever more rarely; and once Twilio keeps the account no longer, log that there is none."""
        moment = self.moment()

        def settle(connection: Connection) -> Corroborated:
            call, found = calls.by_id(connection, call_id), Corroborated(None, reason=reason)
            if call is None or call.corroborate_at is None:
                return found
            if _age(call, moment) < give_up_after:
                self._put_off(connection, moment, call)
                return found
            self._close(connection, moment, call, not_corroborated(reason))
            return Corroborated(None, reason=reason, is_logged=True)

        return self.database.write(settle)

    def _put_off(self, connection: Connection, moment: Moment, call: Call) -> None:
        gap = min(max(_age(call, moment), _GAP_MIN), _GAP_MAX)
        calls.corroborate(connection, call, moment.at + gap + self._ahead)

    def _close(self, connection: Connection, moment: Moment, call: Call, event: Event) -> None:
        calls.append_events(connection, moment, calls.corroborate(connection, call, None), event)


def _is_to_be_logged(connection: Connection, call: Call, *, at_once: bool) -> bool:
    """Once for each call: another look may have settled it meanwhile."""
    if call.corroborate_at is not None:
        return True
    return at_once and provider_accounts.account_of(connection, call.id) is None


def _age(call: Call, moment: Moment) -> timedelta:
    return moment.at - (call.ended_at or call.received_at)
