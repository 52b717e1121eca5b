"""Every way in which somebody else's recording of a call comes to be, with every answer of the caller.

Each is found within seconds of being listed, stopped, deleted, and seen to be gone; there is one incident about each,
and the caller notices nothing.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, cast

import pytest

from outbound.twilio_provider import TwilioProvider
from policies.lifecycle import RecordingState
from simulator.config import Number
from simulator.phone_call import Hook, PhoneCall
from simulator.plans import CallPlan
from simulator.recordings import Recording
from storage.custody.destroy import destroy
from storage.custody.workshop import Workshop
from storage.errors import Unavailable
from storage.jobs.steps import Steps
from storage.provider import Listed, ProviderRecording
from storage.rows import recordings, strangers
from storage.rows.recordings import DESTROY
from tests.calls.call_runner import ACCOUNT, KEY, RULEBOOK, SECRET, Ran, Town
from tests.calls.conftest import line_town  # noqa: F401  # a fixture
from tests.calls.script import NUMBERS
from tests.faults.test_broken_durability import machine

AGENT, ROOM = "+14155550123", "Room"
TALKS_S = 24.0  # a recording begins half-way
LOOKS_EVERY_S, LOOKS_FOR_S = 5, 90
FOUND_WITHIN = timedelta(seconds=15)
ONE_MACHINE = pytest.mark.parametrize("line_town", ["SQLite and a directory"], indirect=True)
CALLERS: dict[str, dict[str, Any]] = {
    "declined": {"presses": ["2"]},
    "withdrawn": {"presses": ["1"], "talks_s": 4, "sent_back": [{"presses": ["2"], "talks_s": TALKS_S}]},
    "unknown": {"presses": []},
    "consented": {"presses": ["1"]},
}
OUTCOMES = {"declined": "declined", "withdrawn": "withdrawn", "unknown": "silent", "consented": "consented"}


@dataclass
class Rogue:
    """Somebody with the account's credentials, or with its settings."""

    town: Town
    begins: Callable[["Rogue", PhoneCall], None]
    begun_before: set[str] = field(default_factory=set)
    has_begun: bool = False
    is_watched: bool = False
    call: PhoneCall | None = None

    def in_conversation(self, call: PhoneCall) -> None:
        self.call = call
        if call.coming or self.has_begun:
            return  # the caller is sent back first
        self.has_begun = True
        self.begins(self, call)

    def in_disclosure(self, call: PhoneCall) -> None:
        """From here on a worker looks again and again."""
        if not self.is_watched:
            self.is_watched = True
            for seconds in range(LOOKS_EVERY_S, LOOKS_FOR_S, LOOKS_EVERY_S):
                call.clock.intend(seconds, lambda: looks(self.town))

    def posts(self, path: str, **form: str) -> dict[str, Any]:
        url = f"{self.town.simulator_url}/2010-04-01/Accounts/{ACCOUNT}/{path}.json"
        with self.town.exchange.new_session() as session:
            answer = session.post(url, data=form, auth=(KEY, SECRET), timeout=10)
            answer.raise_for_status()
            said: dict[str, Any] = answer.json()
        return said

    def recordings(self) -> list[Recording]:
        """Those that were not ordered by our document, which names our address."""
        new = (one for sid, one in self.town.exchange.recordings.items() if sid not in self.begun_before)
        return [one for one in new if "/callbacks/recording/" not in one.terms.callback]


def looks(town: Town) -> None:
    town.do_round()


def on_the_callers_leg(rogue: Rogue, call: PhoneCall) -> None:
    rogue.posts(f"Calls/{call.sid}/Recordings")


def on_the_agents_leg(rogue: Rogue, call: PhoneCall) -> None:
    rogue.posts(f"Calls/{call.children[-1].sid}/Recordings")


def by_dial(rogue: Rogue, call: PhoneCall) -> None:
    twiml = f"<Response><Dial record='record-from-answer'><Number>{AGENT}</Number></Dial></Response>"
    rogue.posts(f"Calls/{call.sid}", Twiml=twiml)


def by_foreign_twiml(rogue: Rogue, call: PhoneCall) -> None:
    start, dial = "<Start><Recording/></Start>", f"<Dial><Number>{AGENT}</Number></Dial>"
    rogue.posts(f"Calls/{call.sid}", Twiml=f"<Response>{start}{dial}</Response>")


def into_a_conference(rogue: Rogue, call: PhoneCall, *, caller: str = "", **agent: str) -> None:
    """The caller is sent into a conference, and an agent called into it."""
    twiml = f"<Response><Dial><Conference {caller}>{ROOM}</Conference></Dial></Response>"
    rogue.posts(f"Calls/{call.sid}", Twiml=twiml)
    call.clock.intend(1, partial(invites, rogue, call, agent))


def invites(rogue: Rogue, call: PhoneCall, agent: dict[str, str]) -> None:
    rogue.posts(f"Conferences/{ROOM}/Participants", From=call.number.e164, To=AGENT, **agent)


