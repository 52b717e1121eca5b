"""The reason for a decision: a step of the chain, in a form that a log can hold and a person can read."""

from dataclasses import dataclass, fields


@dataclass(frozen=True, slots=True)
class Reason:
    """`by` cites the source. `record` names the law pack's record, `as_of` when it was researched, `since` from which
    day it says this; `positions` are both sides where it is contested; `override` is the number of the rulebook's
    override that decides; the override's own reason may name people, so it stands in the rulebook and not here. `told`
    leaves empty parts out.
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
        """The reason as the log and JSON have it."""
        parts = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: list(part) if isinstance(part, tuple) else part for name, part in parts.items() if part}
