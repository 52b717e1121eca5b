"""How soon a withdrawn consent ends a recording: `python -m bench.withdrawal [postgres]`, a few minutes.

A whole installation in processes of its own, with 100 calls in conversation. Consents are withdrawn one after another,
and ten at once. Prints, from the durable event, when Twilio's side has stopped the recording, when that was read and
logged, and when nothing remains anywhere; and whether the aims are met.
"""

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from shutil import copyfile
from tempfile import TemporaryDirectory

from bench.installation import postgres
from compliance.withdrawals import Withdrawals
from onrecord.demo.control_api import ControlApi
from onrecord.demo.local_installation import LINES, LocalInstallation
from policies.rulebook.read import parse
from policies.withdrawal import WithdrawnBy
from storage.database.engine import Database
from storage.jobs.queue import JobQueue
from storage.log import consent_log
from storage.rows import calls, recordings, withdrawals
from storage.rows.withdrawing import Wish

CALLS, ONE_BY_ONE, BURSTS, AT_ONCE = 100, 20, 4, 10
STOP_AIM_S, DESTROYED_AIM_S = 2.0, 60.0
_PATIENCE_S = 180.0
_LOOK_S = 0.02
_RULEBOOK = Path(__file__).parents[1] / "onrecord" / "demo" / "demo.toml"


@dataclass(frozen=True)
class Measured:
    """Seconds from the durable event."""

    stopped_s: float
    seen_s: float
    destroyed_s: float


@dataclass(frozen=True)
class Bench:
    database: Database
    control: ControlApi
    withdraws: Withdrawals

    def in_conversation(self, count: int) -> list[str]:
        """Our ids of calls that are recorded from now on for long."""
        plan = {"to": next(iter(LINES)), "caller": {"presses": ["1"], "talks_s": 1800}, "agent": {"answers": True}}
        sids = [self.control.place({"from": f"+1512555{n:04}", **plan}) for n in range(count)]
        for sid in sids:
            _until(lambda sid=sid: self._is_recorded(sid))  # type: ignore[misc]  # mypy and defaults
        return sids

    def withdraw(self, sid: str) -> Measured:
        with self.database.read() as connection:
            call = calls.peek_sid(connection, sid)
        assert call is not None
        self.withdraws.withdraw(call.id, Wish(WithdrawnBy.AGENT, "bench"))
        began = time.monotonic()
        stopped_s = _until(lambda: self._has_stopped(sid), since=began)
        seen_s = _until(lambda: self._is_told(call.id), since=began)
        return Measured(stopped_s, seen_s, _until(lambda: self._is_done(call.id), since=began, look_s=0.2))

    def _is_recorded(self, sid: str) -> bool:
        with self.database.read() as connection:
            call = calls.peek_sid(connection, sid)
            return call is not None and bool(recordings.is_running(connection, call.id))

    def _has_stopped(self, sid: str) -> bool:
        shown = self.control.call(sid, left_early=False).recordings
        return all(recording.status not in {"in-progress", "paused"} for recording in shown)

    def _is_told(self, call_id: str) -> bool:
        with self.database.read() as connection:
            events = consent_log.events_of_call(connection, call_id)
            return any(event["type"] == "recording.stopped" for _, event in events)

    def _is_done(self, call_id: str) -> bool:
        with self.database.read() as connection:
            found = withdrawals.of(connection, call_id)
        return found is not None and found.carried_out_at is not None


def run(folder: Path, database_url: str | None) -> None:
    copyfile(_RULEBOOK, folder / "onrecord.toml")
    extra = {"DATABASE_URL": database_url} if database_url else {}
    with LocalInstallation(folder, extra=extra) as installation:
        rulebook = parse((folder / "onrecord.toml").read_text("utf-8"))
        with closing(Database.open(installation.environment["DATABASE_URL"])) as database:
            withdraws = Withdrawals(database, rulebook, JobQueue(database))
            bench = Bench(database, ControlApi(installation.simulator_url), withdraws)
            sids = bench.in_conversation(CALLS)
            print(f"{len(sids)} calls are recorded, in conversation")
            with ThreadPoolExecutor(AT_ONCE) as threads:
                alone, rest = sids[:ONE_BY_ONE], sids[ONE_BY_ONE : ONE_BY_ONE + BURSTS * AT_ONCE]
                found = [bench.withdraw(sid) for sid in alone]
                tell("one after another", found)
                bursts = [rest[at : at + AT_ONCE] for at in range(0, len(rest), AT_ONCE)]
                tell("ten at once", [one for burst in bursts for one in threads.map(bench.withdraw, burst)])


def tell(how: str, found: Sequence[Measured]) -> None:
    print(f"{how}, {len(found)} withdrawals")
    _line("stopped at Twilio", [one.stopped_s for one in found], None)
    _line("seen and logged", [one.seen_s for one in found], STOP_AIM_S)
    _line("everything destroyed", [one.destroyed_s for one in found], DESTROYED_AIM_S)


def _line(what: str, seconds: Sequence[float], aim_s: float | None) -> None:
    ordered = sorted(seconds)
    p50, p95 = ordered[len(ordered) // 2], ordered[min(len(ordered) - 1, int(len(ordered) * 0.95))]
    verdict = "" if aim_s is None else f"  aim {aim_s:.0f} s at p95: {'met' if p95 <= aim_s else 'MISSED'}"
    print(f"  {what:22} p50 {p50:6.2f} s  p95 {p95:6.2f} s  max {ordered[-1]:6.2f} s{verdict}", flush=True)


def _until(is_so: Callable[[], bool], *, since: float | None = None, look_s: float = _LOOK_S) -> float:
    began = time.monotonic() if since is None else since
    while not is_so():
        if time.monotonic() - began > _PATIENCE_S:
            raise TimeoutError("it did not come about")
        time.sleep(look_s)
    return time.monotonic() - began


@contextmanager
def _database(folder: Path, kind: str) -> Iterator[str | None]:
    if kind != "postgres":
        yield None
        return
    with postgres(folder) as url:
        yield url


def main() -> None:
    with TemporaryDirectory() as name, _database(Path(name), (sys.argv[1:] or [""])[0]) as url:
        run(Path(name), url)


if __name__ == "__main__":
    main()
