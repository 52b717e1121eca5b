"""kill -9 of web and worker at random moments of real calls, in real processes: every promise holds all the same.

ONRECORD_KILL_CALLS says how many calls (the long run takes 200), ONRECORD_KILL_SEED repeats a run's calls and pauses,
ONRECORD_KILL_ON names the kinds of installation. They are put to the test at the same time, to save it.
"""

import os
import random
import shutil
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal

import pytest
import requests
from sqlalchemy import func, select

from onrecord.demo import promises
from onrecord.demo.calls import ASKING, CALIFORNIA, MEXICO, NOTICE, WITHHELD, DemoCall, Placed, place, texan
from onrecord.demo.local_installation import LINES, LocalInstallation
from onrecord.demo.phone_side import PhoneSide
from onrecord.demo.run import is_at_rest, witness_of
from onrecord.installation import Installation, open_installation
from onrecord.processes.work import make_corroboration, make_workshop
from policies.lifecycle import RecordingState
from storage.database.tables import recording
from storage.errors import Refused, Unavailable
from storage.log import verification as log_verification
from tests.databases import PostgresServer
from tests.faults.aftermath import Aftermath
from tests.faults.elsewhere import static_host
from tests.storage.s3_peer import operators_settings, s3_peer

Name = Literal["serve", "work"]
Say = Callable[[str], None]

