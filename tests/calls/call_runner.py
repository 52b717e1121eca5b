"""Runs a call script: the simulator against the service over HTTP, on a clock that jumps, with audio and stores."""

import json
import secrets
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any, Protocol, TypeVar, cast

from sqlalchemy import Connection
from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server

from callflow.callbacks import Callbacks
from callflow.conversation import Conversation
from callflow.taking_in import take_in
from callflow.urls import Urls
from callflow.webhooks import Webhooks, create_app
from compliance.call_life import CallLife, life_of
from compliance.pauses import Pauses
from compliance.provider.corroborate_call import Corroboration
from compliance.withdrawals import Withdrawals
from onrecord.demo import promises
from onrecord.demo.control_api import SeenCall
from onrecord.demo.promises import Witness
from onrecord.processes.health import Readiness, add_health
from onrecord.processes.missed_calls import MissedCalls
from onrecord.recorded_prompts import read_prompts
from outbound.twilio_client import Account
from outbound.twilio_provider import TwilioProvider
from policies.corroboration import Differs
from policies.rulebook.read import parse
from policies.rules import OnWithdrawal
from policies.withdrawal import WithdrawnBy
from simulator.clock import VirtualClock
from simulator.config import Config
from simulator.control import to_json
from simulator.exchange import Exchange
from simulator.phone_call import Hook, PhoneCall
from simulator.plans import CallPlan
from simulator.server import Server
from storage.audio.contract import AudioStore
from storage.custody.account_watch import AccountWatch
from storage.custody.copies import remove_copies
from storage.custody.destroy import delete_again, destroy
from storage.custody.handing_over import Documents, accompany, join, release
from storage.custody.intake import intake
from storage.custody.live_calls import LiveCalls
from storage.custody.pausing import pause, resume, see_to_pauses
from storage.custody.sweep import KnownJobs, sweep
from storage.custody.text_watch import TextWatch
from storage.custody.withdraw import see_to_withdrawals, withdraw
from storage.custody.workshop import Workshop
from storage.database.engine import Database
from storage.errors import Unavailable
from storage.jobs.queue import JobKind
from storage.jobs.steps import Patience, Steps
from storage.moment import Moment
from storage.rows import calls
from storage.rows.handoffs import ACCOMPANY, JOIN, RELEASE
from storage.rows.provider_copies import COPIES
from storage.rows.recordings import DELETE_AGAIN, DESTROY, EXPIRE, INTAKE, PAUSE, RESUME
from storage.rows.rules_in_force import RulesInForce
from storage.rows.withdrawing import WITHDRAW, Wish
from tests.callflow.conftest import make_waiting
from tests.calls.script import NUMBERS, RULEBOOKS, ScriptedCall
from tests.publishing import publish

ACCOUNT, TOKEN, KEY, SECRET = "AC" + "c" * 32, "the-token-of-the-call-scripts", "SK" + "d" * 32, "the-secret-of-them"
LINES = frozenset(NUMBERS.values())
KEK, NUMBER_KEY = b"K" * 32, b"N" * 32
T = TypeVar("T")
Json = dict[str, Any]
RULEBOOK = RULEBOOKS / "ordinary.toml"
RECENT = 5
"""So many calls are looked at again after each one, and all of them in the end: a look at all grows with the square."""


class TakenJobs(KnownJobs, Protocol):
    def take(self) -> list[tuple[JobKind, str]]:
        """Those that wait; from then on they count as done."""
        ...


@dataclass
class KeptJobs:
    """Jobs as they are asked for; `take` hands them out. Durable ones are tested where workers die."""

    asked: dict[str, tuple[JobKind, str]] = field(default_factory=dict)

    def enqueue(self, connection: Connection, kind: JobKind, job_id: str, argument: str) -> None:
        self.asked.setdefault(kind.key(job_id), (kind, argument))

    def under_way(self, kind: JobKind) -> frozenset[str]:
        return frozenset(
            key.removeprefix(kind.key(""))
            for key, (asked, argument) in self.asked.items()
            if argument and asked == kind
        )

    def take(self) -> list[tuple[JobKind, str]]:
        taken = [job for job in self.asked.values() if job[1]]
        self.asked = dict.fromkeys(self.asked, (INTAKE, ""))
        return taken


