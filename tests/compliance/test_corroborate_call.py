"""After each call Twilio is asked what it saw; the log says whether that agrees, and an incident where it does not."""

import json
import os
import secrets
import shutil
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from hashlib import sha256
from typing import Any
from urllib.parse import parse_qsl

import pytest
from sqlalchemy import Connection, update

from callflow.conversation import Conversation
from callflow.taking_in import take_in
from compliance.provider.corroborate_call import CORROBORATE, Corroborated, Corroboration
from policies.corroboration import CORROBORATED_AFTER, Differs
from policies.hanging_up import UNHEARD
from policies.rulebook.read import parse
from storage.database.engine import Database
from storage.database.tables import call as call_table
from storage.database.tables import log_leaf, reply
from storage.errors import Broken, Refused, Unavailable
from storage.jobs.queue import JobQueue, create_job_tables
from storage.moment import Moment
from storage.provider import CallAccount, ProviderCall, ProviderRequest
from storage.rows import declines, provider_accounts
from storage.rows.calls import Call
from storage.rows.incidents import open_incidents
from tests.callflow import whole_calls
from tests.callflow.conftest import BASE, CALLER, RULEBOOK, Installation, PhoneCall, install, recording_url
from tests.callflow.test_remembered_declines import TEXT
from tests.callflow.test_waiting_requests import away
from tests.faults.phone_company import PhoneCompany
from tests.publishing import publish
from tests.storage.test_consent_log import disarm


@dataclass
class Desk:
    """An installation, the company whose calls it takes, and who compares the two."""

    installation: Installation
    company: PhoneCompany

    @property
    def conversation(self) -> Conversation:
        return self.installation.webhooks.conversation

    @property
    def corroboration(self) -> Corroboration:
        conversation = self.conversation
        take = partial(take_in, conversation)
        return Corroboration(self.installation.database, self.company, BASE, conversation.jobs, take, self.moment)

    def moment(self) -> Moment:
        return Moment(self.installation.twilio.clock(), os.urandom)

    def takes(self, *made: PhoneCall) -> None:
        """The company's account of these calls is what it sent about each, and what it was answered."""
        for one in made:
            self.company.calls[one.sid] = ProviderCall(one.sid, "completed", 60, True, one.line, one.caller)
            self.company.accounts[one.sid] = account_of(self.installation, one.sid)

    def look(self, **after: float) -> None:
        self.installation.twilio.clock.passes(timedelta(**after).total_seconds())
        self.corroboration.look()

    def told(self, one: PhoneCall) -> list[dict[str, Any]]:
        return [event for event in self.installation.events(one.sid) if event["type"] == "provider.corroborated"]

    def requests(self, one: PhoneCall) -> tuple[ProviderRequest, ...]:
        account = self.company.accounts[one.sid]
        assert account is not None
        return account.requests

    def row(self, one: PhoneCall) -> Call:
        return self.installation.call(one.sid)

    def write(self, work: Any) -> None:
        self.installation.database.write(work)

    def declined(self) -> PhoneCall:
        made = whole_calls.talks(self.installation.twilio.dial(), "2")
        self.takes(made)
        return made


def account_of(installation: Installation, sid: str, *, lost: int = -1) -> CallAccount:
    """What was sent about the call; of the request numbered `lost` no answer came back."""
    found = []
    for number, (delivery, response) in enumerate(installation.twilio.sent):
        parameters = {name.lower(): value for name, value in parse_qsl(delivery.body.decode(), keep_blank_values=True)}
        if parameters["callsid"] == sid:
            status, body = (502, "") if number == lost else (response.status_code, response.text)
            at = installation.twilio.clock()
            found.append(ProviderRequest(BASE + delivery.path, parameters, at, status, body))
    return CallAccount(json.dumps([one.url for one in found]).encode(), tuple(found[::-1]))


def opened(database: Database) -> Desk:
    installation = install(database)
    publish(database, parse(RULEBOOK.read_text()), RULEBOOK.read_text())
    return Desk(installation, PhoneCompany(installation.twilio.clock))


