"""What the jobs on audio work with."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from storage.audio.contract import AudioStore
from storage.database.engine import Database
from storage.moment import Moment, utc_now
from storage.provider import Provider


@dataclass(frozen=True)
class Workshop:
    database: Database
    provider: Provider
    store: AudioStore
    spool: Path
    key_encryption_key: bytes
    ffmpeg: str | None
    random: Callable[[int], bytes] = secrets.token_bytes
    now: Callable[[], datetime] = utc_now

    def moment(self) -> Moment:
        return Moment(self.now(), self.random)

    def folder(self, recording_id: str) -> Path:
        """Where a recording's audio lies in the clear while it is worked on."""
        return self.spool / recording_id
