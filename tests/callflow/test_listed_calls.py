"""The list of calls says of each call what its rows and the log say, whichever way the call went."""

import json
from dataclasses import replace

import pytest
from sqlalchemy import Connection, func, select, update

from policies.erasure import stand_in
from policies.listing import ListedAudio
from policies.masking import SIP, UNREADABLE, WITHHELD
from storage.custody import erasure
from storage.custody.erasure import Request
from storage.database.engine import Database
from storage.database.tables import call, call_listing, disclosure
from storage.jobs.queue import JobQueue
from storage.log import consent_log
from storage.moment import Moment
from storage.number_hash import number_hash
from storage.rows import listing, listing_projection
from storage.rows.listing import Listed
from storage.rows.listing_projection import Projection
from tests.callflow.conftest import CALLER, NUMBER_KEY, Installation
from tests.callflow.whole_calls import call_every_way, talks


def up_to_date(database: Database, at_once: int = 50) -> None:
    projection = Projection(database, at_once)
    while projection.step():
        pass


def listed(installation: Installation, sid: str) -> Listed:
    call_id = installation.call(sid).id
    with installation.database.read() as connection:
        return listing.by_ids(connection, [call_id])[call_id]


def erase(installation: Installation, call_id: str) -> None:
    moment, jobs = Moment(installation.twilio.clock()), JobQueue(installation.database)
    request = Request("gdpr-17", actor="ann", again=True)
    assert installation.database.write(lambda connection: erasure.erase(connection, moment, call_id, request, jobs))


def test_every_call_is_a_row_whichever_way_it_went(installation: Installation) -> None:
    calls = call_every_way(installation.twilio, CALLER)
    up_to_date(installation.database)
    for placed in calls:
        row, known = listed(installation, placed.sid), installation.call(placed.sid)
        assert (row.received_at, row.line, row.mode, row.language, row.outcome) == (
            known.received_at,
            known.line,
            known.mode,
            known.language,
            known.outcome,
        )
        assert (row.place, row.caller_masked) == ("US-TX", "+1 ••• ••• ••11")
        assert row.caller_hash == known.caller_hash == number_hash(NUMBER_KEY, CALLER)
        assert (row.reviewed, row.synthetic, row.erased) == (False, False, False)
    assert {listed(installation, placed.sid).audio for placed in calls} == {
        ListedAudio.NONE,
        ListedAudio.EXPECTED,
        ListedAudio.IN_DOUBT,
        ListedAudio.CONDEMNED,
    }


@pytest.mark.parametrize(
    ("caller", "shown"),
    [("anonymous", WITHHELD), ("", WITHHELD), ("sip:somebody@example.com", SIP), ("+266696687", WITHHELD)],
)
def test_what_is_no_number_is_shown_as_what_it_is_of_nowhere(
    installation: Installation, caller: str, shown: str
) -> None:
    placed = talks(installation.twilio.dial(caller=caller))
    up_to_date(installation.database)
    row = listed(installation, placed.sid)
    assert (row.caller_masked, row.caller_hash, row.place) == (shown, None, "")


def test_a_number_that_may_belong_to_two_places_shows_both(installation: Installation) -> None:
    placed = talks(installation.twilio.dial(caller="+19025550111"))
    up_to_date(installation.database)
    assert listed(installation, placed.sid).place == "CA-NS CA-PE"


def test_the_language_that_the_caller_chose_is_listed(installation: Installation) -> None:
    """The row was there before the choice."""
    placed = installation.twilio.dial()
    placed.arrives()
    up_to_date(installation.database)
    before = listed(installation, placed.sid)
    assert before.outcome == "open"
    placed.presses(placed.hears_the_disclosure(placed.arrives()), "2")
    up_to_date(installation.database)
    assert listed(installation, placed.sid) == replace(before, outcome="declined")


def test_an_erased_call_names_nobody_at_once(installation: Installation) -> None:
    """Whether or not it was listed before, nothing waits for the worker."""
    unlisted, listed_before = (talks(installation.twilio.dial(), "1") for _ in range(2))
    ids = [installation.call(placed.sid).id for placed in (unlisted, listed_before)]
    rows = installation.database.write(lambda connection: listing.worked_out(connection, ids[1:]))
    installation.database.write(lambda connection: listing.save(connection, rows))
    assert rows[0].caller_masked
    for call_id in ids:
        erase(installation, call_id)
        with installation.database.read() as connection:
            row = listing.by_ids(connection, [call_id])[call_id]
        assert (row.erased, row.caller_masked, row.caller_hash) == (True, "", None)
        assert row.line == "+12125550100"


def test_a_row_worked_out_before_the_erasure_does_not_bring_the_number_back(installation: Installation) -> None:
    placed = talks(installation.twilio.dial(), "1")
    call_id = installation.call(placed.sid).id
    with installation.database.read() as connection:
        stale = listing.worked_out(connection, [call_id])
    assert stale[0].caller_masked
    erase(installation, call_id)
    installation.database.write(lambda connection: listing.save(connection, stale))
    with installation.database.read() as connection:
        row = listing.by_ids(connection, [call_id])[call_id]
        assert connection.scalar(select(call.c.call_sid).where(call.c.id == call_id)) == stand_in(call_id)
    assert (row.erased, row.caller_masked, row.caller_hash) == (True, "", None)


def test_a_number_that_was_made_unreadable_is_shown_as_none(fresh_installation: Installation) -> None:
    placed = talks(fresh_installation.twilio.dial(), "1")
    mine = update(disclosure).where(disclosure.c.call_id == fresh_installation.call(placed.sid).id)
    fresh_installation.database.write(lambda connection: connection.execute(mine.values(body="x")))
    up_to_date(fresh_installation.database)
    assert listed(fresh_installation, placed.sid).caller_masked == UNREADABLE


def test_no_number_and_no_name_of_the_providers_stands_in_the_list(installation: Installation) -> None:
    sids = [placed.sid for placed in call_every_way(installation.twilio, CALLER)]
    up_to_date(installation.database)
    with installation.database.read() as connection:
        columns = [column for column in call_listing.c if column.name != "line"]
        told = json.dumps([list(map(str, row)) for row in connection.execute(select(*columns))])
    assert CALLER[1:] not in told
    assert not [sid for sid in sids if sid in told]


def test_the_list_of_an_installation_with_calls_is_made_from_the_first_event_on(
    fresh_installation: Installation,
) -> None:
    database = fresh_installation.database
    calls = call_every_way(fresh_installation.twilio, CALLER)
    with database.read() as connection:
        assert listing_projection.behind(connection) == consent_log.size(connection) > 100
        first = listing_projection.as_of(connection)
    assert first == min(fresh_installation.call(placed.sid).received_at for placed in calls)
    up_to_date(database, at_once=7)
    with database.read() as connection:
        assert listing_projection.behind(connection) == 0
        assert listing_projection.as_of(connection) is None
        assert everything(connection) == len(calls)


def everything(connection: Connection) -> int:
    """How many calls are listed, each as it should be."""
    ids = list(connection.scalars(select(call.c.id).order_by(call.c.id)))
    assert [listing.by_ids(connection, [call_id])[call_id] for call_id in ids] == listing.worked_out(connection, ids)
    return connection.scalar(select(func.count()).select_from(call_listing)) or 0
