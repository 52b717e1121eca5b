"""Accounts of the staff, as rows: found, added, changed, disabled. Each change is an event of the log.

The log names an account by its id alone; names of people are the private part of its events.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, delete, insert, select, update

from evidence.events import Event, Value
from policies.permissions import Reach, Role, Scope, reach_of
from storage.database.tables import staff, staff_address, staff_scope
from storage.errors import Broken, Refused
from storage.log import consent_log
from storage.moment import Moment

# It goes into commands and pages, and nobody should confuse two of them.
_NAME = re.compile(r"[a-z][a-z0-9._-]{1,62}", re.ASCII)
_DISPLAY_MAX, _SCOPE_VALUE_MAX, _ADDRESS_MAX = 80, 64, 128


@dataclass(frozen=True, slots=True)
class Account:
    """A row of `staff` with its scope and its addresses. `settings` is JSON."""

    id: str
    name: str
    display_name: str
    role: Role
    team: str
    scope: Scope
    addresses: frozenset[str]
    settings: str
    created_at: datetime
    disabled_at: datetime | None

    @property
    def is_enabled(self) -> bool:
        return self.disabled_at is None


@dataclass(frozen=True, slots=True)
class Position:
    """The part of an account that an administrator decides: its role, its scope, the team of its person, and the
    addresses at which the person takes calls.
    """

    role: Role
    scope: Scope = field(default_factory=Scope)
    team: str = ""
    addresses: frozenset[str] = frozenset()


_COLUMNS = (
    staff.c.id,
    staff.c.name,
    staff.c.display_name,
    staff.c.role,
    staff.c.team,
    staff.c.everywhere,
    staff.c.settings,
    staff.c.created_at,
    staff.c.disabled_at,
)
_SELECT = select(*_COLUMNS)


def by_id(connection: Connection, account_id: str) -> Account | None:
    return _first(connection, _SELECT.where(staff.c.id == account_id))


def by_name(connection: Connection, name: str) -> Account | None:
    return _first(connection, _SELECT.where(staff.c.name == name.strip().lower()))


def existing(connection: Connection, account_id: str) -> Account:
    """As `by_id`. Raises Broken where the account has no row."""
    found = by_id(connection, account_id)
    if found is None:
        raise Broken(f"account {account_id}: there is no such row")
    return found


def everybody(connection: Connection) -> list[Account]:
    """In the order of their names."""
    return _read(connection, connection.execute(_SELECT.order_by(staff.c.name)).all())


def reach(connection: Connection, account: Account) -> Reach:
    """The calls that the account is for, with its scope's teams as they are today."""
    of_teams = select(staff_address.c.address).join(staff).where(staff.c.team.in_(account.scope.teams))
    found = connection.scalars(of_teams).all() if account.scope.teams else ()
    return reach_of(account.role, account.scope, own=account.addresses, of_teams=found)


def add(
    connection: Connection, moment: Moment, name: str, display_name: str, position: Position, *, actor: str
) -> Account:
    """Raises Refused for a name that is taken or is none."""
    name, display_name = name.strip().lower(), display_name.strip()
    if not _NAME.fullmatch(name):
        raise Refused(
            f"account {name!r}: a name has 2 to 63 letters, digits, dots or hyphens, and begins with a letter"
        )
    _require_display_name(display_name)
    if by_name(connection, name) is not None:
        raise Refused(f"account {name}: there is one of this name")
    account_id = moment.new_id()
    row = {"id": account_id, "name": name, "display_name": display_name, "created_at": moment.at}
    connection.execute(insert(staff).values(**row, role=position.role))
    _place(connection, account_id, position)
    private = {"actor": actor, "name": name, **_private(position)}
    log(connection, moment, Event("staff.added", {"account": account_id, **_public(position)}, private))
    return existing(connection, account_id)


def change(connection: Connection, moment: Moment, account: Account, position: Position, *, actor: str) -> Account:
    """Give the account another position. A position that is the account's already is no change and no event."""
    if position == position_of(account):
        return account
    _place(connection, account.id, position)
    event = Event("staff.changed", {"account": account.id, **_public(position)}, {"actor": actor, **_private(position)})
    log(connection, moment, event)
    return existing(connection, account.id)


def disable(connection: Connection, moment: Moment, account: Account, *, actor: str) -> None:
    """From here on none of its sessions lives; already disabled is fine."""
    if account.is_enabled:
        connection.execute(update(staff).where(staff.c.id == account.id).values(disabled_at=moment.at))
        log(connection, moment, Event("staff.disabled", {"account": account.id}, {"actor": actor}))