@pytest.fixture
def desk(used_database: Database) -> Desk:
    """One at which no call of another test is waiting."""
    made = opened(used_database)
    made.write(lambda connection: connection.execute(update(call_table).values(corroborate_at=None)))
    return made


@pytest.fixture
def own_desk(database: Database) -> Desk:
    """One whose log may be spoilt."""
    create_job_tables(database)
    return opened(database)


ON_ONE_DATABASE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


def test_every_kind_of_call_is_corroborated_once(desk: Desk) -> None:
    made = whole_calls.call_every_way(desk.installation.twilio, CALLER)
    desk.takes(*made)
    for _ in range(3):
        desk.look(minutes=16)
    for one in made:
        told = desk.told(one)
        assert [event["match"] for event in told] == [True], told
        assert (told[0]["differs"], desk.row(one).corroborate_at) == ([], None)
        assert "provider_contradicts" not in desk.installation.incidents(one.sid)
        with desk.installation.database.read() as connection:
            assert provider_accounts.account_of(connection, desk.row(one).id) == desk.company.accounts[one.sid].body


def test_what_twilio_says_was_asked_and_answered_is_in_the_log(desk: Desk) -> None:
    made = whole_calls.talks(desk.installation.twilio.dial(), "9", "1")
    desk.takes(made)
    desk.look(minutes=16)
    (told,) = desk.told(made)
    (served,) = [event for event in desk.installation.events(made.sid) if event["type"] == "disclosure.served"]
    assert told["asked"]["prompt_sha256"] == served["prompt_sha256"]
    assert told["answered"] == [
        {"attempt": 1, "digit": "9", "input": "dtmf"},
        {"attempt": 2, "digit": "1", "input": "dtmf"},
    ]
    assert (told["recording"], told["recordings_at_provider"]) == (True, 0)
    assert told["requests"] == len(desk.company.accounts[made.sid].requests)


def test_the_hash_of_what_was_fetched_is_a_personal_field(desk: Desk) -> None:
    made = desk.declined()
    desk.look(minutes=16)
    (told,) = desk.told(made)
    assert set(told["sd"]) == {"response_sha256"}
    assert sha256(desk.company.accounts[made.sid].body).hexdigest() not in json.dumps(told)


@ON_ONE_DATABASE
def test_a_key_that_the_log_tells_otherwise_is_found_and_raised(own_desk: Desk) -> None:
    made = own_desk.declined()
    rewrite(own_desk, made, "consent.choice", '"digit":"2"', '"digit":"1"')
    own_desk.look(minutes=76)
    (told,) = own_desk.told(made)
    assert (told["match"], told["differs"], told["answered"][0]["digit"]) == (False, ["answered"], "2")
    assert own_desk.installation.incidents(made.sid) == ["provider_contradicts"]


def test_an_account_that_agrees_later_closes_the_incident(desk: Desk) -> None:
    made = desk.declined()
    whole = desk.company.accounts[made.sid]
    without = tuple(one for one in whole.requests if "/voice/consent/" not in one.url)
    desk.company.accounts[made.sid] = replace(whole, requests=without)
    desk.look(minutes=76)
    desk.corroboration.ask_now(made.sid)
    assert desk.installation.open_incidents(made.sid) == ["provider_contradicts"]
    desk.company.accounts[made.sid] = whole
    desk.corroboration.ask_now(made.sid)
    assert desk.installation.open_incidents(made.sid) == []


@ON_ONE_DATABASE
@pytest.mark.parametrize(
    ("kind", "before", "after", "differs"),
    [
        ("consent.choice", '"attempt":1', '"attempt":2', "answered"),
        ("consent.choice", '"type":"consent.choice"', '"type":"self.test"', "answered"),
        ("disclosure.served", '"prompt_sha256":"', '"prompt_sha256":"0', "disclosure"),
        ("recording.suppressed", '"type":"recording.suppressed"', '"type":"recording.permitted"', "recording"),
    ],
)
def test_an_event_that_was_rewritten_is_found(own_desk: Desk, kind: str, before: str, after: str, differs: str) -> None:
    made = own_desk.declined()
    rewrite(own_desk, made, kind, before, after)
    assert differs in own_desk.corroboration.ask_now(made.sid).differs


