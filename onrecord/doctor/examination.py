"""Examines the Twilio account and this installation, and keeps the result: an event, and an incident for each check
that found something. The worker does it once a day, since people change settings in consoles months after the set-up.
"""

import secrets
import ssl
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from urllib.parse import urlsplit

from sqlalchemy import Connection

from callflow.urls import Urls
from compliance.provider.clocks import APART_MAX
from evidence.events import Event
from onrecord.daily import is_due
from onrecord.doctor import public_address
from onrecord.installation import Installation
from onrecord.twilio_account import account
from outbound.twilio_settings import SettingsReader
from policies.account_checks import ABOUT, Expected, Finding, account_findings
from policies.incidents import IncidentKind
from storage.audio.store_trial import try_store
from storage.database.engine import Database
from storage.log import consent_log
from storage.moment import Moment, utc_now
from storage.provider import ClocksApart
from storage.rows import watermarks
from storage.rows.incidents import raise_anew, resolve

LOOK_EVERY_S = 600.0
WATERMARK = "doctor"
_CLOCK, _STORE = "clock", "audio store"
CHECKS = (*ABOUT, _CLOCK, _STORE, public_address.CHECK)


@dataclass(frozen=True)
class Doctor:
    """`context`: the certificate authorities that the public address is held against; None: the system's."""

    installation: Installation
    now: Callable[[], datetime] = utc_now
    context: ssl.SSLContext | None = None

    def look(self) -> None:
        """Examine if a day has passed since the last time, or since the first look of all."""
        if is_due(self.installation.database, WATERMARK, self.now()):
            self.examine()

    def examine(self) -> list[Finding]:
        """Look at everything, and keep what was found."""
        began, found = self.now(), self.findings()
        keep(self.installation.database, Moment(self.now()), found, began)
        return found

    def findings(self) -> list[Finding]:
        """In the order of `CHECKS`. Nothing is changed at Twilio or here."""
        settings = self.installation.settings
        at_twilio = account(settings)
        reader = SettingsReader(at_twilio)
        return [
            *account_findings(reader.read(), self._expected(at_twilio.base_url)),
            *_clock(reader.clocks_apart),
            *self._store(),
            *public_address.findings(settings.public_base_url, self.now(), self.context),
        ]

    def _expected(self, base_url: str) -> Expected:
        settings = self.installation.settings
        urls = Urls(settings.public_base_url, self.installation.keys.url_mac_key)
        return Expected(
            lines=tuple(line.number for line in self.installation.rulebook.lines),
            voice_url=urls.answer(),
            fallback_url=urls.fallback(),
            status_callback=urls.call_progress(),
            media_host=urlsplit(base_url).netloc,
        )

    def _store(self) -> Iterator[Finding]:
        tried = try_store(self.installation.store, today=self.now().date(), random=secrets.token_bytes)
        why = "Recordings cannot be kept there, or not so that nobody else hears them, or not be destroyed."
        where = "Mend the place that AUDIO_STORE names."
        for problem in tried.problems:
            yield Finding(_STORE, problem, why, where)


def _clock(apart: ClocksApart | None) -> Iterator[Finding]:
    why = "Lists that are asked for by time miss calls, and the times in the log are wrong."
    where = "Have this machine's clock set by NTP."
    if apart is None:
        what = "how far this machine's clock is from Twilio's could not be told"
        yield Finding(_CLOCK, what, why, "Run it again.", is_wrong=False)
    elif apart.least > APART_MAX or apart.most < -APART_MAX:
        yield Finding(_CLOCK, f"this machine's clock is {round(apart.about.total_seconds())} s off", why, where)


def keep(database: Database, moment: Moment, found: list[Finding], began: datetime) -> None:
    """Log the result; raise an incident for each check with findings, and close those of the others."""
    by_check = {check: list(group) for check, group in groupby(found, key=lambda finding: finding.check)}
    done = Event(
        "doctor.done",
        {
            "checks": len(CHECKS),
            "findings": sorted({finding.check for finding in found if finding.is_wrong}),
            "unable": sorted({finding.check for finding in found if not finding.is_wrong}),
        },
    )

    def write(connection: Connection) -> None:
        watermarks.advance(connection, WATERMARK, began)
        resolve(connection, moment, IncidentKind.ACCOUNT_UNSAFE, *(check for check in CHECKS if check not in by_check))
        for check, findings in by_check.items():
            detail = "; ".join(str(finding) for finding in findings)
            raise_anew(
                connection,
                moment,
                IncidentKind.ACCOUNT_UNSAFE,
                about=check,
                call_id=None,
                detail=detail,
                since=began,
            )
        consent_log.append_events(connection, moment, done)

    database.write(write)