@dataclass
class PublicFace:
    """The service on a port of its own, with the exchange's time."""

    database: Database
    jobs: TakenJobs
    now: Callable[[], datetime]
    server: BaseWSGIServer
    urls: Urls
    callbacks: Callbacks
    published: set[str] = field(default_factory=set)

    def start(self, text: str) -> None:
        """Start under these rules, or again: whatever it knew and had not written down is lost."""
        rulebook = parse(text)
        if text not in self.published:
            publish(self.database, rulebook, text, read_prompts(rulebook, RULEBOOKS))
            self.published.add(text)
        conversation = Conversation(RulesInForce(rulebook), self.urls, NUMBER_KEY, self.jobs)
        self.callbacks = Callbacks(conversation)
        self.server.app = create_app(
            Webhooks(
                database=self.database,
                conversation=conversation,
                callbacks=self.callbacks,
                account_sid=ACCOUNT,
                webhook_secrets=(TOKEN,),
                add_health=partial(add_health, readiness=Readiness({})),
                waiting=make_waiting(self.database, conversation, self.now),
                now=self.now,
            )
        )


@dataclass
class Town:
    """The service and the exchange, each on a port of its own."""

    database: Database
    store: AudioStore
    spool: Path
    exchange: Exchange
    simulator_url: str
    face: PublicFace
    does: dict[JobKind, Callable[[Workshop, Steps, str], None]] = field(
        default_factory=lambda: (
            {INTAKE: intake, DESTROY: destroy, EXPIRE: destroy, DELETE_AGAIN: delete_again}
            | {COPIES: remove_copies, PAUSE: pause, RESUME: resume, RELEASE: release}
        )
    )
    # More than the minute after which a call that could not be asked about has its turn.
    quiet_rounds: int = 3
    watches_texts: bool = True
    corroborates: bool = True
    """Whether Twilio's own account of each call is taken in, which brings to light what the service did not hear."""
    seen: list[Json] = field(default_factory=list)
    declined: set[str] = field(default_factory=set)
    """Numbers whose no the service is to remember, for tests that keep account of it."""

    def run(self, script: ScriptedCall) -> "Ran":
        self.exchange.clock.sleep(script.after.total_seconds())
        self.face.start((RULEBOOKS / f"{script.rulebook}.toml").read_text("utf-8"))
        first, *sent_back = script.rounds
        acts = [act for one in script.rounds for act in one.agent_acts]
        talks_s = 60 if acts or script.requests else 30 if script.waits_for_worker else 4
        plan = CallPlan.of(
            {
                "from": script.caller,
                "to": script.number,
                "caller": {
                    "presses": first.presses,
                    "presses_in_conversation": [{"after_s": at_s, "keys": "*"} for at_s in first.stars_after_s],
                    "talks_s": talks_s,
                    "hangs_up": first.hangs_up,
                },
                "agent": {"answers": first.agent, "waits_s": first.agent_waits_s},
                "sent_back": [
                    {"presses": one.presses, "talks_s": talks_s, "hangs_up": one.hangs_up, "agent": one.agent}
                    for one in sent_back
                ],
                "faults": script.faults,
                **({"call_sid": self.seen[-1]["call_sid"]} if script.has_sid_of_before else {}),
            }
        )
        hooks: dict[str, Hook] = {script.rogue: self.start_rogue} if script.rogue else {}
        if acts:
            hooks["in_conversation"] = lambda call: self.staff_acts(
                WithdrawnBy.AGENT, script.rounds[-1 - len(call.coming)].agent_acts, call
            )
        return self.play(
            plan,
            hooks,
            left_early=lambda _: script.rounds[-1].hangs_up in {"in_disclosure", "at_question"},
            afterwards=partial(self.staff_acts, WithdrawnBy.REQUEST, script.requests),
            has_worker=script.waits_for_worker and script.has_worker,
        )

    def staff_acts(self, by: WithdrawnBy, acts: Sequence[str], call: PhoneCall) -> None:
        """Each act, one after the other, and what a worker does for it at once."""
        with self.database.read() as connection:
            known = calls.peek_sid(connection, call.sid)
        for act in acts:
            assert known is not None, "the service does not know the call"
            what, _, on_recording = act.partition(" ")
            held_to = (self.database, self.face.callbacks.conversation.rulebook, self.face.jobs, self.moment)
            if what == "withdraws":
                wish = Wish(by, "alice", OnWithdrawal(on_recording) if on_recording else None)
                Withdrawals(*held_to).withdraw(known.id, wish)
            elif what == "pauses":
                Pauses(*held_to).pause(known.id, actor="alice")
            else:
                Pauses(*held_to).resume(known.id, actor="alice")
            self.do_round()

    def play(
        self,
        plan: CallPlan,
        hooks: Mapping[str, Hook],
        *,
        left_early: Callable[[Json], bool],
        afterwards: Hook = lambda _: None,
        differs: Callable[[Json], tuple[Differs, ...]] = lambda _: (),
        has_worker: bool = False,
    ) -> "Ran":
        """One call from its first ring until nobody has any work with it, and every promise of the recent calls.

        `left_early` says of what the telephone's side saw whether no agent was owed, and `differs` in which fields
        Twilio's account of the call must differ from the log. `afterwards` is done when the call is over and its
        callbacks are delivered. `has_worker`: one does its jobs during the call.
        """
        over: list[PhoneCall] = []
        if has_worker:
            self.exchange.clock.start(lambda: self.work_beside(over))
        placed = self.exchange.place_call(plan, hooks)
        over.append(placed)
        self.exchange.settle()
        afterwards(placed)
        self.work()
        is_first = all(one["call_sid"] != placed.sid for one in self.seen)
        must_differ = differs(to_json(placed))
        contradicted = self.contradicted(placed.sid, must_differ) if is_first and self.corroborates else []
        self.work()  # where Twilio's account tells which recording is ours, there is something left to do
        seen = to_json(placed)
        seen["left_early"] = left_early(seen)
        # Under a sid that was used before Twilio tells of the latest call alone, and the log of both.
        if is_first:
            self.seen.append(seen)
        broken = [*self.broken(self.seen[-RECENT:]), *contradicted, *ended_by_rest(seen)]
        with self.database.read() as connection:
            return Ran(seen, life_of(connection, placed.sid), broken)

    def broken(self, seen: list[Json]) -> list[str]:
        """The promises that were broken on these calls, or to nobody in particular."""
        witness, others = Witness(self.database, self.store, KEK, self.spool), {one["call_sid"] for one in self.seen}
        texts = [text.to_json() for text in self.exchange.texts.all()]
        calls = [as_seen(shown, texts) for shown in seen]
        return [str(breach) for breach in promises.breaches(witness, calls, others=others)]

    def contradicted(self, call_sid: str, must_differ: tuple[Differs, ...]) -> list[str]:
        """Where Twilio's account of the call differs from the log's, or should and does not."""
        corroboration = Corroboration(
            self.database,
            self.provider,
            self.face.urls.public_base_url,
            self.face.jobs,
            partial(take_in, self.face.callbacks.conversation),
            self.moment,
            wait=timedelta(0),
        )
        found = corroboration.ask_now(call_sid)
        if found.match is (not must_differ) and found.differs == must_differ:
            return []
        return [f"P5 broken on {call_sid}: Twilio tells otherwise: {found.differs} {found.reason}"]

    @property
    def provider(self) -> TwilioProvider:
        return TwilioProvider(
            Account(ACCOUNT, KEY, SECRET, self.simulator_url),
            now=self.exchange.clock.now,
            pause=self.exchange.clock.sleep,
        )

    def moment(self) -> Moment:
        return Moment(self.exchange.clock.now(), secrets.token_bytes)

    def start_rogue(self, call: PhoneCall) -> None:
        url = f"{self.simulator_url}/2010-04-01/Accounts/{ACCOUNT}/Calls/{call.sid}/Recordings.json"
        with self.exchange.new_session() as session:
            session.post(url, auth=(KEY, SECRET), timeout=10).raise_for_status()

    def work_beside(self, over: Sequence[PhoneCall]) -> None:
        """What a worker does once a second, until the call is over and no leg of it is left."""
        while not over or not all(leg.is_over for leg in over[0].children):
            self.exchange.clock.sleep(1)
            if any(self.face.jobs.under_way(kind) for kind in (JOIN, ACCOMPANY, RELEASE, WITHDRAW)):
                self.do_round()

    def work(self) -> None:
        """What a worker would do, until nothing more is asked for."""
        quiet_rounds = 0
        while quiet_rounds < self.quiet_rounds:
            self.exchange.clock.sleep(25)
            self.exchange.settle()
            quiet_rounds = 0 if self.do_round() else quiet_rounds + 1

    def do_round(self) -> bool:
        """Whether there was anything to do, or Twilio would not answer. May be done in the middle of a call."""
        shop = Workshop(
            database=self.database,
            provider=self.provider,
            store=self.store,
            spool=self.spool,
            key_encryption_key=KEK,
            listening_copies=True,
            now=self.exchange.clock.now,
        )
        steps, is_refusing = cast(Steps, self._persevere), self.exchange.faults.rest.next > 0
        with suppress(Unavailable):  # it is looked for again in the next round
            MissedCalls(self.database, shop.provider, self.face.callbacks, shop.moment).look()
        sweep(shop, self.face.jobs, steps)
        for look in (AccountWatch(shop, self.face.jobs, LINES).look, LiveCalls(shop, self.face.jobs).look):
            with suppress(Unavailable):
                look()
        see_to_withdrawals(shop, self.face.jobs)
        if self.watches_texts:
            with suppress(Unavailable):
                TextWatch(shop, self.face.jobs).look()
        see_to_pauses(shop, self.face.jobs)
        jobs = self.face.jobs.take()
        for kind, argument in jobs:
            if kind == WITHDRAW:
                withdraw(shop, self.face.jobs, steps, argument)
            elif kind in (JOIN, ACCOMPANY):
                meet = {JOIN: join, ACCOMPANY: accompany}[kind]
                meet(shop, Documents(self.face.urls.join, self.face.urls.alone), steps, argument)
            else:
                self.does[kind](shop, steps, argument)
        return bool(jobs) or is_refusing

    def _persevere(self, _: str, step: Callable[[], T]) -> T:
        """As the worker's steps do it, on the exchange's clock."""
        for wait_s in Patience().waits():
            try:
                return step()
            except Unavailable:
                self.exchange.clock.sleep(wait_s)
        return step()


