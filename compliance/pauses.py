"""Pauses and resumes the recording of a call, for the people who answer for calls."""

from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import Connection

from policies.rules import Rulebook
from storage.database.engine import Database
from storage.errors import Refused
from storage.moment import Moment
from storage.rows import calls, pausing
from storage.rows.calls import Call
from storage.rows.pauses import Pause
from storage.rows.recordings import Jobs
from storage.rows.rules_in_force import rules_of


@dataclass(frozen=True)
class Pauses:
    """`rulebook` are the rules of today; a call is held to those that it came in under.

    Both methods are durable; the worker asks the provider. They raise Refused where there is nothing to do.
    """

    database: Database
    rulebook: Rulebook
    jobs: Jobs
    moment: Callable[[], Moment] = Moment.now

    def pause(self, call_id: str, *, actor: str) -> Pause:
        moment = self.moment()

        def settle(connection: Connection) -> Pause:
            call = _existing(connection, call_id)
            rule = rules_of(connection, call, self.rulebook).pausing
            return pausing.pause(connection, moment, call, rule, self.jobs, actor=actor)

        return self.database.write(settle)

    def resume(self, call_id: str, *, actor: str) -> Pause:
        moment = self.moment()
        return self.database.write(
            lambda connection: pausing.resume(
                connection, moment, _existing(connection, call_id), self.jobs, actor=actor
            )
        )


def _existing(connection: Connection, call_id: str) -> Call:
    call = calls.by_id(connection, call_id)
    if call is None:
        raise Refused(f"call {call_id}: there is no such call")
    return call
