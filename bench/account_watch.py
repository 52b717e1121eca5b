"""What it costs to see every recording of an account on which 1,000 recorded calls are under way, and how soon one more
is found: against asking about each call by itself.

    python -m bench.account_watch [--calls 1000] [--intervals 20]

Twilio is a server on the loopback that answers lists and counts what it is asked. Read the ratios: the figures
themselves are the machine's.
"""

import argparse
import os
import platform
import secrets
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from statistics import median
from time import perf_counter, process_time
from urllib.parse import urlsplit

from sqlalchemy import Connection

from bench.twilio_stand_in import PER_PAGE, Answer, listed, not_found, standing_in
from outbound.twilio_client import Account
from outbound.twilio_provider import TwilioProvider
from policies.consent import Outcome
from policies.lifecycle import CallState, RecordingState
from policies.purposes import Granted
from storage.audio.directory_store import DirectoryStore
from storage.custody.account_watch import LOOK_EVERY_S, AccountWatch
from storage.custody.workshop import Workshop
from storage.database.engine import Database
from storage.database.schema import migrate
from storage.jobs.contract import JobKind
from storage.moment import Moment
from storage.rows import calls, permits, recordings
from storage.rows.calls import Call
from storage.rows.permits import Permit
from storage.rows.recordings import Recording

FOUND_WITHIN_S = 20.0
# How each call was asked about by itself: two requests about a call that was due, so many calls in a sweep.
ALONE_REQUESTS, ALONE_EVERY_S, ALONE_AT_ONCE, ALONE_SWEEP_EVERY_S = 2, 10.0, 50, 5.0
LINE = "+12125550100"


@dataclass
class Twilio:
    """The account's list of recordings, newest first, and the number of requests by their path."""

    rows: list[dict[str, object]] = field(default_factory=list)
    asked: Counter[str] = field(default_factory=Counter)

    def begin(self, call_sid: str, at: datetime, source: str = "StartCallRecordingTwiML") -> str:
        sid, began = "RE" + secrets.token_hex(16), format_datetime(at.replace(microsecond=0))
        about = {"sid": sid, "call_sid": call_sid, "status": "in-progress", "source": source, "channels": 2}
        self.rows.insert(0, {**about, "start_time": began, "duration": None})
        return sid

    def get(self, target: str) -> Answer:
        url = urlsplit(target)
        self.asked[url.path.rpartition("/")[2]] += 1
        return listed(url, self.rows)

    def delete(self, target: str) -> Answer:
        return not_found()


@dataclass(frozen=True)
class NoJobs:
    """Nothing is carried out here: a recording is found when its destruction is asked for."""

    asked: list[str] = field(default_factory=list)

    def enqueue(self, connection: Connection, kind: JobKind, job_id: str, argument: str) -> None:
        self.asked.append(argument)


def main() -> int:
    parser = argparse.ArgumentParser(prog="bench.account_watch", description="Read the ratios, not the figures.")
    parser.add_argument("--calls", type=int, default=1000)
    parser.add_argument("--intervals", type=int, default=20)
    options = parser.parse_args()
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, {platform.platform()}")
    with tempfile.TemporaryDirectory() as folder:
        for line in _measured(Path(folder), options.calls, options.intervals):
            print(line, flush=True)
    return 0


def _measured(folder: Path, count: int, intervals: int) -> Iterator[str]:
    twilio, jobs = Twilio(), NoJobs()
    with standing_in(twilio) as url, _database(folder) as database:
        account = "AC" + "0" * 32
        provider = TwilioProvider(Account(account, account, "token", url))
        shop = Workshop(database, provider, DirectoryStore(folder), folder / "spool", b"K" * 32, listening_copies=False)
        watch = AccountWatch(shop, jobs, frozenset({LINE}))
        database.write(lambda connection: [_call(connection, twilio, Outcome.CONSENTED) for _ in range(count)])
        declined = database.write(lambda connection: _call(connection, twilio, Outcome.DECLINED))
        watch.look()
        assert jobs.asked == [], "there is nothing new yet"
        twilio.asked.clear()
        wall, cpu = zip(*[_timed(watch) for _ in range(intervals)], strict=True)
        requests = twilio.asked.total() / intervals
        yield from _requests(count, requests, median(wall), median(cpu))
        twilio.begin(declined, datetime.now(UTC), "StartCallRecordingAPI")
        twilio.asked.clear()
        found_s = _timed(watch)[0] + LOOK_EVERY_S
        assert len(jobs.asked) == 1, "the recording was not found"
        yield from _found(count, found_s)


