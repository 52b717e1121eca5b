"""Fetches the provider's WAV into the spool, and judges whether it is whole."""

import shutil
from pathlib import Path

from sqlalchemy import Connection

from storage.audio.judging import Verdict, judge
from storage.audio.spool import spool
from storage.custody.workshop import Workshop
from storage.disk import disk_edge, write_private
from storage.errors import Unavailable, Unusable
from storage.pace import Pace
from storage.rows import delays, recordings
from storage.rows.recordings import Recording

MASTER_FILE = "master.wav"
MASTER_SHA256_FILE = "master.sha256"  # the hash of what came; it is there once all of the master is
_NO_AUDIO = "no audio"  # instead of a hash: a page that says when it was made never comes twice alike
# The longest that a RIFF file can be: 37 hours of Twilio's, whose calls end after 24. Sealed it still fits in one put.
MEDIA_BYTES_MAX = (1 << 32) + 8
_BYTES_PER_S = 32_000  # two channels of 8,000 16-bit samples
_ROOM_LEFT_BYTES = 8 << 20  # the disk may be that of the database too


def download(workshop: Workshop, recording: Recording, folder: Path) -> None:
    """Leaves nothing of a failed download, which is in the clear and will be tried many times."""
    with disk_edge(f"spool of recording {recording.id}"):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        _require_room(recording, folder)
    media = workshop.provider.media(recording.recording_sid)
    try:
        master = folder / MASTER_FILE
        spooled = spool(media, master, size_max_bytes=MEDIA_BYTES_MAX, pace=Pace())
        verdict = judge(master, recording.duration_s)
        if not verdict.is_plain:
            _require_again(workshop, recording, verdict, spooled.sha256)
        write_private(folder / MASTER_SHA256_FILE, spooled.sha256.encode())
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def _require_room(recording: Recording, folder: Path) -> None:
    """Raises Unavailable without room for the audio and its sealed copy: on a full disk other work would fail too."""
    audio = min((recording.duration_s or 0) * _BYTES_PER_S, MEDIA_BYTES_MAX)
    needed, free = 2 * audio + _ROOM_LEFT_BYTES, shutil.disk_usage(folder).free
    if free < needed:
        raise Unavailable(
            f"recording {recording.id}: no room left on the disk of the spool: {needed >> 20} MiB are needed, "
            f"{free >> 20} MiB are free"
        )


def _require_again(workshop: Workshop, recording: Recording, verdict: Verdict, sha256: str) -> None:
    """Odd audio is believed when it comes twice alike: then it is the provider's file, and no download cut short."""
    media = sha256 if verdict.is_audio else _NO_AUDIO

    def came_before(connection: Connection) -> bool:
        recordings.with_call(connection, recording.id)
        return delays.came_before(connection, workshop.moment(), recording.id, media, apart=verdict.apart)

    if not workshop.database.write(came_before):
        raise Unavailable(f"recording {recording.id}: {verdict.said}; fetched again, to see whether it comes alike")
    if not verdict.is_audio:
        raise Unusable(f"recording {recording.id}: {verdict.said}, again and again; Twilio's copy is left as it is")
