"""A site that two people have called, a few days ago, in every way there is; and what the bytes of its files hold."""

import os
from base64 import b64encode
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import cast

from sqlalchemy import Connection, select

from callflow.callbacks import Callbacks
from callflow.webhooks import Webhooks, create_app
from evidence.disclosures import read_disclosure
from onrecord.installation import Installation, open_installation
from onrecord.processes.health import Readiness, add_health
from policies.erasure import goes
from policies.lifecycle import RecordingState
from storage.custody import looking_again
from storage.custody.destroy import destroy
from storage.custody.intake import intake
from storage.custody.workshop import Workshop
from storage.database.engine import Database
from storage.database.tables import call, disclosure, recording
from storage.jobs.steps import Steps
from storage.provider import ProviderCall, ProviderRecording
from storage.rows import recordings
from storage.rows.recordings import Recording
from tests.callflow.conftest import ACCOUNT, BASE, RULEBOOK, TOKEN, Clock, PhoneCall, Twilio, make_waiting
from tests.callflow.whole_calls import NEVER, NOTICE, falls_back, hangs_up, is_missed, is_never_asked, talks
from tests.faults.phone_company import PhoneCompany, Tape
from tests.faults.premises import Patient
from tests.onrecord.commands.site import Site
from tests.storage.wavs import quiet, stereo, tone, wav_bytes

ANN, BOB = "+15129870316", "+12147632958"
_WAV = wav_bytes(stereo(tone(30.0), quiet(30.0)))  # as long as the callbacks of these calls say


@dataclass(frozen=True)
class People:
    """`sids` are those of a number's calls; `bodies` the personal disclosures of each."""

    site: Site
    sids: dict[str, list[str]]
    ids: dict[str, list[str]]
    needles: dict[str, list[str]]

    def at(self, folder: Path) -> "People":
        site = self.site.copied_to(folder)
        site.environ |= self.site.environ
        return People(site, self.sids, self.ids, self.needles)

    def lying(self, number: str) -> set[str]:
        """The files in which anything of that person lies, by name."""
        sought = [needle.encode() for needle in self.needles[number]]
        files = (path for path in self.site.folder.rglob("*") if path.is_file())
        return {path.name for path in files if (content := path.read_bytes()) and any(one in content for one in sought)}


def settled_site(site: Site, began_at: datetime | None = None) -> People:
    """Calls of both, recorded, kept and at rest, under a rulebook that remembers who declined; five days ago, unless
    they began another time.
    """
    site.environ |= {"PUBLIC_BASE_URL": BASE, "TWILIO_ACCOUNT_SID": ACCOUNT, "TWILIO_AUTH_TOKEN": TOKEN}
    rules = RULEBOOK.read_text().replace('remember = "never"', 'remember = "P180D"')
    (site.folder / "onrecord.toml").write_text(rules)
    clock = Clock(began_at or datetime.now(UTC) - timedelta(days=5))
    with site.inside(), closing(open_installation(os.environ)) as installation:
        twilio = phone_company(installation, clock)
        sids = {number: [one.sid for one in _calls(twilio, number)] for number in (ANN, BOB)}
        _take_in(installation, clock)
        with installation.database.read() as connection:
            ids = {number: _ids(connection, sids[number]) for number in sids}
            needles = {number: _needles(connection, number, sids[number]) for number in sids}
    return People(site, sids, ids, needles)


def phone_company(installation: Installation, clock: Clock) -> Twilio:
    """What sends this installation its webhooks."""
    conversation = installation.conversation()
    parts = Webhooks(
        database=installation.database,
        conversation=conversation,
        callbacks=Callbacks(conversation),
        account_sid=ACCOUNT,
        webhook_secrets=(TOKEN,),
        add_health=partial(add_health, readiness=Readiness({})),
        waiting=make_waiting(installation.database, conversation, clock),
        now=clock,
    )
    return Twilio(create_app(parts), clock)


def _calls(twilio: Twilio, number: str) -> list[PhoneCall]:
    """The last but one says no: that is remembered, and the event of the last names it."""
    return [
        talks(twilio.dial(caller=number), "9", "1"),
        talks(twilio.dial(NOTICE, caller=number)),
        is_never_asked(twilio.dial(NEVER, caller=number)),
        hangs_up(twilio.dial(caller=number)),
        falls_back(twilio.dial(caller=number)),
        is_missed(twilio.dial(caller=number)),
        talks(twilio.dial(caller=number), "2"),
        hangs_up(twilio.dial(caller=number)),
    ]


def _take_in(installation: Installation, clock: Clock) -> None:
    """What a worker would do in the days after: keep the recordings, and ask Twilio for the last time."""
    company = PhoneCompany(clock)
    shop = Workshop(
        installation.database,
        company,
        installation.store,
        installation.settings.spool,
        installation.keys.key_encryption_key,
        listening_copies=False,
        now=clock,
    )
    with installation.database.read() as connection:
        for sid in connection.scalars(select(call.c.call_sid)):
            company.calls[sid] = ProviderCall(sid, "completed", 60, True, "", "", clock.now)
        found = _recordings(connection)
    for one in found:
        shown = ProviderRecording(one.recording_sid, "", "completed", one.duration_s, 2, one.source, clock.now)
        company.tapes[one.recording_sid] = Tape(shown, _WAV)
        intake(shop, cast(Steps, Patient()), one.id)
    clock.passes(86400 * 2)
    looking_again.look(shop)


def carry_out_destructions(installation: Installation) -> None:
    """By a worker that no provider answers: for an erased call none is asked."""
    company = PhoneCompany(lambda: datetime.now(UTC))
    shop = Workshop(
        installation.database,
        company,
        installation.store,
        installation.settings.spool,
        installation.keys.key_encryption_key,
        listening_copies=False,
    )
    with installation.database.read() as connection:
        condemned = [one for one in _recordings(connection) if one.state is RecordingState.CONDEMNED]
    for one in condemned:
        destroy(shop, cast(Steps, Patient()), one.id)


@contextmanager
def still_open(site: Site) -> Iterator[Database]:
    """Another process that serves: it has the database open, so the files beside it stay."""
    with closing(site.database()) as database:
        with database.read() as connection:
            connection.scalar(select(call.c.id).limit(1))
        yield database


def _recordings(connection: Connection) -> list[Recording]:
    ids = connection.scalars(select(recording.c.id)).all()
    return [known for one in ids if (known := recordings.peek(connection, one))]


def _ids(connection: Connection, sids: Iterable[str]) -> list[str]:
    return list(connection.scalars(select(call.c.id).where(call.c.call_sid.in_(sids))))


def _needles(connection: Connection, number: str, sids: list[str]) -> list[str]:
    """All that could tell of this person, in every form in which it is written down."""
    mine = call.c.call_sid.in_(sids)
    hashes = connection.scalars(select(call.c.caller_hash).where(mine)).all()
    named = connection.scalars(
        select(recording.c.recording_sid).join(call, call.c.id == recording.c.call_id).where(mine)
    )
    bodies = connection.scalars(select(disclosure.c.body).join(call, call.c.id == disclosure.c.call_id).where(mine))
    going = [body for body in bodies if goes(read_disclosure(body)[0])]
    assert len(going) > 20
    plain = [number, number[1:], *sids, *named, *(one for one in hashes if one)]
    return [*plain, *going, *(form for text in plain for form in _in_base64(text))]


def _in_base64(text: str) -> list[str]:
    """As it stands in the middle of something longer that is written in base64, wherever it begins."""
    return [b64encode(b"x" * before + text.encode()).decode()[4 if before else 0 : -4] for before in range(3)]
