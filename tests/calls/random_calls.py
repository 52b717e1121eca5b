"""Any call that can be: who calls which line, does what, and what Twilio and others do to it meanwhile.

A seed and a number make a call, always the same; each is independent of the others, so one that went wrong can be had
again alone.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any

from simulator.plans import MOMENTS, CallPlan
from tests.calls.script import NUMBERS

# Where staying on may be consent: one party suffices, or notice does. Everybody else is held to the strictest.
_LAX_AREAS = {"Texas": "512", "New York": "212", "California": "415", "Washington": "206"}
_STRICT_CALLERS = (
    "anonymous",
    "",
    "Restricted",
    "+266696687",
    "+525512345678",
    "+999999999999999",
    "+18005550123",
    "+1",
    "client:anna",
    "sip:+15125550111@elsewhere.example",
    "+15125550111;ext=1",
    "☎" * 20,
)
# All but the one with three purposes: what must become of a call is said for quality, kept for 90 days.
_LINES = tuple(line for line in NUMBERS if line != "purposes" and not line.startswith("star"))
_KEYS = ("1", "1", "2", "2", "9", "nothing", "nothing", "*", "#", "0", "7", "12", "21", "11", "A", "1#", "99")
_STEPS = ("", "/answer", "/choice", "/consent", "/consent", "/ended", "/whisper", "/fallback")
_SOURCES = ("StartCallRecordingAPI", "Trunking", "DialVerb", "RecordVerb", "OutboundAPI", "")
_STATUSES = {
    "call": ("completed", "in-progress", "no-answer"),
    "recording": ("in-progress", "completed", "absent"),
    "dial": ("completed",),
}
_EDITS = ("consent", "removed", "moved", "purposes", "agents", "name", "languages", "retention", "prompts")
_WHEN: tuple[str, ...] = (*MOMENTS, "afterwards")


@dataclass(frozen=True)
class Meanwhile:
    """Something that somebody does `after_s` seconds after a moment of the call, or once it is over."""

    what: str
    moment: str
    after_s: float = 0.0
    how: str = ""


@dataclass(frozen=True)
class RandomCall:
    """The fields from `presses` on have the values of an ordinary call as their defaults."""

    name: str
    line: str
    caller: str
    is_lax: bool
    presses: tuple[str | tuple[str, float], ...] = ()
    keys_at: tuple[tuple[str, float], ...] = ()
    talks_s: float = 3.0
    hangs_up: str | float | None = None
    agent: bool | str = True
    rings_s: float | None = None
    voice: dict[str, Any] = field(default_factory=dict)
    callbacks: dict[str, Any] = field(default_factory=dict)
    media_404: int = 0
    wrong_signature: bool = False
    extra_params: dict[str, str] = field(default_factory=dict)
    rest: tuple[int, int] | None = None
    meanwhile: tuple[Meanwhile, ...] = ()
    sent_back: tuple[tuple[str, ...], ...] = ()
    """What is pressed in each round after the first: an agent sends the call back in the middle of a conversation."""
    has_declined: bool = False
    """Whether the service remembers that this number declined."""

    @property
    def plan(self) -> CallPlan:
        presses = [one if isinstance(one, str) else {"digits": one[0], "after_s": one[1]} for one in self.presses]
        keys_at = [{"digits": digits, "after_s": after_s} for digits, after_s in self.keys_at]
        caller = {"presses": presses, "keys_at": keys_at, "talks_s": self.talks_s, "hangs_up": self.hangs_up}
        faults = {
            "voice": self.voice,
            "callbacks": self.callbacks,
            "media_404": self.media_404,
            "wrong_signature": self.wrong_signature,
            "extra_params": self.extra_params,
        }
        return CallPlan.of(
            {
                "from": self.caller,
                "to": NUMBERS[self.line],
                "caller": caller,
                "agent": {"answers": self.agent, "rings_s": self.rings_s},
                "sent_back": [{"presses": presses, "talks_s": self.talks_s} for presses in self.sent_back],
                "faults": faults,
            }
        )


def any_call(seed: int, number: int) -> RandomCall:
    random = Random(f"{seed}/{number}")
    is_lax = random.random() < 0.7
    usual: dict[str, Any] = {
        "line": random.choice(_LINES),
        "caller": _lax_caller(random) if is_lax else random.choice(_STRICT_CALLERS),
        "is_lax": is_lax,
        "presses": tuple(_press(random) for _ in range(random.randint(0, 5))),
        "talks_s": random.choice((0.2, 1.0, 3.0, 9.0)),
    }
    unusual = {name: make(random) for name, (share, make) in _UNUSUAL.items() if random.random() < share}
    return RandomCall(name=f"seed {seed}, call {number}", **usual, **unusual)


def _lax_caller(random: Random) -> str:
    return f"+1{random.choice(list(_LAX_AREAS.values()))}555{random.randint(0, 9999):04}"


def _press(random: Random) -> str | tuple[str, float]:
    keys = random.choice(_KEYS)
    return keys if keys == "nothing" or random.random() < 0.6 else (keys, round(random.uniform(0.0, 15.0), 2))


def _keys_at(random: Random) -> tuple[tuple[str, float], ...]:
    return tuple(
        (random.choice(_KEYS).replace("nothing", "5"), round(random.uniform(0.0, 45.0), 2))
        for _ in range(random.randint(1, 6))
    )


def _hangs_up(random: Random) -> str | float:
    return random.choice((*MOMENTS, "after_talk", *(round(random.uniform(0.0, 50.0), 2) for _ in range(4))))


def _voice(random: Random) -> dict[str, Any]:
    faults: dict[str, Any] = {"only": random.choice(_STEPS)}
    match random.choice(("duplicate", "duplicate", "connect", "lost", "both")):
        case "duplicate":
            faults |= {"duplicate": random.randint(1, 3), "concurrent": random.random() < 0.5}
        case "connect":
            faults["connect_failures"] = random.choice((1, 2, 3, 3, 4, 6, 9))
        case "lost":
            faults["lost_answers"] = random.randint(1, 3)
        case _:
            faults |= {"duplicate": 1, "concurrent": True, "connect_failures": 3, "lost_answers": 1}
    return faults


def _callbacks(random: Random) -> dict[str, Any]:
    return {kind: _callback(random, kind) for kind in _STATUSES if random.random() < 0.7}


def _callback(random: Random, kind: str) -> dict[str, Any]:
    faults: dict[str, Any] = {}
    if random.random() < 0.4:
        faults["duplicate"] = random.randint(1, 3)
    if random.random() < 0.4:
        faults["delay_s"] = random.choice((0.5, 5.0, 60.0, 400.0))
    if random.random() < 0.4:
        faults["reorder"] = True
    if random.random() < 0.4:
        lost = [status for status in _STATUSES[kind] if random.random() < 0.6]
        faults["lose"] = True if random.random() < 0.5 else lost
    return faults


def _extra_params(random: Random) -> dict[str, str]:
    return dict(random.sample([("StirVerstat", "TN-Validation-Passed-A"), ("X", ""), ("Ünï", "é" * 200)], 2))


def _meanwhile(random: Random) -> tuple[Meanwhile, ...]:
    return tuple(_one_thing(random) for _ in range(random.choice((1, 2, 3))))


def _one_thing(random: Random) -> Meanwhile:
    moment, after_s = random.choice(MOMENTS), random.choice((0.0, round(random.uniform(0.0, 12.0), 2)))
    match random.choice(("rogue", "rogue", "restart", "replay", "worker", "worker")):
        case "rogue":
            return Meanwhile("rogue", moment, after_s, random.choice(_SOURCES))
        case "worker":
            return Meanwhile("worker", moment, after_s)
        case "restart":
            return Meanwhile("restart", moment, after_s, random.choice(_EDITS))
        case _:
            return Meanwhile("replay", random.choice(_WHEN), after_s, str(random.randint(0, 5)))


def _sent_back(random: Random) -> tuple[tuple[str, ...], ...]:
    keys = ("1", "1", "2", "2", "9", "nothing", "7")
    return tuple(
        tuple(random.choice(keys) for _ in range(random.randint(0, 3))) for _ in range(random.choice((1, 1, 2)))
    )


_UNUSUAL: dict[str, tuple[float, Callable[[Random], Any]]] = {
    "keys_at": (0.3, _keys_at),
    "hangs_up": (0.35, _hangs_up),
    "agent": (0.25, lambda random: random.choice((False, "busy", "failed"))),
    "rings_s": (0.2, lambda random: random.choice((0.0, 20.0, 40.0))),
    "voice": (0.35, _voice),
    "callbacks": (0.5, _callbacks),
    "media_404": (0.15, lambda random: random.randint(1, 6)),
    "wrong_signature": (0.03, lambda _: True),
    "extra_params": (0.1, _extra_params),
    "rest": (0.2, lambda random: (random.randint(1, 9), random.choice((429, 500, 503)))),
    "meanwhile": (0.45, _meanwhile),
    "sent_back": (0.25, _sent_back),
}
