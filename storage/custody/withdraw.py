"""The job *withdraw*: after a consent was withdrawn nothing of the call records, and the provider was seen to say so.

Known recordings are stopped at once. Then the provider is asked for a list, since first news of a recording may be on
their way, and since a recording that was ordered may begin a moment later: the job is queued again until a list that
is late enough shows nothing that runs.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Protocol, TypeVar

from sqlalchemy import Connection

from policies.attribution import UNTIMED, Times
from policies.incidents import IncidentKind
from policies.lifecycle import RecordingState
from storage.custody import stopping
from storage.custody.copies import remove_what_goes
from storage.custody.workshop import Workshop
from storage.errors import Broken, Refused, Unavailable
from storage.jobs.contract import JobKind
from storage.jobs.steps import Steps
from storage.moment import Moment
from storage.provider import CALL_SID, ClocksApart, ProviderRecording
from storage.rows import calls, legs, news, provider_copies, recordings, withdrawals
from storage.rows.calls import Call
from storage.rows.incidents import raise_anew, resolve
from storage.rows.recordings import Jobs, Recording
from storage.rows.withdrawals import Withdrawal
from storage.rows.withdrawing import WITHDRAW

T = TypeVar("T")

# After so long a recording that was ordered has begun, or never will.
SETTLED = timedelta(seconds=5)
LATE = timedelta(seconds=60)
_AT_ONCE = 500
_AGAIN_S, _AGAIN_LATER_S = 5, 60
_MAY_RUN = frozenset({RecordingState.STARTED, RecordingState.QUARANTINED, RecordingState.CONDEMNED})


class KnownJobs(Jobs, Protocol):
    """A job's id begins with that of the call it is about."""

    def under_way(self, kind: JobKind) -> frozenset[str]: ...


def withdraw(workshop: Workshop, jobs: Jobs, steps: Steps, call_id: str) -> None:
    """Does nothing for a call whose consent was not withdrawn, or where that is carried out."""
    steps("stop", lambda: _stop_known(workshop, call_id))
    steps("look", lambda: _look(workshop, jobs, call_id))
    steps("copies", lambda: remove_what_goes(workshop, call_id))


def see_to_withdrawals(workshop: Workshop, jobs: KnownJobs) -> None:
    """Queue the job again for withdrawals that are not carried out, and raise an incident about those that wait."""
    with workshop.database.read() as connection:
        call_ids = withdrawals.not_carried_out(connection, limit=_AT_ONCE)
    if not call_ids:
        return
    busy = {job_id.partition(":")[0] for job_id in jobs.under_way(WITHDRAW)}

    def see_to(connection: Connection) -> None:
        moment = workshop.moment()
        for call_id in sorted(call_ids):  # in one order, or two workers could deadlock
            withdrawal = withdrawals.of(connection, call_id)
            if withdrawal is None or withdrawal.carried_out_at is not None:
                continue
            waited = moment.at - withdrawal.asked_at
            if waited >= LATE:
                _tell_late(connection, moment, withdrawal, "it is not certain yet that nothing runs or remains")
            if waited >= SETTLED and call_id not in busy:
                jobs.enqueue(connection, WITHDRAW, f"{call_id}:{_turn(moment.at, waited)}", call_id)

    workshop.database.write(see_to)


def note_wait(workshop: Workshop, call_id: str, error: Unavailable) -> None:
    """The job has to wait: an incident says why, once it is late."""

    def note(connection: Connection) -> None:
        moment, withdrawal = workshop.moment(), withdrawals.of(connection, call_id)
        if withdrawal and withdrawal.carried_out_at is None and moment.at - withdrawal.asked_at >= LATE:
            _tell_late(connection, moment, withdrawal, f"withdraw waits: {error}")

    workshop.database.write(note)


def _turn(at: datetime, waited: timedelta) -> str:
    """Every five seconds at first, and later every minute."""
    return f"{int(at.timestamp()) // (_AGAIN_S if waited < LATE else _AGAIN_LATER_S)}:{waited >= LATE}"


def _tell_late(connection: Connection, moment: Moment, withdrawal: Withdrawal, detail: str) -> None:
    raise_anew(
        connection,
        moment,
        IncidentKind.WITHDRAWAL_WAITS,
        about=withdrawal.call_id,
        call_id=withdrawal.call_id,
        detail=detail,
        since=withdrawal.asked_at,
    )


