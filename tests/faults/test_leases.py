"""Leases to listen: what stops them, what they hand out, and what the log has of them in the end."""

import json
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, TypeVar

import pytest
from sqlalchemy import Connection, select, update

from evidence.merkle import leaf_hash
from policies.listening import (
    LAST_WORDS_MAX,
    LOGGED_EVERY,
    LOST_AFTER,
    RANGES_MAX,
    RENEWED_EVERY,
    SPARE_MS,
    SPEED_MAX,
    Range,
    Report,
    Stop,
    union,
)
from policies.permissions import Role, Scope
from policies.rulebook.read import parse
from policies.sessions import Limits, SignedInBy
from policies.withdrawal import WithdrawnBy
from storage.custody import erasure, leases
from storage.custody.access import Refusal
from storage.custody.lease_watch import LeaseWatch
from storage.custody.leases import Lease, Listener, Stopped
from storage.database.tables import log_leaf
from storage.errors import Refused
from storage.log import checkpoints
from storage.log.checkpoints import Signing
from storage.row_check.checked_call import checked
from storage.rows import agents, calls, holds
from storage.rows.recordings import Recording
from storage.rows.withdrawing import Wish, withdraw
from storage.staff import accounts, sessions
from storage.staff.accounts import Account, Position
from tests.callflow.conftest import RULEBOOK
from tests.compliance.signed_log import disarm
from tests.faults.premises import KEK, LINE, Premises
from tests.faults.test_listing import erase

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

    def open(self, purpose: str = "quality", *pieces: Range) -> Lease:
        """And fetch these pieces; the beginning where none is named."""
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
        self.fetch(opened[0], *(pieces or [(0, 4_000)]))
        return opened[0]

    def fetch(self, lease: Lease, *pieces: Range) -> None:
        """As long as the lease lasts."""
        for piece in pieces:
            self.premises.write(lambda c, piece=piece: leases.hand_out(c, lease.id, piece))  # type: ignore[misc]  # mypy and defaults

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


def test_what_was_handed_out_is_in_the_log_whatever_is_reported(ears: Ears) -> None:
    lease = ears.open("quality", (0, 4_000), (4_000, 8_000), (60_000, 64_000))
    ears.premises.clock.passes(seconds=LOGGED_EVERY.total_seconds() / 6)
    assert ears.report(lease, 1) is None
    ears.fetch(lease, (4_000, 8_000))
    ears.premises.clock.passes(seconds=LOST_AFTER.total_seconds() + 1)
    ears.watch()
    ears.fetch(lease, (64_000, 68_000))
    [event] = ears.heard()
    assert event["handed_out"] == [[0, 8_000], [60_000, 64_000]]
    assert (event["ranges"], event["heard_ms"]) == ([], 0)


def test_what_was_handed_out_is_told_each_minute_and_once(ears: Ears) -> None:
    lease = ears.open("quality", (0, 4_000))
    for number in range(1, 25):
        ears.premises.clock.passes(seconds=RENEWED_EVERY.total_seconds())
        ears.report(lease, number)
        ears.fetch(lease, (4_000 * number, 4_000 * number + 4_000))
    ears.report(lease, 25, closes=True)
    first, last = ears.heard()
    assert first["handed_out"][-1][1] == last["handed_out"][0][0]
    assert union((begin, end) for event in (first, last) for begin, end in event["handed_out"]) == ((0, 100_000),)


def test_nothing_is_handed_out_after_the_end(ears: Ears) -> None:
    lease = ears.open()
    ears.report(lease, 1, closes=True)
    handed = ears.premises.write(lambda c: leases.hand_out(c, lease.id, (4_000, 8_000)))
    assert handed == Stopped(Stop.CLOSED)
    assert ears.premises.write(lambda c: leases.hand_out(c, "0" * 32, (0, 4_000))) == leases.OUT_OF_SCOPE