@ON_ONE_DATABASE
def test_a_kept_reply_that_was_rewritten_is_found(own_desk: Desk) -> None:
    made = own_desk.declined()
    forged = b"<Response><Say>You are recorded.</Say></Response>"
    own_desk.write(
        lambda connection: connection.execute(update(reply).where(reply.c.step == "answer").values(body=forged))
    )
    assert own_desk.corroboration.ask_now(made.sid).differs == (Differs.REPLIES,)


def test_an_account_that_differs_soon_after_the_call_may_not_be_whole_yet(desk: Desk) -> None:
    made = desk.declined()
    whole = desk.company.accounts[made.sid]
    desk.company.accounts[made.sid] = CallAccount(whole.body, whole.requests[2:])
    desk.look(minutes=16)
    assert desk.told(made) == []
    desk.company.accounts[made.sid] = whole
    desk.look(minutes=16)
    assert [event["match"] for event in desk.told(made)] == [True]


def test_an_answer_that_twilio_never_got_is_no_contradiction(desk: Desk) -> None:
    made = whole_calls.talks(desk.installation.twilio.dial(), "2")
    for lost in range(len(desk.installation.twilio.sent)):
        desk.takes(made)
        desk.company.accounts[made.sid] = account_of(desk.installation, made.sid, lost=lost)
        assert desk.corroboration.ask_now(made.sid).match is True


def test_what_is_not_told_yet_is_asked_for_again_ever_more_rarely(desk: Desk) -> None:
    made = desk.declined()
    desk.company.accounts[made.sid] = CallAccount(b"[]", ())
    waits = []
    for _ in range(6):
        at = desk.row(made).corroborate_at
        assert at is not None
        waits.append(at - desk.installation.twilio.clock())
        desk.look(seconds=waits[-1].total_seconds())
    assert waits == sorted(waits)
    assert waits[-1] > timedelta(hours=4)
    assert desk.told(made) == []


@pytest.mark.parametrize(
    ("account", "days", "reason"),
    [(CallAccount(b"[]", ()), 30, "Twilio told nothing"), (None, 1, "Twilio does not know the call")],
)
def test_when_twilio_will_not_tell_any_more_the_log_says_so(
    desk: Desk, account: CallAccount | None, days: int, reason: str
) -> None:
    made = desk.declined()
    if account is None:
        del desk.company.calls[made.sid]
    else:
        desk.company.accounts[made.sid] = account
    desk.look(hours=days * 24 - 1)
    assert desk.told(made) == []
    desk.look(days=2)
    (told,) = desk.told(made)
    assert (told["match"], told["reason"], told["differs"]) == (None, reason, [])
    assert "provider_contradicts" not in desk.installation.incidents(made.sid)
    assert desk.row(made).corroborate_at is None


@pytest.mark.parametrize("error", [Unavailable("503"), Refused("401"), Broken("makes no sense")], ids=repr)
def test_a_call_that_cannot_be_asked_about_keeps_no_other_from_it(desk: Desk, error: Exception) -> None:
    first, second = desk.declined(), desk.declined()
    desk.company.trouble["call_account"] = [error]
    desk.look(minutes=17)
    assert sorted(len(desk.told(one)) for one in (first, second)) == [0, 1]
    desk.look(hours=1)
    assert [len(desk.told(one)) for one in (first, second)] == [1, 1]


def test_nothing_is_asked_of_a_company_that_does_not_answer_at_all(desk: Desk) -> None:
    made = [desk.declined() for _ in range(7)]
    desk.company.trouble["call_account"] = [Unavailable("503")] * 20
    desk.look(minutes=18)
    assert len(desk.company.asked) == 5
    assert [desk.told(one) for one in made] == [[]] * 7


def test_a_call_is_not_asked_about_while_twilio_does_not_tell(desk: Desk) -> None:
    desk.declined()
    desk.look(minutes=15)
    assert desk.company.asked == []


