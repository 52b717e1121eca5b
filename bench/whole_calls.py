"""How many whole calls in a second the web processes take, and the CPU that each call costs them.

Each call is of eight requests, as Twilio sends them for a caller who agrees; calls begin at a fixed rate, which is
raised until one answer in a hundred is late or one is wrong. No worker runs beside them.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

from sqlalchemy import func, select

from bench.installation import CONSTANT, DURABLE, installed, server, settings
from bench.open_loop import Heard, Load, percentile, run
from bench.tables import table, verdict
from bench.webhook import database_url, disk_folder
from bench.whole_call import Caller
from onrecord.installation import Installation
from storage.database.tables import recording

P99_MS_MAX, CALLS_PER_S_MIN, CPU_RATIO_MAX = 30.0, 100.0, 7.0
RATES = (20.0, 40.0, 60.0, 80.0, 100.0, 125.0, 150.0, 200.0, 250.0, 300.0, 400.0, 500.0)
COMPARED_AT = RATES[0]
"""The rate at which CPU is compared: what a process does in any case weighs alike on both sides."""
TITLE = "Whole calls per second"
HEADINGS = (
    "database",
    "web processes",
    "calls/s",
    "p50 ms",
    "p99 ms",
    "slowest ms",
    "CPU ms/call at 20/s",
    "the next rate",
)
_GENERATOR_MS_MAX = 10.0
"""At the 99th percentile; beyond it the lateness is the generator's own, and says nothing of the server."""

Send = Callable[[float], Heard]


@dataclass(frozen=True)
class Ramp:
    """What was heard at each rate. `per_s` is the last that was kept up, and `broke` says how the next one broke: empty
    where none did.
    """

    heard: Mapping[float, Heard]
    per_s: float
    broke: str

    @property
    def is_generators_limit(self) -> bool:
        return "generator" in self.broke or not self.broke

    def row(self, database: str, processes: object) -> tuple[object, ...]:
        best, compared = self.heard.get(self.per_s, Heard()), self.heard.get(COMPARED_AT, Heard())
        p50, slowest = percentile(best.all_ms, 50), max(best.all_ms, default=0.0)
        return (database, processes, self.per_s, p50, best.p99_ms, slowest, compared.cpu_ms_per_call, self.broke)


def ramp(send: Send, rates: Sequence[float]) -> Ramp:
    heard, kept_up = dict[float, Heard](), 0.0
    for per_s in rates:
        heard[per_s] = send(per_s)
        if why := broken(heard[per_s]):
            return Ramp(heard, kept_up, f"{per_s:.0f}/s: {why}")
        kept_up = per_s
    return Ramp(heard, kept_up, "")


def broken(heard: Heard) -> str:
    if heard.errors:
        return f"{heard.errors} wrong answers"
    if heard.generator_p99_ms > _GENERATOR_MS_MAX:
        return f"the generator's own limit: it sends {heard.generator_p99_ms:.0f} ms late"
    return f"p99 {heard.p99_ms:.0f} ms" if not heard.p99_ms < P99_MS_MAX else ""


def measured(databases: Sequence[str], web_processes: Sequence[int], seconds: float) -> Iterator[str]:
    rows, verdicts = [], []
    constant = _constant(seconds)
    rows.append(constant.row("none, a constant answer", 1))
    for database in databases:
        found = {number: _durable(database, number, seconds) for number in web_processes}
        rows += [one.row(database, number) for number, one in found.items()]
        verdicts += list(_verdicts(database, found, constant))
    yield from table(TITLE, HEADINGS, rows)
    yield ""
    yield from verdicts


def _verdicts(database: str, found: Mapping[int, Ramp], constant: Ramp) -> Iterator[str]:
    best = max(found.values(), key=lambda one: one.per_s)
    is_generators = constant.is_generators_limit and best.per_s >= constant.per_s > 0
    is_met = best.per_s >= CALLS_PER_S_MIN or is_generators
    wanted = f"{CALLS_PER_S_MIN:.0f} with every p99 < {P99_MS_MAX:.0f} ms, or the generator's limit,"
    yield verdict(f"{database}: whole calls per second", best.per_s, wanted, is_met=is_met)
    first = found[min(found)].heard.get(COMPARED_AT)
    least = constant.heard.get(COMPARED_AT)
    if first and least and least.cpu_s:
        ratio = first.cpu_ms_per_call / least.cpu_ms_per_call
        what = f"{database}: web CPU of a whole call ÷ of 8 constant answers, at {COMPARED_AT:.0f} calls/s"
        yield verdict(what, ratio, f"≤ {CPU_RATIO_MAX:.0f}", is_met=ratio <= CPU_RATIO_MAX)


def _constant(seconds: float) -> Ramp:
    with disk_folder() as folder:
        environ = settings(folder, f"sqlite:///{folder}/onrecord.db")
        with installed(environ), sending(CONSTANT, environ, folder, seconds) as send:
            return ramp(send, RATES)


def _durable(database: str, processes: int, seconds: float) -> Ramp:
    with disk_folder() as folder, database_url(database, folder) as url:
        environ = {**settings(folder, url), "ONRECORD_WEB_PROCESSES": str(processes)}
        with installed(environ) as installation, sending(DURABLE, environ, folder, seconds) as send:
            found = ramp(send, RATES)
            _require_recorded(installation, found)
            return found


def _require_recorded(installation: Installation, found: Ramp) -> None:
    """A call that was counted is recorded in the database."""
    with installation.database.read() as connection:
        recorded = connection.scalar(select(func.count()).select_from(recording)) or 0
    over = sum(heard.calls_over for heard in found.heard.values())
    if recorded < over:
        raise RuntimeError(f"{over} calls were over, and {recorded} recordings are in the database")


@contextmanager
def sending(variant: str, environ: Mapping[str, str], folder: Path, seconds: float) -> Iterator[Send]:
    """Sends calls at a rate to a server of its own, from a process of its own."""
    with server(variant, environ, folder) as web, ProcessPoolExecutor(1, mp_context=get_context("spawn")) as others:
        caller = caller_of(environ)

        def send(per_s: float) -> Heard:
            load = Load(web.port, per_s, seconds, (web.pid,), is_constant=variant == CONSTANT)
            return others.submit(run, load, caller).result()

        yield send


def caller_of(environ: Mapping[str, str]) -> Caller:
    return Caller(
        environ["PUBLIC_BASE_URL"], environ["TWILIO_ACCOUNT_SID"], environ["TWILIO_AUTH_TOKEN"], "+14155550100"
    )
