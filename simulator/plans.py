"""Plans for the people on a call: the caller, and the agent who is dialled."""

import re
from dataclasses import dataclass
from typing import Any, Literal

from simulator.faults import Faults
from simulator.given import a_list, an_object, check_names, made, texts

Moment = Literal["in_disclosure", "at_question", "in_conversation"]
MOMENTS: tuple[Moment, ...] = ("in_disclosure", "at_question", "in_conversation")
AFTER_TALK = "after_talk"
NOTHING = "nothing"
KEYS = frozenset("0123456789*#ABCD")


@dataclass(frozen=True)
class Press:
    """The keys pressed at a question. Without `after_s` they come shortly after the question's end."""

    digits: str
    after_s: float | None = None

    @classmethod
    def of(cls, given: str | dict[str, Any]) -> "Press":
        if isinstance(given, dict) and "keys" in given:
            given = {**given, "digits": given["keys"]}
            del given["keys"]
        press = cls(given) if isinstance(given, str) else made(cls, "a press", given)
        if press.digits != NOTHING and (not press.digits or not set(press.digits) <= KEYS):
            raise ValueError(f"not keys of a telephone: {press.digits!r}")
        return press


@dataclass(frozen=True)
class CallerPlan:
    """`presses` has one entry per Gather; `keys_at` are keys at seconds after the answer, whatever is playing.

    `hangs_up` names a moment, a number of seconds after the answer, or `after_talk`; without it the caller stays
    and the agent ends the conversation after `talks_s`. On a call that is sent back, seconds count from there.
    `presses_in_conversation` are keys at seconds after the beginning of the first conversation. In a conference that
    does not start, and in a queue, the caller waits for `waits_s`.
    """

    presses: tuple[Press, ...] = ()
    keys_at: tuple[Press, ...] = ()
    presses_in_conversation: tuple[Press, ...] = ()
    talks_s: float = 4.0
    hangs_up: str | float | None = None
    waits_s: float = 60.0

    @classmethod
    def of(cls, given: dict[str, Any]) -> "CallerPlan":
        given = an_object("a caller", given)
        more = {}
        for name in ("presses", "keys_at", "presses_in_conversation"):
            more[name] = tuple(Press.of(press) for press in a_list(name, given.pop(name, None)))
        plan = made(cls, "a caller", given, **more)
        if isinstance(plan.hangs_up, str) and plan.hangs_up not in (*MOMENTS, AFTER_TALK):
            raise ValueError(f"no such moment: {plan.hangs_up!r}")
        return plan


@dataclass(frozen=True)
class AgentPlan:
    """`answers` is true, false (it rings until the timeout), `busy` or `failed`. `presses` is for the whisper.

    In a conference without a caller, the agent waits for `waits_s` before hanging up.
    """

    answers: bool | str = True
    rings_s: float | None = None
    presses: tuple[Press, ...] = ()
    waits_s: float = 30.0

    @classmethod
    def of(cls, given: dict[str, Any] | bool | str) -> "AgentPlan":
        """From the whole plan of the agent, or from the answer alone."""
        given = given if isinstance(given, dict) else {"answers": given}
        presses = tuple(Press.of(press) for press in a_list("presses", given.get("presses")))
        about = {name: value for name, value in given.items() if name != "presses"}
        plan = made(cls, "an agent", about, presses=presses)
        if plan.answers not in (True, False, "busy", "failed"):
            raise ValueError(f"an agent cannot answer {plan.answers!r}")
        return plan


@dataclass(frozen=True)
class SentBack:
    """REST sends the call to a document, half-way through a moment; the plans for the people from there on.

    Without a `url` the document is the number's own voice URL. Without a `moment` the plan waits until the call is
    sent back from outside: by REST, or by the control API.
    """

    caller: CallerPlan = CallerPlan()
    agent: AgentPlan = AgentPlan()
    moment: str | None = "in_conversation"
    url: str = ""
    method: str = ""

    @classmethod
    def of(cls, given: dict[str, Any]) -> "SentBack":
        """The caller's plan stands beside the other keys: `{"presses": ["2"], "agent": "busy"}`."""
        given = an_object("sent_back", given)
        agent = AgentPlan.of(given.pop("agent", True))
        about = {name: given.pop(name) for name in ("moment", "url", "method") if name in given}
        plan = cls(CallerPlan.of(given), agent, **about)
        if plan.moment not in (*MOMENTS, None):
            raise ValueError(f"no such moment: {plan.moment!r}")
        return plan


