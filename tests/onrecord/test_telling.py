"""From an incident to the people who are told: nothing is lost, nothing is told for ever, and silence is not health."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, cast

import pytest
from sqlalchemy import Connection, func, select

from onrecord.doctor.examination import WATERMARK as DOCTOR
from onrecord.selftest.schedule import WATERMARK as SELF_TEST
from onrecord.telling.all_well import AllWell
from onrecord.telling.delivery import TOLD_EVERY, Telling
from policies.incidents import IncidentKind, Severity
from policies.telling import TURNS_MAX, Way, Webhook
from storage.audio.contract import AudioStore
from storage.custody.failures import note_failure, note_wait
from storage.custody.workshop import Workshop
from storage.database.engine import Database
from storage.database.tables import message, notice
from storage.errors import Refused, Unavailable
from storage.jobs.steps import Steps
from storage.moment import Moment
from storage.rows import messages, watermarks
from storage.rows.incidents import close_incident, open_incidents, raise_incident
from storage.rows.messages import TELL
from tests.faults.premises import BookedJobs, Clock, Patient

ONE, OTHER = Way("one", Webhook("https://one.example/")), Way("other", Webhook("https://other.example/"))


class Shop:
    """As much of a workshop as failures are noted with."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self.database, self.now = database, clock

    def moment(self) -> Moment:
        return Moment(self.now())


@dataclass
class Office:
    """A database with its worker's jobs, and the receivers at the other end of each way."""

    database: Database
    ways: tuple[Way, ...] = (ONE, OTHER)
    clock: Clock = field(default_factory=Clock)
    sent: list[tuple[str, str, str]] = field(default_factory=list)
    """Way, message's id and body of each try that reached its receiver."""
    trouble: dict[str, Exception] = field(default_factory=dict)
    problem: str = ""
    store_is_away: bool = False

    def __post_init__(self) -> None:
        self.jobs = BookedJobs(self.database)
        self.jobs.open()

    @property
    def telling(self) -> Telling:
        return Telling(self.database, self.jobs, lambda: self.ways, self.send, "calls.example.org", self.moment)

    def moment(self) -> Moment:
        return Moment(self.clock())

    def send(self, way: Way, message_id: str, at: datetime, body: str) -> str:
        assert at == self.clock.now
        if way.name in self.trouble:
            raise self.trouble[way.name]
        self.sent.append((way.name, message_id, body))
        return self.problem

    def raises(self, kind: IncidentKind = IncidentKind.JOB_FAILED, about: str = "sweep:", detail: str = "no") -> None:
        self.database.write(
            lambda connection: raise_incident(connection, self.moment(), kind, about=about, call_id=None, detail=detail)
        )

    def closes(self, number: int) -> None:
        def close(connection: Connection) -> bool:
            return close_incident(connection, self.moment(), number, actor="ann", reason="it is mended")

        assert self.database.write(close)

    def works(self, *, tries: int = 1, after: timedelta = TOLD_EVERY) -> None:
        """Look once, and carry out each job that waits; those that fail end as they do in a worker."""
        self.clock.passes(seconds=after.total_seconds())
        self.telling.look()
        shop = cast(Workshop, Shop(self.database, self.clock))
        for booked, message_id in self.jobs.waiting(TELL):
            steps = Patient(self.clock, lambda e, s, m=message_id: note_wait(shop, TELL, m, e, s), tries)  # type: ignore[misc]  # a default
            try:
                self.telling.tell(cast(Steps, steps), message_id)
            except (Refused, Unavailable) as error:
                note_failure(shop, TELL, message_id, error)
            self.jobs.ended(booked)

    def turns(self, way: str = "one") -> list[tuple[str, str]]:
        return [
            (turn["kind"], turn["turn"])
            for name, _, body in self.sent
            if name == way
            for turn in json.loads(body)["data"].get("turns", ())
        ]

    def types(self, way: str = "one") -> list[str]:
        return [json.loads(body)["type"] for name, _, body in self.sent if name == way]

    def open(self) -> list[tuple[str, str]]:
        with self.database.read() as connection:
            return [(one.kind, one.about) for one in open_incidents(connection)]

    def count(self, table: Any) -> int:
        with self.database.read() as connection:
            return connection.scalar(select(func.count()).select_from(table)) or 0


@pytest.fixture
def office(database: Database) -> Office:
    return Office(database)


def test_every_turn_of_an_incident_is_told_to_each_way_once(office: Office) -> None:
    office.raises()
    office.works()
    office.raises()  # it is open
    office.closes(1)
    office.works()
    office.raises()
    office.works()
    office.works()
    expected = [("job_failed", "opened"), ("job_failed", "closed"), ("job_failed", "opened_again")]
    assert office.turns("one") == office.turns("other") == expected
    assert len({message_id for _, message_id, _ in office.sent}) == 6
    assert (office.count(notice), office.open()) == (0, [("job_failed", "sweep:")])


