"""Sessions of the staff, as rows: begun, found by their token, ended. The token itself is kept nowhere here."""

from base64 import urlsafe_b64encode
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256

from sqlalchemy import Connection, insert, select, update

from policies.sessions import Limits, SignedInBy, ends_at
from storage.database.tables import staff, staff_session
from storage.moment import Moment

_TOKEN_BYTES = 32
_BROWSER_MAX = 200
# A request only moves the time of the last one on when that is older: a page of many requests costs one write.
SEEN_EVERY = timedelta(seconds=20)


@dataclass(frozen=True, slots=True)
class Session:
    """A row of `staff_session`. `id` names it in pages; who holds the id cannot use the session."""

    id: str
    staff_id: str
    signed_in_by: SignedInBy
    browser: str
    began_at: datetime
    seen_at: datetime
    ends_at: datetime
    ended_at: datetime | None
    ended_because: str

    def dies_at(self, limits: Limits) -> datetime:
        """When it ends if nothing more comes; in the past where it has ended."""
        return ends_at(limits, seen_at=self.seen_at, ends_at=self.ends_at) if self.ended_at is None else self.ended_at


_SELECT = select(*[staff_session.c[name] for name in Session.__dataclass_fields__])


def begin(
    connection: Connection, moment: Moment, account_id: str, signed_in_by: SignedInBy, browser: str, limits: Limits
) -> str:
    """Begin a session, and return its token: 256 random bits, for the browser's cookie and nobody else."""
    token = urlsafe_b64encode(moment.random(_TOKEN_BYTES)).rstrip(b"=").decode()
    connection.execute(
        insert(staff_session).values(
            bearer_sha256=_sha256(token),
            id=moment.new_id(),
            staff_id=account_id,
            signed_in_by=signed_in_by,
            browser="".join(letter for letter in browser if letter.isprintable())[:_BROWSER_MAX],
            began_at=moment.at,
            seen_at=moment.at,
            ends_at=moment.at + limits.whole,
        )
    )
    return token


def living(connection: Connection, token: str, now: datetime, limits: Limits) -> Session | None:
    """The session of a token, if it has not ended, its time is not over, and its account is enabled."""
    mine = staff_session.c.bearer_sha256 == _sha256(token)
    query = _SELECT.join(staff).where(mine, staff_session.c.ended_at.is_(None), staff.c.disabled_at.is_(None))
    row = connection.execute(query).one_or_none()
    session = None if row is None else _read(row._asdict())
    return session if session and now < session.dies_at(limits) else None


def lives(connection: Connection, session_id: str, now: datetime, limits: Limits) -> bool:
    """As `living`, by the session's id."""
    mine = staff_session.c.id == session_id
    query = _SELECT.join(staff).where(mine, staff_session.c.ended_at.is_(None), staff.c.disabled_at.is_(None))
    row = connection.execute(query).one_or_none()
    return row is not None and now < _read(row._asdict()).dies_at(limits)


def id_of(connection: Connection, token: str) -> str | None:
    """The id of the token's session, which may have ended."""
    return connection.scalar(select(staff_session.c.id).where(staff_session.c.bearer_sha256 == _sha256(token)))


def see(connection: Connection, session_id: str, now: datetime) -> None:
    """The person has just asked for something."""
    still = (staff_session.c.id == session_id) & staff_session.c.ended_at.is_(None) & (staff_session.c.seen_at < now)
    connection.execute(update(staff_session).where(still).values(seen_at=now))


def end(connection: Connection, session_id: str, now: datetime, because: str) -> None:
    """Ended before is fine."""
    still = (staff_session.c.id == session_id) & staff_session.c.ended_at.is_(None)
    connection.execute(update(staff_session).where(still).values(ended_at=now, ended_because=because))


def end_all(connection: Connection, account_id: str, now: datetime, because: str, *, but: str = "") -> None:
    """All sessions of an account, but for one."""
    mine = (staff_session.c.staff_id == account_id) & (staff_session.c.id != but)
    still = mine & staff_session.c.ended_at.is_(None)
    connection.execute(update(staff_session).where(still).values(ended_at=now, ended_because=because))


def of_account(connection: Connection, account_id: str, now: datetime, limits: Limits) -> list[Session]:
    """The living sessions of an account, the latest first."""
    mine = (staff_session.c.staff_id == account_id) & staff_session.c.ended_at.is_(None)
    rows = connection.execute(_SELECT.where(mine).order_by(staff_session.c.seen_at.desc()))
    return [session for row in rows if now < (session := _read(row._asdict())).dies_at(limits)]


def _sha256(token: str) -> str:
    return sha256(token.encode()).hexdigest()


def _read(row: dict[str, object]) -> Session:
    return Session(**{**row, "signed_in_by": SignedInBy(row["signed_in_by"])})  # type: ignore[arg-type]  # columns' types
