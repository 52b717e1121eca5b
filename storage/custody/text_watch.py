"""Looks for texts of our calls that nobody agreed to, however late they come: the account's own lists, again and again.

A text of a kept recording is found in no other way, nor is one that arrives after its recording was destroyed. Texts
of calls that are not ours are left alone. Results of add-ons have no list, so a recording is asked about once more an
hour and a day after it was destroyed, or stored without the purpose; and while the key may not look for them, every
hour.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial

from sqlalchemy import Connection

from policies.copies import ACCOUNT_WIDE, CopyKind
from policies.incidents import IncidentKind
from policies.lifecycle import RecordingState
from storage.custody.copies import note_what_goes, tell_sight
from storage.custody.intake import may_have_texts
from storage.custody.workshop import Workshop
from storage.database.tables import recording as recording_table
from storage.errors import Unavailable
from storage.provider import ProviderCopy, Sight
from storage.rows import calls, legs, permits, provider_copies, recordings, watermarks
from storage.rows.incidents import opened_since
from storage.rows.provider_copies import COPIES
from storage.rows.recordings import Jobs, Recording

LOOK_EVERY_S = 30.0
# A text may be listed later than it was made, and the two clocks differ.
_OVERLAP = timedelta(hours=1)
_FURTHEST_BACK = timedelta(days=7)
_LOOKED_FOR_AFTER = (timedelta(hours=1), timedelta(days=1))
_AT_ONCE, _UNSEEN_AT_ONCE = 200, 50
_AT_REST = (RecordingState.KEPT, RecordingState.DESTROYED)
_JUDGED_AGAIN = timedelta(minutes=10)
_SOON, _LATER = timedelta(minutes=5), timedelta(hours=1)


@dataclass(frozen=True)
class TextWatch:
    """Several workers may look at once, and as often as they like. `judged` is when a listed copy was last judged."""

    workshop: Workshop
    jobs: Jobs
    judged: dict[ProviderCopy, datetime] = field(default_factory=dict)

    def look(self) -> None:
        """Each list by itself. Raises Unavailable in the end where one could not be had."""
        now = self.workshop.now()
        for copy in [copy for copy, at in self.judged.items() if now - at > 2 * _OVERLAP]:
            del self.judged[copy]
        away: Unavailable | None = None
        for kind in ACCOUNT_WIDE:
            try:
                self._look_at(kind)
            except Unavailable as error:
                away = error
        self.workshop.database.write(self._ask_again)
        if away:
            raise away

    def _look_at(self, kind: CopyKind) -> None:
        """The list from where the last reading ended; a list that can't be read does not move on."""
        began, name = self.workshop.now(), watermarks.copies(kind)
        with self.workshop.database.read() as connection:
            reached = watermarks.reached(connection, name)
        since = max(reached or began - _FURTHEST_BACK, began - _FURTHEST_BACK)
        seen = self.workshop.provider.copies_since(kind, min(since, began) - _OVERLAP)
        for copy in seen.copies:
            if began - self.judged.get(copy, began - _OVERLAP) >= _JUDGED_AGAIN:
                self._judge(copy)
                self.judged[copy] = began

        def end(connection: Connection) -> None:
            tell_sight(connection, self.workshop.moment(), seen)
            if seen.sight is not Sight.FORBIDDEN:
                watermarks.advance(connection, name, began)

        self.workshop.database.write(end)

    def _judge(self, copy: ProviderCopy) -> None:
        with self.workshop.database.read() as connection:
            call_id = _whose(connection, copy)
        if call_id:
            self.workshop.database.write(partial(self._take, call_id, copy))

    def _take(self, call_id: str, copy: ProviderCopy, connection: Connection) -> None:
        row = note_what_goes(connection, self.workshop.moment(), call_id, copy)
        if row is not None:
            self.jobs.enqueue(connection, COPIES, f"{call_id}:{row.id}", call_id)

    def _ask_again(self, connection: Connection) -> None:
        """Queue jobs for copies that are still there, often at first; and for results of add-ons that came late."""
        now = self.workshop.now()
        for row in provider_copies.there(connection, limit=_AT_ONCE):
            every = _SOON if now - row.noticed_at < _LATER else _LATER
            if now - row.noticed_at >= _SOON:
                turn = int(now.timestamp() // every.total_seconds())
                self.jobs.enqueue(connection, COPIES, f"{row.call_id}:{every.seconds}:{turn}", row.call_id)
        for age in _LOOKED_FOR_AFTER:
            for recording in _at_rest_since(connection, now - age - _LATER, now - age):
                self._ask(connection, recording, f"{age.total_seconds():.0f}:{recording.state}")
        for recording in _never_looked_for(connection):
            self._ask(connection, recording, f"unseen:{now:%Y%m%d%H}")

    def _ask(self, connection: Connection, recording: Recording, name: str) -> None:
        permit, call = permits.kept_permit(connection, recording.call_id), calls.peek(connection, recording.call_id)
        is_without = permit and call and not may_have_texts(permit, call.outcome)
        if recording.state is RecordingState.DESTROYED or is_without:
            self.jobs.enqueue(connection, COPIES, f"{recording.call_id}:{recording.id}:{name}", recording.call_id)


def _whose(connection: Connection, copy: ProviderCopy) -> str | None:
    """Our id of the call that a copy was made of; None where it is none of ours."""
    recording = recordings.peek_sid(connection, copy.recording_sid) if copy.recording_sid else None
    if recording:
        return recording.call_id
    if not copy.call_sid:
        return None
    call = calls.peek_sid(connection, copy.call_sid)
    return call.id if call else legs.call_of(connection, copy.call_sid)


def _at_rest_since(connection: Connection, begin: datetime, end: datetime) -> list[Recording]:
    columns = recording_table.c
    is_due = columns.state.in_(_AT_REST) & columns.moved_at.between(begin, end)
    return recordings.some(connection, is_due, limit=_AT_ONCE)


def _never_looked_for(connection: Connection) -> list[Recording]:
    """Some recordings that were stored while results of add-ons could not be looked for."""
    opened_at = opened_since(connection, IncidentKind.COPIES_NOT_LOOKED_FOR, CopyKind.ADD_ON_RESULT)
    if opened_at is None:
        return []
    columns = recording_table.c
    is_due = (columns.state == RecordingState.KEPT) & (columns.moved_at >= opened_at - _LATER)
    return recordings.some(connection, is_due, limit=_UNSEEN_AT_ONCE)
