"""The member of staff behind a request: the account, its session, and the calls that it reaches."""

from dataclasses import dataclass, field
from datetime import datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from flask import g
from sqlalchemy import Connection

from console.personal_settings import PersonalSettings
from policies.permissions import Act, Reach, may
from policies.sessions import Limits
from storage.staff import accounts, sessions
from storage.staff.accounts import Account
from storage.staff.sessions import Session


@dataclass(frozen=True, slots=True)
class Viewer:
    """`token` is the session's: it makes what only this session can use, and is never shown."""

    account: Account
    session: Session
    reach: Reach
    settings: PersonalSettings
    token: str = field(repr=False)

    def may(self, act: Act) -> bool:
        return may(self.account.role, act)

    @property
    def zone(self) -> ZoneInfo:
        try:
            return ZoneInfo(self.settings.time_zone)
        except (ZoneInfoNotFoundError, ValueError):
            return ZoneInfo("UTC")


def find(connection: Connection, token: str, now: datetime, limits: Limits) -> Viewer | None:
    """None where the token opens no living session of an enabled account."""
    session = sessions.living(connection, token, now, limits)
    account = accounts.by_id(connection, session.staff_id) if session else None
    if session is None or account is None:
        return None
    settings = PersonalSettings.read(account.settings)
    return Viewer(account, session, accounts.reach(connection, account), settings, token)


def viewer() -> Viewer:
    """The viewer of the present request. Only for routes that need somebody signed in."""
    found: Viewer = g.viewer
    return found
