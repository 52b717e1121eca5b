"""`onrecord work`: the worker's jobs, put together and run until SIGTERM."""

import signal
import threading
from datetime import timedelta
from functools import partial

from callflow.callbacks import Callbacks
from callflow.taking_in import take_in
from compliance.anchors.anchor import CHECKPOINT_EVERY_S
from compliance.provider.corroborate_call import CORROBORATE, Corroboration
from compliance.provider.reconcile_day import Reconciliation
from onrecord.doctor.examination import LOOK_EVERY_S as DOCTOR_LOOKS_EVERY_S
from onrecord.doctor.examination import Doctor
from onrecord.installation import Installation
from onrecord.processes.descriptors import raise_limit
from onrecord.processes.following import LOOK_EVERY_S as FOLLOW_EVERY_S
from onrecord.processes.following import Following
from onrecord.processes.missed_calls import LOOK_EVERY_S, MissedCalls
from onrecord.selftest import schedule
from onrecord.senders import installation_name, sender
from onrecord.telling import all_well, delivery
from onrecord.telling.all_well import AllWell
from onrecord.telling.delivery import Telling
from onrecord.twilio_account import provider
from storage.audio import listening_copy
from storage.custody import account_watch, lease_watch, live_calls, sweep, text_watch
from storage.custody.copies import remove_copies
from storage.custody.destroy import delete_again, destroy
from storage.custody.failures import note_failure, note_success, note_wait
from storage.custody.handing_over import Documents, accompany, join, release
from storage.custody.intake import intake
from storage.custody.pausing import pause, resume, see_to_pauses
from storage.custody.row_watch import RowWatch
from storage.custody.text_watch import TextWatch
from storage.custody.withdraw import see_to_withdrawals, withdraw
from storage.custody.workshop import Workshop
from storage.jobs import backlog
from storage.jobs.queue import JobQueue
from storage.jobs.worker import Periodic, Worker
from storage.log import tree_keeper
from storage.moment import Moment, utc_now
from storage.rows import declines, listing_projection, messages
from storage.rows.handoffs import ACCOMPANY, JOIN, RELEASE
from storage.rows.listing_projection import Projection
from storage.rows.messages import TELL
from storage.rows.provider_copies import COPIES
from storage.rows.recordings import DELETE_AGAIN, DESTROY, EXPIRE, INTAKE, PAUSE, RESUME
from storage.rows.withdrawing import WITHDRAW

SWEEP_EVERY_S = 5.0
WITHDRAWALS_EVERY_S = 2.0
PAUSES_EVERY_S = 1.0
TIDY_EVERY_S = 10.0
CORROBORATE_EVERY_S = 10.0
RECONCILE_EVERY_S = 600.0
ROWS_EVERY_S = 60.0
FORGET_EVERY_S = 3600.0
# Ended jobs are kept as long as Twilio may still repeat the news they came from, and then some.
_JOBS_KEPT = timedelta(days=14)
_MESSAGES_KEPT = timedelta(days=30)
_AT_ONCE = 500


def work(installation: Installation) -> None:
    """Run the jobs in this process until SIGTERM; unfinished jobs are left to be resumed."""
    raise_limit()
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    worker = make_worker(installation, stopping)
    worker.start()
    stopping.wait()
    worker.stop()
    installation.anchoring.close()


