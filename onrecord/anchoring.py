"""The anchoring of an installation: its signing keys and the targets that hold its checkpoints, from the settings."""

from collections.abc import Callable
from contextlib import closing
from datetime import datetime, timedelta
from functools import partial
from urllib.parse import urlsplit

from compliance.anchors.anchor import Anchoring
from compliance.anchors.anchor_file import AnchorFile
from compliance.anchors.anchor_targets import AnchorTarget, cosign
from onrecord.settings.environment import Settings
from onrecord.settings.key_file import read_keys
from storage.database.engine import Database
from storage.log.checkpoints import Signing
from storage.moment import utc_now

_DAILY, _HOURLY = timedelta(days=1), timedelta(hours=1)


def anchoring_of(settings: Settings, database: Database, now: Callable[[], datetime] = utc_now) -> Anchoring:
    file = AnchorFile(settings.anchor_file)
    return Anchoring(database, file, partial(_signing, settings), partial(_targets, settings, database, file), now)


def sign_what_is_left(settings: Settings) -> None:
    """Sign and anchor the rest of the log at the end of a process that has no open database."""
    with closing(Database.later(settings.database_url)) as database:
        anchoring_of(settings, database).close()


def _signing(settings: Settings) -> Signing:
    """Raises Refused for a key file that cannot be used."""
    return Signing(urlsplit(settings.public_base_url).netloc, read_keys(settings.key_file).log_signing_seeds)


def _targets(settings: Settings, database: Database, file: AnchorFile) -> list[AnchorTarget]:
    """The targets in the settings. Their modules are imported here only: they are slow to import, and few installations
    need them.
    """
    found = [
        AnchorTarget("file", settings.anchor_file, _DAILY, lambda signed, _, moment: file.append(signed, moment.at))
    ]
    if settings.anchor_s3:
        from storage.log.anchor_bucket import AnchorBucket

        bucket = AnchorBucket(settings.anchor_s3)
        found.append(
            AnchorTarget("s3", settings.anchor_s3, _DAILY, lambda signed, _, moment: bucket.lock(signed, moment.at))
        )
    if settings.witness:
        from outbound.witness import Witness

        witness = Witness.of(settings.witness)
        found.append(AnchorTarget("witness", str(witness.vkey), _HOURLY, partial(cosign, database, witness)))
    if settings.time_stamp:
        from outbound.time_stamp_authority import TimeStampAuthority

        authority = TimeStampAuthority(settings.time_stamp, settings.time_stamp_ca)
        found.append(AnchorTarget("tsa", settings.time_stamp, _DAILY, lambda signed, *_: authority.stamp(signed)))
    return found
