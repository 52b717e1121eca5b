"""How a process follows the rulebook in force, beside the calls: new calls are ruled by it at once in any case."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Event as Stop
from threading import Thread

from policies.rules import Rulebook
from storage.database.engine import Database
from storage.errors import Unavailable
from storage.jobs.periodic import repeat
from storage.rows.rules_in_force import RulesInForce

log = logging.getLogger(__name__)

LOOK_EVERY_S = 1.0
_WITHIN_S = 3.0


@dataclass
class Following:
    """`changed` is called with each rulebook that comes in force, and again a second later where it failed."""

    database: Database
    rules: RulesInForce
    changed: Callable[[Rulebook], object]
    followed: str = field(init=False)
    """The hash of the rulebook that `changed` was called with last."""

    def __post_init__(self) -> None:
        self.followed = self.rules.seen.sha256

    def start(self) -> Thread:
        return repeat("rules in force", LOOK_EVERY_S, self.look, Stop())

    def look(self) -> None:
        try:
            rulebook = self.database.look(self.rules.read, within_s=_WITHIN_S)
        except Unavailable:
            return  # which others tell; nothing comes in force meanwhile
        if rulebook.sha256 != self.followed:
            self.changed(rulebook)
            self.followed = rulebook.sha256
            log.info("under the rulebook %s from now on", rulebook.sha256[:12])
