"""Checks the personal fields that are left: each must open a commitment of the log, and no erased field may be back."""

from base64 import urlsafe_b64encode
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from hashlib import sha256
from typing import Any

from sqlalchemy import Connection, select

from evidence.disclosures import erased_in
from evidence.events import digest_of
from storage.database.pages import Stored
from storage.database.tables import disclosure, log_leaf
from storage.errors import Broken
from storage.log import consent_log
from storage.log.followed_log import FollowedLog
from storage.log.text_verification import check_hashes

_CALLS_AT_ONCE = 200
_BODIES = Stored(disclosure, disclosure.c.digest, disclosure.c.body)
_EVENTS = select(log_leaf.c.call_id, log_leaf.c.idx, log_leaf.c.leaf).order_by(log_leaf.c.call_id, log_leaf.c.n)
Row = tuple[str, str]


def check_disclosures(log: FollowedLog) -> None:
    """Raises Broken for the first disclosure that the log does not have so, or whose hash is not that of the text kept
    beside it.

    A disclosure that is erased meanwhile is gone together with the event that says so, or was read before both.
    """
    gone: dict[str, str] = {}
    while log.erased:
        with log.views() as connection:
            gone |= _gone(connection, _taken(log.erased))

    def check(connection: Connection, page: Sequence[Row]) -> None:
        while log.erased:  # between two pages, so they are few
            gone.update(_gone(connection, _taken(log.erased)))
        _check_page(page, log.committed, gone)
        check_hashes(connection, log.named, page)

    log.check_pages(_BODIES, check)


def _check_page(page: Sequence[Row], committed: set[str], gone: Mapping[str, str]) -> None:
    digests = [digest for digest, _ in page]
    if _digests_of(page) != digests or not (committed.issuperset(digests) and gone.keys().isdisjoint(digests)):
        _find_broken(page, committed, gone)


def _digests_of(page: Sequence[Row]) -> list[str]:
    """As `digest_of` each body, and in a third of its time: base64 writes 33 bytes as 44 characters."""
    text = urlsafe_b64encode(b"".join(sha256(body.encode()).digest() + b"\0" for _, body in page)).decode()
    return [text[start : start + 43] for start in range(0, len(text), 44)]


def _find_broken(page: Sequence[Row], committed: Collection[str], gone: Mapping[str, str]) -> None:
    for digest, body in page:
        if not body.isascii() or digest_of(body) != digest:
            raise Broken(f"consent log: the disclosure {digest} says something else than was committed to")
        if digest not in committed:
            raise Broken(f"consent log: the disclosure {digest} is of no event: it was put there by somebody else")
        if digest in gone:
            raise Broken(gone[digest])


def _taken(erased: set[str]) -> list[str]:
    """Some of the calls, which are in the set no longer."""
    return [erased.pop() for _ in range(min(len(erased), _CALLS_AT_ONCE))]


def _gone(connection: Connection, call_ids: Sequence[str]) -> dict[str, str]:
    """By the digest of each field erased from these calls, the message for its being there again."""
    events: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
    for call_id, index, leaf in connection.execute(_EVENTS.where(log_leaf.c.call_id.in_(call_ids))):
        events[call_id].append(consent_log.read_event(index, leaf))
    return {
        digest: _came_back(call_id, name)
        for call_id, some in events.items()
        for digest, name in erased_in(some).items()
    }


def _came_back(call_id: str, name: str) -> str:
    return (
        f"consent log: {name} of call {call_id} was erased, as its events say, and is here again: `onrecord "
        f"reapply-erasures` erases it again; a restored backup may have brought it back, or somebody did"
    )
