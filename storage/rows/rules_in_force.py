"""The rules and wording in force when a call came in, which it keeps: consent to a purpose covers no other."""

import json
import logging
from functools import lru_cache

from sqlalchemy import Connection, select

from policies.jurisdiction.pack import Law, packaged_law, read_law
from policies.rulebook.read import RulebookRejected, parse
from policies.rules import Rulebook
from policies.wording import Wording
from storage.database.after_commit import after_commit
from storage.database.tables import law_version, rulebook_version, wording_version
from storage.errors import Broken
from storage.log.text_verification import check_text, check_wording
from storage.rows import adoptions
from storage.rows.calls import Call

log = logging.getLogger(__name__)


class RulesInForce:
    """The rulebook in force, as a process follows it: at first the rulebook that the process started with.

    A rulebook that was adopted since, and that this program cannot read, leaves the one before in use, and is logged
    once.
    """

    def __init__(self, rulebook: Rulebook) -> None:
        self._seen, self._unread = rulebook, ""

    @property
    def seen(self) -> Rulebook:
        """The rulebook that was in force when this process last looked."""
        return self._seen

    def read(self, connection: Connection) -> Rulebook:
        """The rulebook that is in force in this transaction."""
        last = adoptions.in_force(connection)
        seen = self._seen
        if last is None or last.sha256 in (seen.sha256, self._unread):
            return seen
        found = _kept_or(connection, last.sha256, seen)
        self._seen, self._unread = found, last.sha256 if found is seen else ""
        return found


def adopted_text(connection: Connection) -> str | None:
    """The text of the rulebook in force; None where none was adopted yet. Raises Broken for a text of another hash."""
    last = adoptions.in_force(connection)
    return None if last is None else kept_text(connection, last.sha256)


def rules_of(connection: Connection, call: Call, current: Rulebook) -> Rulebook:
    """The rules of a call; the current rules where its own are missing or broken, so that the caller is connected."""
    return current if call.rules_sha256 == current.sha256 else _kept_or(connection, call.rules_sha256, current)


def _kept_or(connection: Connection, sha256: str, current: Rulebook) -> Rulebook:
    try:
        return kept_rulebook(connection, sha256) or current
    except Broken as error:
        fault = str(error)
        after_commit(connection, lambda: log.error("the rules in force are used in their place: %s", fault))
        return current


def kept_text(connection: Connection, sha256: str) -> str | None:
    """The rulebook of that hash as it was written. Raises Broken for a text of another hash."""
    text = connection.scalar(select(rulebook_version.c.text).where(rulebook_version.c.sha256 == sha256))
    if text is not None:
        check_text("rulebook", sha256, text)
    return text


def kept_rulebook(connection: Connection, sha256: str) -> Rulebook | None:
    """None where no rulebook of that hash was ever in force, or only an earlier program could read it.

    Raises Broken for a text of another hash, as do the other functions that read a kept text.
    """
    text = kept_text(connection, sha256)
    try:
        return None if text is None else _parsed(text)
    except RulebookRejected:
        after_commit(
            connection,
            lambda: log.error("rulebook %s: it was in force, and this program does not accept it", sha256),
        )
        return None


def rulebooks_beginning(connection: Connection, digits: str) -> list[str]:
    """Hashes of the rulebooks that were in force, where they begin with these digits."""
    column = rulebook_version.c.sha256
    return list(connection.scalars(select(column).where(column.startswith(digits))))


def kept_law(connection: Connection, sha256: str) -> Law | None:
    """The law pack of that hash, which may be older than the program; None where it was never in force here."""
    if sha256 == packaged_law().sha256:
        return packaged_law()
    text = connection.scalar(select(law_version.c.text).where(law_version.c.sha256 == sha256))
    if text is None:
        return None
    check_text("law pack", sha256, text)
    return _read(text)


def kept_wording(connection: Connection, call: Call) -> Wording | None:
    """The wording of a call as it was published; None where it was never published."""
    query = select(wording_version.c.text).where(wording_version.c.sha256 == call.wording_sha256)
    if (text := connection.scalar(query)) is None:
        return None
    check_wording(call.wording_sha256, text)
    return read_wording(text)


def read_wording(text: str) -> Wording | None:
    """A wording as `publish` wrote it; None where an earlier program wrote other fields."""
    fields = json.loads(text)
    return Wording(**fields) if fields.keys() == Wording.__dataclass_fields__.keys() else None


# Where other rules come in force, some calls are left under those before; rarely under two at once.
@lru_cache(maxsize=8)
def _read(text: str) -> Law:
    return read_law(text)


@lru_cache(maxsize=8)
def _parsed(text: str) -> Rulebook:
    return parse(text)
