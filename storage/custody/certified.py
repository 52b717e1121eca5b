"""The fields of `recording.destroyed`: each copy that was looked for, how its absence was seen, and what remains."""

from collections.abc import Sequence
from datetime import datetime

from evidence.events import Value
from policies.copies import BACKUPS_UNKNOWN, CANNOT_BE_LOOKED_FOR, METADATA_KEPT, CopyKind
from policies.durations import Duration, end_of
from storage.provider import DELETED, CopiesSeen, Sight
from storage.rows.provider_copies import CopyRow

NONE, NO_SERVICE, NOT_LOOKED_FOR = "none", "no service", "not looked for"


def certified_copies(
    seen: Sequence[CopiesSeen], rows: Sequence[CopyRow], *, at_provider: str, objects: int
) -> list[Value]:
    """A line for each kind of copy: how many were found, and how they were last seen. Without a look none was seen,
    as of an erased call, whose names at the provider are gone.
    """
    by_kind = {look.kind: look for look in seen}
    lines: list[Value] = [
        _line("recording", int(at_provider == DELETED), at_provider or NOT_LOOKED_FOR),
        _line("stored_object", objects, DELETED if objects else NONE),
        _line("key", int(objects > 0), DELETED if objects else NONE),
    ]
    for kind in CopyKind:
        found = sum(row.kind is kind for row in rows)
        look = by_kind.get(kind)
        lines.append(_line(kind, found, _how(look, found), look.answer if look else ""))
    return lines


def _line(kind: str, found: int, seen: str, answer: str = "") -> Value:
    return {"kind": str(kind), "found": found, "seen": seen, "answer": answer}


def _how(look: CopiesSeen | None, found: int) -> str:
    if look is None or look.sight is Sight.FORBIDDEN:
        return NOT_LOOKED_FOR
    if found:
        return DELETED
    return NO_SERVICE if look.sight is Sight.NO_SERVICE else NONE


def certified_residual(destroyed_at: datetime, backups: Duration | None) -> Value:
    """`backups_until`: until then a backup may hold the sealed audio and, with it, the wrapped key that opens it."""
    return {
        "not_looked_for": [*CANNOT_BE_LOOKED_FOR],
        "provider_metadata_until": (destroyed_at + METADATA_KEPT).isoformat(timespec="seconds"),
        "backups_until": end_of(destroyed_at, backups).isoformat(timespec="seconds") if backups else BACKUPS_UNKNOWN,
    }
