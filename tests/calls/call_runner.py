"""Runs a call script: the simulator against the service over HTTP, on a clock that jumps, with audio and stores."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, cast

from sqlalchemy import Connection
from werkzeug.serving import WSGIRequestHandler, make_server

from callflow import promises
from callflow.callbacks import Callbacks
from callflow.conversation import Conversation
from callflow.health import Readiness
from callflow.promises import Witness
from callflow.setup import publish
from callflow.story import Story, tell
from callflow.twilio_client import Account
from callflow.twilio_rest import TwilioProvider
from callflow.urls import Urls
from callflow.webhooks import Webhooks, create_app
from policies.rulebook import parse
from simulator.clock import VirtualClock
from simulator.config import Config
from simulator.control import to_json
from simulator.exchange import Exchange
from simulator.phone_call import PhoneCall
from simulator.plans import CallPlan
from simulator.server import Server
from storage.audio_store import AudioStore
from storage.database import Database
from storage.destroy import destroy
from storage.intake import Workshop, intake
from storage.job_queue import JobKind
from storage.job_steps import Steps
from storage.listening_copy import find_ffmpeg
from storage.recordings import DESTROY, INTAKE
from storage.sweep import KnownJobs, sweep
from tests.calls.script import NUMBERS, Script

ACCOUNT, TOKEN, KEY, SECRET = "AC" + "c" * 32, "the-token-of-the-call-scripts", "SK" + "d" * 32, "the-secret-of-them"
KEK = b"K" * 32
RULEBOOK = Path(__file__).parents[1] / "callflow" / "rulebook.toml"


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
class Town:
    """The service and the exchange, each on a port of its own."""

    database: Database
    store: AudioStore
    spool: Path
    exchange: Exchange
    simulator_url: str
    jobs: TakenJobs
    does: dict[JobKind, Callable[[Workshop, Steps, str], None]] = field(
        default_factory=lambda: {INTAKE: intake, DESTROY: destroy}
    )
    seen: list[dict[str, Any]] = field(default_factory=list)

    def run(self, script: Script) -> "Ran":
        plan = CallPlan.of(
            {
                "from": script.caller,
                "to": script.number,
                "caller": {"presses": script.presses, "talks_s": 4, "hangs_up": script.hangs_up},
                "agent": {"answers": script.agent},
                "faults": script.faults,
            }
        )
        hooks = {script.rogue: self._start_rogue} if script.rogue else {}
        placed = self.exchange.place_call(plan, hooks)
        self.exchange.settle()
        self.work()
        seen = to_json(placed) | {"left_early": script.hangs_up in {"in_disclosure", "at_question"}}
        with self.database.read() as connection:
            story = tell(connection, placed.sid)
        assert story is not None
        self.seen.append(seen)
        witness = Witness(self.database, self.store, KEK, self.spool)
        return Ran(seen, story, [str(breach) for breach in promises.breaches(witness, self.seen)])

    def _start_rogue(self, call: PhoneCall) -> None:
        url = f"{self.simulator_url}/2010-04-01/Accounts/{ACCOUNT}/Calls/{call.sid}/Recordings.json"
        with self.exchange.new_session() as session:
            session.post(url, auth=(KEY, SECRET), timeout=10).raise_for_status()

    def work(self) -> None:
        """What a worker would do: sweep, and carry out every job, until nothing more is asked for."""
        shop = Workshop(
            database=self.database,
            provider=TwilioProvider(Account(ACCOUNT, KEY, SECRET, self.simulator_url)),
            store=self.store,
            spool=self.spool,
            key_encryption_key=KEK,
            ffmpeg=find_ffmpeg(None),
            now=self.exchange.clock.now,
        )
        at_once = cast(Steps, lambda _, step: step())
        for _ in range(3):
            self.exchange.clock.sleep(11)  # Twilio is asked about a call again after ten seconds
            sweep(shop, self.jobs, at_once)
            self.exchange.settle()
            for kind, argument in self.jobs.take():
                self.does[kind](shop, at_once, argument)


@dataclass
class Ran:
    """What became of a call: as the telephone's side saw it, as the service tells it, and the promises it broke."""

    seen: dict[str, Any]
    story: Story
    broken: list[str]

    def timeline(self) -> list[tuple[str, str]]:
        """What was heard and pressed, in order of time."""
        heard = [(one["at_s"], "hears", one["text"]) for one in self.seen["heard"] if one["who"] != "caller"]
        keys = [(one["at_s"], "presses", one["key"]) for one in self.seen["keys"]]
        return [(kind, what) for _, kind, what in sorted(heard + keys)]

    def value_of(self, what: str) -> str:
        """What can be expected, as a script writes it."""
        call, kept = self.story.call, [one for one in self.story.recordings if one.object_key]
        days = [(one.retain_until - call.received_at).days for one in kept if one.retain_until]
        return {
            "connected": _yes(self.seen["connected"]),
            "recording": _yes(bool(kept)),
            "outcome": call.outcome,
            "mode": call.mode,
            "language": call.language,
            "incident": " ".join(sorted({one.kind for one in self.story.incidents})) or "none",
            "recordings_at_twilio": str(sum(not one["deleted"] for one in self.seen["recordings"])),
            "agent_hears": " ".join(one["text"] for one in self.seen["whispered"]),
            "retained_days": " ".join(map(str, days)),
        }[what]


def _yes(claim: bool) -> str:
    return "yes" if claim else "no"


@contextmanager
def town(database: Database, store: AudioStore, spool: Path, jobs: TakenJobs | None = None) -> Iterator[Town]:
    clock = VirtualClock()
    jobs = jobs or KeptJobs()
    numbers: dict[str, dict[str, str]] = {number: {} for number in NUMBERS.values()}
    config = {"account_sid": ACCOUNT, "auth_token": TOKEN, "api_key": KEY, "api_secret": SECRET, "numbers": numbers}
    exchange = Exchange(Config.of(config), clock)
    text = RULEBOOK.read_text(encoding="utf-8")
    publish(database, parse(text), text)
    with Server(exchange) as simulator, _served(database, jobs, clock) as urls:
        for number in exchange.numbers.values():
            number.voice_url, number.voice_fallback_url = urls.answer(), urls.fallback()
            number.status_callback = urls.call_progress()
        yield Town(database, store, spool, exchange, simulator.url, jobs)


@contextmanager
def _served(database: Database, jobs: TakenJobs, clock: VirtualClock) -> Iterator[Urls]:
    """The public face on a port of its own, with the exchange's time."""
    server = make_server("127.0.0.1", 0, lambda *_: [], threaded=True, request_handler=_Quiet)
    urls = Urls(f"http://127.0.0.1:{server.server_port}", b"U" * 32)
    conversation = Conversation(parse(RULEBOOK.read_text(encoding="utf-8")), urls)
    server.app = create_app(
        Webhooks(
            database=database,
            conversation=conversation,
            callbacks=Callbacks(conversation, jobs),
            account_sid=ACCOUNT,
            webhook_secrets=(TOKEN,),
            readiness=Readiness({}),
            now=clock.now,
        )
    )
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield urls
    server.shutdown()
    server.server_close()
    thread.join()


class _Quiet(WSGIRequestHandler):
    def log_request(self, code: int | str = "-", size: int | str = "-") -> None: ...
