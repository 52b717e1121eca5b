"""When the self-test is due, and how its result is kept: an event, an incident where it failed, a watermark."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from threading import Event as Flag
from typing import Self

from sqlalchemy import Connection

from callflow.urls import Urls
from evidence.events import Event
from onrecord.daily import is_due
from onrecord.installation import Installation
from onrecord.selftest.http import Wire
from onrecord.selftest.run import Run, Verdict, end_abandoned
from onrecord.selftest.synthetic_call import Means
from policies.incidents import IncidentKind
from policies.rules import Line
from storage.errors import Unavailable
from storage.log import consent_log
from storage.moment import Moment, utc_now
from storage.rows import watermarks
from storage.rows.incidents import raise_incident, resolve_each

LOOK_EVERY_S = 60.0
WATERMARK = "selftest"
_ABOUT_LENGTH_MAX, _DETAIL_LENGTH_MAX = 64, 2000


@dataclass(frozen=True)
class SelfTest:
    """Several processes may run it at once. `wait` lets seconds pass, and raises Unavailable to give the run up."""

    means: Means
    wait: Callable[[float], object] = time.sleep
    now: Callable[[], datetime] = utc_now

    @classmethod
    def of(cls, installation: Installation, stopping: Flag | None = None) -> Self:
        """The self-test of an installation, by its public address; given up when `stopping` is set."""
        settings = installation.settings
        wire = Wire(settings.public_base_url, settings.account_sid, settings.webhook_secrets[0])
        urls = Urls(settings.public_base_url, installation.keys.url_mac_key)
        means = Means(installation.database, installation.rulebook, urls, wire, time.monotonic)
        return cls(means) if stopping is None else cls(means, wait=lambda seconds: _wait(stopping, seconds))

    def look(self) -> None:
        """Run it if a day has passed since the last time, or since the first look of all."""
        if is_due(self.means.database, WATERMARK, self.now()):
            self.run()

    def run(self, only: Line | None = None) -> Verdict:
        """Call every line, or only one, and keep the result. Calls left over by a run that died are ended first."""
        began = Moment(self.now())
        self.means.database.write(lambda connection: end_abandoned(connection, began))
        lines: Sequence[Line] = [only] if only else self.means.rulebook.lines
        verdict = Run(self.means, self.wait, turn=began.at.toordinal()).of(lines)
        ended = Moment(self.now())

        def keep(connection: Connection) -> None:
            if only is None:
                watermarks.advance(connection, WATERMARK, began.at)
            if only is None and not verdict.faults:
                resolve_each(connection, ended, IncidentKind.SELFTEST_FAILED)
            _tell(connection, ended, verdict, rules_sha256=self.means.rulebook.sha256)

        self.means.database.write(keep)
        return verdict


def _tell(connection: Connection, moment: Moment, verdict: Verdict, *, rules_sha256: str) -> None:
    if verdict.faults:
        about = f"{moment.at:%Y-%m-%d}: {', '.join(verdict.failed)}"[:_ABOUT_LENGTH_MAX]
        detail = "; ".join(f"{fault.check}: {fault.what}" for fault in verdict.faults)[:_DETAIL_LENGTH_MAX]
        raise_incident(connection, moment, IncidentKind.SELFTEST_FAILED, about=about, call_id=None, detail=detail)
    told = Event(
        "selftest.failed" if verdict.faults else "selftest.passed",
        {
            "lines": verdict.lines,
            "calls": verdict.calls,
            "checks": verdict.checks,
            "failed": verdict.failed,
            "took_ms": verdict.took_ms,
            "rules_sha256": rules_sha256,
        },
    )
    consent_log.append_events(connection, moment, told)


def _wait(stopping: Flag, seconds: float) -> None:
    if stopping.wait(seconds):
        raise Unavailable("the self-test was given up: the worker is told to end")
