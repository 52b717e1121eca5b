"""Signing the log and having others hold its checkpoints, as often as each of them is asked to."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from sqlalchemy import Connection

from compliance.anchors.anchor_file import AnchorFile
from compliance.anchors.anchor_targets import AnchorTarget
from compliance.anchors.restored_backup import require_unrestored
from policies.incidents import IncidentKind
from storage.database.engine import Database
from storage.errors import Broken, Refused, Unavailable
from storage.log import anchors, checkpoints
from storage.log.checkpoints import SignedCheckpoint, Signing
from storage.log.tree_keeper import close_subtrees
from storage.moment import Moment, utc_now
from storage.rows.incidents import raise_incident, resolve_each

log = logging.getLogger(__name__)

CHECKPOINT_EVERY_S = 15.0  # between two checks whether a checkpoint is due, which it is once a minute
_UNSIGNED_MAX = timedelta(hours=1)
_OVERDUE = 3  # times as long as it may take
_FAILURES = (Unavailable, Refused, Broken)


@dataclass(frozen=True)
class Anchoring:
    """The log's signer, and those who hold its checkpoints.

    `read_signing` is called for each signature: after a rotation of the keys nothing has to be restarted.
    `find_targets` gives the anchor file and every other target that the settings name.
    """

    database: Database
    file: AnchorFile
    read_signing: Callable[[], Signing]
    find_targets: Callable[[], Sequence[AnchorTarget]]
    now: Callable[[], datetime] = utc_now

    def moment(self) -> Moment:
        return Moment(self.now())

    @property
    def signing(self) -> Signing:
        return self.read_signing()

    def sign(self) -> SignedCheckpoint:
        """The checkpoint of the log as it stands, durable here and noted beside the anchor file.

        Raises Refused where an older copy of the database was restored, even if that was while this process ran.
        """
        signing, moment, noted = self.signing, self.moment(), self.file.newest()
        close_subtrees(self.database)  # while no other signer waits

        def sign(connection: Connection) -> SignedCheckpoint:
            require_unrestored(connection, noted, self.file.place)
            signed = checkpoints.sign(connection, moment, signing)
            resolve_each(connection, moment, IncidentKind.NOT_SIGNED)
            return signed

        signed = self.database.write(sign)
        self.file.note_newest(signed)
        return signed

    def sign_where_due(self) -> None:
        """Sign at most once a minute, and only with news; then give the checkpoint to each target that is due. A target
        that fails does not keep it from the others.
        """
        with self.database.read() as connection:
            is_due = checkpoints.is_due(connection, self.now())
        if is_due:
            try:
                self.sign()
            except _FAILURES as error:
                self._complain_of_signing(error)
        for target in self._due():
            try:
                self.anchor(target)
            except _FAILURES as error:
                self._complain(target, error)

    def close(self) -> None:
        """Before the process ends: sign the events that no checkpoint covers yet."""
        try:
            with self.database.read() as connection:
                has_news = checkpoints.has_news(connection)
            if has_news:
                self.sign()
        except _FAILURES as error:
            log.error("the consent log's last checkpoint could not be signed: %s", error)

    def anchor(self, target: AnchorTarget) -> SignedCheckpoint:
        """Give the newest checkpoint to a target, and keep its receipt. Raises what the target raises."""
        with self.database.read() as connection:
            checkpoint = checkpoints.newest(connection)
            last = anchors.last_of(connection, target.kind, target.place)
        checkpoint = checkpoint or self.sign()
        moment = self.moment()
        receipt = target.give(checkpoint, last.size if last else 0, moment)

        def add(connection: Connection) -> None:
            anchors.add(connection, moment, checkpoint, target.kind, target.place, receipt)
            resolve_each(connection, moment, IncidentKind.NOT_ANCHORED, partial(_was_held_up, target.kind))

        self.database.write(add)
        return checkpoint

    def anchor_in_file(self) -> None:
        for target in self.find_targets():
            if target.kind == "file":
                self.anchor(target)

    def ask_witness(self) -> str:
        """Ask the witness to cosign the newest checkpoint. Returns why it did not; empty where it did, or there is no
        witness.
        """
        for target in self.find_targets():
            if target.kind == "witness":
                try:
                    self.anchor(target)
                except _FAILURES as error:
                    self._complain(target, error)
                    return str(error)
        return ""

    def _due(self) -> Sequence[AnchorTarget]:
        now = self.now()
        with self.database.read() as connection:
            newest = checkpoints.newest(connection)
            return [target for target in self.find_targets() if newest and _is_due(connection, target, newest, now)]

    def _complain(self, target: AnchorTarget, error: Exception) -> None:
        """A target that can't be reached is asked again soon; it is an incident when that has lasted for too long."""
        log.error("a checkpoint could not be anchored (%s): %s", target.kind, error)
        moment = self.moment()

        def raise_where_due(connection: Connection) -> None:
            last = anchors.last_of(connection, target.kind, target.place)
            since = last.anchored_at if last else moment.at - _OVERDUE * target.every
            if isinstance(error, Unavailable) and moment.at - since < _OVERDUE * target.every:
                return
            about = f"{target.kind}:{_family(error)}:{moment.at:%Y-%m-%d}"
            raise_incident(connection, moment, IncidentKind.NOT_ANCHORED, about=about, call_id=None, detail=str(error))

        self.database.write(raise_where_due)

    def _complain_of_signing(self, error: Exception) -> None:
        """An outage is tried again soon; it is an incident when it has lasted for too long, and any other failure is at
        once.
        """
        log.error("the consent log could not be signed: %s", error)
        moment, about = self.moment(), f"{_family(error)}:{self.now():%Y-%m-%d}"

        def raise_where_due(connection: Connection) -> None:
            since = checkpoints.unsigned_since(connection)
            if isinstance(error, Unavailable) and (since is None or moment.at - since < _UNSIGNED_MAX):
                return
            raise_incident(connection, moment, IncidentKind.NOT_SIGNED, about=about, call_id=None, detail=str(error))

        self.database.write(raise_where_due)


def _family(error: Exception) -> str:
    """The kind of error, so that a forgery is not taken for a repetition of this morning's outage."""
    return type(error).__name__.lower()


def _was_held_up(target_kind: str, about: str) -> bool:
    """Whether an incident is of this kind of target, and of an error that a later receipt ends. A target that saw
    another history is not believed because it goes on.
    """
    kind, family, _ = about.split(":", 2)
    return kind == target_kind and family != Broken.__name__.lower()


def _is_due(connection: Connection, target: AnchorTarget, newest: SignedCheckpoint, now: datetime) -> bool:
    last = anchors.last_of(connection, target.kind, target.place)
    if last is None:
        return True
    is_time = not now - target.every < last.anchored_at <= now  # later than now: the clock was ahead
    return is_time and newest.size > last.size and anchors.has_news_since(connection, last.size)