def enable(connection: Connection, moment: Moment, account: Account, *, actor: str) -> None:
    if not account.is_enabled:
        connection.execute(update(staff).where(staff.c.id == account.id).values(disabled_at=None))
        log(connection, moment, Event("staff.enabled", {"account": account.id}, {"actor": actor}))


def save_settings(connection: Connection, account_id: str, settings: str) -> None:
    connection.execute(update(staff).where(staff.c.id == account_id).values(settings=settings))


def position_of(account: Account) -> Position:
    return Position(account.role, account.scope, account.team, account.addresses)


def _place(connection: Connection, account_id: str, position: Position) -> None:
    _require_position(connection, account_id, position)
    mine = {"role": position.role, "team": position.team, "everywhere": int(position.scope.everywhere)}
    connection.execute(update(staff).where(staff.c.id == account_id).values(**mine))
    for table in (staff_scope, staff_address):
        connection.execute(delete(table).where(table.c.staff_id == account_id))
    values = [("line", line) for line in position.scope.lines] + [("team", team) for team in position.scope.teams]
    if values:
        rows = [{"staff_id": account_id, "kind": kind, "value": value} for kind, value in sorted(values)]
        connection.execute(insert(staff_scope), rows)
    if position.addresses:
        rows = [{"staff_id": account_id, "address": address} for address in sorted(position.addresses)]
        connection.execute(insert(staff_address), rows)


def _require_position(connection: Connection, account_id: str, position: Position) -> None:
    scope = position.scope
    _require_words("a line or team", {position.team, *scope.lines, *scope.teams} - {""}, _SCOPE_VALUE_MAX)
    _require_words("an address", position.addresses, _ADDRESS_MAX)
    others = select(staff_address.c.address).where(
        staff_address.c.address.in_(position.addresses), staff_address.c.staff_id != account_id
    )
    if position.addresses and (taken := connection.scalars(others).first()) is not None:
        raise Refused(f"the address that ends in {taken[-2:]} is another account's")


def _require_words(what: str, values: Collection[str], length_max: int) -> None:
    if any(not value.isprintable() or value != value.strip() or not 0 < len(value) <= length_max for value in values):
        raise Refused(f"{what} is of 1 to {length_max} printable characters")


def _require_display_name(display_name: str) -> None:
    if not display_name.isprintable() or not 0 < len(display_name) <= _DISPLAY_MAX:
        raise Refused(f"a person's name is of 1 to {_DISPLAY_MAX} printable characters")


def _public(position: Position) -> dict[str, Value]:
    return {"role": position.role.value, "everywhere": position.scope.everywhere}


def _private(position: Position) -> dict[str, Value]:
    """The lines are numbers, and teams and addresses may name people."""
    return {
        "lines": sorted(position.scope.lines),
        "teams": sorted(position.scope.teams),
        "team": position.team,
        "addresses": sorted(position.addresses),
    }


def log(connection: Connection, moment: Moment, event: Event) -> None:
    """Append an event about the staff."""
    consent_log.append(connection, [event], call_id=None, first_n=None, at=moment.at, random=moment.random)


def _first(connection: Connection, query: Select[Any]) -> Account | None:
    return next(iter(_read(connection, connection.execute(query).all())), None)


def _read(connection: Connection, rows: Sequence[Any]) -> list[Account]:
    ids = [row.id for row in rows]
    of_scope = select(staff_scope.c.staff_id, staff_scope.c.kind, staff_scope.c.value)
    scopes = connection.execute(of_scope.where(staff_scope.c.staff_id.in_(ids))).all()
    of_address = select(staff_address.c.staff_id, staff_address.c.address)
    addresses = connection.execute(of_address.where(staff_address.c.staff_id.in_(ids))).all()
    lines, teams = _by_account(scopes, "line"), _by_account(scopes, "team")
    taken: dict[str, set[str]] = {}
    for row in addresses:
        taken.setdefault(row.staff_id, set()).add(row.address)
    return [
        Account(
            id=row.id,
            name=row.name,
            display_name=row.display_name,
            role=Role(row.role),
            team=row.team,
            scope=Scope(bool(row.everywhere), lines.get(row.id, frozenset()), teams.get(row.id, frozenset())),
            addresses=frozenset(taken.get(row.id, ())),
            settings=row.settings,
            created_at=row.created_at,
            disabled_at=row.disabled_at,
        )
        for row in rows
    ]


def _by_account(scopes: Sequence[Any], kind: str) -> Mapping[str, frozenset[str]]:
    found: dict[str, set[str]] = {}
    for row in scopes:
        if row.kind == kind:
            found.setdefault(row.staff_id, set()).add(row.value)
    return {account_id: frozenset(values) for account_id, values in found.items()}
