"""A console on this machine with calls whose recordings are kept, and a clock that runs: what the browser tests of a
call's page visit.
"""

import secrets
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from flask import Flask
from pyotp import TOTP

from compliance.staff import welcome
from compliance.staff.administration import Administration
from compliance.staff.entry import Entry
from console.app import Console, create_app
from policies.lifecycle import RecordingEvent
from policies.pausing import AtLimit, PauseEnd, Pausing
from policies.permissions import Role, Scope
from policies.rulebook.read import parse
from policies.sessions import Limits
from storage.audio.directory_store import DirectoryStore
from storage.rows import agents, calls, pauses, pausing
from storage.rows.listing_projection import Projection
from storage.rows.recordings import Recording
from storage.staff.accounts import Account, Position
from tests.browser.console_visit import ConsoleStaff, served
from tests.console.conftest import entry_of
from tests.faults.conftest import opened
from tests.faults.premises import KEK, LINE, Clock, Premises
from tests.policies.test_rulebook import GOOD
from tests.storage.wavs import RATE, quiet, tone, wav_bytes

CLICK_S = 0.01
_RULES = parse(GOOD)
RULEBOOK = replace(_RULES, lines=(replace(_RULES.lines[0], number=LINE), *_RULES.lines[1:]))
NUMBER_KEY = b"N" * 32
PASSWORD = "wombat-teapot-7-gravel"


class RunningClock(Clock):
    """Goes on from wherever it is set, and stands while calls are made up."""

    _stands = False

    @property
    def now(self) -> datetime:
        return self._set + timedelta(seconds=0 if self._stands else time.monotonic() - self._at)

    @now.setter
    def now(self, value: datetime) -> None:
        self._set, self._at = value, time.monotonic()

    @contextmanager
    def standing(self) -> Iterator[None]:
        self.now, self._stands = self.now, True
        try:
            yield
        finally:
            self.now, self._stands = self.now, False


