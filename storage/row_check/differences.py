"""Finds where the rows of a call differ from its events."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any, TypeVar

from sqlalchemy import Row

from evidence.events import timestamp
from policies.derived import Agreed, DerivedPermit, DerivedRecording
from policies.lifecycle import RecordingState
from storage.row_check import claims as row_claims
from storage.row_check.claims import CLOSED, UNTOLD, LoggedCall, expires, has_audio, moment

D = TypeVar("D")

_MASTER = "master"
_KEYLESS = frozenset({RecordingState.STARTED, RecordingState.ABSENT, RecordingState.DESTROYED})


@dataclass(frozen=True, slots=True)
class Difference:
    """A row that disagrees with its events, in words that hold nothing personal."""

    about: str
    what: str

    def __str__(self) -> str:
        return f"{self.about}: {self.what}"


@dataclass(frozen=True, slots=True)
class Rows:
    """All rows of a call. `objects` are by the recording's id, and `keys` the ids of the recordings that have a key."""

    call: Row[Any]
    permit: Row[Any] | None
    recordings: Sequence[Row[Any]]
    objects: Mapping[str, Sequence[Row[Any]]]
    keys: frozenset[str]
    holds: Sequence[Row[Any]]
    account: Row[Any] | None
    withdrawal: Row[Any] | None = None
    pauses: Sequence[Row[Any]] = ()


def differences(rows: Rows, logged: LoggedCall) -> Iterator[Difference]:
    about = f"call {logged.call_id}"
    yield from compared(about, rows.call, {name: claim(logged) for name, claim in row_claims.CALL.items()})
    for what in (*_terms(rows.call, logged), *_asked_about(rows.call, logged), *_permit(rows.permit, logged)):
        yield Difference(about, what)
    if what := _account(rows, logged):
        yield Difference(about, what)
    yield from _recordings(rows, logged)
    yield from _numbered("hold", rows.holds, logged.derived.holds, row_claims.HOLD, logged)
    yield from _withdrawal(rows.withdrawal, logged)
    yield from _numbered("pause", rows.pauses, logged.derived.pauses, row_claims.PAUSE, logged)


def compared(about: str, row: Row[Any], expected: Mapping[str, object]) -> Iterator[Difference]:
    """Each column whose value is not the expected value."""
    for name, value in expected.items():
        said = getattr(row, name)
        if value is UNTOLD or _is_same(said, value):
            continue
        if name in CLOSED:
            yield Difference(about, f"its row has another {name} than its events")
        else:
            yield Difference(about, f"its row says that {name} is {_text(said)}, and its events say {_text(value)}")


def _is_same(said: object, value: object) -> bool:
    """Whether two values are equal; an event gives its time to the millisecond."""
    if said == value:
        return True
    return isinstance(said, datetime) and isinstance(value, str) and timestamp(said) == value


def _text(value: object) -> str:
    match value:
        case None | "":
            return "nothing"
        case datetime():
            return timestamp(value)
    return str(value)


def _terms(row: Row[Any], logged: LoggedCall) -> Iterator[str]:
    if logged.derived.agreed is None:
        return
    try:
        said = json.loads(row.terms)
        is_same = _agrees(said, logged.derived.agreed)
    except (ValueError, KeyError, TypeError, AttributeError):
        is_same = False
    if not is_same:
        yield "its row promises another permit (terms) than the ruling in its events"


def _agrees(said: Mapping[str, Any], agreed: Agreed) -> bool:
    return (
        said["law"] == agreed.law
        and _to_the_second(said["purposes"]) == agreed.usable_until
        and said["retention"] == agreed.retention
        and (_second(said["retain_until"]) if said["retain_until"] else None) == agreed.retain_until
        and tuple(said["conflicts"]) == agreed.conflicts
    )


def _to_the_second(usable_until: Mapping[str, str]) -> dict[str, str]:
    return {purpose: _second(until) for purpose, until in usable_until.items()}


def _second(text: str) -> str:
    return datetime.fromisoformat(text).isoformat(timespec="seconds")


def _asked_about(row: Row[Any], logged: LoggedCall) -> Iterator[str]:
    if row.sweep_at is None and row_claims.must_be_looked_at(logged):
        yield "its row says that it is looked at no more (sweep_at), and by its events it still is"
    if row.corroborate_at is None and row_claims.must_be_corroborated(logged):
        yield "its row says that Twilio's account is not asked for (corroborate_at), and no event tells of one"
    if row.corroborate_at is not None and not row_claims.must_be_corroborated(logged):
        yield "its row says that Twilio's account is yet to be asked for (corroborate_at), and by its events it is not"
    for name in ("sweep_at", "corroborate_at"):
        if row_claims.is_too_late(logged, getattr(row, name)):
            yield f"its row has it looked at or asked about {getattr(row, name):%Y-%m-%d} ({name}), which is too late"


def _permit(row: Row[Any] | None, logged: LoggedCall) -> Iterator[str]:
    given, agreed = logged.derived.permit, logged.derived.agreed
    if row is None or given is None:
        if row is not None:
            yield "it has a permit, and no event gives one"
        if given is not None:
            yield "its permit is gone, which its events give"
        return
    yield from permit_differences(row, given)
    if agreed and not _is_as_agreed(given, agreed):
        yield "its permit says something else than the ruling that it rests on"


def permit_differences(row: Any, given: DerivedPermit) -> Iterator[str]:
    """`row` has the columns of `permit`."""
    if row.outcome != given.outcome:
        yield f"its permit says that outcome is {row.outcome}, and its events say {given.outcome}"
    if (said := _ends(row.purposes)) != _moments(given.usable_until):
        yield f"its permit is for {_listed(said)}, and by its events for {_listed(_moments(given.usable_until))}"
    if row.retention != given.retention:
        yield f"its permit says that retention is {row.retention}, and its events say {given.retention}"
    if row.retain_until != moment(given.retain_until):
        yield f"its permit says that retain_until is {_text(row.retain_until)}, and its events say {given.retain_until}"
    if timestamp(row.decided_at) != given.decided_at:
        yield f"its permit says that decided_at is {_text(row.decided_at)}, and its events say {given.decided_at}"