SQLITE, POSTGRES = "sqlite, directory", "postgresql, s3"
CALLS = int(os.environ.get("ONRECORD_KILL_CALLS", "24"))
SEED = int(os.environ.get("ONRECORD_KILL_SEED", str(random.SystemRandom().randrange(10**6))))
KINDS = [kind for kind in (SQLITE, POSTGRES) if os.environ.get("ONRECORD_KILL_ON", "") in kind]
SHARE = {SQLITE: CALLS - CALLS // 3, POSTGRES: CALLS // 3} if len(KINDS) > 1 else dict.fromkeys(KINDS, CALLS)
AT_ONCE = 20
LONG = 60  # calls on one database
SETTLED_WITHIN_S = 90.0
QUICK = {"words_per_minute": 220, "timing": {"processing_s": 0.5, "ring_s": 0.5, "think_s": 0.3}}
DOES: tuple[Mapping[str, Any], ...] = (
    {"presses": ["1"], "talks_s": 3},
    {"presses": ["1"], "talks_s": 6, "hangs_up": "after_talk"},
    {"presses": ["1"], "talks_s": 6, "hangs_up": "in_conversation"},
    {"presses": ["9", "1"], "talks_s": 2},
    {"presses": ["2"], "talks_s": 2},
    {"presses": ["nothing", "nothing"], "talks_s": 2},
    {"presses": ["5", "7"], "talks_s": 2},
    {"hangs_up": "in_disclosure"},
    {"hangs_up": "at_question"},
)
# Some call again, and are remembered if they declined.
CALLERS = (
    *((ASKING, texan(number)) for number in range(4)),
    (ASKING, CALIFORNIA),
    (ASKING, MEXICO),
    *((NOTICE, texan(number)) for number in range(2, 6)),
    (NOTICE, WITHHELD),
)
UNHARMED = texan(6)


@dataclass
class Storm:
    """Places calls, never more than AT_ONCE at a time, and kills whatever it fancies until they are over."""

    local: LocalInstallation
    calls: int
    fate: random.Random
    say: Say
    placed: list[Placed] = field(default_factory=list)
    killed: Counter[str] = field(default_factory=Counter)

    def rages(self) -> None:
        due_at, live = time.monotonic() + 2.0, list[Placed]()
        while live or len(self.placed) < self.calls:
            live = [one for one in live if not one.seen().is_over]
            if len(self.placed) < self.calls and len(live) < AT_ONCE and self.fate.random() < 0.5 and self._is_met():
                live.append(self._place())  # one after another, so that each is somewhere else when it happens
            if time.monotonic() >= due_at:
                self._kill()
                due_at = time.monotonic() + self.fate.choice((0.5, 4.0, 6.0, 8.0))
                self.say(f"{len(self.placed)} calls placed, {len(live)} under way, killed {dict(self.killed)}")
            time.sleep(0.2)
        self._is_over()

    def _is_over(self) -> None:
        """One more agrees when nothing is killed any more: whatever the storm hit, there is something to keep."""
        while not self._is_met():
            time.sleep(0.2)
        last = place(self.local.simulator_url, DemoCall("", ASKING, UNHARMED, DOES[0]))
        self.placed.append(last)
        while not last.seen().is_over:
            time.sleep(0.2)

    def _is_met(self) -> bool:
        """A call waits for the service to be up again, which takes as long as a whole call: most would meet nobody.

        In a long storm some do not wait.
        """
        with suppress(requests.RequestException):
            if requests.get(f"{self.local.webhooks_url}/healthz", timeout=0.5).ok:
                return True
        return self.calls >= LONG and self.fate.random() < 0.2

    def _place(self) -> Placed:
        line, caller = self.fate.choice(CALLERS)
        often = 4 if self.calls >= LONG else 2  # so that there is something to keep in any storm
        does = DOES[0] if len(self.placed) % often == 0 else self.fate.choice(DOES)
        placed = place(self.local.simulator_url, DemoCall("", line, caller, does))
        self.placed.append(placed)
        return placed

    def _kill(self) -> None:
        """Now and then the next one dies while it is still starting."""
        victim: Name = self.fate.choice(("serve", "work", "work"))
        alone = self.fate.random() < 0.3
        self.local.kill(victim, alone=alone)
        self.killed[f"{victim} alone" if alone else victim] += 1
        time.sleep(self.fate.choice((0.0, 0.0, 0.5, 3.0)))
        self.local.start(victim)


@pytest.mark.timeout(240 + 10 * CALLS)
def test_no_promise_breaks_whatever_is_killed_whenever(
    postgres: PostgresServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def say(progress: str) -> None:
        with capsys.disabled():
            print(f"\nseed {SEED}, {progress}", end="", flush=True)

    with (
        s3_peer() as peer,
        operators_settings(peer.endpoint),
        postgres.fresh_database() as url,
        ThreadPoolExecutor() as pool,
    ):
        aws = {name: value for name, value in os.environ.items() if name.startswith("AWS_")}
        s3 = {"DATABASE_URL": url, "AUDIO_STORE": f"s3://{peer.new_bucket(lock=True)}/kept", **aws}
        kept_in: dict[str, Mapping[str, str]] = {SQLITE: {}, POSTGRES: s3}
        begun = [pool.submit(put_to_the_test, kind, tmp_path / kind, kept_in[kind], say) for kind in KINDS]
        aftermaths = [one.result() for one in begun]
    assert [(aftermath.kind, objection) for aftermath in aftermaths for objection in aftermath.objections()] == []


def put_to_the_test(kind: str, folder: Path, kept_in: Mapping[str, str], say: Say) -> Aftermath:
    with running(folder, kept_in) as (local, installation):
        storm = Storm(local, SHARE[kind], random.Random(f"{SEED} {kind}"), lambda what: say(f"{kind}: {what}"))
        storm.rages()
        took_s = settle(installation, storm.placed, storm.say)
        ask_twilio(installation, storm.placed)
        aftermath = look(kind, installation, storm, took_s)
    storm.say(str(aftermath))
    return aftermath


@contextmanager
def running(folder: Path, kept_in: Mapping[str, str]) -> Iterator[tuple[LocalInstallation, Installation]]:
    """With its fallback documents elsewhere: a caller gets through also when nothing of ours answers."""
    folder.mkdir()
    shutil.copy(str(files("onrecord.demo").joinpath("demo.toml")), folder / "onrecord.toml")
    with ExitStack() as stack:
        local = stack.enter_context(LocalInstallation(folder, extra=kept_in, pace=QUICK))
        documents = {
            f"/{number.removeprefix('+')}.xml": local.onrecord("lines", "fallback", number) for number in LINES
        }
        elsewhere = stack.enter_context(static_host(documents))
        local.onrecord("lines", "sync", "--fallback", elsewhere + "/{number}.xml")
        installation = open_installation(local.environment)
        stack.callback(installation.close)
        yield local, installation


def settle(installation: Installation, placed: list[Placed], say: Say) -> float:
    """Until nothing is under way any more; the seconds it took."""
    began = time.monotonic()
    waiting = list(placed)
    while waiting and time.monotonic() - began < SETTLED_WITHIN_S:
        left = [one for one in waiting if not is_at_rest(installation, one)]
        if len(left) < len(waiting):
            say(f"{len(left)} calls are not at rest")
        waiting = left
        time.sleep(0.5)
    return time.monotonic() - began


def ask_twilio(installation: Installation, placed: list[Placed]) -> None:
    """Have each call corroborated now: Twilio alone knows of callers who were connected by the documents elsewhere."""
    corroboration = make_corroboration(installation, make_workshop(installation))
    for one in placed:
        with suppress(Refused, Unavailable):
            corroboration.ask_now(one.call_sid)


def look(kind: str, installation: Installation, storm: Storm, took_s: float) -> Aftermath:
    """`answered` are the calls of which a voice request was answered by us, and not by the documents elsewhere."""
    seen = [one.seen() for one in storm.placed]
    found = promises.breaches(witness_of(installation), seen)
    with installation.database.read() as connection:
        kept = connection.scalar(select(func.count()).where(recording.c.state == RecordingState.KEPT))
        return Aftermath(
            kind=kind,
            calls=len(seen),
            answered=sum(any(asked.is_known for asked in PhoneSide.of(one).asked) for one in seen),
            kept=kept or 0,
            killed=dict(storm.killed),
            breaches=found,
            events=log_verification.verify(installation.database.read).size,
            took_s=took_s,
        )
