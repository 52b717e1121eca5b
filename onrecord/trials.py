"""Tries whether the services and tools in the settings work, each with a small task. For `onrecord check`."""

import secrets
from datetime import UTC, datetime
from pathlib import Path
from shutil import disk_usage
from tempfile import TemporaryDirectory

from onrecord.account_trial import try_account
from onrecord.installation import Installation
from onrecord.settings.environment import Settings
from storage.audio.listening_copy import can_be_made, listening_copy
from storage.audio.store_trial import Trial, try_store
from storage.audio.wav import WavFacts
from storage.disk import disk_edge
from storage.errors import Broken, Refused, Unavailable
from storage.log.anchor_bucket import AnchorBucket

_FAILURES = (Refused, Unavailable, Broken)
_QUIET = bytes(3200)  # a tenth of a second
# A call of four hours, Twilio's longest unless the account may more, and its sealed copy.
_ROOM_BYTES = 2 * 4 * 3600 * 32_000


def try_all(installation: Installation) -> Trial:
    settings = installation.settings
    trial = try_store(installation.store, today=datetime.now(UTC).date(), random=secrets.token_bytes)
    return trial + try_account(settings) + _try_listening_copy() + _try_anchors(settings) + _try_spool(settings)


def _try_listening_copy() -> Trial:
    """The encoder may fail: reviewers hear the WAV then."""
    if not can_be_made():
        return Trial()
    try:
        with TemporaryDirectory() as folder, disk_edge("a temporary file"):
            facts = WavFacts(2, 8000, 2, len(_QUIET) / 32_000, len(_QUIET))
            with listening_copy(Path(folder) / "tried", facts) as write:
                write(_QUIET)
    except _FAILURES as error:
        return Trial(untold=(f"there will be no listening copies: {error}",))
    return Trial()


def _try_anchors(settings: Settings) -> Trial:
    if not settings.anchor_s3:
        return Trial()
    try:
        AnchorBucket(settings.anchor_s3).check()
    except _FAILURES as error:
        return Trial((f"ONRECORD_ANCHOR_S3: {error}",))
    return Trial()


def _try_spool(settings: Settings) -> Trial:
    with disk_edge(f"ONRECORD_SPOOL: {settings.spool} cannot be looked at"):
        free = disk_usage(settings.spool).free
    if free >= _ROOM_BYTES:
        return Trial()
    needed = f"to take in a call of four hours {_ROOM_BYTES >> 20} MiB are needed"
    return Trial(untold=(f"ONRECORD_SPOOL: {free >> 20} MiB are free there; {needed}",))
