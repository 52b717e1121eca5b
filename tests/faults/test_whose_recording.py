"""Several recordings of a caller who agreed: ours is taken in, others are destroyed, and one in doubt does neither."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from policies.attribution import Times
from policies.lifecycle import RecordingEvent, RecordingState
from storage.custody.access import Refusal
from storage.errors import Broken
from storage.row_check import check as row_check
from storage.rows import news, recordings
from storage.rows.calls import Call
from storage.rows.incidents import open_incidents
from storage.rows.news import News
from storage.rows.recordings import Recording
from tests.faults.phone_company import BY_REST, OURS
from tests.faults.premises import ONE_MACHINE, WAV, Premises, new_sid
from tests.faults.test_access import ask, reason
from tests.faults.test_sweep import over, recordings_of, swept
from tests.storage.wavs import stereo, tone, wav_bytes

OTHERS_WAV = wav_bytes(stereo(tone(2.0), tone(2.0)))
DAY_S = 86_400


def found(premises: Premises, owner: Call) -> dict[str, Recording]:
    """By Twilio's names, whatever has become of them; their rows say what their events say."""
    with premises.shop.database.read() as connection:
        assert row_check.of_call(connection, owner.id, premises.clock()) == []
    return {one.recording_sid: one for one in recordings_of(premises, owner)}


def two(premises: Premises, owner: Call, *, apart_s: float = 3) -> tuple[str, str]:
    """Ours, and one of another application that began earlier by that many seconds, or later."""
    ours, other = premises.company.start(owner.call_sid, WAV), premises.company.start(owner.call_sid, OTHERS_WAV)
    shown = premises.company.tapes[other].shown
    began = premises.company.now() - timedelta(seconds=apart_s)
    premises.company.tapes[other].shown = replace(shown, started_at=began)
    over(premises, owner)
    for sid in (ours, other):
        premises.company.complete(sid)
    return ours, other


def account_tells(premises: Premises, owner: Call, times: Times) -> None:
    listed = premises.company.recordings_of(owner.call_sid).rows
    premises.write(
        lambda connection: news.take_in(
            connection, premises.moment(), premises.row(connection, owner), listed, premises.jobs, times
        )
    )
    premises.work()


@pytest.mark.parametrize("tells_time", [True, False])
@pytest.mark.parametrize("ahead_s", [-DAY_S, -20, -8, 0, 8, 20, DAY_S])
def test_the_only_recording_is_kept_without_callbacks_whatever_twilios_clock_says(
    premises: Premises, ahead_s: int, tells_time: bool
) -> None:
    premises.company.is_ahead, premises.company.tells_time = timedelta(seconds=ahead_s), tells_time
    owner = premises.call()
    sid = premises.company.start(owner.call_sid, WAV)
    over(premises, owner, sid)
    swept(premises)
    premises.assert_kept(found(premises, owner)[sid])
    assert premises.incidents(owner) == set()


@pytest.mark.parametrize("apart_s", [3, -3])
def test_two_that_can_be_ours_are_quarantined_and_told(premises: Premises, apart_s: float) -> None:
    owner = premises.call()
    sids = two(premises, owner, apart_s=apart_s)
    for _ in range(30):
        swept(premises, hours=1)
    assert {one.state for one in found(premises, owner).values()} == {RecordingState.QUARANTINED}
    assert all(premises.company.holds(sid) for sid in sids)
    assert [one.kind for one in premises.story(owner).incidents] == ["recording_in_doubt"] * 2
    assert list(premises.shop.store.list("")) == []
    assert [one["type"] for one in premises.story(owner).events].count("recording.quarantined") == 2


@pytest.mark.parametrize("apart_s", [3, -3])
def test_a_late_callback_tells_which_is_ours(premises: Premises, apart_s: float) -> None:
    owner = premises.call()
    ours, other = two(premises, owner, apart_s=apart_s)
    swept(premises)
    premises.hears(owner, ours, RecordingEvent.COMPLETED, duration_s=3)
    premises.work()
    premises.assert_kept(found(premises, owner)[ours])
    premises.assert_gone(found(premises, owner)[other])
    assert premises.incidents(owner) == {"recording_without_permit"}
    types = [event["type"] for event in premises.story(owner).events]
    assert types.count("recording.identified") == 1


