"""The self-test: synthetic calls go through the real webhooks, and the answers are checked against the rules.

It proves from outside, by the public address, that the disclosure still plays and that nothing records without consent;
and the consent log keeps its result. All calls run side by side, so it takes about as long as a disclosure.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from heapq import heappop, heappush
from itertools import count

from sqlalchemy import Connection, select

from onrecord.selftest.checks import CHECKS
from onrecord.selftest.plans import WHO, Script, forges, plans_for
from onrecord.selftest.synthetic_call import NO_ANSWER, CannotGoOn, Means, SyntheticCall
from policies.lifecycle import CallState
from policies.rules import Line
from storage.database.tables import call as call_table
from storage.moment import Moment
from storage.rows import call_end, calls
from storage.rows.calls import Call

WITHHELD = "anonymous"
_UNANSWERED_MAX = 5
# Longer than any run: by then its calls are nobody's any more.
_ABANDONED_AFTER = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Fault:
    """A check that failed, and what was found: a line has its place in the rulebook for a name, never its number."""

    check: str
    what: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """`calls` are our ids, `checks` the names of all checks made, in the order of `CHECKS`."""

    lines: int
    calls: tuple[str, ...]
    checks: tuple[str, ...]
    faults: tuple[Fault, ...]
    took_ms: int

    @property
    def failed(self) -> tuple[str, ...]:
        found = {fault.check for fault in self.faults}
        return tuple(check for check in self.checks if check in found)


@dataclass
class Run:
    """A run of the self-test. `wait` lets seconds pass; `turn` changes each day, so that every language of a menu has
    its day.
    """

    means: Means
    wait: Callable[[float], object]
    turn: int = 0
    _made: list[SyntheticCall] = field(default_factory=list)
    _waiting: list[tuple[float, int, Script, SyntheticCall]] = field(default_factory=list)
    _order: "count[int]" = field(default_factory=count)

    def of(self, lines: Sequence[Line]) -> Verdict:
        """Call each of these lines."""
        began = self.means.clock()
        if self._is_reached(lines[0]):
            for line in lines:
                if not self._is_lost():
                    self._call(line)
            self._go_on()
        return self._verdict(len(lines), round((self.means.clock() - began) * 1000))

    def _is_reached(self, line: Line) -> bool:
        """Send a forged request first: a line that does not even answer it gets no calls."""
        stranger = self._new(line, WITHHELD)
        stranger.who = "a stranger"
        try:
            forges(stranger)
        except CannotGoOn:
            return False
        return True

    def _call(self, line: Line) -> None:
        """Call from a withheld number, for which the strictest rules hold, and from the line's own place, as most
        callers do.

        The first call from a number shows which standard holds; the other callers follow.
        """
        held: list[Call] = []
        for caller in (WITHHELD, line.number):
            first = self._new(line, caller)
            try:
                first.arrives()
                logged = first.known()
            except CannotGoOn:
                self._part(first)
                continue
            for nth, plan in enumerate(plans_for(logged, held)):
                call = first if nth == 0 else self._new(line, caller, nth)
                call.who = WHO[plan]
                self._stand_by(0.0, plan(call), call)
            held.append(logged)

    def _go_on(self) -> None:
        """Go on with each call when it is due, until all are over."""
        while self._waiting and not self._is_lost():
            due, _, script, call = heappop(self._waiting)
            if (pause_s := due - self.means.clock()) > 0:
                self.wait(pause_s)
            try:
                self._stand_by(next(script), script, call)
            except StopIteration:
                continue
            except CannotGoOn:
                self._part(call)

    def _is_lost(self) -> bool:
        """Whether so many calls got no answer that the others would only wait in vain too."""
        unanswered = [
            call for call in self._made if any(found.wrong and found.check in NO_ANSWER for found in call.findings)
        ]
        return len(unanswered) >= _UNANSWERED_MAX

    def _stand_by(self, due: float, script: Script, call: SyntheticCall) -> None:
        heappush(self._waiting, (due, next(self._order), script, call))

    def _part(self, call: SyntheticCall) -> None:
        """End a call that went wrong, if the request for it gets through."""
        if call.has_hung_up:
            return
        with suppress(CannotGoOn):
            call.hangs_up()

    def _new(self, line: Line, caller: str, nth: int = 0) -> SyntheticCall:
        call = SyntheticCall(self.means, line, caller, (self.turn + nth) % len(line.languages) + 1)
        self._made.append(call)
        return call

    def _whose(self, call: SyntheticCall) -> str:
        return f"line {self.means.rulebook.lines.index(call.line) + 1}, {call.who}"

    def _verdict(self, lines: int, took_ms: int) -> Verdict:
        found = [(self._whose(call), finding) for call in self._made for finding in call.findings]
        made = {finding.check for _, finding in found}
        faults = [Fault(finding.check, f"{whose}: {finding.wrong}") for whose, finding in found if finding.wrong]
        sids = [call.sid for call in self._made]
        with self.means.database.read() as connection:
            ids = connection.scalars(select(call_table.c.id).where(call_table.c.call_sid.in_(sids)))
            return Verdict(
                lines=lines,
                calls=tuple(sorted(ids)),
                checks=tuple(check for check in CHECKS if check in made),
                faults=tuple(dict.fromkeys(faults)),
                took_ms=took_ms,
            )


def end_abandoned(connection: Connection, moment: Moment) -> None:
    """End the calls of a run that died half-way: Twilio knows nothing of them and can't report their end."""
    is_open = (call_table.c.synthetic == 1) & (call_table.c.state != CallState.ENDED)
    long_ago = call_table.c.received_at < moment.at - _ABANDONED_AFTER
    for call_id in connection.scalars(select(call_table.c.id).where(is_open, long_ago)).all():
        if call := calls.by_id(connection, call_id):
            call_end.end(connection, moment, call, status="abandoned", duration_s=None)