def test_what_stands_in_for_twilio_may_be_asked_sooner(desk: Desk) -> None:
    made = desk.declined()
    replace(desk.corroboration, wait=timedelta(0)).look()
    assert len(desk.told(made)) == 1


def test_a_call_that_came_in_by_an_address_of_before_is_no_contradiction(desk: Desk) -> None:
    made = whole_calls.call_every_way(desk.installation.twilio, CALLER)
    desk.takes(*made)
    desk.installation.twilio.clock.passes(7200)
    moved = replace(desk.corroboration, public_base_url="https://new.example/calls")
    while moved.look():
        pass
    for one in made:
        assert [event["match"] for event in desk.told(one)] == [True]


def test_the_job_asks_about_a_few_calls_in_each_step_until_none_is_due(desk: Desk) -> None:
    made, found = [desk.declined() for _ in range(12)], list[bool]()

    def step(_name: str, ask: Any) -> bool:
        found.append(ask())
        return found[-1]

    desk.installation.twilio.clock.passes(20 * 60)
    desk.corroboration.corroborate(step)  # type: ignore[arg-type]  # each step is done here, and nothing kept
    assert found == [True, False]
    assert [len(desk.told(one)) for one in made] == [1] * 12


def test_a_job_is_queued_where_a_call_is_due_and_none_is_under_way(desk: Desk) -> None:
    jobs = JobQueue(desk.installation.database)
    create_job_tables(desk.installation.database)
    desk.declined()
    desk.corroboration.ask_for_one(jobs)
    assert jobs.under_way(CORROBORATE) == frozenset()
    for _ in range(3):
        desk.installation.twilio.clock.passes(20 * 60)
        desk.corroboration.ask_for_one(jobs)
    assert len(jobs.under_way(CORROBORATE)) == 1


@pytest.mark.parametrize("step", ["/voice/answer", "/voice/choice/", "/voice/consent/"])
@pytest.mark.parametrize(
    "said",
    [
        "<!-- --><Response><Start><Recording/></Start><Dial>+15125550199</Dial></Response>",
        "<Response><Start><Recording/></Start><Say><![CDATA[Hello]]></Say></Response>",
        '<Response><Dial record="record-from-answer-dual">+15125550199</Dial></Response>',
        "<Response><Connect><Stream/></Connect></Response>",
        "<html>We are down for maintenance</html>",
    ],
)
def test_an_answer_that_is_none_of_ours_and_yet_arrived_is_a_contradiction(desk: Desk, said: str, step: str) -> None:
    made = desk.declined()
    seen = [replace(one, body=said) if step in one.url else one for one in desk.requests(made)]
    desk.company.accounts[made.sid] = CallAccount(b"[]", tuple(seen))
    assert Differs.REPLIES in desk.corroboration.ask_now(made.sid).differs


@ON_ONE_DATABASE
def test_a_log_of_what_was_asked_of_nobody_here_is_a_contradiction(own_desk: Desk) -> None:
    made = own_desk.declined()
    elsewhere = [replace(one, url=one.url.replace(BASE, "https://else.example")) for one in own_desk.requests(made)]
    own_desk.company.accounts[made.sid] = CallAccount(b"[]", tuple(elsewhere))
    assert own_desk.corroboration.ask_now(made.sid).match is False


def test_one_account_that_is_beyond_understanding_keeps_no_other_call_waiting(desk: Desk) -> None:
    odd, other = desk.declined(), desk.declined()
    torn = [replace(one, body="<Response>\ud800</Response>") for one in desk.requests(odd)]
    desk.company.accounts[odd.sid] = CallAccount(b"[]", tuple(torn))
    desk.look(minutes=76)
    assert [event["match"] for event in desk.told(other)] == [True]
    assert [event["match"] for event in desk.told(odd)] == [False]


def test_an_erased_call_is_not_asked_about(desk: Desk) -> None:
    made = desk.declined()
    mark(desk, made, "erased_at", desk.installation.twilio.clock())
    desk.look(minutes=16)
    assert desk.company.asked == []
    assert desk.corroboration.ask_now(made.sid) == Corroborated(None, reason="the call was erased")


