"""Computes the whole log again from the text of every event, trusting no hash that was kept of it.

It reads in pages, each in a view of its own, so a long log is verified while calls go on: every page of rows is held
against the log as of the same moment (`storage.log.followed_log`).
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select

from storage.database.engine import Views
from storage.database.pages import Paged
from storage.database.tables import call, log_node
from storage.errors import Broken
from storage.log.disclosure_verification import check_disclosures
from storage.log.event_reading import TAMPERED
from storage.log.followed_log import FollowedLog, Held, Progress, Seen
from storage.log.text_verification import check_prompts, check_texts

_SUBTREES = Paged(select(log_node.c.lvl, log_node.c.n, log_node.c.hash), log_node.c.lvl, log_node.c.n)
_CALLS = Paged(select(call.c.id, call.c.events), call.c.id)


@dataclass(frozen=True, slots=True)
class Verified:
    """The log's size and its root, computed again from the text of every leaf; and how many checkpoints hold."""

    size: int
    root: bytes
    checkpoints: int = 0
    warnings: tuple[str, ...] = ()
    """Oddities that are no proof of a change."""


def verify(
    views: Views, held: Sequence[Held] = (), *, seen: Sequence[Seen] = (), progress: Progress = lambda *_: None
) -> Verified:
    """Recompute everything from the leaves, and hash the texts that they name. Raises Broken, naming the first break
    and its meaning.

    `held` are checkpoints found anywhere, before: each must match the log at that size. `seen` dates events: later
    events can't have been written before that time. `progress` is called with the number of events done and the total.
    Events that are appended meanwhile are verified too.
    """
    log = FollowedLog.through(views, held, seen, progress)
    kept: Counter[int] = Counter()
    log.check_pages(_SUBTREES, lambda _, page: _check_subtrees(page, log.subtrees, kept))
    log.check_pages(_CALLS, lambda _, page: _check_calls(page, log.of_calls))
    check_disclosures(log)
    with log.present() as connection:
        check_texts(connection, log.named)
    check_prompts(views)
    return Verified(log.size, log.root(), len(held), tuple(log.times.in_words()))


def _check_subtrees(page: Sequence[Any], subtrees: Sequence[Sequence[bytes]], kept: Counter[int]) -> None:
    """Compares kept hashes with those computed from the leaves. The newest subtrees of a level may not be kept yet
    (`storage.log.tree_keeper`); before them, none may be missing: `kept` counts those of each level so far.
    """
    for level, n, digest in page:
        if not (1 <= level <= len(subtrees) and subtrees[level - 1]):
            raise Broken(f"consent log: subtrees are kept that no events fill: {TAMPERED}")
        computed = subtrees[level - 1]
        if n != kept[level] or n >= len(computed) or bytes(digest) != computed[n]:
            raise Broken(f"consent log: the kept subtrees of level {level} do not match the leaves: {TAMPERED}")
        kept[level] += 1


def _check_calls(page: Sequence[Any], logged: Mapping[str, int]) -> None:
    """No event of a call that we have is missing at its end, where no later number would show the gap."""
    for call_id, events in page:
        found = logged.get(call_id, 0)
        if events != found:
            raise Broken(f"consent log: it has {found} events of call {call_id}, whose row counts {events}: {TAMPERED}")