def of_a_participant(rogue: Rogue, call: PhoneCall) -> None:
    into_a_conference(rogue, call, Record="true")


def of_a_conference_from_its_start(rogue: Rogue, call: PhoneCall) -> None:
    into_a_conference(rogue, call, caller="record='record-from-start'")


def of_a_conference_by_api(rogue: Rogue, call: PhoneCall) -> None:
    into_a_conference(rogue, call, ConferenceRecord="true")


def by_a_setting(_rogue: Rogue, _call: PhoneCall) -> None:
    """The account records by itself."""


def after_the_end(_rogue: Rogue, _call: PhoneCall) -> None:
    """It begins when the call is over."""


def paused_and_resumed(rogue: Rogue, call: PhoneCall) -> None:
    path = f"Calls/{call.sid}/Recordings/{rogue.posts(f'Calls/{call.sid}/Recordings')['sid']}"
    for status in ("paused", "in-progress"):
        rogue.posts(path, Status=status)


def twice(rogue: Rogue, call: PhoneCall) -> None:
    """Again when the first has been found."""
    on_the_callers_leg(rogue, call)
    call.clock.intend(9, lambda: on_the_callers_leg(rogue, call))


IN_CONFERENCE = (of_a_participant, of_a_conference_from_its_start, of_a_conference_by_api)
WAYS: dict[str, tuple[Callable[[Rogue, PhoneCall], None], dict[str, Any]]] = {
    "by REST on the caller's leg": (on_the_callers_leg, {}),
    "by REST on the agent's leg": (on_the_agents_leg, {}),
    "by <Dial record>": (by_dial, {}),
    "of a participant": (of_a_participant, {}),
    "of a conference from its start": (of_a_conference_from_its_start, {}),
    "of a conference by the API": (of_a_conference_by_api, {}),
    "by a trunk": (by_a_setting, {"trunk_recording": "record-from-answer-dual"}),
    "by the account's default": (by_a_setting, {"default_recording": {}}),
    "by foreign TwiML": (by_foreign_twiml, {}),
    "after the call's end": (after_the_end, {}),
    "paused and resumed": (paused_and_resumed, {}),
    "started twice": (twice, {}),
}


@pytest.fixture
def settings(line_town: Town) -> Iterator[Callable[[dict[str, Any]], None]]:  # noqa: F811  # the fixture
    account = line_town.exchange.account
    yield account.change
    account.change({"trunk_recording": "do-not-record", "default_recording": None})


def called(town: Town, caller: dict[str, Any], rogue: Rogue) -> Ran:
    town.face.start(RULEBOOK.read_text("utf-8"))
    rogue.begun_before = set(town.exchange.recordings)
    plan = {"from": "anonymous", "to": NUMBERS["opt_in"], "caller": {"talks_s": TALKS_S, **caller}}

    def afterwards(call: PhoneCall) -> None:
        if rogue.begins is after_the_end:
            town.exchange.record_late(call.sid, "StartCallRecordingAPI", 3.0)
            town.exchange.clock.sleep(5)
            looks(town)

    hooks: dict[str, Hook] = {"in_conversation": rogue.in_conversation, "in_disclosure": rogue.in_disclosure}
    in_conference = rogue.begins in IN_CONFERENCE  # then no agent is dialled from the caller's leg
    return town.play(CallPlan.of(plan), hooks, left_early=lambda _: in_conference, afterwards=afterwards)


def check(rogue: Rogue, ran: Ran, answer: str) -> None:
    """Each promise about recordings that nobody permitted."""
    assert ran.broken == []
    assert (ran.story.call.outcome, ran.seen["connected"]) == (OUTCOMES[answer], True)
    made = rogue.recordings()
    by_trunk = {recording.terms.source for recording in made} == {"Trunking"}  # each leg to an agent
    assert len(made) == (2 if rogue.begins is twice or (by_trunk and answer == "withdrawn") else 1)
    rows = {row.recording_sid: row for row in ran.story.recordings}
    assert {recording.sid for recording in made} <= rows.keys()
    for recording in made:
        assert rows[recording.sid].state is RecordingState.DESTROYED
        assert recording.deleted
        events = [event for event in ran.story.events if event.get("recording") == rows[recording.sid].id]
        times = {event["type"]: datetime.fromisoformat(event["ts"]) for event in events}
        assert times["recording.condemned"] - recording.started <= FOUND_WITHIN
        assert times["recording.condemned"] <= times["recording.stopped"] <= times["recording.destroyed"]
        assert len([event for event in events if event["type"] == "recording.stopped"]) == 1
    assert sorted((told.kind, told.about) for told in ran.story.incidents) == sorted(
        ("recording_without_permit", rows[recording.sid].id) for recording in made
    )
    ours = [row for row in ran.story.recordings if row.recording_sid not in {recording.sid for recording in made}]
    kept = {"consented": [RecordingState.KEPT], "withdrawn": [RecordingState.DESTROYED]}
    assert [row.state for row in ours] == kept.get(answer, [])
    assert rogue.call is not None
    assert rogue.call.leg.status == "completed"
    if rogue.begins is not by_a_setting:  # which records before the caller is told anything
        began_s = min((recording.started - rogue.call.clock.began).total_seconds() for recording in made)
        heard = [one for one in ran.seen["heard"] if one["at_s"] > began_s]
        assert {one["kind"] for one in heard} <= {"speech", "ringing", "waiting"}, "nothing is said about it"


