"""`onrecord recording export`: a copy for a purpose that was agreed to, or a reason and no file; a trace of either."""

import io
import os
import pwd
import stat
import wave
from base64 import urlsafe_b64decode
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Connection, func, select, update

from onrecord.installation import open_installation
from storage.audio.sealing import seal, unwrap_key
from storage.database.tables import call, disclosure, log_leaf, permit, recording_key
from tests.compliance.signed_log import disarm
from tests.faults.premises import WAV, Premises
from tests.onrecord.commands.site import Ran, Site
from tests.storage.wavs import quiet, stereo, tone, wav_bytes

LONG = wav_bytes(stereo(tone(60.0), quiet(60.0)))  # of more than one piece


@dataclass
class Kept:
    """A site that keeps a recording made a while ago, agreed to for quality and kept for 90 days."""

    site: Site
    sid: str

    def export(self, file: str = "copy.wav", *, purpose: str = "quality", sid: str = "") -> Ran:
        return self.site.run("recording", "export", sid or self.sid, file, "--purpose", purpose)

    @property
    def file(self) -> Path:
        return self.site.folder / "copy.wav"

    def traces(self) -> list[str]:
        return [line for line in self.site.run("log", "show").out.splitlines() if '"recording.access' in line]


def keep(site: Site, *, days_ago: float = 1, wav: bytes = WAV, duration_s: int = 3) -> Kept:
    with site.inside(), closing(open_installation(os.environ)) as installation:
        premises = Premises.open(installation.database, installation.store, site.folder / "var/spool")
        premises.shop = replace(premises.shop, key_encryption_key=installation.keys.key_encryption_key)
        premises.company.before_deletion = lambda _: None  # which would open it with the premises' own key
        premises.clock.now = datetime.now(UTC) - timedelta(days=days_ago)
        one = premises.completed(wav, duration_s=duration_s)
        premises.work()
    return Kept(site, one.recording_sid)


@pytest.fixture
def kept(site: Site) -> Kept:
    return keep(site)


def test_the_copy_is_what_was_recorded_and_only_for_who_asked(kept: Kept) -> None:
    ran = kept.export()
    assert (ran.code, ran.err, ran.out) == (0, "", f"copy.wav: {len(WAV)} bytes\n")
    assert kept.file.read_bytes() == WAV
    assert stat.S_IMODE(kept.file.stat().st_mode) == 0o600
    (trace,) = kept.traces()
    assert '"purpose":"quality"' in trace
    assert '"what":"export"' in trace


def test_a_long_recording_is_copied_whole(site: Site) -> None:
    kept = keep(site, wav=LONG, duration_s=60)
    assert kept.export().code == 0
    assert len(LONG) > 1 << 20
    assert kept.file.read_bytes() == LONG
    with wave.open(io.BytesIO(kept.file.read_bytes())) as opened:
        assert opened.getnframes() / opened.getframerate() == pytest.approx(60.0)


def test_who_asked_is_the_user_of_the_system_whatever_the_environment_says(kept: Kept) -> None:
    kept.site.environ |= {"USER": "mallory", "LOGNAME": "mallory"}
    kept.export()
    with closing(kept.site.database()) as database, database.read() as connection:
        bodies = [urlsafe_b64decode(body + "==").decode() for body in connection.scalars(select(disclosure.c.body))]
    assert [
        body.endswith(f'"actor","{pwd.getpwuid(os.getuid()).pw_name} (operating system user)"]') for body in bodies
    ].count(True) == 1
    assert "mallory" not in "".join(bodies)


def test_for_another_purpose_there_is_a_reason_and_no_file(kept: Kept) -> None:
    ran = kept.export(purpose="training")
    assert (ran.code, ran.out) == (1, "")
    assert ran.err.startswith("onrecord: recording ")
    assert ran.err.endswith(": its caller did not agree to its use for training\n")
    assert not kept.file.exists()
    (trace,) = kept.traces()
    assert '"recording.access_refused"' in trace
    assert kept.site.run("log", "verify").code == 0


def test_when_its_time_is_over_there_is_no_file(site: Site) -> None:
    kept = keep(site, days_ago=91)
    ran = kept.export()
    assert (ran.code, ran.out) == (1, "")
    assert "is over" in ran.err
    assert not kept.file.exists()