@pytest.mark.parametrize("apart_s", [3, -6])
def test_twilios_own_account_tells_which_is_ours(premises: Premises, apart_s: float) -> None:
    owner = premises.call()
    asked_at = premises.company.now()
    ours, other = two(premises, owner, apart_s=apart_s)
    swept(premises)
    account_tells(premises, owner, Times(asked_at=asked_at))
    premises.assert_kept(found(premises, owner)[ours])
    premises.assert_gone(found(premises, owner)[other])
    assert premises.incidents(owner) == {"recording_without_permit"}


def another_is_kept_for_ours(premises: Premises) -> tuple[Call, str, str]:
    """Only the other application's recording was listed, long enough to be taken in."""
    owner = premises.call()
    ours, other = two(premises, owner)
    hidden = premises.company.tapes.pop(ours)
    premises.company.tapes[other].shown = replace(premises.company.tapes[other].shown, started_at=None)
    swept(premises)
    premises.assert_kept(found(premises, owner)[other], OTHERS_WAV)
    premises.company.tapes[ours] = hidden
    return owner, ours, other


def test_one_that_was_kept_for_ours_goes_when_a_callback_tells_of_ours(premises: Premises) -> None:
    owner, ours, other = another_is_kept_for_ours(premises)
    premises.hears(owner, ours, RecordingEvent.COMPLETED, duration_s=3)
    premises.work()
    premises.assert_kept(found(premises, owner)[ours])
    premises.assert_gone(found(premises, owner)[other])


@ONE_MACHINE
def test_nobody_hears_one_of_two_while_it_is_unclear_which_is_ours(premises: Premises) -> None:
    owner, ours, other = another_is_kept_for_ours(premises)
    kept = found(premises, owner)[other]
    assert not isinstance(ask(premises, kept), Refusal)
    swept(premises)
    assert found(premises, owner)[ours].state is RecordingState.QUARANTINED
    assert "unclear" in reason(ask(premises, kept))
    assert [one.kind for one in premises.story(owner).incidents] == ["recording_in_doubt"] * 2
    premises.hears(owner, other, RecordingEvent.COMPLETED)
    premises.work()
    assert not isinstance(ask(premises, kept), Refusal)
    premises.assert_gone(found(premises, owner)[ours])


@ONE_MACHINE
def test_a_second_recording_that_is_listed_before_the_first_is_stored_quarantines_both(premises: Premises) -> None:
    owner = premises.call()
    first = premises.company.start(owner.call_sid, WAV)
    swept(premises)
    assert found(premises, owner)[first].permit == owner.id
    second = premises.company.start(owner.call_sid, WAV)
    swept(premises)
    assert [(one.state, one.permit) for one in found(premises, owner).values()] == [("quarantined", None)] * 2
    premises.hears(owner, first, RecordingEvent.IN_PROGRESS)
    over(premises, owner, first)
    premises.company.complete(second)
    swept(premises, minutes=5)
    premises.assert_kept(found(premises, owner)[first])
    premises.assert_gone(found(premises, owner)[second])


@ONE_MACHINE
def test_a_doubt_that_comes_again_is_an_incident_again(premises: Premises) -> None:
    owner = premises.call()
    first = premises.company.start(owner.call_sid, WAV)
    company = premises.company
    company.tapes[first].shown = replace(company.tapes[first].shown, channels=1)
    swept(premises)
    assert premises.incidents(owner) == {"recording_in_doubt"}
    company.tapes[first].shown = replace(company.tapes[first].shown, channels=2)
    swept(premises)
    assert premises.incidents(owner) == set()
    company.start(owner.call_sid, WAV)
    swept(premises)
    assert [one.kind for one in premises.story(owner).incidents] == ["recording_in_doubt"] * 2


@ONE_MACHINE
def test_one_that_seems_too_early_by_every_measure_waits_for_a_word_of_twilios(premises: Premises) -> None:
    owner = premises.call()
    asked_at = premises.company.now()
    early = premises.company.start(owner.call_sid, WAV)
    shown = premises.company.tapes[early].shown
    premises.company.tapes[early].shown = replace(shown, started_at=asked_at - timedelta(seconds=30))
    over(premises, owner, early)
    swept(premises)
    swept(premises, hours=2)
    assert found(premises, owner)[early].state is RecordingState.QUARANTINED
    account_tells(premises, owner, Times(asked_at=asked_at))
    assert found(premises, owner)[early].state is RecordingState.QUARANTINED, "for a person"
    assert premises.company.holds(early)
    account_tells(premises, owner, Times(never_ordered=True))
    premises.assert_gone(found(premises, owner)[early])