def test_what_was_never_handed_out_cannot_have_been_heard(ears: Ears) -> None:
    lease = ears.open("quality", (2_000, 4_000))
    assert ears.report(lease, 1, (0, 2_500), (3_900, 140_000_000)) is None
    assert ears.report(lease, 2, closes=True) == Stopped(Stop.CLOSED)
    assert ears.report(lease, 3, (9_000, 12_000), closes=True) == Stopped(Stop.CLOSED)
    [event] = ears.heard()
    assert event["ranges"] == [[2_000, 2_500], [3_900, 4_000]]


def test_no_more_is_played_than_time_allows(ears: Ears) -> None:
    lease = ears.open()
    for number in range(1, 20):
        report = Report(number, 0, (), 140_000_000)
        ears.premises.clock.passes(seconds=1)
        stopped = ears.premises.write(
            lambda c, report=report: leases.renew(  # type: ignore[misc]  # mypy and defaults
                c, ears.premises.moment(), lease.id, ears.listener.session_id, report, LIMITS
            )
        )
        assert stopped is None
    ears.report(lease, 20, closes=True)
    [event] = ears.heard()
    assert event["played_ms"] == 19 * 1_000 * SPEED_MAX + SPARE_MS


def test_a_report_that_was_long_under_way_counts_whole_at_any_speed(ears: Ears) -> None:
    lease = ears.open("quality", (0, 24_000))
    ears.premises.clock.passes(seconds=7.9)
    ears.report(lease, 1, (0, 12_000))
    ears.premises.clock.passes(seconds=0.1)
    ears.report(lease, 2, (12_000, 24_000), closes=True)
    assert [event["played_ms"] for event in ears.heard()] == [24_000]


def test_many_small_parts_make_no_endless_event(ears: Ears) -> None:
    lease = ears.open()
    for number in range(1, 21):
        begin = number * 200
        ears.report(lease, number, *((at, at + 1) for at in range(begin - 200, begin, 2)))
    ears.report(lease, 21, closes=True)
    [event] = ears.heard()
    assert len(event["ranges"]) <= RANGES_MAX
    assert event["ranges"][-1][1] == 3_999  # none is left out: the gaps count as heard
    assert 2_000 <= event["heard_ms"] < 4_000


def test_many_pieces_apart_do_not_wait_for_the_next_minute(ears: Ears) -> None:
    lease = ears.open("quality", *((at, at + 1_000) for at in range(0, 2_000 * (RANGES_MAX + 1), 2_000)))
    ears.report(lease, 1)
    ears.report(lease, 2, closes=True)
    assert [len(event["handed_out"]) for event in ears.heard()] == [RANGES_MAX + 1, 0]


def test_a_log_that_does_not_hold_ends_each_listening(ears: Ears) -> None:
    premises = ears.premises
    reported, left = ears.open(), ears.open()
    premises.write(lambda c: checkpoints.sign(c, premises.moment(), Signing("x.example", [KEK])))
    premises.write(lambda c: rewrite_permit(c, ears.recording.call_id))
    why = "its rows say something else than the log"
    assert ears.audio(left) == Stopped(Stop.NOT_TO_BE_OPENED, why)
    assert ears.report(reported, 1) == Stopped(Stop.NOT_TO_BE_OPENED, why)
    ears.watch()
    assert {(event["lease"], event["why"]) for event in ears.heard()} == {(reported.id, why), (left.id, why)}


def rewrite_permit(connection: Connection, call_id: str) -> None:
    """As somebody would who has the database and not the key that signs."""
    disarm(connection, "log_leaf")
    mine = (log_leaf.c.call_id == call_id) & log_leaf.c.leaf.contains('"type":"recording.permitted"')
    leaf = connection.scalar(select(log_leaf.c.leaf).where(mine))
    assert leaf is not None
    leaf = leaf.replace('"basis":"express"', '"basis":"implied"')
    connection.execute(update(log_leaf).where(mine).values(leaf=leaf, hash=leaf_hash(leaf.encode())))


