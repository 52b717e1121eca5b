"""An arriving call: the places of its caller and line, a remembered decline, and the ruling that follows."""

from dataclasses import dataclass

from sqlalchemy import Connection

from callflow.forms import IncomingCall
from policies.jurisdiction.pack import Law
from policies.jurisdiction.places import places_of
from policies.rules import Line, Rulebook
from policies.ruling import Ruling, ends_of, rule
from policies.wording import Wording
from policies.wording_of_call import language_of, wording_of
from storage.moment import Moment
from storage.number_hash import number_hash
from storage.rows import declines
from storage.rows.declines import RememberedDecline


@dataclass(frozen=True, slots=True)
class Arrival:
    """A call as it came in, and its ruling. `known_by` says how the caller's place is known."""

    ruling: Ruling
    known_by: str
    wording: Wording
    caller_hash: str | None
    declined: RememberedDecline | None


def arrive(
    connection: Connection,
    moment: Moment,
    heard: IncomingCall,
    line: Line,
    *,
    rulebook: Rulebook,
    law: Law,
    number_key: bytes | None,
) -> Arrival:
    """Without a `number_key` no caller is recognised by their number."""
    places, known_by = places_of(heard.from_, law)
    caller_hash = number_hash(number_key, heard.from_) if number_key else None
    remembers = caller_hash is not None and rulebook.remember_declines is not None
    declined = declines.remembered(connection, caller_hash, moment.at) if caller_hash and remembers else None
    ends = ends_of(rulebook, line, places)
    ruling = rule(law, rulebook, line, ends, moment.at, has_declined=declined is not None)
    language = language_of(line, places)
    return Arrival(
        ruling=ruling,
        known_by=known_by,
        wording=wording_of(rulebook, line, ruling, language),
        caller_hash=caller_hash,
        declined=declined,
    )
