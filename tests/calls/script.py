"""Reads call scripts: whole phone calls in plain text. README.md beside this file describes their language."""

from dataclasses import dataclass, field
from pathlib import Path

NUMBERS = {
    "auto": "+12125550100",
    "notice": "+12125550101",
    "never": "+12125550102",
    "must_record": "+12125550103",
    "silence_is_consent": "+12125550104",
    "opt_in": "+12125550105",
}
MOMENTS = ("in_disclosure", "at_question", "in_conversation")
AGENTS: dict[str, bool | str] = {"busy": "busy", "absent": False}
TWILIO: dict[str, dict[str, object]] = {
    "loses recording callbacks": {"callbacks": {"recording": {"lose": True}}},
    "loses call callbacks": {"callbacks": {"call": {"lose": True}}},
    "repeats callbacks": {"callbacks": {"call": {"duplicate": 2}, "recording": {"duplicate": 2}}},
    "repeats steps": {"voice": {"duplicate": 2}},
    "repeats steps at once": {"voice": {"duplicate": 4, "concurrent": True}},
}


class BadScript(ValueError):
    """The script says something that is not in its language."""


@dataclass
class Script:
    """`happens` are the hears and presses in their order; `expected` pairs what is expected with its value."""

    name: str
    about: str = ""
    number: str = ""
    caller: str = "+15125550111"
    happens: list[tuple[str, str]] = field(default_factory=list)
    hangs_up: str | None = None
    agent: bool | str = True
    rogue: str | None = None
    faults: dict[str, object] = field(default_factory=dict)
    expected: list[tuple[str, str]] = field(default_factory=list)

    @property
    def presses(self) -> list[str]:
        return [what for kind, what in self.happens if kind == "presses"]


def read(path: Path) -> Script:
    script = Script(path.stem)
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        text = line.partition(" #")[0].strip()
        if text.startswith("#"):
            script.about = script.about or text.lstrip("# ")
        elif text:
            word, _, rest = text.partition(" ")
            try:
                _take(script, word, rest.strip())
            except (BadScript, KeyError) as error:
                raise BadScript(f"{path.name}:{number}: {error}") from error
    if not (script.about and script.number and script.expected):
        raise BadScript(f"{path.name}: a script says what it is about, which line is called and what is expected")
    return script


def _take(script: Script, word: str, rest: str) -> None:
    match word:
        case "line":
            script.number = NUMBERS[rest]
        case "dials":
            who = rest.removeprefix("from").strip()
            script.caller = "anonymous" if who == "withheld" else who or script.caller
        case "presses" | "hears":
            script.happens.append((word, rest))
        case "hangs":
            script.hangs_up = _moment(rest.removeprefix("up").strip())
        case "agent":
            script.agent = AGENTS[rest]
        case "rogue":
            script.rogue = _moment(rest)
        case "twilio":
            script.faults |= TWILIO[rest]
        case "expect":
            what, _, value = rest.partition(" ")
            script.expected.append((what, value.strip()))
        case _:
            raise BadScript(f"{word!r} is not a word of call scripts")


def _moment(text: str) -> str:
    if text not in MOMENTS:
        raise BadScript(f"{text!r} is not a moment of a call; expected one of {', '.join(MOMENTS)}")
    return text
