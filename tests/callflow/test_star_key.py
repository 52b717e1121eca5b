"""The withdrawal key during the conversation: who is asked, who is led where, and who is never lost."""

from dataclasses import replace
from itertools import product
from xml.etree import ElementTree as ET

import pytest
from sqlalchemy import Connection

from callflow import decide
from callflow.decide import Facts
from callflow.forms import Answered, CallEnded
from callflow.twiml import Meeting, Parting, Refusal, WithdrawalMenu
from callflow.urls import Stay
from policies.consent import RECORDING_OUTCOMES, Mode, Outcome
from policies.rulebook.read import parse
from storage.database.engine import Database
from storage.errors import Unavailable
from storage.moment import Moment
from storage.rows import handoffs, withdrawals
from storage.rows.handoffs import Handoff
from tests.callflow.conftest import RULEBOOK, URLS, Installation, PhoneCall, install, read, recording_url, said
from tests.callflow.test_decide import STATES, standing
from tests.conftest import NOON

LINE = "+12125550105"
RULES = RULEBOOK.read_text().replace('consent = "opt_in"', 'consent = "opt_in"\nwithdrawal_key = true')
AGENT = Handoff("h" * 32, "CA" + "1" * 32, "c" * 32, 1, NOON, asked_at=NOON, stays=1)
STAY = Stay(1, 1)
OVER = CallEnded("CA" + "c" * 32, "answered", bridged=True)


def facts(state: str, outcome: str, mode: Mode, agent: Handoff | None) -> Facts:
    found = standing(state, outcome, mode)  # type: ignore[arg-type]  # a state
    rulebook = parse(RULES)
    return replace(found, rulebook=rulebook, call=replace(found.call, line=LINE), agent=agent)


EVERY_CALL = pytest.mark.parametrize(
    ("standing_in", "mode", "agent"), list(product(STATES, (Mode.OPT_IN, Mode.NOTICE, Mode.MUST_RECORD), (AGENT, None)))
)


@EVERY_CALL
@pytest.mark.parametrize("key", ["", "1", "2", "*", "11"])
def test_nothing_but_a_1_withdraws_and_only_what_was_consented_to(
    standing_in: tuple[str, str], mode: Mode, agent: Handoff | None, key: str
) -> None:
    found = facts(*standing_in, mode, agent)
    settled = decide.menu_answered(found, Answered(found.call.call_sid, key))
    withdraws = key == "1" and standing_in[1] in RECORDING_OUTCOMES
    assert (settled.follows is not None) == withdraws
    assert [move.outcome for move in settled.moves] == ([Outcome.WITHDRAWN] if withdraws else [])
    match settled.document:
        case Meeting() as meeting:
            assert agent
            assert mode is not Mode.MUST_RECORD or not withdraws
            assert (meeting.stops, bool(meeting.text)) == (withdraws, withdraws)
            assert meeting.heeds_star == (standing_in[1] in RECORDING_OUTCOMES and not withdraws)
        case Refusal() as refusal:
            assert withdraws
            assert refusal.stops
            assert agent is None or mode is Mode.MUST_RECORD
        case Parting():
            assert agent is None
            assert not withdraws
        case _:
            raise AssertionError(settled.document)


@EVERY_CALL
def test_a_star_decides_nothing_and_loses_nobody(
    standing_in: tuple[str, str], mode: Mode, agent: Handoff | None
) -> None:
    settled = decide.star_pressed(facts(*standing_in, mode, agent), STAY, OVER)
    assert settled.follows is None
    if agent:
        is_recorded = standing_in[1] in RECORDING_OUTCOMES
        assert isinstance(settled.document, WithdrawalMenu if is_recorded else Meeting)
        assert not settled.moves
    else:
        assert isinstance(settled.document, Parting)


class Talk:
    """A recorded call on a line with the key, whose agent has answered."""

    def __init__(self, installation: Installation) -> None:
        self.installation = installation
        self.call = PhoneCall(installation.twilio, LINE, "+15125550111")
        self.answer = self.call.presses(self.call.to_the_question(), "1")
        self.call.recording(recording_url(self.answer), "in-progress")
        self.leg_sid = "CA" + self.call.sid[:1:-1]
        number = self.answer.find("Dial/Number")
        assert number is not None
        self.whisper_url = number.attrib["url"]
        self.id = installation.call(self.call.sid).id

    def agent_answers(self) -> ET.Element:
        return self.of_agent(self.whisper_url)

    def of_agent(self, url: str) -> ET.Element:
        child = {"CallSid": self.leg_sid, "ParentCallSid": self.call.sid, "To": "+12125550199"}
        return read(self.call.twilio.post(url, self.call.params(**child)))

    def handed_over(self) -> "Talk":
        """As the job *join* leaves it."""
        self.agent_answers()
        moment = Moment(self.installation.twilio.clock())

        def ask(connection: Connection) -> None:
            noted = self.handoff_in(connection)
            assert noted
            handoffs.asked(connection, moment, noted)

        self.installation.database.write(ask)
        return self

    def handoff_in(self, connection: Connection) -> Handoff | None:
        return handoffs.of_leg(connection, self.id, self.leg_sid)

    @property
    def handoff(self) -> Handoff | None:
        with self.installation.database.read() as connection:
            return self.handoff_in(connection)

    def goes_over(self) -> ET.Element:
        """The agent's leg was redirected: the caller's <Dial> is over."""
        return self.call.talks(self.answer)

    def star(self, meeting: ET.Element) -> ET.Element:
        self.call.twilio.clock.passes(20.0)
        dial = meeting.find("Dial")
        assert dial is not None
        return read(self.call.twilio.post(dial.attrib["action"], self.call.params(DialCallStatus="answered")))