def _requests(count: int, requests: float, wall_s: float, cpu_s: float) -> Iterator[str]:
    alone = count * ALONE_REQUESTS * LOOK_EVERY_S / ALONE_EVERY_S
    allowed = 1 + count // PER_PAGE
    yield f"a look without news: {wall_s * 1000:.0f} ms, with the server's part {cpu_s * 1000:.0f} ms of CPU"
    yield f"requests per interval: {requests:.1f}; each call asked about by itself {alone:.0f}, {alone / requests:.0f}x"
    yield f"at most one and one per {PER_PAGE:,} recordings: {requests:.1f} of {allowed}: {_met(requests <= allowed)}"


def _found(count: int, found_s: float) -> Iterator[str]:
    alone_s = count / ALONE_AT_ONCE * ALONE_SWEEP_EVERY_S
    yield f"one more is found within {found_s:.1f} s; each call by itself {alone_s:.0f} s, {alone_s / found_s:.0f}x"
    yield f"found within {FOUND_WITHIN_S:.0f} s: {_met(found_s <= FOUND_WITHIN_S)}"


def _met(is_met: bool) -> str:
    return "met" if is_met else "missed"


def _timed(watch: AccountWatch) -> tuple[float, float]:
    wall, cpu = perf_counter(), process_time()
    watch.look()
    return perf_counter() - wall, process_time() - cpu


def _call(connection: Connection, twilio: Twilio, outcome: Outcome) -> str:
    """A call under way; where its caller agreed, with a recording that has reported to us."""
    moment = Moment(datetime.now(UTC), secrets.token_bytes)
    new = Call(
        id=moment.new_id(),
        call_sid="CA" + secrets.token_hex(16),
        line=LINE,
        mode="opt_in",
        silence_is_consent=False,
        prompts_max=2,
        language="en-US",
        wording_sha256="0" * 64,
        rules_sha256="0" * 64,
        state=CallState.RECORDING if outcome is Outcome.CONSENTED else CallState.SUPPRESSED,
        outcome=outcome,
        reason="",
        prompt=1,
        events=0,
        received_at=moment.at,
        decided_at=moment.at,
        disclosure_length_ms=0,
        sweep_at=moment.at + timedelta(days=1),
    )
    calls.add(connection, new)
    if outcome is Outcome.CONSENTED:
        until = moment.at + timedelta(days=90)
        granted = (Granted("quality", until),)
        permits.give(connection, Permit(new.id, outcome, granted, "quality-90d", until, moment.at))
        recordings.add(connection, _recording(moment, new, twilio))
    return new.call_sid


def _recording(moment: Moment, call: Call, twilio: Twilio) -> Recording:
    return Recording(
        id=moment.new_id(),
        recording_sid=twilio.begin(call.call_sid, moment.at),
        call_id=call.id,
        permit=call.id,
        state=RecordingState.STARTED,
        source="StartCallRecordingTwiML",
        duration_s=None,
        channels=2,
        noticed_at=moment.at,
        moved_at=moment.at,
        started_at=moment.at.replace(microsecond=0),
        reported_at=moment.at,
    )


@contextmanager
def _database(folder: Path) -> Iterator[Database]:
    database = Database.open(f"sqlite:///{folder}/onrecord.db")
    try:
        migrate(database)
        yield database
    finally:
        database.close()


if __name__ == "__main__":
    raise SystemExit(main())