@dataclass(frozen=True)
class CalledPlan:
    """The person whom REST calls: `answers` says whether and when, and `acts` is what they do from there on.

    `agent` is whoever is dialled in the course of the call. Without `to` the plan is for everybody who has none. With
    `is_manual` the phone rings until somebody answers it by the control API, as the phone in the browser does.
    """

    to: str = ""
    answers: AgentPlan = AgentPlan()
    acts: CallerPlan = CallerPlan()
    agent: AgentPlan = AgentPlan()
    faults: Faults | None = None
    is_manual: bool = False

    @classmethod
    def of(cls, given: dict[str, Any]) -> "CalledPlan":
        """The person's acts stand beside the other keys: `{"rings_s": 3, "presses": ["1"], "agent": "busy"}`.

        Raises ValueError that names the entry which is unknown or wrong.
        """
        given = an_object("called", given)
        answers = AgentPlan.of({name: given.pop(name) for name in ("answers", "rings_s") if name in given})
        agent, faults = AgentPlan.of(given.pop("agent", True)), given.pop("faults", None)
        to, is_manual = given.pop("to", ""), given.pop("manual", False)
        if not isinstance(to, str) or not isinstance(is_manual, bool):
            raise ValueError("called: to is to be text, and manual true or false")
        return cls(to, answers, CallerPlan.of(given), agent, Faults.of(faults) if faults else None, is_manual)


_ENTRIES = (*("from", "to", "caller", "agent", "sent_back", "faults", "manual", "geo", "label", "call_sid", "dialled"),)


@dataclass(frozen=True)
class CallPlan:
    """A call to place. `geo` may give city, state, zip and country of the caller; `label` is for people.

    `sent_back` has one entry for each time that the call is sent to another document by REST while it lasts.
    `call_sid` repeats the sid of a call that is over. `dialled` is the `To` of webhooks, where it is not the number:
    a SIP address, a client.
    """

    from_number: str
    to_number: str
    caller: CallerPlan = CallerPlan()
    agent: AgentPlan = AgentPlan()
    sent_back: tuple[SentBack, ...] = ()
    faults: Faults | None = None
    is_manual: bool = False
    geo: tuple[tuple[str, str], ...] = ()
    label: str = ""
    call_sid: str = ""
    dialled: str = ""

    @classmethod
    def of(cls, given: dict[str, Any]) -> "CallPlan":
        """From the control API's JSON. Raises ValueError that names the entry which is unknown, missing or wrong.

        `sent_back` may stand beside `caller`, or within it.
        """
        given = an_object("a call", given)
        check_names("a call", given, _ENTRIES)
        faults, caller = given.pop("faults", None), an_object("a caller", given.pop("caller", None) or {})
        agent = given.pop("agent", None)
        sent_back = [entry for each in (caller, given) for entry in a_list("sent_back", each.pop("sent_back", None))]
        if missing := [name for name in ("from", "to") if not isinstance(given.get(name), str)]:
            raise ValueError(f"a call: {missing[0]} is missing, or is no text")
        geo, is_manual = texts("geo", given.pop("geo", None)), given.pop("manual", False)
        if not isinstance(is_manual, bool):
            raise ValueError(f"a call: manual is to be true or false, not {is_manual!r}")
        plan = made(
            cls,
            "a call",
            {name: given.pop(name) for name in ("label", "call_sid", "dialled") if name in given},
            from_number=given.pop("from"),
            to_number=given.pop("to"),
            caller=CallerPlan.of(caller),
            agent=AgentPlan.of({} if agent is None else agent),
            sent_back=tuple(SentBack.of(entry) for entry in sent_back),
            faults=Faults.of(faults) if faults else None,
            is_manual=is_manual,
            geo=tuple(geo.items()),
        )
        if not re.fullmatch("(CA[0-9a-f]{32})?", plan.call_sid):
            raise ValueError("a call's sid is CA and 32 hexadecimal digits")
        return plan
