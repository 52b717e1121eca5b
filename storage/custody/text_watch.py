"""Looks for texts of our calls that nobody agreed to, however late they come: the account's own lists, again and again.

A text of a kept recording is found in no other way, nor is one that arrives after its recording was destroyed. Texts
of calls that are not ours are left alone; a leg that is not noted is traced to the leg from which it was dialled.

Results of add-ons have no list, so a recording is asked about once more an hour and a day after it was destroyed, or
stored without the purpose; and while the key may not look for them, every hour.
"""

import logging
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial

from sqlalchemy import Connection

from policies.copies import ACCOUNT_WIDE, CopyKind
from policies.incidents import IncidentKind
from policies.lifecycle import RecordingState
from policies.tying import GENERATIONS_MAX, AskCall, Facts, LegSeen, Tied, Undecided, decide
from storage.custody.copies import note_what_goes, tell_sights
from storage.custody.intake import may_have_texts
from storage.custody.workshop import Workshop
from storage.database.tables import recording as recording_table
from storage.errors import Broken, Refused, Unavailable
from storage.provider import ProviderCopy, Sight
from storage.rows import calls, legs, permits, provider_copies, recordings, watermarks
from storage.rows.incidents import opened_since
from storage.rows.legs import LegKind
from storage.rows.provider_copies import COPIES
from storage.rows.recordings import Jobs, Recording

log = logging.getLogger(__name__)

LOOK_EVERY_S = 30.0
# A text may be listed later than it was made, and the two clocks differ.
_OVERLAP = timedelta(hours=1)
_FURTHEST_BACK = timedelta(days=7)
_LOOKED_FOR_AFTER = (timedelta(hours=1), timedelta(days=1))
_AT_ONCE, _UNSEEN_AT_ONCE = 200, 50
_AT_REST = (RecordingState.KEPT, RecordingState.DESTROYED)
_JUDGED_AGAIN = timedelta(minutes=10)
_SOON, _LATER = timedelta(minutes=5), timedelta(hours=1)
_QUESTIONS_MAX, _FAILURES_MAX = 100, 5  # of one look: an account may have many texts of other calls
_LEGS_MAX = 20_000


@dataclass
class LegTrace:
    """Traces legs that are not noted to calls of ours. The leg from which a leg was dialled never changes: it is asked
    for once.

    `unanswered` are the legs that could not be asked about in this look.
    """

    workshop: Workshop
    legs: dict[str, LegSeen] = field(default_factory=dict)
    unanswered: set[str] = field(default_factory=set)
    questions: int = 0

    def begin(self) -> None:
        """Another look: legs that could not be asked about may be asked about again."""
        self.unanswered.clear()
        self.questions = 0
        if len(self.legs) > _LEGS_MAX:
            self.legs.clear()

    def owner(self, leg_sid: str) -> Tied | Undecided | None:
        """The call that a leg belongs to; None where it is none of ours, or the provider does not know the leg."""
        while True:
            match decide(Facts(leg_sid, "", self._ours(leg_sid), self.legs, unanswered=self.unanswered)):
                case Tied() | Undecided() as found:
                    return found
                case AskCall(sid):
                    if not self._ask(sid) and sid not in self.unanswered:
                        return None
                case _:
                    return None

    def _ours(self, leg_sid: str) -> dict[str, str]:
        """Our ids of the calls of this leg and of the legs before it, by sid, as far as it is traced."""
        sids = [leg_sid]
        while len(sids) <= GENERATIONS_MAX and (leg := self.legs.get(sids[-1])) and leg.parent_sid:
            sids.append(leg.parent_sid)
        with self.workshop.database.read() as connection:
            return calls.ids_of(connection, sids) | legs.calls_of(connection, sids)

    def _ask(self, sid: str) -> bool:
        """Whether the provider knows the leg. A leg that is new may not be known everywhere: that is not remembered."""
        if self.questions >= _QUESTIONS_MAX or len(self.unanswered) >= _FAILURES_MAX:
            self.unanswered.add(sid)
            return False
        self.questions += 1
        try:
            call = self.workshop.provider.call(sid)
        except (Unavailable, Refused, Broken) as error:
            log.warning("whose a text is could not be asked: %s", error)
            self.unanswered.add(sid)
            return False
        if call:
            self.legs[sid] = LegSeen(call.parent_sid)
        return call is not None


@dataclass(frozen=True)
class TextWatch:
    """Several workers may look at once, and as often as they like. `judged` is when a listed copy was last judged."""

    workshop: Workshop
    jobs: Jobs
    judged: dict[ProviderCopy, datetime] = field(default_factory=dict)
    trace: LegTrace = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "trace", LegTrace(self.workshop))

    def look(self) -> None:
        """Each list by itself. Raises Unavailable in the end where one could not be had."""
        now = self.workshop.now()
        for copy in [copy for copy, at in self.judged.items() if now - at > 2 * _OVERLAP]:
            del self.judged[copy]
        self.trace.begin()
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
        """The list from where the last reading ended. It does not move on where it can't be read, or where it is not
        decided yet whose a text is.
        """
        began, name = self.workshop.now(), watermarks.copies(kind)
        with self.workshop.database.read() as connection:
            reached = watermarks.reached(connection, name)
        since = max(reached or began - _FURTHEST_BACK, began - _FURTHEST_BACK)
        seen = self.workshop.provider.copies_since(kind, min(since, began) - _OVERLAP)
        is_decided = True
        for copy in seen.copies:
            if began - self.judged.get(copy, began - _OVERLAP) >= _JUDGED_AGAIN:
                if self._judge(copy):
                    self.judged[copy] = began
                else:
                    is_decided = False

        def end(connection: Connection) -> None:
            tell_sights(connection, self.workshop.moment(), [seen])
            if seen.sight is not Sight.FORBIDDEN and is_decided:
                watermarks.advance(connection, name, began)

        self.workshop.database.write(end)

    def _judge(self, copy: ProviderCopy) -> bool:
        """Whether it is decided whose the copy is. It is taken in where it is of a call of ours."""
        owner = self._owner(copy)
        if isinstance(owner, Tied):
            self.workshop.database.write(partial(self._take, owner, copy))
        return not isinstance(owner, Undecided)

    def _owner(self, copy: ProviderCopy) -> Tied | Undecided | None:
        """The call that a copy was made of; None where it is none of ours."""
        with self.workshop.database.read() as connection:
            recording = recordings.peek_sid(connection, copy.recording_sid) if copy.recording_sid else None
        if recording:
            return Tied(recording.call_id)
        return self.trace.owner(copy.call_sid) if copy.call_sid.startswith("CA") else None

    def _take(self, owner: Tied, copy: ProviderCopy, connection: Connection) -> None:
        moment, call = self.workshop.moment(), calls.by_id(connection, owner.call_id)
        if call is None or call.erased_at is not None:
            return
        for leg_sid in owner.legs:
            legs.tie(connection, moment, call.id, leg_sid, LegKind.DIALLED)
        row = note_what_goes(connection, moment, call.id, copy)
        if row is not None:
            self.jobs.enqueue(connection, COPIES, f"{call.id}:{row.id}", call.id)

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
