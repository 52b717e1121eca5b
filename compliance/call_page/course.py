"""The course of a call, event by event: what stood when each of them came."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from compliance.call_page.happenings import Happening
from policies.derived import OPEN


@dataclass(frozen=True, slots=True)
class Now:
    """A call as an event finds it. `sha256` is of its wording; `is_running` is None before any news of the recording.

    `before` is the type of the event before, and `answer` the caller's answer in it, where it belongs to the same step.
    """

    sha256: str
    mode: str = ""
    language: str = ""
    on_refusal: str = ""
    round: int = 1
    outcome: str = OPEN
    is_running: bool | None = None
    is_paused: bool = False
    before: str = ""
    answer: str = ""


def course_of(happened: Sequence[Happening], now: Now) -> Iterator[tuple[Now, Happening]]:
    """Each event with the call as it finds it; `now` is the call before the first."""
    last: Happening | None = None
    for one in happened:
        yield _in_step(now, one, last), one
        change = _CHANGES.get(one.type)
        now, last = replace(now, **change(now, one)) if change else now, one


def _in_step(now: Now, one: Happening, last: Happening | None) -> Now:
    """Events of one step are logged at the same moment."""
    if last is None or last.at_ms != one.at_ms or last.is_late:
        return now
    return replace(now, before=last.type, answer=last.text("answer") if last.type == "consent.choice" else "")


def _received(_: Now, one: Happening) -> dict[str, Any]:
    ruling = one.fields.get("ruling")
    on_refusal = str(ruling.get("on_refusal", "")) if isinstance(ruling, Mapping) else ""
    return {"mode": one.text("mode"), "language": one.text("language"), "on_refusal": on_refusal}


def _decided(_: Now, one: Happening) -> dict[str, Any]:
    return {"outcome": one.text("outcome")}


def _ended(now: Now, _: Happening) -> dict[str, Any]:
    return {"is_running": None if now.is_running is None else False}


_CHANGES: Mapping[str, Callable[[Now, Happening], dict[str, Any]]] = {
    "call.received": _received,
    "call.sent_back": lambda now, _: {"round": now.round + 1},
    "language.chosen": lambda _, one: {"language": one.text("language")},
    "disclosure.served": lambda _, one: {"sha256": one.text("prompt_sha256"), "language": one.text("language")},
    "recording.permitted": _decided,
    "recording.suppressed": _decided,
    "call.refused": _decided,
    "consent.withdrawn": _decided,
    "recording.started": lambda *_: {"is_running": True},
    "recording.identified": lambda *_: {"is_running": True},
    "recording.completed": _ended,
    "recording.absent": _ended,
    "recording.stopped": _ended,
    "recording.condemned": _ended,
    "pause.asked": lambda *_: {"is_paused": True},
    "pause.ended": lambda *_: {"is_paused": False},
}
