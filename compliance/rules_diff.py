"""Which past calls another rulebook would have decided differently: each is decided again, under the law of its day."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, Connection, func, select

from compliance.explain_call import ends_in, received_event
from policies.jurisdiction.pack import Law
from policies.rules import Rulebook
from policies.ruling import ends_of, rule
from storage.database.tables import call
from storage.rows.rules_in_force import kept_law

_PAGE = 500
# The fields that decide how a call goes. The reasons behind them, and the rulebook's own hash, differ with every edit.
_DECIDES = ("mode", "silence_is_consent", "prompts_max", "on_refusal", "flags", "conflicts", "retain_until")
NOT_COMPARED = "not compared: words, languages, agents' numbers, and declines that only one of them would remember"


@dataclass(frozen=True, slots=True)
class Past:
    """A past call: its outcome, and the ruling and the law it was decided by."""

    call_sid: str
    line: str
    received_at: datetime
    outcome: str
    ruling: Mapping[str, Any]
    law: Law


@dataclass(frozen=True, slots=True)
class Difference:
    """`changed` has, for each part of the ruling that differs, what OLD says and what NEW says."""

    past: Past
    changed: tuple[tuple[str, str, str], ...]


def as_json(difference: Difference) -> dict[str, Any]:
    """The keys that scripts may rely on."""
    past = difference.past
    changed = [{"what": name, "old": before, "new": after} for name, before, after in difference.changed]
    call = {"call_sid": past.call_sid, "line": past.line, "received_at": past.received_at.isoformat()}
    return {**call, "outcome": past.outcome, "changed": changed}


def count_since(connection: Connection, since: datetime) -> int:
    return connection.scalar(select(func.count()).select_from(call).where(_real_since(since))) or 0


def past_calls(connection: Connection, since: datetime) -> Iterator[Past | None]:
    """In the order of their ids. None for a call that can't be decided again: its ruling or its law is not kept."""
    law_of = cache(lambda sha256: kept_law(connection, sha256))
    columns = (call.c.id, call.c.call_sid, call.c.line, call.c.received_at, call.c.outcome, call.c.law_sha256)
    page, last = select(*columns).where(_real_since(since)).order_by(call.c.id).limit(_PAGE), ""
    while rows := connection.execute(page.where(call.c.id > last)).all():
        for row in rows:
            ruling = received_event(connection, row.id).get("ruling")
            law = law_of(row.law_sha256)
            if ruling is None or law is None:
                yield None
            else:
                yield Past(row.call_sid, row.line, row.received_at, row.outcome, ruling, law)
        last = rows[-1].id


def _real_since(since: datetime) -> ColumnElement[bool]:
    """Without the self-test's calls, which are decided again every day."""
    return (call.c.received_at >= since) & (call.c.synthetic == 0)


def difference(past: Past, old: Rulebook, new: Rulebook) -> Difference | None:
    """None where both rulebooks lead to the same. A line that only one of them has is a difference of its own."""
    before, after = _ruled(past, old), _ruled(past, new)
    if before is None or after is None:
        if before is after:
            return None
        return Difference(past, (("line", _there(before), _there(after)),))
    changed = [(name, _shown(before[name]), _shown(after[name])) for name in _DECIDES if before[name] != after[name]]
    purposes, others = _uses(before), _uses(after)
    if purposes != others:
        changed.append(("purposes", _shown(sorted(purposes)), _shown(sorted(others))))
    return Difference(past, tuple(changed)) if changed else None


def _uses(ruled: Mapping[str, Any]) -> set[str]:
    """Each purpose with its last day, whatever the rule is called that says so."""
    return {f"{purpose['purpose']} until {purpose['usable_until'][:10]}" for purpose in ruled["purposes"]}


def _ruled(past: Past, rulebook: Rulebook) -> Mapping[str, Any] | None:
    line = rulebook.line(past.line)
    if line is None:
        return None
    caller = [end for end in ends_in(past.ruling) if end.who == "caller"]
    ends = ends_of(rulebook, line, (end.place for end in caller))
    at = datetime.fromisoformat(past.ruling["at"])
    has_declined = past.ruling["declined_before"] and rulebook.remember_declines is not None
    return rule(past.law, rulebook, line, ends, at, has_declined=has_declined).told()


def _there(ruled: Mapping[str, Any] | None) -> str:
    return "not in the rulebook" if ruled is None else "in the rulebook"


def _shown(value: Any) -> str:
    if value and isinstance(value, list):
        return ", ".join(_shown(item) for item in value)
    return str(value) if value not in ("", None, []) else "none"
