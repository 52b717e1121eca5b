"""The list of calls is what rows and events make of it, whatever happened, in which order, and who died meanwhile."""

import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from random import Random

import pytest
from sqlalchemy import Connection, delete, select, update

from policies.consent import Outcome
from policies.incidents import IncidentKind
from policies.lifecycle import RecordingEvent
from policies.listing import ListedAudio, ListedRecording, listed_audio
from storage.custody import erasure
from storage.custody.erasure import Request
from storage.database.tables import call, call_listing, listing_mark, log_leaf
from storage.row_check.logged_calls import logged
from storage.rows import calls, incidents, listing, listing_projection, recordings, reviews
from storage.rows.calls import Call
from storage.rows.incidents import raise_incident, resolve
from storage.rows.listing import Listed
from storage.rows.listing_projection import Batch, Projection, apply, next_batch
from storage.rows.recordings import Recording
from tests.faults.interruptions import Died
from tests.faults.phone_company import BY_REST, OURS
from tests.faults.premises import ONE_MACHINE, Premises, new_sid
from tests.faults.test_believed_rows import allow_changes
from tests.faults.test_lock_order import somebody_waits
from tests.faults.test_withdraw import withdrawn

ON_POSTGRES = pytest.mark.parametrize("premises", ["postgres and s3"], indirect=True)
REQUEST = Request("gdpr-17", actor="ann")


def rows(premises: Premises) -> dict[str, Listed]:
    with premises.shop.database.read() as connection:
        ids = list(connection.scalars(select(call_listing.c.call_id)))
        return listing.by_ids(connection, ids)


def row(premises: Premises, one: Recording | Call) -> Listed:
    return rows(premises)[one.call_id if isinstance(one, Recording) else one.id]


def up_to_date(premises: Premises, at_once: int = 100) -> None:
    projection = Projection(premises.shop.database, at_once)
    while projection.step():
        pass


def assert_whole(premises: Premises) -> None:
    """Every call is listed as its rows have it, and as its events alone have it."""
    with premises.shop.database.read() as connection:
        ids = list(connection.scalars(select(call.c.id).order_by(call.c.id)))
        wanted = {one.call_id: one for one in listing.worked_out(connection, ids)}
        assert listing.by_ids(connection, ids) == wanted
        for call_id in ids:
            assert_logged(connection, wanted[call_id])
    assert rows(premises).keys() == wanted.keys()


def assert_logged(connection: Connection, listed: Listed) -> None:
    by_events = logged(connection, listed.call_id)
    assert (listed.outcome, listed.mode, listed.language) == (by_events.outcome, by_events.mode, by_events.language)
    assert listed.erased == (by_events.erased_at is not None)
    made = [ListedRecording(one.state, one.is_permitted, None, None) for one in by_events.recordings.values()]
    doubted = incidents.is_open_of_call(connection, recordings.IN_DOUBT, listed.call_id)
    assert listed.audio is listed_audio(by_events.outcome, made, is_in_doubt=doubted)


def rings(premises: Premises, chance: Random) -> None:
    premises.call(chance.choice([Outcome.CONSENTED, Outcome.DECLINED, None]), caller_hash="f" * 64)


def is_recorded(premises: Premises, _: Random) -> None:
    premises.completed()


def news_comes(premises: Premises, chance: Random) -> None:
    heard = chance.choice([RecordingEvent.IN_PROGRESS, RecordingEvent.COMPLETED, RecordingEvent.ABSENT])
    premises.hears(some_call(premises, chance), new_sid(), heard, duration_s=7, source=chance.choice([OURS, BY_REST]))


def is_reviewed(premises: Premises, chance: Random) -> None:
    owner, name = some_call(premises, chance), chance.choice(["ann", "ben"])
    who = premises.staff_id(name)
    premises.write(lambda connection: reviews.mark(connection, premises.moment(), owner.id, staff_id=who, actor=name))


def is_doubted(premises: Premises, chance: Random) -> None:
    owner = some_call(premises, chance)

    def doubt(connection: Connection) -> None:
        odd = IncidentKind.RECORDING_IN_DOUBT
        raise_incident(connection, premises.moment(), odd, about=owner.id, call_id=owner.id, detail="two at once")

    premises.write(doubt)


def is_resolved(premises: Premises, chance: Random) -> None:
    owner = some_call(premises, chance)
    premises.write(lambda connection: resolve(connection, premises.moment(), recordings.IN_DOUBT, owner.id))


def is_withdrawn(premises: Premises, chance: Random) -> None:
    withdrawn(premises, some_call(premises, chance))


def ends(premises: Premises, chance: Random) -> None:
    premises.ends(some_call(premises, chance))


def time_passes(premises: Premises, chance: Random) -> None:
    premises.clock.passes(days=chance.choice([1, 3, 40]))
    premises.sweep()


def is_worked(premises: Premises, _: Random) -> None:
    premises.work()