CELLS = [
    *[("SQLite and a directory", way, answer) for way in WAYS for answer in CALLERS],
    ("Postgres and S3", "by REST on the agent's leg", "declined"),
    ("Postgres and S3", "of a participant", "withdrawn"),
    ("Postgres and S3", "of a conference from its start", "consented"),
    ("Postgres and S3", "started twice", "unknown"),
]


@pytest.mark.parametrize(("line_town", "way", "answer"), CELLS, indirect=["line_town"])
def test_a_recording_that_nobody_permitted_is_found_stopped_and_gone(
    way: str,
    answer: str,
    line_town: Town,  # noqa: F811  # the fixture
    settings: Callable[[dict[str, Any]], None],
) -> None:
    begins, of_account = WAYS[way]
    settings(of_account)
    rogue = Rogue(line_town, begins)
    check(rogue, called(line_town, CALLERS[answer], rogue), answer)


def destroys_in_time(town: Town, shop: Workshop, _: Steps, recording_id: str) -> None:
    """Waits as a worker does, while the call goes on: on this clock a caller stands still while a step waits."""
    try:
        destroy(shop, cast(Steps, lambda _, step: step()), recording_id)
    except Unavailable:
        again = f"{recording_id}:{shop.now():%H%M%S%f}"
        shop.database.write(lambda connection: town.face.jobs.enqueue(connection, DESTROY, again, recording_id))


@ONE_MACHINE
@pytest.mark.parametrize("refuses", [True, False])
def test_a_conference_that_names_no_call_is_found_by_who_is_in_it(
    refuses: bool,
    line_town: Town,  # noqa: F811  # the fixture
) -> None:
    """Also where its recording can only be paused, until the conference is over."""
    exchange, config = line_town.exchange, line_town.exchange.config
    exchange.config = replace(config, conference_calls_null=True, conference_stops=not refuses)
    line_town.does[DESTROY] = partial(destroys_in_time, line_town)
    try:
        rogue = Rogue(line_town, of_a_conference_from_its_start)
        check(rogue, called(line_town, CALLERS["declined"], rogue), "declined")
        [recording] = rogue.recordings()
        assert ("paused" in recording.history) is refuses
    finally:
        exchange.config, line_town.does[DESTROY] = config, destroy


class TheCallersLegAlone:
    """A provider that is asked about the callers' own legs, and about nothing else of the account."""

    def __init__(self, provider: TwilioProvider, town: Town) -> None:
        self._provider, self._town = provider, town

    def __getattr__(self, name: str) -> Any:
        return getattr(self._provider, name)

    def recordings_since(self, moment: datetime | None) -> Listed[ProviderRecording]:
        callers = {call.sid for call in self._town.exchange.calls.values() if not call.is_outgoing}
        listed = self._provider.recordings_since(moment)
        return Listed(tuple(row for row in listed if row.call_sid in callers), listed.unread)


@pytest.mark.parametrize("way", ["by REST on the agent's leg", "of a participant", "by a trunk"])
def test_who_asks_about_the_callers_leg_alone_does_not_find_it(
    way: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with machine(tmp_path) as (town, _):
        provider = town.provider
        monkeypatch.setattr(Town, "provider", property(lambda town: TheCallersLegAlone(provider, town)))
        begins, of_account = WAYS[way]
        town.exchange.account.change(of_account)
        rogue = Rogue(town, begins)
        ran = called(town, CALLERS["declined"], rogue)
        [recording] = rogue.recordings()
        assert not recording.deleted
        assert ran.story.recordings == []
        with pytest.raises(AssertionError):
            check(rogue, ran, "declined")


@ONE_MACHINE
def test_a_recording_of_a_call_to_no_line_of_ours_is_left_alone_and_counted(
    line_town: Town,  # noqa: F811  # the fixture
) -> None:
    exchange = line_town.exchange
    elsewhere = Number("+12125559999")
    exchange.numbers[elsewhere.e164] = elsewhere
    call = exchange.place_call(CallPlan.of({"from": "+15125550111", "to": elsewhere.e164}), {})
    exchange.settle()
    recording = exchange.record_late(call.sid, "StartCallRecordingAPI", 3.0)
    for _ in range(3):
        exchange.clock.sleep(5)
        looks(line_town)
    assert not recording.deleted
    with line_town.database.read() as connection:
        assert recording.sid in strangers.seen(connection, [recording.sid])
        assert recordings.peek_sid(connection, recording.sid) is None
    exchange.erase(recording)