def _stop_known(workshop: Workshop, call_id: str) -> None:
    """Stop the recordings that may run by their rows, without waiting for a list."""
    with workshop.database.read() as connection:
        withdrawal, call = withdrawals.of(connection, call_id), calls.peek(connection, call_id)
        rows = [row for row in recordings.of_call(connection, call_id) if row.state in _MAY_RUN]
    if withdrawal is None or withdrawal.carried_out_at or call is None or not _is_at_provider(call):
        return
    ended = stopping.logged(workshop, call_id)
    each(lambda row: stopping.stop(workshop, call, row), [row for row in rows if row.id not in ended])


def _look(workshop: Workshop, jobs: Jobs, call_id: str) -> None:
    """Take in the provider's list, stop each recording that runs, and see that it does not. Raises Unavailable until
    each was seen to have stopped.
    """
    with workshop.database.read() as connection:
        withdrawal, call = withdrawals.of(connection, call_id), calls.peek(connection, call_id)
        sids = [leg.sid for leg in legs.of_call(connection, call_id) if CALL_SID.fullmatch(leg.sid)]
    if withdrawal is None or withdrawal.carried_out_at is not None or call is None:
        return
    asked_at = workshop.now()
    if _is_at_provider(call):
        listed = _listed(workshop, [call.call_sid, *sids])
        times = _times(withdrawal, workshop.provider.clocks_apart())
        workshop.database.write(
            lambda connection: news.take_in(
                connection, workshop.moment(), calls.existing(connection, call_id), listed, jobs, times
            )
        )
        _see_stopped(workshop, call, {found.recording_sid: found for found in listed})
    workshop.database.write(lambda connection: _settle(connection, workshop.moment(), call_id, asked_at))


def _see_stopped(workshop: Workshop, call: Call, listed: Mapping[str, ProviderRecording]) -> None:
    """See that no recording of the call runs: by the list, or by stopping it."""
    with workshop.database.read() as connection:
        rows = recordings.of_call(connection, call.id)
    ended = stopping.logged(workshop, call.id)

    def see(row: Recording) -> None:
        found = listed.get(row.recording_sid)
        if found is not None and found.has_stopped:
            stopping.note(workshop, row, found)
        else:
            stopping.stop(workshop, call, row)

    each(see, [row for row in rows if row.id not in ended])


def _is_at_provider(call: Call) -> bool:
    """The provider does not know the self-test's calls, and an erased call is nameless there."""
    return not call.synthetic and call.erased_at is None


def _listed(workshop: Workshop, sids: Iterable[str]) -> list[ProviderRecording]:
    found = {row.recording_sid: row for sid in sids for row in workshop.provider.recordings_of(sid)}
    return list(found.values())


def _times(withdrawal: Withdrawal, apart: ClocksApart | None) -> Times:
    return Times(withdrawn_by=withdrawal.withdrawn_at - apart.least) if apart else UNTIMED


def each(work: Callable[[T], object], over: Iterable[T]) -> None:
    """Do it for all, though it fails for some; the first failure is raised in the end."""
    failures: list[Unavailable | Refused | Broken] = []
    for thing in over:
        try:
            work(thing)
        except (Unavailable, Refused, Broken) as error:
            failures.append(error)
    if failures:
        raise failures[0]


def _settle(connection: Connection, moment: Moment, call_id: str, asked_at: datetime) -> None:
    """Nothing was seen to run: the withdrawal is carried out, once the list is late enough."""
    call = calls.existing(connection, call_id)
    rows, withdrawal = recordings.of_call(connection, call.id), withdrawals.of(connection, call.id)
    texts = [copy for copy in provider_copies.of_call(connection, call.id) if copy.gone_at is None]
    if withdrawal and asked_at >= withdrawal.asked_at + SETTLED and _is_done(withdrawal, rows) and not texts:
        withdrawals.carried_out(connection, moment, call_id)
        resolve(connection, moment, IncidentKind.WITHDRAWAL_WAITS, call_id)
        resolve(connection, moment, IncidentKind.JOB_FAILED, f"{WITHDRAW.name}:{call_id}")


def _is_done(withdrawal: Withdrawal, rows: Sequence[Recording]) -> bool:
    """With a recording that is kept, what was condemned is destroyed by its own job."""
    return withdrawal.keeps or all(row.state is RecordingState.DESTROYED for row in rows)
