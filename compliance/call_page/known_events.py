"""The events of a call that was read once, with their personal fields as far as they are left."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from compliance.call_faults import faults_in, line_of
from compliance.call_log import Entry
from evidence.disclosures import opens, read_disclosure
from storage.row_check.checked_call import CheckedCall
from storage.row_check.logged_calls import LoggedEvent


def entries_of(known: CheckedCall) -> list[Entry]:
    """In the order of the log. An event without a time, which this program never wrote, is left out."""
    values = dict(_values(known.bodies))
    return [entry for event in known.events if (entry := _entry(event, values)) is not None]


def faults_of_text(known: CheckedCall) -> list[str]:
    """The faults of the events and their personal fields that show without the tree, in words."""
    if known.derived is None:  # its differences say what is wrong
        return []
    lines = [line_of(event.index, event.leaf, event.fields, known.bodies) for event in known.events]
    return list(faults_in(known.rows.call.id, lines, known.bodies, known.rows.call.events))


def ruling_of(entries: Sequence[Entry]) -> Mapping[str, Any]:
    """The ruling that the call was decided by; empty for a call of a version that logged none."""
    received = next((entry for entry in entries if entry.type == "call.received"), None)
    ruling = received.public.get("ruling") if received else None
    return ruling if isinstance(ruling, Mapping) else {}


def listed(value: object) -> list[Any]:
    """A field of an event that is a list, empty where it is none: nobody has checked what is shown."""
    return value if isinstance(value, list) else []


def _entry(event: LoggedEvent, values: Mapping[str, Any]) -> Entry | None:
    ts, kind, committed = (event.fields.get(name) for name in ("ts", "type", "sd"))
    try:
        at = datetime.fromisoformat(ts) if isinstance(ts, str) else None
    except ValueError:
        at = None
    if at is None or at.tzinfo is None or not isinstance(kind, str):
        return None
    digests = dict(committed) if isinstance(committed, dict) else {}
    private = {name: values[digest] for name, digest in digests.items() if digest in values}
    return Entry(event.index, at, event.leaf, {**event.fields, "sd": digests}, private)


def _values(bodies: Mapping[str, str]) -> Iterator[tuple[str, Any]]:
    """The value of each disclosure, by its digest. Altered ones are left out, and are told as a fault."""
    for digest, body in bodies.items():
        try:
            if opens(body, digest):
                yield digest, read_disclosure(body)[1]
        except ValueError:
            continue