def ended_by_rest(seen: Json) -> list[str]:
    """Nothing of ours ends a leg while its caller is on the line: each ends with its person, document or <Dial>."""
    ends = [event for event in seen["leg_events"] if event["event"] == "ended"]
    callers = [event["at_s"] for event in ends if event["call_sid"] == seen["call_sid"] and event["why"] != "rest"]
    over_at_s = min(callers, default=float("inf"))
    return [
        f"leg {end['call_sid']} was ended by REST" for end in ends if end["why"] == "rest" and end["at_s"] < over_at_s
    ]


def as_seen(shown: Json, texts: Iterable[Json] = ()) -> SeenCall:
    return SeenCall.of(shown, left_early=shown["left_early"], texts=texts)


@dataclass
class Ran:
    """What became of a call: as the telephone's side saw it, as the service tells it, and the promises it broke."""

    seen: Json
    _story: CallLife | None
    broken: list[str]

    @property
    def story(self) -> CallLife:
        assert self._story is not None, "the service does not know the call"
        return self._story

    def timeline(self) -> list[tuple[str, str]]:
        """What was heard and pressed, in order of time."""
        heard = [(one["at_s"], "hears", _words(one)) for one in self.seen["heard"] if one["who"] != "caller"]
        keys = [(one["at_s"], "presses", one["key"]) for one in self.seen["keys"]]
        return [(kind, what) for _, kind, what in sorted(heard + keys)]

    def value_of(self, what: str) -> str:
        """What can be expected, as a script writes it."""
        call, kept = self.story.call, [one for one in self.story.recordings if one.object_key]
        ruling, permitted = self._event("call.received")["ruling"], self._event("recording.permitted")
        days = [(one.retain_until - call.received_at).days for one in kept if one.retain_until]
        return {
            "connected": _yes(self.seen["connected"]),
            "paused_to_the_end": _yes(any(one["is_paused_to_the_end"] for one in self.seen["recordings"])),
            "recording": _yes(bool(kept)),
            "outcome": call.outcome,
            "mode": call.mode,
            "language": call.language,
            "incident": " ".join(sorted({one.kind for one in self.story.incidents})) or "none",
            "recordings_at_twilio": str(sum(not one["deleted"] for one in self.seen["recordings"])),
            "agent_leg_ended_by": " ".join(
                leg["ended_by"] for leg in self.seen["legs"] if leg["ended_by"] != "not_answered"
            ),
            "agent_hears": " ".join(one["text"] for one in self.seen["whispered"]),
            "retained_days": " ".join(map(str, days)),
            "purposes": " ".join(permitted.get("purposes", [])) or "none",
            "usable_days": " ".join(
                f"{purpose} {(datetime.fromisoformat(permitted['usable_until'][purpose]) - call.received_at).days}"
                for purpose in permitted.get("purposes", [])
            ),
            "wording": str(self._event("disclosure.served").get("prompt", "none")),
            "law_says": ", ".join(self.laws()),
            "law_wants": " ".join(ruling["flags"]) or "nothing more",
            "on_refusal": ruling["on_refusal"] or "nothing",
            "asked_before": _yes(ruling["remembered_decline"]),
        }[what]

    def laws(self) -> list[str]:
        """What the law of each end asks, before any override: `caller in US-CA: all_party_notice`."""
        ruling = self._event("call.received")["ruling"]
        ends = {end.replace(" ", " in ") for end in ruling["ends"]}
        found = [one for one in ruling["because"] if one["about"] in ends and "record" in one]
        return list(dict.fromkeys(f"{one['about']}: {one['says']}" for one in found))

    def reasons(self) -> str:
        """The whole chain, as the log has it."""
        return json.dumps(self._event("call.received")["ruling"]["because"], ensure_ascii=False)

    def _event(self, kind: str) -> Json:
        return next((event for event in self.story.events if event["type"] == kind), {})


