"""Reads call scripts: whole phone calls in plain text. README.md beside this file describes their language."""

import re
import zlib
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path

RULEBOOKS = Path(__file__).with_name("rulebooks")
NUMBERS = {
    "auto": "+12125550100",
    "notice": "+12125550101",
    "never": "+12125550102",
    "must_record": "+12125550103",
    "silence_is_consent": "+12125550104",
    "opt_in": "+12125550105",
    "world": "+12125550106",
    "menu": "+12125550107",
    "purposes": "+12125550108",
    "star": "+12125550109",
    "star_must_record": "+12125550110",
    "star_keeps": "+12125550111",
}
_STAR = re.compile(r"\* after ([0-9]+) s")
_WAITS = re.compile(r"hangs up after ([0-9]+) s alone")
MOMENTS = ("in_disclosure", "at_question", "in_conversation")
STAFF_ACTS = ("withdraws", "pauses", "resumes")
AGENTS: dict[str, bool | str] = {"busy": "busy", "absent": False}
REPEATS_THE_SID = "repeats the CallSid"
TWILIO: dict[str, dict[str, object]] = {
    "loses recording callbacks": {"callbacks": {"recording": {"lose": True}}},
    "loses call callbacks": {"callbacks": {"call": {"lose": True}}},
    "repeats callbacks": {"callbacks": {"call": {"duplicate": 2}, "recording": {"duplicate": 2}}},
    "repeats steps": {"voice": {"duplicate": 2}},
    "repeats steps at once": {"voice": {"duplicate": 4, "concurrent": True}},
    REPEATS_THE_SID: {},
}


class BadScript(ValueError):
    """The script says something that is not in its language."""


@dataclass
class ScriptedRound:
    """From the line's beginning to a conversation with an agent. `happens` are the hears and presses in their order."""

    happens: list[tuple[str, str]] = field(default_factory=list)
    hangs_up: str | None = None
    agent: bool | str = True
    agent_waits_s: float = 30.0
    presses: list[str] = field(default_factory=list)
    stars_after_s: list[float] = field(default_factory=list)
    """The moments of stars, counted from the beginning of the first conversation."""
    agent_acts: list[str] = field(default_factory=list)
    """What the agent does about the recording, in the conversation."""


@dataclass
class ScriptedCall:
    """One call, of one round, or more where it is sent back. `expected` pairs what is expected with its value.

    `after` is how long after the call before it comes, and `rulebook` the name of the rules in force then.
    """

    caller: str
    rulebook: str = "ordinary"
    after: timedelta = timedelta(0)
    number: str = ""
    rounds: list[ScriptedRound] = field(default_factory=lambda: [ScriptedRound()])
    rogue: str | None = None
    has_sid_of_before: bool = False
    has_worker: bool = True
    """Whether a worker does its jobs during the call, on lines where a call waits for them."""
    faults: dict[str, object] = field(default_factory=dict)
    expected: list[tuple[str, str]] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    """What compliance does about the recording after the call."""

    @property
    def waits_for_worker(self) -> bool:
        return self.number in {number for line, number in NUMBERS.items() if line.startswith("star")}

    @property
    def happens(self) -> list[tuple[str, str]]:
        return [one for round_ in self.rounds for one in round_.happens]


@dataclass
class Script:
    """One call, or several after one another."""

    name: str
    about: str = ""
    calls: list[ScriptedCall] = field(default_factory=list)


def read(path: Path) -> Script:
    script = Script(path.stem, calls=[ScriptedCall(caller=_somebody(path.stem))])
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        text = line.partition(" #")[0].strip()
        if text.startswith("#"):
            script.about = script.about or text.lstrip("# ")
        elif text:
            word, _, rest = text.partition(" ")
            try:
                _take(script, word, rest.strip())
            except (BadScript, KeyError, ValueError) as error:
                raise BadScript(f"{path.name}:{number}: {error}") from error
    if not (script.about and all(call.number and call.expected for call in script.calls)):
        raise BadScript(f"{path.name}: a script says what it is about, which line is called and what is expected")
    return script


def _somebody(script: str) -> str:
    """A Texan of the script's own: who declined in one script is remembered in none of the others."""
    return f"+1512555{zlib.crc32(script.encode()) % 10000:04}"


def _take(script: Script, word: str, rest: str) -> None:  # noqa: PLR0912  # one for each word
    call = script.calls[-1]
    match word:
        case "then":
            # The same caller under the same rules, unless the script says otherwise.
            fresh = ScriptedCall(caller=call.caller, rulebook=call.rulebook)
            script.calls.append(replace(fresh, after=_span(rest) if rest else timedelta(0)))
        case "rulebook":
            if not (RULEBOOKS / f"{rest}.toml").is_file():
                raise BadScript(f"there is no rulebook {rest!r}")
            call.rulebook = rest
        case "line":
            call.number = NUMBERS[rest]
        case "dials":
            who = rest.removeprefix("from").strip()
            call.caller = "anonymous" if who == "withheld" else who or call.caller
        case "sent" if rest == "back":
            call.rounds.append(ScriptedRound())
        case "agent" | "request" if rest.split(" ", maxsplit=1)[0] in STAFF_ACTS:
            (call.rounds[-1].agent_acts if word == "agent" else call.requests).append(rest)
        case "presses" | "hears" | "hangs" | "agent":
            _take_in(call.rounds[-1], word, rest)
        case "worker" if rest == "away":
            call.has_worker = False
        case "rogue":
            call.rogue = _moment(rest)
        case "twilio":
            call.has_sid_of_before |= rest == REPEATS_THE_SID
            call.faults |= TWILIO[rest]
        case "expect":
            what, _, value = rest.partition(" ")
            call.expected.append((what, value.strip()))
        case _:
            raise BadScript(f"{word!r} is not a word of call scripts")


def _take_in(round_: ScriptedRound, word: str, rest: str) -> None:
    match word:
        case "presses" if star := _STAR.fullmatch(rest):
            round_.happens.append((word, "*"))
            round_.stars_after_s.append(float(star[1]))
        case "agent" if waits := _WAITS.fullmatch(rest):
            round_.agent_waits_s = float(waits[1])
        case "presses":
            round_.happens.append((word, rest))
            round_.presses.append(rest)
        case "hangs":
            round_.hangs_up = _moment(rest.removeprefix("up").strip())
        case "agent":
            round_.agent = AGENTS[rest]
        case _:
            round_.happens.append((word, rest))


def _span(text: str) -> timedelta:
    """`after 8 days`."""
    after, count, unit = (*text.split(), "", "", "")[:3]
    if after != "after" or not count.isdecimal() or unit not in {"day", "days"}:
        raise BadScript(f"{text!r} is no time between two calls; expected such as: after 8 days")
    return timedelta(days=int(count))


def _moment(text: str) -> str:
    if text not in MOMENTS:
        raise BadScript(f"{text!r} is not a moment of a call; expected one of {', '.join(MOMENTS)}")
    return text