@ONE_MACHINE
@pytest.mark.parametrize("measure", ["date", "the call's beginning"])
def test_one_measure_of_the_clocks_that_is_off_costs_no_recording(premises: Premises, measure: str) -> None:
    """Twilio's recordings are timed by a clock that one of its answers does not show."""
    company, owner = premises.company, premises.call()
    sid = company.start(owner.call_sid, WAV)
    shown, known = company.tapes[sid].shown, company.calls[owner.call_sid]
    began = company.now() - timedelta(seconds=20)
    company.tapes[sid].shown = replace(shown, started_at=began)
    if measure == "date":
        company.calls[owner.call_sid] = replace(known, came_in_at=began)
    else:
        company.is_ahead = timedelta(seconds=-20)
    over(premises, owner, sid)
    swept(premises)
    premises.assert_kept(found(premises, owner)[sid])


def test_a_recording_in_doubt_lives_no_longer_than_its_permit_allows(premises: Premises) -> None:
    owner = premises.call(keep=timedelta(days=3))
    sids = two(premises, owner)
    swept(premises)
    swept(premises, days=2)
    assert all(premises.company.holds(sid) for sid in sids)
    swept(premises, days=2)
    for sid in sids:
        premises.assert_gone(found(premises, owner)[sid])
    assert premises.incidents(owner) == {"recording_without_permit", "recording_never_stored"}


def test_a_recording_started_by_other_means_is_destroyed_at_once_beside_one_in_doubt(premises: Premises) -> None:
    owner = premises.call()
    foreign = premises.company.start(owner.call_sid, WAV, BY_REST)
    sids = two(premises, owner)
    premises.company.complete(foreign)
    swept(premises)
    premises.assert_gone(found(premises, owner)[foreign])
    assert all(premises.company.holds(sid) for sid in sids)


@ONE_MACHINE
def test_a_recording_in_doubt_is_destroyed_with_the_consent(premises: Premises) -> None:
    owner = premises.call()
    two(premises, owner)
    swept(premises)
    for one in found(premises, owner).values():
        premises.condemn(one)
    premises.work()
    for one in found(premises, owner).values():
        premises.assert_gone(one)
    assert premises.incidents(owner) == {"recording_without_permit"}


@ONE_MACHINE
def test_a_withdrawal_condemns_what_is_in_doubt_and_is_no_incident(premises: Premises) -> None:
    owner = premises.call()
    two(premises, owner)
    swept(premises)
    premises.write(
        lambda connection: recordings.condemn_all(
            connection, premises.moment(), premises.row(connection, owner), premises.jobs, why="the caller declined"
        )
    )
    premises.work()
    for one in found(premises, owner).values():
        premises.assert_gone(one)
    assert premises.incidents(owner) == set()


@ONE_MACHINE
def test_one_that_was_destroyed_gives_its_permit_to_the_one_that_is_ours(premises: Premises) -> None:
    owner = premises.call(keep=timedelta(days=3))
    taken = premises.company.start(owner.call_sid, WAV)
    over(premises, owner, taken)
    swept(premises)
    swept(premises, days=4)
    premises.assert_gone(found(premises, owner)[taken])
    ours = premises.company.start(owner.call_sid, WAV)
    premises.hears(owner, ours, RecordingEvent.COMPLETED)
    known = found(premises, owner)
    assert (known[taken].permit, known[ours].permit) == (None, owner.id)


@ONE_MACHINE
@pytest.mark.parametrize("how", ["callback", "list"])
def test_a_corrected_length_is_taken_in_until_the_audio_is_stored(premises: Premises, how: str) -> None:
    one = premises.completed(duration_s=40)
    owner = premises.story(one).call
    if how == "callback":
        premises.hears(owner, one.recording_sid, RecordingEvent.COMPLETED, duration_s=2)
    else:
        premises.company.complete(one.recording_sid)
        premises.clock.passes(seconds=11)
        premises.sweep()
    premises.work()
    premises.assert_kept(premises.recording(one))
    types = [event["type"] for event in premises.story(one).events]
    assert types.count("recording.corrected") == 1
    premises.hears(owner, one.recording_sid, RecordingEvent.COMPLETED, duration_s=50)
    assert premises.recording(one).duration_s == 2


