"""Checks the personal fields that are left: each must open a commitment of the log, and no erased field may be back."""

from base64 import urlsafe_b64encode
from collections.abc import Collection, Iterable, Iterator, Sequence
from hashlib import sha256

from sqlalchemy import Connection, select

from evidence.disclosures import erased_in
from evidence.events import digest_of
from storage.database.tables import disclosure
from storage.errors import Broken
from storage.log import consent_log
from storage.log.text_verification import Named, Opened

_PAGE = 1000
Row = tuple[str, str]


def check_disclosures(connection: Connection, committed: set[str], erased: Iterable[str], named: Named) -> Opened:
    """Raises Broken for the first disclosure that the log does not have so, of events that commit to `committed`.

    Returns the hashes that the others open.
    """
    opened, gone = Opened(), _gone(connection, erased)
    hashes = named.answers.keys() | named.audio.keys()
    for page in _pages(connection):
        digests = [digest for digest, _ in page]
        if _digests_of(page) != digests or not (committed.issuperset(digests) and gone.keys().isdisjoint(digests)):
            _find_broken(page, committed, gone)
        if not hashes.isdisjoint(digests):
            for digest, body in page:
                if digest in hashes:
                    opened.add(named, digest, body)
    return opened


def _digests_of(page: Sequence[Row]) -> list[str]:
    """As `digest_of` each body, and in a third of its time: base64 writes 33 bytes as 44 characters."""
    text = urlsafe_b64encode(b"".join(sha256(body.encode()).digest() + b"\0" for _, body in page)).decode()
    return [text[start : start + 43] for start in range(0, len(text), 44)]


def _find_broken(page: Sequence[Row], committed: Collection[str], gone: dict[str, str]) -> None:
    for digest, body in page:
        if not body.isascii() or digest_of(body) != digest:
            raise Broken(f"consent log: the disclosure {digest} says something else than was committed to")
        if digest not in committed:
            raise Broken(f"consent log: the disclosure {digest} is of no event: it was put there by somebody else")
        if digest in gone:
            raise Broken(gone[digest])


def _gone(connection: Connection, erased: Iterable[str]) -> dict[str, str]:
    """By the digest of each erased field, the message for its being there again."""
    found: dict[str, str] = {}
    for call_id in erased:
        fields = erased_in(event for _, event in consent_log.events_of_call(connection, call_id))
        found |= {digest: _came_back(call_id, name) for digest, name in fields.items()}
    return found


def _came_back(call_id: str, name: str) -> str:
    return (
        f"consent log: {name} of call {call_id} was erased, as its events say, and is here again: `onrecord "
        f"reapply-erasures` erases it again; a restored backup may have brought it back, or somebody did"
    )


def _pages(connection: Connection) -> Iterator[Sequence[Row]]:
    for rows in connection.execute(select(disclosure.c.digest, disclosure.c.body)).partitions(_PAGE):
        yield [tuple(row) for row in rows]