def test_each_kind_of_incident_is_told(office: Office) -> None:
    others = [kind for kind in IncidentKind if kind is not IncidentKind.NOT_TOLD]
    for kind in others:
        office.raises(kind, "a")
    office.works()
    assert office.turns("one") == office.turns("other") == [(kind.value, "opened") for kind in others]


def test_an_incident_that_is_rolled_back_is_told_to_nobody(office: Office) -> None:
    def fail(connection: Connection) -> None:
        raise_incident(connection, office.moment(), IncidentKind.OTHER, about="a", call_id=None, detail="b")
        raise Unavailable("the database goes away")

    with pytest.raises(Unavailable):
        office.database.write(fail)
    office.works()
    assert (office.sent, office.count(notice)) == ([], 0)


def test_nothing_that_was_written_into_an_incident_leaves(office: Office) -> None:
    office.raises(about="RE" + "1" * 32, detail="twilio: no number of ann@example.com")
    office.works()
    for words in ("ann@", "twilio:", "RE1"):
        assert words not in "".join(body for _, _, body in office.sent)


def test_each_way_is_told_of_what_it_wants(office: Office) -> None:
    office.ways = (
        Way("one", ONE.by, severity=Severity.CRITICAL),
        Way("other", OTHER.by, frozenset({IncidentKind.CALLS_MISSING})),
    )
    for kind in (IncidentKind.JOB_FAILED, IncidentKind.NOT_SIGNED, IncidentKind.CALLS_MISSING):
        office.raises(kind)
    office.works()
    assert (office.turns("one"), office.turns("other")) == (
        [("not_signed", "opened")],
        [("calls_missing", "opened")],
    )
    assert office.count(notice) == 0


def test_without_ways_the_outbox_is_emptied_and_a_new_way_is_not_told_of_the_past(office: Office) -> None:
    office.ways = ()
    office.raises()
    office.works()
    assert office.count(notice) == 0
    office.ways = (ONE,)
    office.raises(about="later")
    office.works()
    assert office.turns() == [("job_failed", "opened")]


def test_a_receiver_that_is_away_for_a_day_gets_all_in_order_and_one_message_about_the_rest(office: Office) -> None:
    office.trouble["one"] = Unavailable("webhook: answered 503")
    for hour in range(24):
        office.raises(about=f"{hour}")
        office.works(tries=3)
        office.clock.passes(hours=1)
    assert office.turns("one") == []
    assert [kind for kind, _ in office.turns("other")].count("job_failed") == 24
    office.trouble.clear()
    for _ in range(2):
        office.clock.passes(hours=1)
        office.works()
    assert office.turns("one") == [("job_failed", "opened")] * 24
    assert len(office.types("one")) == 2


def test_a_way_that_does_not_work_is_an_incident_that_the_other_ways_tell_and_that_ends(office: Office) -> None:
    office.trouble["one"] = Refused("webhook: answered 401")
    office.raises()
    office.works()
    assert ("not_told", "one") in office.open()
    office.works()
    assert office.turns("other") == [("job_failed", "opened"), ("not_told", "opened")]
    office.trouble.clear()
    office.clock.passes(hours=1)
    office.works()
    office.works()
    assert office.open() == [("job_failed", "sweep:")]
    assert office.turns("other")[-1] == ("not_told", "closed")
    assert office.turns("one") == [("job_failed", "opened")]


def test_ways_that_all_fail_make_no_more_incidents_than_there_are_ways(office: Office) -> None:
    office.trouble = {"one": Refused("webhook: answered 404"), "other": Unavailable("mail: no answer")}
    office.raises()
    for _ in range(50):
        office.works(tries=9)
        office.clock.passes(hours=1)
    assert sorted(office.open()) == [("job_failed", "sweep:"), ("not_told", "one"), ("not_told", "other")]
    assert office.count(message) == 2
    office.trouble.clear()
    for _ in range(3):
        office.clock.passes(hours=1)
        office.works()
    assert office.open() == [("job_failed", "sweep:")]
    assert {turn for turn in office.turns("one") if turn[0] == "not_told"} == {
        ("not_told", "opened"),
        ("not_told", "closed"),
    }


def test_an_outage_of_a_moment_is_no_incident(office: Office) -> None:
    office.raises()
    shop = cast(Workshop, Shop(office.database, office.clock))
    office.telling.look()
    message_id = next(job_id for _, job_id in office.jobs.waiting(TELL))
    for wait_s, expected in [(1.0, False), (120.0, False), (400.0, True)]:
        note_wait(shop, TELL, message_id, Unavailable("webhook: answered 503"), wait_s)
        assert any(kind == "not_told" for kind, _ in office.open()) is expected