def _is_as_agreed(given: DerivedPermit, agreed: Agreed) -> bool:
    return (
        _to_the_second(given.usable_until) == agreed.usable_until
        and given.retention == agreed.retention
        and _second(given.retain_until) == agreed.retain_until
    )


def _ends(purposes: str) -> dict[str, datetime]:
    try:
        return _moments(json.loads(purposes))
    except (ValueError, TypeError, AttributeError):
        return {}


def _moments(usable_until: Mapping[str, str]) -> dict[str, datetime]:
    return {purpose: datetime.fromisoformat(until) for purpose, until in usable_until.items()}


def _listed(ends: Mapping[str, datetime]) -> str:
    return ", ".join(f"{purpose} until {until:%Y-%m-%d %H:%M:%S}" for purpose, until in ends.items()) or "nothing"


def _account(rows: Rows, logged: LoggedCall) -> str:
    derived = logged.derived
    hashed = logged.opened(derived.account_by) if derived.account_by else None
    if rows.account is None:
        is_missing = hashed is not None and hashed is not UNTOLD
        return "what Twilio told of it is gone, whose hash its events have" if is_missing else ""
    if derived.erased_at or hashed is None:
        return "what Twilio told of it is kept, and by its events it is not"
    is_same = sha256(bytes(rows.account.body)).hexdigest() == hashed
    if not is_same or timestamp(rows.account.fetched_at) != derived.account_at:
        return "what Twilio told of it is not that of which its events have the hash and the time"
    return ""


def _recordings(rows: Rows, logged: LoggedCall) -> Iterator[Difference]:
    kept = {row.id: row for row in rows.recordings}
    for name in sorted(kept.keys() | logged.derived.recordings.keys()):
        about = f"recording {name} of call {logged.call_id}"
        row, derived = kept.get(name), logged.derived.recordings.get(name)
        if row is None or derived is None:
            yield Difference(about, "it has a row and no events" if row is not None else "it has events and no row")
            continue
        yield from recording_differences(about, row, logged, derived)
        for what in (*_objects(rows.objects.get(name, ()), logged, derived), *_key(name in rows.keys, logged, derived)):
            yield Difference(about, what)


def recording_differences(
    about: str, row: Row[Any], logged: LoggedCall, recording: DerivedRecording
) -> Iterator[Difference]:
    expected = {name: claim(logged, row.id, recording) for name, claim in row_claims.RECORDING.items()}
    return compared(about, row, expected)


def _objects(rows: Sequence[Row[Any]], logged: LoggedCall, recording: DerivedRecording) -> Iterator[str]:
    is_gone = recording.state is RecordingState.DESTROYED or logged.derived.erased_at
    kept, due = {row.name for row in rows}, set() if is_gone else {*recording.objects}
    if kept != due:
        yield f"the objects that its rows name are {_names(kept)}, and by its events they are {_names(due)}"
        return
    key, audio = logged.opened(recording.object_by), logged.opened(recording.audio_by)
    for row in rows:
        if row.key != _beside(key, row.name):
            yield f"the row of its object {row.name} names another object than its events"
        if row.name == _MASTER and (row.plain_sha256, row.size_bytes) != (audio, recording.size_bytes):
            yield "the row of its master has another hash or size than its events"


def _beside(master: object, name: str) -> object:
    """The object key of a piece of a recording, derived from the key of its master."""
    return master.replace(f"/{_MASTER}-", f"/{name}-") if isinstance(master, str) else master


def _key(has_key: bool, logged: LoggedCall, recording: DerivedRecording) -> Iterator[str]:
    """The key is destroyed before the audio: of a recording that expires it may be gone already."""
    if has_key and (recording.state in _KEYLESS or logged.derived.erased_at):
        yield f"it is {recording.state} by its events, and its key is kept"
    if not has_key and has_audio(recording) and not logged.derived.erased_at and not expires(logged, recording):
        yield f"it is {recording.state} by its events, and its key is gone"


def _numbered(
    what: str,
    rows: Sequence[Row[Any]],
    by_number: Mapping[int, D],
    claims: Mapping[str, Callable[[LoggedCall, D], object]],
    logged: LoggedCall,
) -> Iterator[Difference]:
    """The differences of the rows that an event numbers: holds and pauses."""
    kept = {row.id: row for row in rows}
    for number in sorted(kept.keys() | by_number.keys()):
        about = f"{what} {number} of call {logged.call_id}"
        row, derived = kept.get(number), by_number.get(number)
        if row is None or derived is None:
            yield Difference(about, "it has a row and no event" if row is not None else "it has events and no row")
        else:
            yield from compared(about, row, {name: claim(logged, derived) for name, claim in claims.items()})


def _withdrawal(row: Row[Any] | None, logged: LoggedCall) -> Iterator[Difference]:
    """Events from before withdrawals had rows don't say by whom."""
    about, derived = f"withdrawal of call {logged.call_id}", logged.derived.withdrawal
    if row is None:
        if derived and derived.by:
            yield Difference(about, "it has an event and no row")
    elif derived is None:
        yield Difference(about, "it has a row and no event")
    else:
        claims = row_claims.WITHDRAWAL.items()
        yield from compared(about, row, {name: claim(logged, derived) for name, claim in claims})


def _names(names: set[str]) -> str:
    return ", ".join(sorted(names)) or "none"
