"""Why something was decided: one step of the chain, in a form that a log can hold and a person can read."""

from dataclasses import dataclass, fields


@dataclass(frozen=True, slots=True)
class Reason:
    """`by` cites what says so. `record` names the law pack's record, `as_of` when it was researched, `since` from which
    day it says this; `positions` are both sides where it is contested; `override` is the number of the rulebook's
    override that says so, whose own reason stands in the rulebook and, since it may name people, not here. Empty parts
    are left out where it is told.
    """

    about: str
    says: str
    by: str
    record: str = ""
    note: str = ""
    as_of: str = ""
    since: str = ""
    positions: tuple[str, ...] = ()
    override: int = 0

    def told(self) -> dict[str, str | int | list[str]]:
        """For the log, and as JSON."""
        parts = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: list(part) if isinstance(part, tuple) else part for name, part in parts.items() if part}
