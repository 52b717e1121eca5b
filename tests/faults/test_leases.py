"""Leases to listen: what stops them, what they hand out, and what the log has of them in the end."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar

import pytest
from sqlalchemy import Connection

from policies.listening import LOGGED_EVERY, LOST_AFTER, RENEWED_EVERY, Range, Report, Stop, union
from policies.permissions import Role, Scope
from policies.rulebook.read import parse
from policies.sessions import Limits, SignedInBy
from policies.withdrawal import WithdrawnBy
from storage.custody import leases
from storage.custody.access import Refusal
from storage.custody.lease_watch import LeaseWatch
from storage.custody.leases import Lease, Listener, Stopped
from storage.errors import Refused
from storage.rows import agents, calls
from storage.rows.recordings import Recording
from storage.rows.withdrawing import Wish, withdraw
from storage.staff import accounts, sessions
from storage.staff.accounts import Account, Position
from tests.callflow.conftest import RULEBOOK
from tests.faults.premises import KEK, LINE, Premises

T = TypeVar("T")
LIMITS = Limits()
REVIEWER = Position(Role.REVIEWER, Scope(lines=frozenset({LINE})))


@dataclass
class Ears:
    """Somebody signed in, and a recording to hear."""

    premises: Premises
    recording: Recording
    account: Account
    listener: Listener

    @classmethod
    def of(cls, premises: Premises, position: Position = REVIEWER, name: str = "maria") -> "Ears":
        account = premises.write(
            lambda c: accounts.add(c, premises.moment(), name, name.title(), position, actor="root")
        )
        token = premises.write(
            lambda c: sessions.begin(c, premises.moment(), account.id, SignedInBy.PASSKEY, "a test", LIMITS)
        )
        with premises.shop.database.read() as connection:
            session = sessions.living(connection, token, premises.clock.now, LIMITS)
        assert session is not None
        return cls(premises, premises.stored(), account, Listener(account.id, account.name, session.id))

    def open(self, purpose: str = "quality") -> Lease:
        opened = self.premises.write(
            lambda c: leases.open_lease(
                c,
                self.premises.moment(),
                self.recording.id,
                purpose,
                self.listener,
                store=self.premises.shop.store,
                key_encryption_key=KEK,
            )
        )
        assert not isinstance(opened, Refusal)
        return opened[0]

    def report(
        self, lease: Lease, number: int, *ranges: Range, played_ms: int = 0, closes: bool = False
    ) -> Stopped | None:
        played = played_ms or sum(end - begin for begin, end in ranges)
        report = Report(number, ranges[-1][1] if ranges else 0, ranges, played, closes=closes)
        return self.premises.write(
            lambda c: leases.renew(c, self.premises.moment(), lease.id, self.listener.session_id, report, LIMITS)
        )

    def audio(self, lease: Lease, session_id: str | None = None) -> object:
        with self.premises.shop.database.read() as connection:
            return leases.audio_under(
                connection,
                lease.id,
                session_id or self.listener.session_id,
                self.premises.clock.now,
                LIMITS,
                store=self.premises.shop.store,
                key_encryption_key=KEK,
            )

    def watch(self) -> None:
        LeaseWatch(self.premises.shop, LIMITS).look()

    def heard(self) -> list[dict[str, Any]]:
        events = self.premises.story(self.recording).events
        return [event for event in events if event["type"] == "recording.heard"]


@pytest.fixture
def ears(premises: Premises) -> Ears:
    return Ears.of(premises)


def test_what_was_heard_stands_in_the_log_each_minute_and_at_the_end(ears: Ears) -> None:
    lease, at = ears.open(), 0
    for number in range(1, 21):
        ears.premises.clock.passes(seconds=RENEWED_EVERY.total_seconds())
        assert ears.report(lease, number, (at, at + 100)) is None
        at += 100
    assert ears.report(lease, 21, (0, 50), closes=True) == Stopped(Stop.CLOSED)
    events = ears.heard()
    assert [event["final"] for event in events] == [False, True]
    assert union((begin, end) for event in events for begin, end in event["ranges"]) == ((0, 2000),)
    assert sum(event["played_ms"] for event in events) == 2050
    assert {(event["lease"], event["purpose"], event["why"]) for event in events} == {(lease.id, "quality", "")}
    assert timedelta(minutes=1) == LOGGED_EVERY


def test_a_report_that_comes_twice_counts_once(ears: Ears) -> None:
    lease = ears.open()
    for _ in range(2):
        assert ears.report(lease, 1, (0, 500)) is None
    ears.report(lease, 2, closes=True)
    ears.report(lease, 2, (0, 900), closes=True)
    [event] = ears.heard()
    assert (event["heard_ms"], event["played_ms"], event["final"]) == (500, 500, True)


def test_no_report_says_more_than_its_row_can_hold(ears: Ears) -> None:
    lease, played_ms = ears.open(), 40 * 3600 * 1000
    for number in range(1, 18):  # each is plausible by itself
        assert ears.report(lease, number, played_ms=played_ms) is None
    assert ears.report(lease, 18, (0, 1000), closes=True) == Stopped(Stop.CLOSED)
    assert [event["heard_ms"] for event in ears.heard()] == [1000]


def test_one_person_listens_to_a_few_at_once(ears: Ears) -> None:
    first, *_ = [ears.open() for _ in range(leases.OPEN_MAX)]
    before = len(ears.premises.story(ears.recording).events)
    with pytest.raises(Refused, match="at once"):
        ears.open()
    assert len(ears.premises.story(ears.recording).events) == before
    ears.report(first, 1, closes=True)
    ears.open()
    with pytest.raises(Refused, match="at once"):
        ears.open()
    ears.premises.clock.passes(seconds=LOST_AFTER.total_seconds() + 1)
    ears.open()  # also where no worker has ended the others yet


def test_a_listening_without_reports_counts_up_to_the_last_one(ears: Ears) -> None:
    lease = ears.open()
    ears.report(lease, 1, (0, 700))
    ears.premises.clock.passes(seconds=LOST_AFTER.total_seconds())
    ears.watch()
    assert ears.heard() == []
    ears.premises.clock.passes(seconds=1)
    ears.watch()
    ears.watch()
    [event] = ears.heard()
    assert (event["ranges"], event["why"]) == ([[0, 700]], "no report came, so it counts up to the last one")
    assert ears.report(lease, 2, (700, 900)) == Stopped(Stop.SILENT)
    assert isinstance(ears.audio(lease), Stopped)


def _withdrawn(ears: Ears) -> None:
    def work(connection: Connection) -> None:
        owner = calls.existing(connection, ears.recording.call_id)
        wish = Wish(WithdrawnBy.REQUEST, "carla")
        withdraw(connection, ears.premises.moment(), owner, wish, parse(RULEBOOK.read_text()), ears.premises.jobs)

    ears.premises.write(work)


def _moved(ears: Ears, position: Position) -> None:
    ears.premises.write(lambda c: accounts.change(c, ears.premises.moment(), ears.account, position, actor="root"))


def _disabled(ears: Ears) -> None:
    ears.premises.write(lambda c: accounts.disable(c, ears.premises.moment(), ears.account, actor="root"))


def _signed_out(ears: Ears) -> None:
    ears.premises.write(lambda c: sessions.end(c, ears.listener.session_id, ears.premises.clock.now, "signed out"))


def _destroyed(ears: Ears) -> None:
    ears.premises.condemn(ears.recording)
    ears.premises.work()


STOPS: dict[str, tuple[Callable[[Ears], None], Stop]] = {
    "the consent is withdrawn": (_withdrawn, Stop.NOT_TO_BE_OPENED),
    "the scope is taken away": (lambda ears: _moved(ears, Position(Role.REVIEWER)), Stop.NOT_YOURS),
    "the role may not hear": (lambda ears: _moved(ears, Position(Role.ADMIN, Scope(True))), Stop.NOT_PERMITTED),
    "the account is disabled": (_disabled, Stop.SIGNED_OUT),
    "the session is ended": (_signed_out, Stop.SIGNED_OUT),
    "the recording is destroyed": (_destroyed, Stop.NOT_TO_BE_OPENED),
}


@pytest.mark.parametrize("told_by", ["the next report", "the watch"])
@pytest.mark.parametrize("name", STOPS)
def test_a_listening_stops_at_once_when(ears: Ears, name: str, told_by: str) -> None:
    happen, stop = STOPS[name]
    lease = ears.open()
    assert ears.report(lease, 1, (0, 300)) is None
    assert not isinstance(ears.audio(lease), Stopped)
    happen(ears)
    stopped = ears.audio(lease)
    assert isinstance(stopped, Stopped)
    assert stopped.by is stop
    if told_by == "the watch":
        ears.watch()
        again = ears.report(lease, 2, (300, 600))
        assert again is not None
        assert again.by is stop
    else:
        found = ears.report(lease, 2, (300, 600))
        assert found is not None
        assert found.by is stop
        assert found.why or stop is not Stop.NOT_TO_BE_OPENED
    assert ears.report(lease, 2, (300, 600)) == Stopped(stop)  # and is not counted twice
    events = ears.heard()
    assert len(events) == (2 if told_by == "the watch" else 1)
    assert all(event["final"] and event["why"] for event in events)
    assert sum(event["heard_ms"] for event in events) == 600


def test_what_is_told_long_after_the_end_is_not_believed(ears: Ears) -> None:
    lease = ears.open()
    ears.report(lease, 1, (0, 300), closes=True)
    ears.premises.clock.passes(seconds=LOST_AFTER.total_seconds() + 1)
    assert ears.report(lease, 2, (300, 600)) == Stopped(Stop.CLOSED)
    assert [event["heard_ms"] for event in ears.heard()] == [300]


def test_a_lease_is_of_the_session_that_opened_it_alone(ears: Ears) -> None:
    lease = ears.open()
    for other in ("0" * 32, lease.id):
        assert ears.audio(lease, other) == leases.OUT_OF_SCOPE
    report = Report(1, 0, ((0, 9),), 9)
    told = ears.premises.write(lambda c: leases.renew(c, ears.premises.moment(), lease.id, "0" * 32, report, LIMITS))
    assert told == leases.OUT_OF_SCOPE


def test_who_tries_anothers_lease_is_on_record_once(ears: Ears) -> None:
    def attempt(lease_id: str) -> None:
        ears.premises.write(
            lambda c: leases.refuse_others(c, ears.premises.moment(), lease_id, LIMITS, actor="mallory")
        )

    def refused() -> list[dict[str, Any]]:
        events = ears.premises.story(ears.recording).events
        return [event for event in events if event["type"] == "recording.access_refused"]

    one, other = ears.open(), ears.open()
    for _ in range(5):
        attempt(one.id)
        attempt("0" * 32)
    attempt(other.id)
    assert [event["why"] for event in refused()] == ["the lease to hear it is another's"] * 2
    assert "mallory" not in json.dumps(refused())


def test_a_listener_who_has_signed_out_is_not_taken_for_somebody_else(ears: Ears) -> None:
    lease = ears.open()
    _signed_out(ears)
    ears.premises.write(lambda c: leases.refuse_others(c, ears.premises.moment(), lease.id, LIMITS, actor="nobody"))
    events = ears.premises.story(ears.recording).events
    assert [event for event in events if event["type"] == "recording.access_refused"] == []


def test_an_agent_hears_the_calls_that_they_took_and_no_others(premises: Premises) -> None:
    ears = Ears.of(premises, Position(Role.AGENT, addresses=frozenset({"client:alice"})), "alice")
    lease = ears.open()
    assert ears.audio(lease) == leases.OUT_OF_SCOPE
    premises.write(lambda c: agents.note(c, premises.moment(), ears.recording.call_id, "client:alice"))
    assert not isinstance(ears.audio(ears.open()), Stopped)


def test_a_purpose_that_was_not_agreed_to_opens_no_lease(ears: Ears) -> None:
    def ask(connection: Connection) -> object:
        return leases.open_lease(
            connection,
            ears.premises.moment(),
            ears.recording.id,
            "training",
            ears.listener,
            store=ears.premises.shop.store,
            key_encryption_key=KEK,
        )

    assert ears.premises.write(ask) == Refusal(ears.recording.id, "its caller did not agree to its use for training")