@pytest.fixture
def talk(used_database: Database) -> Talk:
    return Talk(install(used_database, RULES))


def test_the_whisper_notes_the_leg_once_and_queues_its_way(talk: Talk) -> None:
    for _ in range(2):
        assert said(talk.agent_answers()) == "This call is recorded."
    noted = talk.handoff
    assert noted
    assert (noted.round, noted.asked_at) == (1, None)
    assert handoffs.JOIN.key(noted.id) in str(talk.installation.jobs())


def test_a_whisper_is_answered_although_the_leg_cannot_be_noted(talk: Talk, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: object, **__: object) -> None:
        raise Unavailable("database: away")

    monkeypatch.setattr(Database, "write", away)
    assert said(talk.agent_answers()) == "This call is recorded."
    assert talk.handoff is None


def test_without_a_handoff_a_call_ends_as_ever(talk: Talk) -> None:
    talk.agent_answers()
    assert [verb.tag for verb in talk.goes_over()] == ["Hangup"]


def test_the_caller_follows_the_agent_and_comes_back_after_each_star(talk: Talk) -> None:
    talk.handed_over()
    names = []
    meeting = talk.goes_over()
    for key in ("", "5"):
        dial, conference = meeting.find("Dial"), meeting.find("Dial/Conference")
        assert dial is not None
        assert conference is not None
        assert dial.attrib["hangupOnStar"] == "true"
        assert conference.attrib == {"beep": "false", "endConferenceOnExit": "false", "waitUrl": ""}
        names.append((conference.text, dial.attrib["action"]))
        meeting = talk.call.presses(talk.star(meeting), key)
    joined = talk.of_agent(URLS.join(talk.id, 1)).find("Dial/Conference")
    assert joined is not None
    assert {name for name, _ in names} == {joined.text}
    assert joined.attrib["endConferenceOnExit"] == "true"
    assert len({action for _, action in names}) == 2, "each stay has a number of its own"
    assert talk.installation.call(talk.call.sid).outcome == "consented"


def test_a_1_withdraws_stops_and_leads_back_without_the_key(talk: Talk) -> None:
    menu = talk.handed_over().star(talk.goes_over())
    back = talk.call.presses(menu, "1")
    assert [verb.tag for verb in back] == ["Stop", "Say", "Dial"]
    assert back.find("Stop/Recording[@name='onrecord']") is not None
    dial = back.find("Dial")
    assert dial is not None
    assert "hangupOnStar" not in dial.attrib
    assert talk.installation.call(talk.call.sid).outcome == "withdrawn"
    with talk.installation.database.read() as connection:
        withdrawn = withdrawals.of(connection, talk.id)
    assert withdrawn
    assert withdrawn.withdrawn_by == "caller"


def test_every_request_of_the_meeting_delivered_again_gets_the_same_bytes(talk: Talk) -> None:
    talk.call.presses(talk.handed_over().star(talk.goes_over()), "1")
    kept = talk.installation.everything()
    for delivery, first in reversed([one for one in talk.call.twilio.sent if b"Conference" in one[1].data]):
        assert delivery.to(talk.call.twilio.app).data == first.data
    assert talk.installation.everything() == kept


def test_who_comes_out_of_the_conference_after_the_agent_left_is_not_asked(talk: Talk) -> None:
    meeting = talk.handed_over().goes_over()
    assert not list(talk.of_agent(URLS.left(talk.id)))
    assert [verb.tag for verb in talk.star(meeting)] == ["Hangup"]


def test_each_way_into_the_conference_queues_a_look_after_the_caller(talk: Talk) -> None:
    meeting = talk.handed_over().goes_over()
    talk.call.presses(talk.star(meeting), "5")
    talk.of_agent(URLS.left(talk.id))
    noted = talk.handoff
    assert noted
    for why in ("1", "2", "left"):
        assert handoffs.ACCOMPANY.key(f"{noted.id}:{why}") in talk.installation.jobs()


def test_the_callers_hang_up_queues_the_end_of_the_agents_leg(talk: Talk) -> None:
    talk.handed_over().goes_over()
    talk.call.ends()
    noted = talk.handoff
    assert noted
    assert handoffs.RELEASE.key(noted.id) in str(talk.installation.jobs())


def test_the_end_of_a_call_that_was_never_handed_over_ends_no_leg(talk: Talk) -> None:
    talk.agent_answers()
    talk.call.ends()
    noted = talk.handoff
    assert noted
    assert handoffs.RELEASE.key(noted.id) not in str(talk.installation.jobs())


def test_while_the_database_is_away_the_key_works_and_is_settled_later(
    talk: Talk, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object, **__: object) -> None:
        raise Unavailable("database: away")

    talk.handed_over()
    with monkeypatch.context() as broken:
        broken.setattr(Database, "write", away)
        menu = talk.star(talk.goes_over())
        back = talk.call.presses(menu, "1")
    assert [verb.tag for verb in back] == ["Stop", "Say", "Dial"]
    assert back.find("Dial/Conference") is not None
    assert talk.installation.call(talk.call.sid).outcome == "consented"
    talk.installation.webhooks.waiting.check()
    assert talk.installation.call(talk.call.sid).outcome == "withdrawn"
    noted = talk.handoff
    assert noted
    assert noted.met_at, "somebody looks after the caller"
