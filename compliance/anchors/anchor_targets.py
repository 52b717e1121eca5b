"""Those who hold what the log signs: the anchor file, and whoever else the settings name."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

from sqlalchemy import Connection

from compliance.anchors.anchor_file import AnchorFile
from onrecord.settings.environment import Settings
from storage.database.engine import Database
from storage.errors import Broken, Unavailable
from storage.log import checkpoints, consent_log
from storage.log.checkpoints import SignedCheckpoint
from storage.log.tree import KeptTree
from storage.moment import Moment

if TYPE_CHECKING:
    from outbound.witness import Witness

_DAILY, _HOURLY = timedelta(days=1), timedelta(hours=1)

Hold = Callable[[SignedCheckpoint, int, Moment], bytes]


@dataclass(frozen=True, slots=True)
class Holder:
    """Somebody who holds checkpoints: `hold` gives one, with the size of the last one they hold, and returns the
    receipt.
    """

    kind: str
    place: str
    every: timedelta
    hold: Hold


def holders_of(settings: Settings, database: Database) -> list[Holder]:
    """The witness is given proofs out of the database. What reaches the others is slow to import, and few have any."""
    file = AnchorFile(settings.anchor_file)
    found = [Holder("file", settings.anchor_file, _DAILY, lambda known, _, moment: file.append(known, moment.at))]
    if settings.anchor_s3:
        from storage.log.anchor_bucket import AnchorBucket

        bucket = AnchorBucket(settings.anchor_s3)
        found.append(Holder("s3", settings.anchor_s3, _DAILY, lambda known, _, moment: bucket.lock(known, moment.at)))
    if settings.witness:
        from outbound.witness import Witness

        witness = Witness.of(settings.witness)
        found.append(Holder("witness", str(witness.vkey), _HOURLY, partial(_cosign, database, witness)))
    if settings.time_stamp:
        from outbound.time_stamp_authority import TimeStampAuthority

        authority = TimeStampAuthority(settings.time_stamp, settings.time_stamp_ca)
        found.append(Holder("tsa", settings.time_stamp, _DAILY, lambda known, *_: authority.stamp(known)))
    return found


def _cosign(database: Database, witness: "Witness", known: SignedCheckpoint, last_size: int, _: Moment) -> bytes:
    def consistency(old: int, size: int) -> Sequence[bytes]:
        with database.read() as connection:
            if old > size:
                raise _beyond(connection, old)
            return KeptTree(connection).consistency(old, size)

    return witness.cosign(known, last_size, consistency)


def _beyond(connection: Connection, size: int) -> Exception:
    """What it means that a witness has seen more events than the checkpoint that it was asked to cosign."""
    newest = checkpoints.newest(connection)
    if newest and newest.size >= size:
        return Unavailable("witness: somebody gave it a later checkpoint meanwhile")
    has = consent_log.size(connection)
    return Broken(
        f"witness: it has seen {size} events of this log, and the log has {has}: events were removed, or an older copy "
        f"of the database was restored"
    )