def make_worker(installation: Installation, stopping: threading.Event | None = None) -> Worker:
    workshop, urls = make_workshop(installation), installation.conversation().urls
    documents = Documents(urls.join, urls.alone)
    missed = MissedCalls(
        installation.database, workshop.provider, Callbacks(installation.conversation()), workshop.moment
    )
    corroboration, watch = make_corroboration(installation, workshop), make_watch(installation, workshop)
    telling = make_telling(installation)
    following = Following(installation.database, installation.rules, lambda _: watch.follow(_lines(installation)))
    return Worker(
        installation.database,
        {
            INTAKE: partial(intake, workshop),
            DESTROY: partial(destroy, workshop),
            EXPIRE: partial(destroy, workshop),
            DELETE_AGAIN: partial(delete_again, workshop),
            PAUSE: partial(pause, workshop),
            RESUME: partial(resume, workshop),
            JOIN: partial(join, workshop, documents),
            ACCOMPANY: partial(accompany, workshop, documents),
            RELEASE: partial(release, workshop),
            WITHDRAW: partial(withdraw, workshop, installation.jobs),
            COPIES: partial(remove_copies, workshop),
            TELL: telling.tell,
            CORROBORATE: lambda steps, _: corroboration.corroborate(steps),
            sweep.SWEEP: lambda steps, _: sweep.sweep(workshop, installation.jobs, steps),
        },
        on_failure=partial(note_failure, workshop),
        on_success=partial(note_success, workshop),
        on_wait=partial(note_wait, workshop),
        periodic=[
            Periodic("sweep", SWEEP_EVERY_S, lambda: sweep.ask_for_one(workshop, installation.jobs)),
            Periodic("recordings", account_watch.LOOK_EVERY_S, watch.look),
            Periodic("live calls", live_calls.LOOK_EVERY_S, live_calls.LiveCalls(workshop, installation.jobs).look),
            Periodic("withdrawals", WITHDRAWALS_EVERY_S, lambda: see_to_withdrawals(workshop, installation.jobs)),
            Periodic("pauses", PAUSES_EVERY_S, lambda: see_to_pauses(workshop, installation.jobs)),
            Periodic("forget", FORGET_EVERY_S, lambda: _forget(workshop, installation.jobs)),
            Periodic("missed calls", LOOK_EVERY_S, missed.look),
            Periodic("subtrees", tree_keeper.LOOK_EVERY_S, tree_keeper.TreeKeeper(installation.database).look),
            Periodic("checkpoint", CHECKPOINT_EVERY_S, installation.anchoring.sign_where_due),
            Periodic("self-test", schedule.LOOK_EVERY_S, lambda: schedule.SelfTest.of(installation, stopping).look()),
            Periodic("doctor", DOCTOR_LOOKS_EVERY_S, Doctor(installation).look),
            Periodic("corroborate", CORROBORATE_EVERY_S, lambda: corroboration.ask_for_one(installation.jobs)),
            Periodic("leases", lease_watch.LOOK_EVERY_S, lambda: make_lease_watch(installation, workshop).look()),
            Periodic("tell", delivery.LOOK_EVERY_S, telling.look),
            Periodic("all well", all_well.LOOK_EVERY_S, AllWell(telling, installation.store, utc_now()).look),
            Periodic("texts", text_watch.LOOK_EVERY_S, TextWatch(workshop, installation.jobs).look),
            Periodic("backlog", backlog.LOOK_EVERY_S, lambda: backlog.tell(workshop.database, workshop.now)),
            Periodic("rows", ROWS_EVERY_S, RowWatch(workshop, installation.jobs).look),
            Periodic("list of calls", listing_projection.LOOK_EVERY_S, Projection(installation.database).look),
            Periodic("reconcile", RECONCILE_EVERY_S, lambda: make_reconciliation(installation, workshop).look()),
            Periodic("rules in force", FOLLOW_EVERY_S, following.look, everywhere=True),
            Periodic("spool", TIDY_EVERY_S, partial(sweep.tidy, workshop), everywhere=True),
        ],
    )


def make_telling(installation: Installation) -> Telling:
    """By the ways of the rulebook in force, whichever that is by then."""
    settings = installation.settings
    return Telling(
        installation.database,
        installation.jobs,
        lambda: installation.rulebook.ways,
        sender(settings),
        installation_name(settings),
        Moment.now,
    )


def make_corroboration(installation: Installation, workshop: Workshop) -> Corroboration:
    settings = installation.settings
    return Corroboration(
        installation.database,
        workshop.provider,
        settings.public_base_url,
        installation.jobs,
        partial(take_in, installation.conversation()),
        workshop.moment,
        wait=settings.corroborate_after,
    )


def make_watch(installation: Installation, workshop: Workshop) -> account_watch.AccountWatch:
    return account_watch.AccountWatch(workshop, installation.jobs, _lines(installation))


def make_lease_watch(installation: Installation, workshop: Workshop) -> lease_watch.LeaseWatch:
    return lease_watch.LeaseWatch(workshop, installation.rulebook.console.limits)


def make_reconciliation(installation: Installation, workshop: Workshop) -> Reconciliation:
    return Reconciliation(installation.database, workshop.provider, _lines(installation), workshop.moment)


def _lines(installation: Installation) -> frozenset[str]:
    return frozenset(line.number for line in installation.rulebook.lines)


def _forget(workshop: Workshop, jobs: JobQueue) -> None:
    """Forget ended jobs, and declines whose time is over: a few in each transaction, until none are left."""
    now = workshop.now()
    while jobs.forget(now - _JOBS_KEPT):
        pass
    workshop.database.write(lambda connection: messages.forget(connection, now - _MESSAGES_KEPT))
    while workshop.database.write(lambda connection: declines.forget_expired(connection, now, limit=_AT_ONCE)):
        pass


def make_workshop(installation: Installation) -> Workshop:
    settings = installation.settings
    return Workshop(
        database=installation.database,
        provider=provider(settings),
        store=installation.store,
        spool=settings.spool,
        key_encryption_key=installation.keys.key_encryption_key,
        listening_copies=listening_copy.can_be_made(),
        backups=lambda: installation.rulebook.backups,
        is_behind=lambda: backlog.is_behind(installation.database, utc_now()),
    )