def test_a_message_is_sent_again_with_its_id_and_words_where_the_worker_died_after_it_was_told(office: Office) -> None:
    office.raises()
    office.telling.look()
    (_, message_id), *_ = office.jobs.waiting(TELL)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(messages, "told", _dies)
        for _ in range(2):
            with pytest.raises(Unavailable):
                office.telling.tell(cast(Steps, Patient(tries=1)), message_id)
    office.works()
    office.works()
    mine = [(sent_id, body) for _, sent_id, body in office.sent if sent_id == message_id]
    assert len(mine) == 3
    assert len({*mine}) == 1


def _dies(*_: object, **__: object) -> None:
    raise Unavailable("the database goes away")


def test_a_storm_is_one_message_for_each_way(office: Office) -> None:
    for number in range(TURNS_MAX + 20):
        office.raises(about=str(number))
    office.works()
    (one,) = [json.loads(body)["data"] for way, _, body in office.sent if way == "one"]
    assert (len(one["turns"]), one["not_listed"], one["still_open"]) == (TURNS_MAX, {"job_failed": 20}, TURNS_MAX + 20)
    office.works()
    assert len(office.sent) == 2


def test_a_storm_that_lasts_is_a_message_a_minute_about_all_that_happened_since(office: Office) -> None:
    office.ways = (ONE,)
    for number in range(120):
        office.raises(about=str(number))
        office.works(after=timedelta(seconds=5))
    assert len(office.types()) == 10
    office.works()
    assert office.turns() == [("job_failed", "opened")] * 120


def test_the_time_between_two_messages_ends_to_the_second_and_a_clock_that_was_ahead_does_not_add_to_it(
    office: Office,
) -> None:
    office.raises()
    office.works()
    office.raises(about="later")
    office.works(after=TOLD_EVERY - timedelta(seconds=1))
    assert office.turns() == [("job_failed", "opened")]
    office.works(after=timedelta(seconds=1))
    assert office.turns() == [("job_failed", "opened")] * 2
    office.raises(about="last")
    office.works(after=timedelta(days=-1))
    assert office.turns() == [("job_failed", "opened")] * 3


def test_a_message_that_waits_goes_by_the_rulebook_that_is_in_force_at_each_try(office: Office) -> None:
    moved = Way("one", Webhook("https://moved.example/"))
    office.ways, office.trouble["one"] = (ONE,), Unavailable("webhook: answered 503")
    office.raises()
    office.telling.look()
    ((_, message_id),) = office.jobs.waiting(TELL)
    tries: list[Way] = []

    def send(way: Way, *_: object) -> str:
        tries.append(way)
        office.ways = (moved,)
        if way != moved:
            raise Unavailable("webhook: answered 503")
        return ""

    replace(office.telling, send=send).tell(cast(Steps, Patient(tries=2)), message_id)
    assert tries == [ONE, moved]


def test_an_address_that_is_refused_is_an_incident_though_the_others_have_the_mail(office: Office) -> None:
    office.ways, office.problem = (ONE,), "mail: the server refused address 1 of 2"
    office.raises()
    office.works()
    assert office.types() == ["incidents"]
    assert ("not_told", "one") in office.open()
    office.works()
    assert office.types() == ["incidents"]


def test_a_way_that_the_rulebook_has_no_more_is_forgotten_with_all_that_waits_for_it(office: Office) -> None:
    office.trouble["one"] = Refused("webhook: answered 410")
    office.raises()
    office.works()
    office.raises(about="more")
    office.ways = (OTHER,)
    for _ in range(2):
        office.works()
    assert office.open() == [("job_failed", "sweep:"), ("job_failed", "more")]
    with office.database.read() as connection:
        assert messages.untold(connection) == []
    assert office.count(notice) == 0


def test_two_workers_make_one_message_of_a_turn(office: Office) -> None:
    office.raises()
    office.telling.look()
    office.telling.look()
    assert (office.count(message), len(office.jobs.waiting(TELL))) == (2, 2)


def test_what_was_told_is_forgotten_after_its_time(office: Office) -> None:
    office.raises()
    office.works()
    office.database.write(lambda connection: messages.forget(connection, office.clock.now))
    assert office.count(message) == 2
    office.clock.passes(seconds=1)
    office.database.write(lambda connection: messages.forget(connection, office.clock.now))
    assert office.count(message) == 0


class Store:
    def __init__(self, office: Office) -> None:
        self.office = office

    def check(self) -> None:
        if self.office.store_is_away:
            raise Unavailable("audio store: no answer")


@pytest.fixture
def daily(office: Office) -> Office:
    office.ways = (Way("one", ONE.by, kinds=frozenset({IncidentKind.NOT_SIGNED}), all_well=True), OTHER)
    look(office)
    return office


def look(office: Office, began_at: datetime | None = None, **after: float) -> None:
    office.clock.passes(**after)
    began_at = office.clock.now - timedelta(days=1) if began_at is None else began_at
    AllWell(office.telling, cast(AudioStore, Store(office)), began_at).look()
    office.works()


