"""Why a past call was decided as it was: the ruling that its event logged, held against the rules of its time."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select

from compliance.call_log import CallLog
from compliance.explain import Explained, RulingFields
from policies.jurisdiction.pack import Law
from policies.jurisdiction.readings import End
from policies.rules import Rulebook
from policies.ruling import rule
from storage.custody.row_watch import contradictions
from storage.database.tables import log_leaf
from storage.errors import Broken
from storage.log import consent_log
from storage.rows.calls import Call
from storage.rows.rules_in_force import kept_law, kept_rulebook, kept_wording


def explain_call(connection: Connection, call: Call) -> Explained:
    """A past call. Raises Broken where the log does not say how it was decided."""
    CallLog.read(connection, call.id).require_sound(call.id)
    event = received_event(connection, call.id)
    if (event.get("rules_sha256"), event.get("law", {}).get("sha256")) != (call.rules_sha256, call.law_sha256):
        raise Broken(f"call {call.id}: its row names other rules or another law than its event: the row was changed")
    if "ruling" not in event:
        raise Broken(f"call {call.id}: it was decided by an earlier version, which logged no ruling")
    law, rulebook = kept_law(connection, call.law_sha256), kept_rulebook(connection, call.rules_sha256)
    line, at = call.line or "what is no line", f"{call.received_at:%Y-%m-%d %H:%M:%S}"
    return Explained(
        about=f"call {call.id} to {line} on {at} UTC: {call.outcome}",
        language=call.language,
        ruling=event["ruling"],
        wording=kept_wording(connection, call),
        law=law,
        rulebook=rulebook,
        again=_again(call, event["ruling"], law, rulebook),
        differs=tuple(str(contradiction) for contradiction in contradictions(connection, call.id)),
    )


def received_event(connection: Connection, call_id: str) -> Mapping[str, Any]:
    """The event with which a call begins. Raises Broken where there is none."""
    query = select(log_leaf.c.idx, log_leaf.c.leaf).where(log_leaf.c.call_id == call_id, log_leaf.c.n == 0)
    row = connection.execute(query).first()
    if row is None:
        raise Broken(f"call {call_id}: the log says nothing of it")
    return consent_log.read_event(row.idx, row.leaf)


def ends_in(ruling: RulingFields) -> tuple[End, ...]:
    """The ends of a call as its ruling names them."""
    return tuple(End(who, place) for who, place in (end.split(" ") for end in ruling["ends"]))


def _again(call: Call, ruling: RulingFields, law: Law | None, rulebook: Rulebook | None) -> str:
    if not call.line:
        return "what was dialled is no line of the rulebook, so nothing was asked, whatever the rules say"
    line = rulebook.line(call.line) if rulebook else None
    if law is None or rulebook is None or line is None:
        return "the rules of that time are not kept here, so it cannot be decided again"
    at = datetime.fromisoformat(ruling["at"])
    now = rule(law, rulebook, line, ends_in(ruling), at, has_declined=ruling["declined_before"]).told()
    differing = ", ".join(differing_fields(ruling, now))
    if differing:
        return f"this program reads the rules of that time otherwise ({differing}); the log says what was decided then"
    return "decided again under the rules of that time, as they are kept here: the same"


def differing_fields(ruling: RulingFields, other: RulingFields) -> Iterator[str]:
    """The parts of two rulings that are not the same."""
    return (name for name in ruling if ruling[name] != other.get(name))
