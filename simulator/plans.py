"""What the people on a call are going to do: the caller, and whoever is dialled."""

from dataclasses import dataclass
from typing import Any, Literal

from simulator.faults import Faults

Moment = Literal["in_disclosure", "at_question", "in_conversation"]
MOMENTS: tuple[Moment, ...] = ("in_disclosure", "at_question", "in_conversation")
AFTER_TALK = "after_talk"
NOTHING = "nothing"
KEYS = frozenset("0123456789*#ABCD")


@dataclass(frozen=True)
class Press:
    """What is pressed at one question. Without `after_s` it comes shortly after the question's end."""

    digits: str
    after_s: float | None = None

    @classmethod
    def of(cls, given: str | dict[str, Any]) -> "Press":
        press = cls(given) if isinstance(given, str) else cls(**given)
        if press.digits != NOTHING and (not press.digits or not set(press.digits) <= KEYS):
            raise ValueError(f"not keys of a telephone: {press.digits!r}")
        return press


@dataclass(frozen=True)
class CallerPlan:
    """`presses` has one entry per Gather; `keys_at` are keys at seconds after the answer, whatever is playing.

    `hangs_up` names a moment, a number of seconds after the answer, or `after_talk`; without it the caller stays
    and the agent ends the conversation after `talks_s`.
    """

    presses: tuple[Press, ...] = ()
    keys_at: tuple[Press, ...] = ()
    talks_s: float = 4.0
    hangs_up: str | float | None = None

    @classmethod
    def of(cls, given: dict[str, Any]) -> "CallerPlan":
        given = dict(given)
        for name in ("presses", "keys_at"):
            given[name] = tuple(Press.of(press) for press in given.get(name) or ())
        plan = cls(**given)
        if isinstance(plan.hangs_up, str) and plan.hangs_up not in (*MOMENTS, AFTER_TALK):
            raise ValueError(f"no such moment: {plan.hangs_up!r}")
        return plan


@dataclass(frozen=True)
class AgentPlan:
    """`answers` is true, false (it rings until the timeout), `busy` or `failed`. `presses` is for the whisper."""

    answers: bool | str = True
    rings_s: float | None = None
    presses: tuple[Press, ...] = ()

    @classmethod
    def of(cls, given: dict[str, Any]) -> "AgentPlan":
        given = {**given, "presses": tuple(Press.of(press) for press in given.get("presses") or ())}
        plan = cls(**given)
        if plan.answers not in (True, False, "busy", "failed"):
            raise ValueError(f"an agent cannot answer {plan.answers!r}")
        return plan


@dataclass(frozen=True)
class CallPlan:
    """A call to place. `geo` may give city, state, zip and country of the caller; `label` is for people."""

    from_number: str
    to_number: str
    caller: CallerPlan = CallerPlan()
    agent: AgentPlan = AgentPlan()
    faults: Faults | None = None
    is_manual: bool = False
    geo: tuple[tuple[str, str], ...] = ()
    label: str = ""

    @classmethod
    def of(cls, given: dict[str, Any]) -> "CallPlan":
        """From the control API's JSON. Raises ValueError, TypeError or KeyError for what it does not know."""
        given = dict(given)
        faults = given.pop("faults", None)
        return cls(
            from_number=given.pop("from"),
            to_number=given.pop("to"),
            caller=CallerPlan.of(given.pop("caller", None) or {}),
            agent=AgentPlan.of(given.pop("agent", None) or {}),
            faults=Faults.of(faults) if faults else None,
            is_manual=bool(given.pop("manual", False)),
            geo=tuple((given.pop("geo", None) or {}).items()),
            **given,
        )