def test_a_call_that_was_looked_at_can_be_looked_at_again_and_is_logged_once(desk: Desk) -> None:
    made = desk.declined()
    assert desk.corroboration.ask_now(made.sid) == Corroborated(True, is_logged=True)
    assert desk.corroboration.ask_now(made.sid) == Corroborated(True)
    assert len(desk.told(made)) == 1


def test_only_a_call_that_is_over_is_looked_at(desk: Desk) -> None:
    under_way = desk.installation.twilio.dial()
    under_way.to_the_question()
    for sid in (under_way.sid, "CA" + "0" * 32):
        with pytest.raises(Refused):
            desk.corroboration.ask_now(sid)


@pytest.mark.parametrize("column", ["synthetic", "erased_at"])
def test_a_call_that_twilio_never_had_or_that_was_erased_is_not_booked_at_its_end(desk: Desk, column: str) -> None:
    made = desk.installation.twilio.dial()
    made.to_the_question()
    value = 1 if column == "synthetic" else desk.installation.twilio.clock()
    mark(desk, made, column, value)
    made.ends()
    assert desk.row(made).state == "ended"
    assert desk.row(made).corroborate_at is None


def test_a_call_is_booked_for_when_twilio_tells(desk: Desk) -> None:
    made = desk.declined()
    known = desk.row(made)
    assert known.ended_at is not None
    assert known.corroborate_at == known.ended_at + CORROBORATED_AFTER


def mark(desk: Desk, made: PhoneCall, column: str, value: object) -> None:
    marked = update(call_table).where(call_table.c.call_sid == made.sid).values({column: value})
    desk.write(lambda connection: connection.execute(marked))


def rewrite(desk: Desk, made: PhoneCall, kind: str, before: str, after: str) -> None:
    """What somebody who owns the database can do to an event."""
    (index, leaf), *_ = (
        (event["index"], leaf) for event, leaf in events_of(desk, made) if event["type"] == kind and before in leaf
    )

    def work(connection: Connection) -> None:
        disarm(connection)
        connection.execute(update(log_leaf).where(log_leaf.c.idx == index).values(leaf=leaf.replace(before, after)))

    desk.write(work)


def events_of(desk: Desk, made: PhoneCall) -> list[tuple[dict[str, Any], str]]:
    with desk.installation.database.read() as connection:
        rows = connection.execute(
            log_leaf.select().where(log_leaf.c.call_id == desk.row(made).id).order_by(log_leaf.c.n)
        )
        return [({**json.loads(row.leaf), "index": row.idx}, row.leaf) for row in rows]


def lose_rows_after(desk: Desk, made: PhoneCall, *keys: str, steps: int) -> None:
    """The call's first steps were heard, and of all others nothing is left: neither rows nor a journal."""
    installation = desk.installation
    answer = made.arrives()
    if steps > 1:
        answer = made.hears_the_disclosure(answer)
    with away(installation):
        answer = made.hears_the_disclosure(answer) if steps == 1 else made.presses(answer, keys[0])
        made.talks(answer)
    shutil.rmtree(installation.journal.folder)


def ends_early(desk: Desk, made: PhoneCall, seconds: int) -> None:
    """Twilio tells of a short call, or the service counts it as short: the end alone bears a hang-up out."""
    told = made.params(CallStatus="completed", CallDuration=str(seconds))
    assert desk.installation.twilio.post("/callbacks/call", told).status_code == 204
    desk.takes(made)


@pytest.mark.parametrize(("steps", "key"), [(1, ""), (2, "1"), (2, "")])
def test_a_hang_up_that_twilio_contradicts_is_corrected_and_raised(desk: Desk, steps: int, key: str) -> None:
    made = desk.installation.twilio.dial()
    lose_rows_after(desk, made, key, steps=steps)
    ends_early(desk, made, 5)
    assert desk.row(made).outcome.startswith("hung_up_in_")
    desk.look(minutes=16)
    assert (desk.row(made).outcome, desk.row(made).reason) == ("not_asked", UNHEARD)
    (told,) = desk.told(made)
    assert told["match"] is False
    assert {"outcome", "steps"} <= set(told["differs"])
    assert desk.installation.incidents(made.sid) == ["provider_contradicts"]
    assert desk.installation.event_types(made.sid)[-2:] == ["outcome.corrected", "provider.corroborated"]
    assert "recording.permitted" not in desk.installation.event_types(made.sid)


