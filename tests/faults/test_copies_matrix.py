"""Every kind of copy, in every way that it can come and refuse to go, on the simulator's hosts: it is gone, or an open
incident names it and the page on which a person can delete it; and over no copy is a recording certified as destroyed.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import pytest

from outbound.twilio_client import Account
from outbound.twilio_provider import TwilioProvider
from policies.copies import PLACES, CopyKind
from policies.lifecycle import RecordingEvent, RecordingState
from simulator.account_services import Services
from simulator.server import Server
from storage.audio.directory_store import DirectoryStore
from storage.custody.text_watch import TextWatch
from storage.rows.incidents import open_incidents
from storage.rows.recordings import Recording
from tests.faults.conftest import opened
from tests.faults.phone_company import PhoneCompany
from tests.faults.premises import Premises
from tests.simulator.office import ACCOUNT, TOKEN, Office

WAYS = ("before", "late", "403", "404", "405", "answered late", "not to be seen")
REFUSALS = {"403": 403, "404": 404, "405": 405}
AGREED = {"quality": timedelta(days=90), "transcription": timedelta(days=90)}
NOT_AGREED = {"quality": timedelta(days=90)}


@dataclass
class Hosts:
    """Premises whose provider is Twilio's adapter, over HTTP against the simulator."""

    premises: Premises
    office: Office

    def recorded(self, purposes: dict[str, timedelta]) -> Recording:
        """A recording that is kept here."""
        made = self.office.call({"presses": ["1"], "talks_s": 5}).recorder.recordings[0]
        self.premises.clock.now = self.office.clock.now()
        self.premises.company = Ringing(self.premises.clock, rings=made.call_sid)
        call = self.premises.call(purposes=purposes)
        heard = self.premises.hears(call, made.sid, RecordingEvent.COMPLETED, duration_s=made.duration_s)
        self.premises.work()
        kept = self.premises.recording(heard)
        assert kept.state is RecordingState.KEPT
        return kept

    def makes(self, kind: CopyKind, one: Recording) -> str:
        texts = self.office.exchange.texts
        if kind is CopyKind.CONVERSATION:
            return texts.make(kind, call_sid=self.premises.owner(one).call_sid).sid
        return texts.make(kind, recording_sid=one.recording_sid).sid

    def is_there(self, kind: CopyKind, sid: str) -> bool:
        return self.office.exchange.texts.find(kind, sid) is not None

    def worker_looks(self, *, hours: int) -> None:
        """A worker at work now, and after each of so many hours."""
        for hour in range(hours + 1):
            self.office.clock.sleep(3601 if hour else 0)
            self.premises.sweep()
            TextWatch(self.premises.shop, self.premises.jobs).look()
            self.premises.work()

    def behaves(self, kind: CopyKind, way: str) -> None:
        how: dict[str, int | str] = {}
        if way in REFUSALS:
            how = {"delete": REFUSALS[way]}
        elif way == "not to be seen":
            how = {"list": 403}
        elif way == "answered late" and kind is not CopyKind.CONVERSATION:
            how = {"delete": "lost"}
        self.office.exchange.services = Services(batch_delete=True, operation_s=20.0, refuses={kind: how})


@dataclass
class Ringing(PhoneCompany):
    rings: str = ""

    def ring(self, line: str, caller: str = "") -> str:
        return self.rings


@pytest.fixture
def hosts(tmp_path: Path) -> Iterator[Hosts]:
    office = Office()
    (tmp_path / "audio").mkdir()
    store = DirectoryStore(tmp_path / "audio")
    with Server(office.exchange), opened(f"sqlite:///{tmp_path}/onrecord.db", store, tmp_path) as premises:
        account = Account(ACCOUNT, ACCOUNT, TOKEN, office.exchange.config.api_url)
        twilio = TwilioProvider(account, now=office.clock.now, pause=office.clock.sleep)
        premises.shop = replace(premises.shop, provider=twilio, now=office.clock.now)
        yield Hosts(premises, office)


def faults(hosts: Hosts, one: Recording, kind: CopyKind, sid: str) -> list[str]:
    """What is wrong in the end."""
    is_there, state = hosts.is_there(kind, sid), hosts.premises.recording(one).state
    is_certified = "recording.destroyed" in hosts.premises.told(one)
    details = hosts.premises.story(one).incidents
    with hosts.premises.shop.database.read() as connection:
        details += [incident for incident in open_incidents(connection) if incident.call_id is None]
    open_words = [each.detail for each in details if each.kind in {"copy_remains", "copies_not_looked_for"}]
    found = []
    if is_there and not any(PLACES[kind].name in words and PLACES[kind].page in words for words in open_words):
        found.append(f"{kind}: it is there, and no open incident names it")
    if is_there and (is_certified or state is RecordingState.DESTROYED):
        found.append(f"{kind}: the recording is certified as destroyed over it")
    if not is_there and open_words:
        found.append(f"{kind}: it is gone, and an incident is open: {open_words}")
    return found


@pytest.mark.parametrize("way", WAYS)
def test_a_copy_of_a_condemned_recording_is_gone_or_named(hosts: Hosts, way: str) -> None:
    wrong: list[str] = []
    for kind in CopyKind:
        one = hosts.recorded(AGREED)
        sid = "" if way == "late" else hosts.makes(kind, one)
        hosts.behaves(kind, way)
        hosts.premises.condemn(one)
        hosts.worker_looks(hours=0 if way == "late" else 1)
        if way == "late":
            sid = hosts.makes(kind, one)
            hosts.worker_looks(hours=2)
        wrong += faults(hosts, one, kind, sid)
        assert hosts.is_there(kind, sid) is (way in (*REFUSALS, "not to be seen"))
        made_whole(hosts, one, kind, sid)
    assert wrong == []


def made_whole(hosts: Hosts, one: Recording, kind: CopyKind, sid: str) -> None:
    """A person deletes it and lets the key look: within two hours the recording is certified."""
    text = hosts.office.exchange.texts.find(kind, sid)
    if text:
        hosts.office.exchange.texts.delete(text)
    hosts.office.exchange.services = Services(batch_delete=True)
    hosts.worker_looks(hours=2)
    hosts.premises.clock.now = hosts.office.clock.now()
    assert hosts.premises.recording(one).state is RecordingState.DESTROYED
    assert faults(hosts, one, kind, sid) == []


@pytest.mark.parametrize("way", WAYS)
def test_a_copy_of_a_kept_recording_without_the_purpose_is_gone_or_named(hosts: Hosts, way: str) -> None:
    wrong: list[str] = []
    for kind in CopyKind:
        hosts.behaves(kind, way)
        one = hosts.recorded(NOT_AGREED)
        if way == "late":
            hosts.worker_looks(hours=0)
        sid = hosts.makes(kind, one)
        hosts.worker_looks(hours=2)
        wrong += faults(hosts, one, kind, sid)
        assert hosts.is_there(kind, sid) is (way in (*REFUSALS, "not to be seen"))
        assert hosts.premises.recording(one).state is RecordingState.KEPT
        text = hosts.office.exchange.texts.find(kind, sid)
        if text:
            hosts.office.exchange.texts.delete(text)
        hosts.office.exchange.services = Services(batch_delete=True)
        hosts.worker_looks(hours=2)
        wrong += faults(hosts, one, kind, sid)
    assert wrong == []
