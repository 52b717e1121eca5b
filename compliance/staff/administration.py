"""Accounts of the staff for those who administer them: added, changed, disabled, opened again, reset."""

from collections.abc import Callable
from dataclasses import dataclass, field

from sqlalchemy import Connection

from compliance.staff import logged_sessions, ways_in
from evidence.events import Event
from policies.permissions import Role
from policies.sessions import SessionEnd
from policies.sign_in import ConsoleRules
from storage.database.engine import Database
from storage.errors import Refused
from storage.moment import Moment
from storage.staff import accounts, links, sessions, turns
from storage.staff.accounts import Account, Position
from storage.staff.sessions import Session


@dataclass(frozen=True, slots=True)
class Invited:
    """`link` is the last part of the URL by which the person sets up how they sign in: once, within a day."""

    account: Account
    link: str = field(repr=False)


@dataclass(frozen=True)
class Administration:
    """`rules` are the rulebook's of today. Each method is one transaction with its events, and is durable on return.

    They raise Refused where there is no such account, and where no enabled admin would be left.
    """

    database: Database
    rules: ConsoleRules
    moment: Callable[[], Moment] = Moment.now

    def add(self, name: str, display_name: str, position: Position, *, actor: str) -> Invited:
        """Raises Refused for a name that is taken or is none."""
        moment = self.moment()

        def settle(connection: Connection) -> Invited:
            added = accounts.add(connection, moment, name, display_name, position, actor=actor)
            invited = Invited(added, links.make(connection, moment, added.id))
            _log_link(connection, moment, added.id, actor)
            return invited

        return self.database.write(settle)

    def change(self, account_id: str, position: Position, *, actor: str) -> Account:
        moment = self.moment()

        def settle(connection: Connection) -> Account:
            account, admins = turns.take_with_admins(connection, account_id)
            if position.role is not Role.ADMIN:
                _require_another(account, admins)
            return accounts.change(connection, moment, account, position, actor=actor)

        return self.database.write(settle)

    def disable(self, account_id: str, *, actor: str) -> None:
        """All sessions of the account end. Already disabled is fine."""
        moment = self.moment()

        def settle(connection: Connection) -> None:
            account, admins = turns.take_with_admins(connection, account_id)
            _require_another(account, admins)
            ended = self._end_all(connection, moment, account_id, SessionEnd.DISABLED)
            links.revoke(connection, account_id)
            accounts.disable(connection, moment, account, actor=actor)
            logged_sessions.log_ends(connection, moment, ended, SessionEnd.DISABLED, actor=actor)

        self.database.write(settle)

    def enable(self, account_id: str, *, actor: str) -> None:
        """Already enabled is fine."""
        moment = self.moment()
        self.database.write(
            lambda connection: accounts.enable(connection, moment, turns.take(connection, account_id), actor=actor)
        )

    def reset(self, account_id: str, *, actor: str) -> Invited:
        """Remove all that the account signs in with, end its sessions, and make a new link: for a person who has lost
        everything, or before somebody else uses what was lost. Raises Refused where it is disabled.
        """
        moment = self.moment()

        def settle(connection: Connection) -> Invited:
            account = turns.take(connection, account_id)
            if not account.is_enabled:
                raise Refused(f"account {account_id}: it is disabled; enable it first")
            removed = ways_in.remove_all(connection, account_id)
            ended = self._end_all(connection, moment, account_id, SessionEnd.RESET)
            invited = Invited(account, links.make(connection, moment, account_id))
            ways_in.log_removed(connection, moment, account_id, *removed, actor=actor)
            logged_sessions.log_ends(connection, moment, ended, SessionEnd.RESET, actor=actor)
            _log_link(connection, moment, account_id, actor)
            return invited

        return self.database.write(settle)

    def end_session(self, account_id: str, session_id: str, *, actor: str) -> None:
        """A single session of the account. Ended before is fine."""
        moment = self.moment()

        def settle(connection: Connection) -> None:
            turns.take(connection, account_id)
            living = sessions.of_account(connection, account_id, moment.at, self.rules.limits)
            ended = [session for session in living if session.id == session_id]
            for session in ended:
                sessions.end(connection, session.id, moment.at, SessionEnd.REVOKED)
            logged_sessions.log_ends(connection, moment, ended, SessionEnd.REVOKED, actor=actor)

        self.database.write(settle)

    def end_sessions(self, account_id: str, *, actor: str, but: str = "") -> None:
        """All of them, but for the one of that id."""
        moment = self.moment()

        def settle(connection: Connection) -> None:
            turns.take(connection, account_id)
            ended = self._end_all(connection, moment, account_id, SessionEnd.REVOKED, but=but)
            logged_sessions.log_ends(connection, moment, ended, SessionEnd.REVOKED, actor=actor)

        self.database.write(settle)

    def _end_all(
        self, connection: Connection, moment: Moment, account_id: str, because: SessionEnd, *, but: str = ""
    ) -> list[Session]:
        return logged_sessions.end_all(connection, moment, account_id, because, limits=self.rules.limits, but=but)


def _require_another(account: Account, admins: frozenset[str]) -> None:
    """Somebody must be left to let people in, also to undo this."""
    if admins == {account.id}:
        raise Refused(f"account {account.id}: it is the last enabled admin's")


def _log_link(connection: Connection, moment: Moment, account_id: str, actor: str) -> None:
    accounts.log(connection, moment, Event("staff.linked", {"account": account_id}, {"actor": actor}))