@pytest.mark.parametrize("seconds", [5, 95], ids=["a hang-up", "not asked"])
def test_a_refusal_that_only_twilio_heard_is_taken_in_and_remembered(desk: Desk, seconds: int) -> None:
    publish(desk.installation.database, parse(TEXT), TEXT)
    desk = Desk(install(desk.installation.database, TEXT), desk.company)
    made = desk.installation.twilio.dial(caller=f"+1512556{secrets.randbelow(10_000):04}")
    lose_rows_after(desk, made, "2", steps=2)
    said_at = desk.installation.twilio.clock()
    ends_early(desk, made, seconds)
    assert desk.installation.open_incidents(made.sid) == (["steps_not_heard"] if seconds == 95 else [])
    desk.look(minutes=16)
    known = desk.row(made)
    assert known.outcome == "declined"
    assert desk.installation.open_incidents(made.sid) == ["provider_contradicts"], "it is known now what the caller did"
    assert desk.installation.event_types(made.sid)[-4:] == [
        "consent.choice",
        "recording.suppressed",
        "decline.remembered",
        "provider.corroborated",
    ]
    assert known.caller_hash is not None
    with desk.installation.database.read() as connection:
        no = declines.remembered(connection, known.caller_hash, desk.installation.twilio.clock())
    assert no is not None
    assert no.forget_at <= said_at + timedelta(days=10), "from when it was said, and not when it was found"


def test_rows_that_are_missing_are_never_told_as_the_same(desk: Desk) -> None:
    """The outcome says already that the service did not hear: the steps of which nothing is kept are missed all the
    same."""
    made = desk.installation.twilio.dial()
    lose_rows_after(desk, made, "", steps=1)
    ends_early(desk, made, 95)
    assert desk.row(made).outcome == "not_asked"
    desk.look(minutes=76)
    assert [(told["match"], told["differs"]) for told in desk.told(made)] == [(False, ["steps"])]


def test_a_call_whose_steps_were_settled_late_is_corroborated(desk: Desk) -> None:
    made = desk.installation.twilio.dial()
    question = made.to_the_question()
    with away(desk.installation):
        made.talks(made.presses(question, "2"))
    made.ends()
    desk.takes(made)
    desk.look(minutes=16)
    assert [told["match"] for told in desk.told(made)] == [True]


def test_a_hang_up_that_twilio_bears_out_stands(desk: Desk) -> None:
    made = whole_calls.hangs_up(desk.installation.twilio.dial())
    desk.takes(made)
    desk.look(minutes=16)
    assert desk.row(made).outcome == "hung_up_in_disclosure"
    assert [told["match"] for told in desk.told(made)] == [True]


def test_a_refusal_after_a_consent_that_only_twilio_heard_destroys_what_was_recorded(desk: Desk) -> None:
    made, installation = desk.installation.twilio.dial(), desk.installation
    answer = made.presses(made.to_the_question(), "1")
    made.recording(recording_url(answer), "in-progress")
    made.talks(answer)
    question = made.hears_the_disclosure(made.is_sent_back())
    with away(installation):
        made.presses(question, "2")
    shutil.rmtree(installation.journal.folder)
    made.ends()
    desk.takes(made)
    assert desk.row(made).outcome == "consented"
    desk.look(minutes=16)
    assert desk.row(made).outcome == "withdrawn"
    assert [one.state for one in installation.recordings(made.sid)] == ["condemned"]
    assert installation.incidents(made.sid) == ["provider_contradicts"]


