"""Sessions begun and ended, and the events of that, within the turn of an account (`storage.staff.turns`).

Rows and events are apart: a transaction writes all of its rows before its first event, so that none of them waits for a
row while it holds the log.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from sqlalchemy import Connection

from evidence.events import Event
from policies.sessions import Limits, SessionEnd, SignedInBy
from storage.errors import Broken
from storage.moment import Moment
from storage.staff import accounts, sessions
from storage.staff.accounts import Account
from storage.staff.sessions import Session


@dataclass(frozen=True, slots=True)
class Browser:
    """`name` is the browser's own; `old_token` the one that it sent, if any: its session ends when another begins."""

    name: str
    old_token: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class SignedIn:
    """`token` goes into the browser's cookie and nowhere else."""

    token: str = field(repr=False)
    account: Account
    session: Session


@dataclass(frozen=True, slots=True)
class Begun:
    """A session that has begun, and the one whose place it took; neither is logged yet."""

    signed_in: SignedIn
    replaced: Session | None


def begin(
    connection: Connection, moment: Moment, account: Account, by: SignedInBy, browser: Browser, limits: Limits
) -> Begun:
    """A new session, of another id than the browser had before."""
    replaced = sessions.living(connection, browser.old_token, moment.at, limits)
    if replaced is not None:
        sessions.end(connection, replaced.id, moment.at, SessionEnd.SIGNED_IN_AGAIN)
    token = sessions.begin(connection, moment, account.id, by, browser.name, limits)
    session = sessions.living(connection, token, moment.at, limits)
    if session is None:
        raise Broken(f"account {account.id}: a session that has just begun is over")
    return Begun(SignedIn(token, account, session), replaced)


def log_begin(connection: Connection, moment: Moment, begun: Begun) -> SignedIn:
    account, session = begun.signed_in.account, begun.signed_in.session
    if begun.replaced is not None:
        log_ends(connection, moment, [begun.replaced], SessionEnd.SIGNED_IN_AGAIN, actor=account.name)
    public = {"account": account.id, "session": session.id, "by": session.signed_in_by.value}
    accounts.log(connection, moment, Event("staff.signed_in", {**public}))
    return begun.signed_in


def end_all(
    connection: Connection, moment: Moment, account_id: str, because: SessionEnd, *, limits: Limits, but: str = ""
) -> list[Session]:
    """End all living sessions of an account, but for the one of that id; returns those that ended."""
    living = sessions.of_account(connection, account_id, moment.at, limits)
    ended = [session for session in living if session.id != but]
    for session in ended:
        sessions.end(connection, session.id, moment.at, because)
    return ended


def log_ends(
    connection: Connection, moment: Moment, ended: Iterable[Session], because: SessionEnd, *, actor: str
) -> None:
    for session in ended:
        public = {"account": session.staff_id, "session": session.id, "because": because.value}
        accounts.log(connection, moment, Event("staff.signed_out", {**public}, {"actor": actor}))
