"""The resources of the jobs on audio: database, provider, store, spool, key, clock."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from policies.durations import Duration
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
    listening_copies: bool
    """Whether copies for reviewers are made."""
    random: Callable[[int], bytes] = secrets.token_bytes
    now: Callable[[], datetime] = utc_now
    backups: Callable[[], Duration | None] = lambda: None
    """How long backups of the database and the audio store are kept; None: unknown to the service."""
    is_behind: Callable[[], bool] = lambda: False
    """Whether recordings wait longer than they should: they are then stored without a copy for reviewers, who hear the
    master.
    """

    def moment(self) -> Moment:
        return Moment(self.now(), self.random)

    def folder(self, recording_id: str) -> Path:
        """The folder of a recording's audio in the clear while a job works on it."""
        return self.spool / recording_id