def agrees_without_callbacks(desk: Desk) -> tuple[PhoneCall, str, str]:
    """A recorded call of which no callback came, ours and another application's recording, which began earlier."""
    made = desk.installation.twilio.dial()
    question = made.to_the_question()
    desk.installation.twilio.clock.passes(10)
    answer = made.presses(question, "1")
    ours, other = (desk.company.start(made.sid, b"") for _ in range(2))
    tape = desk.company.tapes[other]
    tape.shown = replace(tape.shown, started_at=desk.company.now() - timedelta(seconds=3))
    desk.takes(made)
    made.talks(answer)
    made.ends()
    desk.company.accounts[made.sid] = timed(account_of(desk.installation, made.sid), desk, made.sid)
    desk.company.hang_up(made.sid)
    for sid in (ours, other):
        desk.company.complete(sid)
    return made, ours, other


def timed(account: CallAccount, desk: Desk, sid: str) -> CallAccount:
    """Each request at the time at which it was sent, and not at that of the look."""
    ours = next(tape for tape in desk.company.tapes.values() if tape.shown.call_sid == sid)
    return replace(account, requests=tuple(replace(one, asked_at=ours.shown.started_at) for one in account.requests))


def states(desk: Desk, made: PhoneCall) -> dict[str, str]:
    return {one.recording_sid: str(one.state) for one in desk.installation.recordings(made.sid)}


def test_of_two_recordings_the_one_that_began_when_twilio_asked_is_ours(desk: Desk) -> None:
    made, ours, other = agrees_without_callbacks(desk)
    desk.look(minutes=16)
    assert states(desk, made) == {ours: "completed", other: "condemned"}
    assert desk.installation.incidents(made.sid) == ["recording_without_permit"]
    with desk.installation.database.read() as connection:
        assert provider_accounts.recording_asked_at(connection, desk.row(made).id) is not None


def test_an_account_that_may_not_be_whole_yet_tells_nothing_of_recordings(desk: Desk) -> None:
    made, ours, other = agrees_without_callbacks(desk)
    whole = desk.company.accounts[made.sid]
    desk.company.accounts[made.sid] = replace(whole, requests=whole.requests[:-1])
    desk.look(minutes=16)
    assert states(desk, made) == {}
    desk.company.accounts[made.sid] = whole
    desk.look(minutes=16)
    assert states(desk, made) == {ours: "completed", other: "condemned"}


@pytest.mark.parametrize(("status", "state"), [(502, "condemned"), (11200, "condemned"), (0, None)])
def test_where_no_order_to_record_arrived_no_recording_is_ours(desk: Desk, status: int, state: str | None) -> None:
    """Where Twilio only does not say what arrived, nothing is destroyed for it."""
    made, ours, other = agrees_without_callbacks(desk)
    whole = desk.company.accounts[made.sid]
    lost = [replace(one, status=status, body="") if "<Recording" in one.body else one for one in whole.requests]
    desk.company.accounts[made.sid] = replace(whole, requests=tuple(lost))
    desk.look(minutes=61)
    assert states(desk, made) == ({ours: state, other: state} if state else {})


def test_an_account_with_rows_that_make_no_sense_says_so_where_it_differs(desk: Desk) -> None:
    made = whole_calls.talks(desk.installation.twilio.dial(), "1")
    desk.takes(made)
    told = desk.company.accounts[made.sid]
    desk.company.accounts[made.sid] = replace(told, requests=told.requests[:1], unread=3)
    desk.look(minutes=61)
    with desk.installation.database.read() as connection:
        details = [one.detail for one in open_incidents(connection, desk.row(made).id)]
    assert any("3 rows of it can't be read" in detail for detail in details)


def test_a_request_without_a_time_differs_in_nothing(desk: Desk) -> None:
    made = whole_calls.talks(desk.installation.twilio.dial(), "9", "1")
    desk.takes(made)
    told = desk.company.accounts[made.sid]
    untimed = tuple(replace(one, asked_at=None) for one in told.requests[1:])
    desk.company.accounts[made.sid] = replace(told, requests=(told.requests[0], *untimed))
    desk.look(minutes=16)
    assert [event["match"] for event in desk.told(made)] == [True]