def test_a_file_that_is_there_is_not_replaced_and_nothing_is_asked(kept: Kept) -> None:
    kept.file.write_bytes(b"mine")
    ran = kept.export()
    assert (ran.code, ran.out, ran.err) == (1, "", "onrecord: write of copy.wav: it is there already\n")
    assert kept.file.read_bytes() == b"mine"
    assert kept.traces() == []


def test_where_no_file_can_be_made_nothing_is_asked(kept: Kept) -> None:
    ran = kept.export("nowhere/copy.wav")
    assert (ran.code, ran.err) == (1, "onrecord: write of copy.wav: No such file or directory\n")
    assert kept.traces() == []


def test_audio_that_was_altered_is_said_and_leaves_no_file(kept: Kept) -> None:
    (master,) = (path for path in kept.site.folder.rglob("master-*") if path.is_file() and path.stat().st_size > 1000)
    sealed = bytearray(master.read_bytes())
    sealed[-1] ^= 1
    master.chmod(0o600)
    master.write_bytes(sealed)
    ran = kept.export()
    assert (ran.code, ran.out) == (1, "")
    assert "was altered" in ran.err
    assert not [path for path in kept.site.folder.iterdir() if path.suffix in {".wav", ".part"}]


def test_audio_that_was_exchanged_by_somebody_with_the_keys_is_said_and_leaves_no_file(kept: Kept) -> None:
    """It opens as it should: only the log knows that it was another."""
    (master,) = (path for path in kept.site.folder.rglob("master-*") if path.is_file() and path.stat().st_size > 1000)
    with (
        kept.site.inside(),
        closing(open_installation(os.environ)) as installation,
        installation.database.read() as connection,
    ):
        row = connection.execute(select(recording_key)).one()
        data_key = unwrap_key(installation.keys.key_encryption_key, row.wrapped_key, row.recording_id)
    other = kept.site.folder / "other"
    other.write_bytes(WAV[:-1000] + WAV[-1000:][::-1])
    master.chmod(0o600)
    seal(other, master, data_key=data_key, recording_id=f"{row.recording_id}/master")
    ran = kept.export()
    assert (ran.code, ran.out) == (1, "")
    assert "its audio is not what the log commits to: it was exchanged" in ran.err
    assert not kept.file.exists()


def test_a_recording_of_a_call_whose_log_was_changed_is_not_handed_out(kept: Kept) -> None:
    with closing(kept.site.database()) as database:
        database.write(_changes_an_event)
    ran = kept.export()
    assert (ran.code, ran.out) == (1, "")
    assert "its rows say something else than the log" in ran.err
    assert not kept.file.exists()


def _changes_an_event(connection: Connection) -> None:
    disarm(connection, "log_leaf")
    changed = func.replace(log_leaf.c.leaf, '"v":1', '"v":2')
    connection.execute(update(log_leaf).where(log_leaf.c.n == 0).values(leaf=changed))


@pytest.mark.parametrize("sid", ["RE" + "0" * 32, "'; DROP TABLE recording; --", "+15125550111"])
def test_a_recording_that_nobody_knows_is_a_finding(kept: Kept, sid: str) -> None:
    ran = kept.export(sid=sid)
    assert (ran.code, ran.out, ran.err) == (1, "", "onrecord: there is no recording with this sid\n")
    assert not kept.file.exists()


def test_a_purpose_must_be_said(kept: Kept) -> None:
    ran = kept.site.run("recording", "export", kept.sid, "copy.wav")
    assert ran.code == 2
    assert "--purpose" in ran.err


def test_a_permit_that_was_changed_beside_the_log_opens_nothing_and_is_told(kept: Kept) -> None:
    with closing(kept.site.database()) as database:
        database.write(lambda connection: connection.execute(update(permit).values(purposes=_FOR_TRAINING)))
    ran = kept.export(purpose="training")
    assert (ran.code, kept.file.exists()) == (1, False)
    assert "its rows say something else than the log" in ran.err
    words = "its permit is for training until 2099-01-01 00:00:00, and by its events for quality until "
    for command in (["log", "verify"], ["incidents"], ["call", call_of(kept.site)]):
        told = kept.site.run(*command)
        assert told.code == 1, command
        assert words in told.out + told.err, command
    assert kept.export(purpose="quality").code == 1


_FOR_TRAINING = '{"training": "2099-01-01T00:00:00+00:00"}'


def call_of(site: Site) -> str:
    with closing(site.database()) as database, database.read() as connection:
        return str(connection.scalar(select(call.c.id)))