def _words(heard: Json) -> str:
    """What was said, or which recorded prompt of the scripts' own was played, by the hash in its address."""
    if heard["kind"] != "play":
        return str(heard["text"])
    files = {sha256(path.read_bytes()).hexdigest(): path.name for path in RULEBOOKS.glob("audio/*.wav")}
    return "the recording " + next((name for digest, name in files.items() if digest in heard["text"]), "of others")


def _yes(claim: bool) -> str:
    return "yes" if claim else "no"


@contextmanager
def town(database: Database, store: AudioStore, spool: Path, jobs: TakenJobs | None = None) -> Iterator[Town]:
    clock = VirtualClock()
    numbers: dict[str, dict[str, str]] = {number: {} for number in NUMBERS.values()}
    config = {"account_sid": ACCOUNT, "auth_token": TOKEN, "api_key": KEY, "api_secret": SECRET, "numbers": numbers}
    config["timing"] = {"events_s": 0}
    exchange = Exchange(Config.of(config), clock)
    with Server(exchange) as simulator, _served(database, jobs or KeptJobs(), clock) as face:
        for number in exchange.numbers.values():
            number.voice_url, number.voice_fallback_url = face.urls.answer(), face.urls.fallback()
            number.status_callback = face.urls.call_progress()
        built = Town(database, store, spool, exchange, simulator.url, face)
        built.work()  # from now on, calls that never reach us are missed
        yield built


@contextmanager
def _served(database: Database, jobs: TakenJobs, clock: VirtualClock) -> Iterator[PublicFace]:
    server = make_server("127.0.0.1", 0, lambda *_: [], threaded=True, request_handler=_Quiet)
    urls, text = Urls(f"http://127.0.0.1:{server.server_port}", b"U" * 32), RULEBOOK.read_text("utf-8")
    callbacks = Callbacks(Conversation(RulesInForce(parse(text)), urls, NUMBER_KEY, jobs))
    face = PublicFace(database, jobs, clock.now, server, urls, callbacks)
    face.start(text)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    yield face
    server.shutdown()
    server.server_close()
    thread.join()


class _Quiet(WSGIRequestHandler):
    def log_request(self, code: int | str = "-", size: int | str = "-") -> None: ...
