"""`onrecord erase` and `onrecord reapply-erasures`: what is erased is noted outside the database, goes from it, call by
call, and then from its files.
"""

import secrets
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime

from sqlalchemy import Connection, select

from onrecord.installation import House
from storage import callers, calls
from storage.calls import Call
from storage.custody import erasure, erasure_journal
from storage.custody.erasure import NotErased, Request, Traces
from storage.custody.erasure_journal import Entry, Journal
from storage.database.tables import call
from storage.database.wipe import wipe
from storage.moment import Moment
from storage.number_hash import check_number, number_hash, sid_hash
from storage.recordings import DELETE_AGAIN, DESTROY, EXPIRE, INTAKE

Found = Traces | NotErased
_ABOUT_RECORDINGS = (INTAKE, DESTROY, EXPIRE, DELETE_AGAIN)


def calls_from(house: House, number: str) -> list[str]:
    """The ids of the calls from a number that are not erased, oldest first. Raises Refused for what is no number."""
    check_number(number)
    with house.database.read() as connection:
        return callers.calls_from(connection, number, number_hash(house.keys.number_hash_key, number))


def call_named(house: House, name: str) -> Call | None:
    """By Twilio's sid, also of a call that was erased here, or by our own id."""
    hashed = sid_hash(house.keys.number_hash_key, name)
    with house.database.read() as connection:
        known = calls.named(connection, name)
        if known is not None:
            return known
        noted = [one.call_id for one in erasure_journal.read(house.settings.erasures).entries if one.sid_hash == hashed]
        return calls.peek(connection, noted[-1]) if noted else None


def look(house: House, call_ids: Iterable[str], *, again: bool = False) -> list[Found]:
    """What an erasure would find of each call."""
    with house.database.read() as connection:
        return [erasure.look(connection, call_id, again=again) for call_id in call_ids]


def erase(house: House, found: Sequence[Found], request: Request) -> Iterator[Found]:
    """Erase each of the calls of which something is left, and say what became of all.

    Each is a transaction of its own: one that has to wait keeps no other, and whatever is cut goes on when run again.
    """
    going = [one for one in found if isinstance(one, Traces) and one]
    _note(house, [one.call_id for one in going], request.basis)
    house.jobs.forget_about(_ABOUT_RECORDINGS, [known.id for one in going for known in one.recordings])
    for one in found:
        yield _erase(house, one, request) if isinstance(one, Traces) and one else one


def wipe_files(house: House) -> None:
    """Raises Unavailable while the bytes can't be taken out of the database's files."""
    wipe(house.database, erasure.TABLES)


def what_came_back(house: House, journal: Journal) -> dict[str, str]:
    """The calls that were erased once, each with the basis, and of which something is here again.

    A call that Twilio's list has brought back has a new id, and is known by its sid.
    """
    noted = {one.call_id: one.basis for one in journal.entries}
    by_sid = {one.sid_hash: one.basis for one in journal.entries}
    with house.database.read() as connection:
        erased = erasure.known_in_log(connection) | noted | _known_by_sid(house, connection, by_sid)
        known = {call_id: basis for call_id, basis in erased.items() if calls.peek(connection, call_id)}
        return {call_id: basis for call_id, basis in known.items() if erasure.look(connection, call_id, again=True)}


def _erase(house: House, found: Traces, request: Request) -> Found:
    moment = Moment(datetime.now(UTC), secrets.token_bytes)
    return house.database.write(
        lambda connection: erasure.erase(connection, moment, found.call_id, request, house.jobs)
    )


def _known_by_sid(house: House, connection: Connection, by_sid: Mapping[str, str]) -> dict[str, str]:
    key = house.keys.number_hash_key
    rows = connection.execute(select(call.c.id, call.c.call_sid).where(call.c.erased_at.is_(None)))
    return {row.id: by_sid[hashed] for row in rows if (hashed := sid_hash(key, row.call_sid)) in by_sid}


def _note(house: House, call_ids: Sequence[str], basis: str) -> None:
    """In the journal first: a backup may come back that was made before this, and the log of that knows nothing."""
    now, key = datetime.now(UTC), house.keys.number_hash_key
    with house.database.read() as connection:
        going = [known for call_id in call_ids if (known := calls.peek(connection, call_id))]
    new = [Entry(known.id, sid_hash(key, known.call_sid), basis, now) for known in going]
    if new:
        erasure_journal.append(house.settings.erasures, new)