@pytest.mark.parametrize("hours", [-1, 1])
def test_a_clock_that_jumps_keeps_no_listening_alive(ears: Ears, hours: int) -> None:
    lease = ears.open()
    ears.report(lease, 1, (0, 300))
    ears.premises.clock.passes(hours=hours * 0.4)
    assert ears.audio(lease) == Stopped(Stop.SILENT)
    ears.watch()
    assert [event["ranges"] for event in ears.heard()] == [[[0, 300]]]


def test_a_listening_that_is_over_has_few_last_words(ears: Ears) -> None:
    lease = ears.open()
    ears.report(lease, 1, (0, 300), closes=True)
    for number in range(2, 20):
        ears.report(lease, number, (300, 600), closes=True)
    assert len(ears.heard()) == 1 + LAST_WORDS_MAX


def test_what_happens_at_the_same_time_is_counted_once(ears: Ears) -> None:
    """A report that two requests bring, pieces, and the look of a worker, each in a thread of its own."""
    lease = ears.open("quality", (0, 1_000))
    with ThreadPoolExecutor(8) as threads:
        for number in range(1, 13):
            begin = number * 1_000
            done: list[Future[Any]] = [
                *(threads.submit(ears.report, lease, number, (begin - 1_000, begin)) for _ in range(2)),
                *(threads.submit(ears.fetch, lease, (at, at + 1_000)) for at in (begin, begin, 60_000 + begin)),
                threads.submit(ears.watch),
            ]
            assert [each.result() for each in done] == [None] * 6
        closing = [threads.submit(ears.report, lease, 13, (12_000, 13_000), closes=True) for _ in range(3)]
        assert {each.result() for each in closing} == {Stopped(Stop.CLOSED)}
    [event] = ears.heard()
    assert event["ranges"] == [[0, 13_000]]
    assert event["played_ms"] == 13_000
    assert event["handed_out"] == [[0, 13_000], [61_000, 73_000]]


def test_a_call_that_is_erased_while_it_is_heard_is_silent_and_the_log_has_who_heard_it(premises: Premises) -> None:
    recording = premises.stored()
    premises.ends(recording)
    premises.clock.passes(hours=25)
    premises.sweep()
    ears = replace(Ears.of(premises), recording=recording)
    lease, left = ears.open(), ears.open()
    ears.report(lease, 1, (0, 300))
    erase(premises, recording.call_id)
    assert isinstance(ears.audio(lease), Stopped)
    stopped = ears.report(lease, 2, (300, 600))
    assert stopped is not None
    assert stopped.by is Stop.NOT_TO_BE_OPENED
    premises.work()
    ears.watch()
    assert sorted((event["lease"], event["heard_ms"]) for event in ears.heard()) == sorted(
        [(lease.id, 600), (left.id, 0)]
    )
    with premises.shop.database.read() as connection:
        known = checked(connection, recording.call_id, premises.clock.now)
        assert known is not None
        assert known.differs == []
        assert erasure.look(connection, recording.call_id) == erasure.Traces(recording.call_id, (), (), (), 0)


@pytest.mark.parametrize("is_held", [False, True])
def test_a_listening_stops_when_its_purpose_ends_held_or_not(premises: Premises, is_held: bool) -> None:
    recording = premises.stored({"quality": timedelta(minutes=1), "training": timedelta(days=9)})
    ears = replace(Ears.of(premises), recording=recording)
    if is_held:
        owner = premises.owner(recording)
        premises.write(lambda c: holds.place(c, premises.moment(), owner, reason="case 12", actor="ann"))
    lease, other = ears.open(), ears.open("training")
    for number in range(1, 8):
        premises.clock.passes(seconds=8)
        assert (ears.report(lease, number), ears.report(other, number)) == (None, None)
    premises.clock.passes(seconds=8)
    stopped = ears.report(lease, 8)
    assert stopped == Stopped(Stop.NOT_TO_BE_OPENED, "its use for quality ended on 2026-11-22")
    assert ears.report(other, 8) is None
