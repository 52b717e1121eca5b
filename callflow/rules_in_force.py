"""The rules that a call came in under, which it keeps to its end: who agreed to one purpose agreed to no other."""

from functools import lru_cache

from sqlalchemy import Connection, select

from policies.rulebook import parse
from policies.rules import Rulebook
from storage.calls import Call
from storage.tables import rulebook_version


def rules_of(connection: Connection, known: Call, current: Rulebook) -> Rulebook:
    """The current rules where those of the call were never adopted, so that a caller can be connected all the same."""
    if known.rules_sha256 == current.sha256:
        return current
    text = connection.scalar(select(rulebook_version.c.text).where(rulebook_version.c.sha256 == known.rules_sha256))
    return current if text is None else _parsed(text)


# A restart with other rules leaves some calls under those before; rarely under two at once.
@lru_cache(maxsize=8)
def _parsed(text: str) -> Rulebook:
    return parse(text)