def checks(office: Office, *names: str) -> None:
    """These checks of the day have begun now."""
    for name in names or (SELF_TEST, DOCTOR):
        office.database.write(lambda connection, name=name: watermarks.advance(connection, name, office.clock.now))  # type: ignore[misc]  # a default


def test_once_a_day_all_is_well_where_the_checks_have_run_and_nothing_is_open(daily: Office) -> None:
    checks(daily)
    look(daily, hours=23)
    assert daily.sent == []
    daily.clock.passes(hours=1)
    checks(daily)
    for _ in range(3):
        look(daily, minutes=1)
    assert (daily.types("one"), daily.types("other")) == (["all_well"], [])
    daily.clock.passes(hours=24)
    checks(daily)
    look(daily, minutes=1)
    assert daily.types("one") == ["all_well"] * 2


def test_checks_that_have_not_run_are_waited_for_and_then_named(daily: Office) -> None:
    checks(daily)
    look(daily, hours=24)
    checks(daily, SELF_TEST)
    look(daily, minutes=30)
    assert daily.types() == []
    look(daily, minutes=31)
    ((_, _, body),) = daily.sent
    assert json.loads(body)["type"] == "not_well"
    assert json.loads(body)["data"]["unchecked"] == ["the settings were not examined for a day"]


def test_after_weeks_without_a_worker_all_is_well_only_when_the_checks_have_run_again(daily: Office) -> None:
    daily.clock.passes(hours=2)
    checks(daily)
    daily.clock.passes(days=21)
    began_at = daily.clock.now
    look(daily, began_at, minutes=59)
    assert daily.types() == []
    checks(daily)
    look(daily, began_at)
    assert daily.types() == ["all_well"]


def test_after_weeks_without_a_worker_checks_that_do_not_run_are_named(daily: Office) -> None:
    daily.clock.passes(hours=2)
    checks(daily)
    daily.clock.passes(days=21)
    look(daily, daily.clock.now, minutes=60)
    ((_, _, body),) = daily.sent
    assert len(json.loads(body)["data"]["unchecked"]) == 2


def test_a_worker_that_has_just_begun_has_looked_at_nothing_and_says_nothing(daily: Office) -> None:
    daily.clock.passes(hours=25)
    checks(daily)
    began_at = daily.clock.now
    look(daily, began_at, minutes=9)
    assert daily.types() == []
    look(daily, began_at)
    assert daily.types() == ["all_well"]


@pytest.mark.parametrize(
    ("spoil", "found"),
    [
        (lambda office: office.raises(), {"open": {"job_failed": 1}, "unchecked": []}),
        (
            lambda office: setattr(office, "store_is_away", True),
            {"open": {}, "unchecked": ["the audio store does not work"]},
        ),
    ],
)
def test_what_is_not_well_is_named_whatever_the_way_is_told_of(
    daily: Office, spoil: Callable[[Office], None], found: dict[str, Any]
) -> None:
    daily.clock.passes(hours=25)
    checks(daily)
    spoil(daily)
    look(daily)
    (body,) = [body for way, _, body in daily.sent if way == "one"]
    assert json.loads(body)["type"] == "not_well"
    assert {name: json.loads(body)["data"][name] for name in found} == found


def test_a_log_that_is_not_signed_is_not_well(daily: Office) -> None:
    daily.raises()
    daily.closes(1)
    daily.clock.passes(hours=25)
    checks(daily)
    look(daily)
    (body,) = [body for way, _, body in daily.sent if way == "one"]
    assert json.loads(body)["data"]["unchecked"] == ["the log was not signed for an hour"]


def test_a_way_that_does_not_work_is_not_well_although_a_person_has_closed_its_incident(daily: Office) -> None:
    daily.trouble["other"] = Refused("webhook: answered 404")
    daily.raises()
    daily.works()
    for number in (1, 2):
        daily.closes(number)
    daily.works()
    assert daily.open() == []
    daily.clock.passes(hours=25)
    checks(daily)
    look(daily)
    (body,) = [body for way, _, body in daily.sent if way == "one" and json.loads(body)["type"] == "not_well"]
    assert "the way other does not work" in json.loads(body)["data"]["unchecked"]


def test_a_receiver_that_was_away_for_days_is_told_of_the_day_once(daily: Office) -> None:
    daily.trouble["one"] = Unavailable("webhook: answered 503")
    for _ in range(4):
        daily.clock.passes(hours=25)
        checks(daily)
        look(daily)
    daily.trouble.clear()
    look(daily, hours=1)
    assert len(daily.types("one")) == 1
    assert daily.clock.now - datetime.fromisoformat(json.loads(daily.sent[-1][2])["timestamp"]) > timedelta(days=2)
