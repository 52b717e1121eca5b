"""How far our clock is from Twilio's: times in requests to Twilio are translated, and a large gap is an incident.

No verdict rests on it. A clock that is far off makes lists miss calls, and the times in the log wrong.
"""

from datetime import timedelta

from sqlalchemy import Connection

from policies.incidents import IncidentKind
from storage.moment import Moment
from storage.provider import ClocksApart, Provider
from storage.rows.incidents import raise_incident, resolve

APART_MAX = timedelta(seconds=60)
_ABOUT = "twilio"


def ahead_at_most(provider: Provider) -> timedelta:
    """Negative where our clock is behind; zero where the gap is not known."""
    apart = provider.clocks_apart()
    return apart.most if apart else timedelta(0)


def report(connection: Connection, moment: Moment, apart: ClocksApart | None) -> None:
    """An incident is open as long as the clocks are certainly apart."""
    if apart is None:
        return
    if apart.least <= APART_MAX and apart.most >= -APART_MAX:
        resolve(connection, moment, IncidentKind.CLOCKS_APART, _ABOUT)
        return
    by, way = round(abs(apart.about.total_seconds())), "ahead of" if apart.about > timedelta(0) else "behind"
    detail = f"this machine's clock is about {by} s {way} Twilio's: set it right"
    raise_incident(connection, moment, IncidentKind.CLOCKS_APART, about=_ABOUT, call_id=None, detail=detail)