def is_erased(premises: Premises, chance: Random) -> None:
    erase(premises, some_call(premises, chance).id, again=chance.random() < 0.5)


ACTS: tuple[Callable[[Premises, Random], None], ...] = (
    *(rings, is_recorded, news_comes, is_reviewed, is_doubted, is_resolved),
    *(is_withdrawn, ends, time_passes, is_worked, is_erased),
)


def erase(premises: Premises, call_id: str, *, again: bool = False) -> None:
    request = replace(REQUEST, again=again)
    premises.write(lambda connection: erasure.erase(connection, premises.moment(), call_id, request, premises.jobs))


def some_call(premises: Premises, chance: Random) -> Call:
    """A call that is not erased."""
    with premises.shop.database.read() as connection:
        mine = select(call.c.id).where(call.c.erased_at.is_(None)).order_by(call.c.received_at, call.c.id)
        ids = list(connection.scalars(mine))
        known = calls.peek(connection, chance.choice(ids)) if ids else None
    return known or premises.call()


@pytest.mark.parametrize("seed", range(4))
def test_the_list_is_what_rows_and_events_make_of_it_whatever_happens(premises: Premises, seed: int) -> None:
    chance = Random(seed)
    for _ in range(60 // premises.stride):
        chance.choice(ACTS)(premises, chance)
        if chance.random() < 0.5:
            Projection(premises.shop.database, at_once=chance.randrange(1, 30)).step()
    up_to_date(premises)
    assert_whole(premises)
    listed = rows(premises)
    premises.write(listing_projection.begin_anew)
    premises.write(lambda connection: connection.execute(delete(call_listing)))
    up_to_date(premises)
    assert rows(premises) == listed


@ONE_MACHINE
def test_the_histories_reach_every_kind_of_audio(premises: Premises) -> None:
    """Where they did not, the comparison would say little."""
    seen: set[object] = set()
    chance = Random(0)
    for _ in range(400):
        chance.choice(ACTS)(premises, chance)
        up_to_date(premises)
        seen |= {one.audio for one in rows(premises).values()} | {one.erased for one in rows(premises).values()}
        if seen == {*ListedAudio, True, False}:
            return
    raise AssertionError(seen)


def test_a_kept_recording_is_listed_with_its_length_and_end_until_it_is_gone(premises: Premises) -> None:
    owner = premises.call()
    up_to_date(premises)
    assert (row(premises, owner).audio, row(premises, owner).recorded_s) == (ListedAudio.EXPECTED, None)
    one = premises.stored()
    up_to_date(premises)
    listed = row(premises, one)
    assert (listed.audio, listed.recorded_s) == (ListedAudio.KEPT, premises.recording(one).duration_s)
    assert listed.retain_until == premises.recording(one).retain_until
    premises.condemn(one)
    up_to_date(premises)
    assert (row(premises, one).audio, row(premises, one).retain_until) == (ListedAudio.CONDEMNED, None)
    premises.work()
    up_to_date(premises)
    assert (row(premises, one).audio, row(premises, one).recorded_s) == (ListedAudio.DESTROYED, listed.recorded_s)


def test_a_review_and_a_doubt_are_seen_by_their_events(premises: Premises) -> None:
    one = premises.stored()
    up_to_date(premises)
    is_reviewed(premises, Random(0))
    is_doubted(premises, Random(0))
    up_to_date(premises)
    assert (row(premises, one).reviewed, row(premises, one).audio) == (True, ListedAudio.IN_DOUBT)
    is_resolved(premises, Random(0))
    up_to_date(premises)
    assert row(premises, one).audio is ListedAudio.KEPT


def test_who_dies_half_way_has_written_nothing(premises: Premises) -> None:
    premises.stored()
    batch = computed(premises)

    def dies(connection: Connection) -> None:
        assert apply(connection, batch)
        raise Died

    with pytest.raises(Died):
        premises.write(dies)
    assert rows(premises) == {}
    assert standing(premises) == (None, batch.end)
    assert premises.write(lambda connection: apply(connection, batch))
    assert standing(premises) == (batch.end, 0)
    assert_whole(premises)


def test_the_same_events_a_second_time_change_nothing(premises: Premises) -> None:
    one = premises.stored()
    early = computed(premises)
    premises.condemn(one)
    up_to_date(premises)
    listed = rows(premises)
    assert not premises.write(lambda connection: apply(connection, early))
    assert rows(premises) == listed
    assert_whole(premises)


def test_of_two_workers_with_the_same_events_one_writes(premises: Premises) -> None:
    premises.stored()
    both = [computed(premises), computed(premises)]
    with ThreadPoolExecutor(2) as pool:
        done = pool.map(lambda batch: premises.write(lambda connection: apply(connection, batch)), both)
        assert sorted(done) == [False, True]
    assert_whole(premises)


def test_a_worker_who_was_overtaken_by_a_new_beginning_writes_nothing(premises: Premises) -> None:
    premises.stored()
    up_to_date(premises)
    premises.completed()
    late = computed(premises)
    premises.write(listing_projection.begin_anew)
    assert not premises.write(lambda connection: apply(connection, late))
    assert Projection(premises.shop.database, at_once=1).step()
    assert not premises.write(lambda connection: apply(connection, late))
    up_to_date(premises)
    assert_whole(premises)


def test_an_erasure_overtakes_what_was_worked_out_before_it(premises: Premises) -> None:
    owner = premises.call(caller_hash="f" * 64)
    batch = computed(premises)
    erase(premises, owner.id, again=True)
    assert premises.write(lambda connection: apply(connection, batch))
    assert (row(premises, owner).erased, row(premises, owner).caller_hash) == (True, None)
    up_to_date(premises)
    assert_whole(premises)


@ON_POSTGRES
def test_an_erasure_that_is_not_committed_yet_overtakes_it_too(premises: Premises) -> None:
    owner, database = premises.call(caller_hash="f" * 64), premises.shop.database
    batch = computed(premises)
    with ThreadPoolExecutor(1) as pool:
        with database.engine.begin() as connection:
            again = replace(REQUEST, again=True)
            erasure.erase(connection, premises.moment(), owner.id, again, premises.jobs)
            applied = pool.submit(premises.write, lambda connection: apply(connection, batch))
            somebody_waits(database)
        assert applied.result()
    assert (row(premises, owner).erased, row(premises, owner).caller_hash) == (True, None)


@ON_POSTGRES
def test_nobody_who_waits_for_a_call_waits_for_the_list(premises: Premises) -> None:
    """Nor the other way round: a caller's step holds the call's row."""
    owner, database = premises.call(), premises.shop.database
    with database.engine.begin() as connection:
        calls.by_id(connection, owner.id)
        assert Projection(database).step()
    with database.engine.begin() as connection:
        premises.call(Outcome.DECLINED)
        with database.read() as reading:
            batch = next_batch(reading)
        assert batch
        assert apply(connection, batch)
        premises.ends(owner)
    assert owner.id in rows(premises)


@ONE_MACHINE
def test_a_row_that_was_changed_is_put_right_when_the_list_is_made_anew(premises: Premises) -> None:
    one = premises.stored()
    up_to_date(premises)
    premises.write(lambda connection: connection.execute(update(call_listing).values(line="", audio="none")))
    up_to_date(premises)
    assert row(premises, one).audio is ListedAudio.NONE
    premises.write(listing_projection.begin_anew)
    up_to_date(premises)
    assert_whole(premises)


@ONE_MACHINE
def test_a_row_that_is_only_said_to_be_erased_names_nobody_and_stops_nothing(premises: Premises) -> None:
    owner, other = premises.call(caller_hash="f" * 64), premises.call()
    said = update(call).where(call.c.id == owner.id).values(erased_at=premises.clock.now)
    premises.write(lambda connection: connection.execute(said))
    up_to_date(premises)
    assert (row(premises, owner).erased, row(premises, owner).caller_hash) == (True, None)
    assert not row(premises, other).erased


@pytest.mark.parametrize("leaf", ["", "[]", '"type":"incident.'])
def test_an_event_that_was_made_unreadable_keeps_no_call_out_of_the_list(premises: Premises, leaf: str) -> None:
    calls_made = [premises.call() for _ in range(2)]
    is_doubted(premises, Random(0))
    with premises.shop.database.engine.begin() as connection:
        allow_changes(connection)
        connection.execute(update(log_leaf).where(log_leaf.c.idx.in_([0, 4])).values(leaf=leaf))
        connection.execute(update(log_leaf).where(log_leaf.c.call_id.is_(None)).values(leaf=leaf))
    up_to_date(premises)
    assert rows(premises).keys() == {one.id for one in calls_made}


@ONE_MACHINE
def test_rows_that_stay_as_they_are_are_not_written_again(premises: Premises) -> None:
    premises.stored()
    up_to_date(premises)
    premises.write(listing_projection.begin_anew)
    batch = computed(premises)
    assert (batch.rows, batch.start) == ((), 0)


@ONE_MACHINE
def test_a_list_that_is_far_behind_says_once_a_minute_how_far_it_is(
    premises: Premises, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listing_projection, "_FAR_BEHIND", 3)
    caplog.set_level(logging.INFO)
    premises.stored()
    projection = Projection(premises.shop.database, at_once=2)
    projection.look()
    told = [record.getMessage() for record in caplog.records if "list of calls" in record.getMessage()]
    assert len(told) == 1
    assert told[0].startswith("the list of calls is being made: 0 of the log's ")


def computed(premises: Premises) -> Batch:
    with premises.shop.database.read() as connection:
        batch = next_batch(connection)
    assert batch
    return batch


def standing(premises: Premises) -> tuple[int | None, int]:
    """How far the log is taken account of, and how many events are left."""
    with premises.shop.database.read() as connection:
        return connection.scalar(select(listing_mark.c.size)), listing_projection.behind(connection)