@ONE_MACHINE
@pytest.mark.parametrize(
    "odd", [{"source": ""}, {"started_at": None}, {"channels": None}, {"duration_s": None}, {"status": "archived"}]
)
def test_an_odd_row_costs_neither_itself_nor_its_neighbour(premises: Premises, odd: dict[str, Any]) -> None:
    company, owner, other = premises.company, premises.call(), premises.call()
    rogue = company.start(owner.call_sid, WAV, BY_REST)
    ours = company.start(owner.call_sid, WAV)
    theirs = company.start(other.call_sid, WAV)
    for one, sids in ((owner, (rogue, ours)), (other, (theirs,))):
        over(premises, one)
        for sid in sids:
            company.complete(sid)
    company.tapes[theirs].shown = replace(company.tapes[theirs].shown, **odd)
    company.unread = 1
    swept(premises)
    premises.assert_gone(found(premises, owner)[rogue])
    premises.assert_kept(found(premises, owner)[ours])
    if "status" not in odd:
        premises.assert_kept(found(premises, other)[theirs])
    with premises.shop.database.read() as connection:
        assert [(told.kind, told.about) for told in open_incidents(connection) if told.call_id is None] == [
            ("list_not_understood", "recordings")
        ]


@ONE_MACHINE
def test_a_call_that_makes_no_sense_keeps_nobody_from_its_recordings(premises: Premises) -> None:
    owner = premises.call()
    sid = premises.company.start(owner.call_sid, WAV, OURS)
    rogue = premises.company.start(owner.call_sid, OTHERS_WAV, BY_REST)
    over(premises, owner, sid)
    premises.company.trouble["call"] = [Broken("makes no sense")]
    swept(premises)
    premises.assert_kept(found(premises, owner)[sid])
    premises.assert_gone(found(premises, owner)[rogue])
    assert premises.incidents(owner) == {"call_not_understood", "recording_without_permit"}


@ONE_MACHINE
@pytest.mark.parametrize("status", ["absent", "failed"])
def test_a_condemned_recording_of_which_no_audio_was_made_is_gone_and_certified_as_such(
    premises: Premises, status: str
) -> None:
    owner = premises.call(None)
    sid = premises.company.start(owner.call_sid, WAV)
    over(premises, owner)
    shown = premises.company.tapes[sid].shown
    premises.company.tapes[sid].shown = replace(shown, status=status)
    swept(premises)
    one = found(premises, owner)[sid]
    assert one.state is RecordingState.DESTROYED
    [told] = [event for event in premises.story(one).events if event["type"] == "recording.destroyed"]
    assert told["at_provider"] == "no audio was made"
    swept(premises, hours=1)
    assert premises.incidents(owner) == {"recording_without_permit", "steps_not_heard"}


@ONE_MACHINE
def test_a_recording_is_never_two_at_once(premises: Premises) -> None:
    """A list may show a row on two of its pages."""
    owner = premises.call()
    sid = premises.company.start(owner.call_sid, WAV)
    over(premises, owner, sid)
    [row] = premises.company.recordings_of(owner.call_sid).rows
    told = [news.from_list(owner.call_sid, one) for one in (row, replace(row, status="in-progress"), row)]
    premises.write(
        lambda connection: news.hear_all(
            connection, premises.moment(), premises.row(connection, owner), told, premises.jobs
        )
    )
    premises.work()
    with premises.shop.database.read() as connection:
        [one] = recordings.of_call(connection, owner.id)
    premises.assert_kept(one)


@ONE_MACHINE
def test_what_was_told_of_a_recording_once_stays_until_something_else_is_told(premises: Premises) -> None:
    owner, sid, began = premises.call(), new_sid(), premises.clock() - timedelta(seconds=2)

    def hears(told: News) -> Recording:
        return premises.write(
            lambda connection: news.take_news(
                connection, premises.moment(), premises.row(connection, owner), told, premises.jobs
            )
        )

    completed = News(
        sid, RecordingEvent.COMPLETED, OURS, True, duration_s=0, channels=2, track="both", started_at=began
    )
    hears(completed)
    one = hears(News(sid, RecordingEvent.IN_PROGRESS, ""))
    assert (one.duration_s, one.channels, one.track, one.started_at) == (0, 2, "both", began)
    assert (one.source, one.reported_at) == (OURS, premises.clock())
    assert hears(replace(completed, duration_s=3)).duration_s == 3


@ONE_MACHINE
def test_what_is_stored_keeps_its_own_length_and_form_whatever_is_told_later(premises: Premises) -> None:
    one = premises.stored()
    premises.hears(premises.owner(one), one.recording_sid, RecordingEvent.COMPLETED, duration_s=99)
    assert premises.recording(one).duration_s == one.duration_s == 3


@ONE_MACHINE
def test_when_a_recording_began_is_taken_from_twilios_list(premises: Premises) -> None:
    owner = premises.call()
    sid = premises.company.start(owner.call_sid, WAV)
    began = premises.company.now()
    swept(premises)
    assert found(premises, owner)[sid].started_at == began