@dataclass
class CallSite:
    """`is_cut`: the network between browser and console is, and no request is answered."""

    premises: Premises
    limits: Limits = field(default_factory=Limits)
    url: str = ""

    def kept(
        self,
        samples: Any,
        *,
        pauses_ms: Sequence[tuple[int, int]] = (),
        purposes: Mapping[str, timedelta] | None = None,
    ) -> Recording:
        """A recording of these samples, stored and with its copy, peaks and levels; paused at these places."""
        clock = self.premises.clock
        assert isinstance(clock, RunningClock)
        with clock.standing():
            return self._kept(samples, pauses_ms, purposes)

    def _kept(
        self, samples: Any, pauses_ms: Sequence[tuple[int, int]], purposes: Mapping[str, timedelta] | None
    ) -> Recording:
        premises, wav = self.premises, wav_bytes(samples)
        owner = premises.call(purposes=purposes)
        sid = premises.company.start(owner.call_sid, wav)
        running = premises.hears(owner, sid, RecordingEvent.IN_PROGRESS)
        for begin_ms, end_ms in pauses_ms:
            self._pause(running, begin_ms, end_ms)
        length_s = round(len(samples) / RATE)
        premises.clock.passes(seconds=length_s)
        premises.ends(owner)
        premises.company.hang_up(owner.call_sid)
        premises.company.complete(sid, duration_s=length_s)
        kept = premises.hears(owner, sid, RecordingEvent.COMPLETED, duration_s=length_s)
        premises.work()
        return premises.recording(kept)

    def _pause(self, running: Recording, begin_ms: int, end_ms: int) -> None:
        premises, rule = self.premises, Pausing(timedelta(hours=1), AtLimit.RESUME)

        def write(connection: Any) -> None:
            call = calls.existing(connection, running.call_id)
            asked = pausing.pause(connection, premises.moment(), call, rule, premises.jobs, actor="alice")
            call = calls.existing(connection, running.call_id)
            begun = pauses.begun(connection, premises.moment(), call, asked, running.id, begin_ms)
            call = calls.existing(connection, running.call_id)
            pauses.end(connection, premises.moment(), call, begun, PauseEnd.RESUMED, goes_on=True, at_ms=end_ms)

        premises.write(write)

    @property
    def staff(self) -> ConsoleStaff:
        return ConsoleStaff(self.premises.shop.database, self.limits, self.premises.moment)

    def account(self, role: Role = Role.REVIEWER, *, everywhere: bool = True, **more: Any) -> Account:
        return self.staff.account(f"{role}-{secrets.token_hex(3)}", role, Scope(everywhere), **more)

    def with_password(self, name: str, role: Role) -> Account:
        """One that was set up as by its person, with a password, an app and recovery codes."""
        entry = self.entry
        administration = Administration(entry.database, entry.rules, entry.moment)
        invited = administration.add(name, name.title(), Position(role, Scope(everywhere=True)), actor="a test")
        proposed = welcome.propose_code(entry, invited.link)
        code = TOTP(proposed.secret.replace(" ", "")).at(self.premises.clock())
        welcome.with_password(entry, invited.link, PASSWORD, proposed.sealed, code, browser="a test")
        return invited.account

    def session(self, account: Account) -> str:
        """The token of a new session."""
        return self.staff.session(account)

    def taken_by(self, recording: Recording, address: str) -> None:
        moment = self.premises.moment()
        self.premises.write(lambda c: agents.note(c, moment, recording.call_id, address))

    def heard(self, recording: Recording) -> list[dict[str, Any]]:
        """The events of what was heard of it."""
        return self.told(recording, "recording.heard")

    def told(self, recording: Recording, kind: str) -> list[dict[str, Any]]:
        """The events of its call that are of a kind."""
        return [event for event in self.premises.story(recording).events if event["type"] == kind]

    @property
    def entry(self) -> Entry:
        return entry_of(self.premises.shop.database, self.premises.clock)

    def app(self, url: str) -> Flask:
        shop, clock = self.premises.shop, self.premises.clock
        console = Console(
            shop.database,
            url,
            rulebook=RULEBOOK,
            number_hash_key=NUMBER_KEY,
            store=shop.store,
            key_encryption_key=KEK,
            entry=self.entry,
            lines=[line.number for line in RULEBOOK.lines],
            now=clock,
        )
        return create_app(console)

    def list_calls(self) -> None:
        """Bring the list of calls up to date, as the worker does."""
        while Projection(self.premises.shop.database).step():
            pass


@contextmanager
def call_site(folder: Path) -> Iterator[CallSite]:
    (folder / "audio").mkdir()
    store, url = DirectoryStore(folder / "audio"), f"sqlite:///{folder}/onrecord.db"
    with opened(url, store, folder, at=RunningClock(), listening_copies=True) as premises:
        site = CallSite(premises)
        with served(site.app) as address:
            site.url = address
            yield site


def conversation(seconds: int, *, seed: int = 1) -> Any:
    """Two people who take turns, with a pause of three seconds between every other turn."""
    samples, turns, at = np.zeros((seconds * RATE, 2), np.int16), np.random.default_rng(seed), 0.5
    for turn in range(seconds):
        length = float(turns.uniform(1.5, 6))
        begin = int(at * RATE)
        sound = tone(length, amplitude=0.35, hertz=220 + 110 * (turn % 2))[: max(0, len(samples) - begin)]
        swell = np.abs(np.sin(np.arange(len(sound)) / RATE * float(turns.uniform(5, 9))))
        samples[begin : begin + len(sound), turn % 2] = (sound * swell).astype(np.int16)
        at += length + (3.0 if turn % 2 else 0.3)
    return samples


def clicks(seconds: int, at_s: Sequence[float]) -> Any:
    """Clicks in silence: left and right by turns."""
    samples = np.column_stack([quiet(seconds), quiet(seconds)])
    for number, second in enumerate(at_s):
        begin = int(second * RATE)
        click = tone(CLICK_S, amplitude=0.9, hertz=1000)
        samples[begin : begin + len(click), number % 2] = click
    return samples
