"""The calls that the demonstration places, and the table of where each ended."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from rich.table import Table

from compliance.call_life import CallLife
from onrecord.demo.acts import Act
from onrecord.demo.control_api import ControlApi, SeenCall

ASKING, NOTICE, STAR = "+12125550100", "+12125550101", "+12125550102"
CALIFORNIA, MEXICO, GERMANY, WITHHELD = "+14155550112", "+525512345678", "+4930123456", "anonymous"
# The caller whose calls a rule of the account writes down, behind the service's back.
WRITTEN_DOWN = "+15125550121"
_TALKS_S = 9  # long enough for both to speak
_LEFT_EARLY = frozenset({"in_disclosure", "at_question"})


@dataclass(frozen=True)
class DemoCall:
    """A caller, and their actions. `meanwhile` are acts of others while the caller talks, each so many seconds after
    the one before.

    `after` is the title of the call that must be over before: the same caller calls again.
    """

    title: str
    line: str
    caller: str
    does: Mapping[str, Any] = field(default_factory=dict)
    meanwhile: tuple[tuple[float, Act], ...] = ()
    after: str = ""


def texan(number: int) -> str:
    """A number for each caller, because a decline is remembered for the number."""
    return f"+1512555{number:04}"


CALLS = (
    DemoCall("consents by key", ASKING, texan(111), {"presses": ["1"]}),
    DemoCall("consents by staying on a line that says so", NOTICE, texan(112)),
    DemoCall("declines", ASKING, texan(113), {"presses": ["2"]}),
    DemoCall("stays silent", ASKING, texan(114), {"presses": ["nothing", "nothing"]}),
    DemoCall("presses a wrong key twice", ASKING, texan(115), {"presses": ["5", "7"]}),
    DemoCall("asks to hear it again, then consents", ASKING, CALIFORNIA, {"presses": ["9", "1"]}),
    DemoCall("hangs up in the disclosure", ASKING, texan(116), {"hangs_up": "in_disclosure"}),
    DemoCall("hangs up at the question", ASKING, texan(117), {"hangs_up": "at_question"}),
    DemoCall("calls from Mexico, consents in Spanish", ASKING, MEXICO, {"presses": ["1"]}),
    DemoCall("calls from Germany, consents in German", ASKING, GERMANY, {"presses": ["1"]}),
    DemoCall("withholds the number, so the notice line asks", NOTICE, WITHHELD, {"presses": ["1"]}),
    DemoCall(
        "declines while a rogue recording is started",
        ASKING,
        texan(118),
        {"presses": ["2"], "talks_s": 25},
        meanwhile=((0, Act.ROGUE),),
    ),
    DemoCall(
        "agrees, is sent back, and changes their mind",
        ASKING,
        texan(119),
        {"presses": ["1"], "sent_back": [{"presses": ["2"], "talks_s": _TALKS_S}]},
    ),
    DemoCall(
        "declines while the agent's leg is recorded",
        ASKING,
        texan(120),
        {"presses": ["2"], "talks_s": 20},
        meanwhile=((0, Act.ROGUE_ON_AGENT),),
    ),
    DemoCall("declines, and the account writes it down", ASKING, WRITTEN_DOWN, {"presses": ["2"]}),
    DemoCall(
        "agrees, and withdraws by the star key",
        STAR,
        texan(122),
        {"presses": ["1", "1"], "presses_in_conversation": [{"after_s": 6, "keys": "*"}], "talks_s": 18},
    ),
    DemoCall(
        "agrees, and the agent withdraws it for them",
        ASKING,
        texan(123),
        {"presses": ["1"], "talks_s": 15},
        meanwhile=((4, Act.WITHDRAWS),),
    ),
    DemoCall(
        "agrees, and reads out a card number",
        ASKING,
        texan(124),
        {"presses": ["1"], "talks_s": 15},
        meanwhile=((3, Act.PAUSES), (4, Act.RESUMES)),
    ),
    DemoCall("declined before, so is not asked", NOTICE, texan(113), {"presses": ["nothing"]}, after="declines"),
    DemoCall(
        "declined before, and now asks to be recorded",
        ASKING,
        texan(118),
        {"presses": ["1"]},
        after="declines while a rogue recording is started",
    ),
)


@dataclass
class Placed:
    """A call that was placed, and what Twilio's side has seen of it."""

    plan: DemoCall
    call_sid: str
    simulator_url: str

    def seen(self) -> SeenCall:
        left_early = self.plan.does.get("hangs_up") in _LEFT_EARLY
        return ControlApi(self.simulator_url).call(self.call_sid, left_early=left_early)


def place(simulator_url: str, plan: DemoCall) -> Placed:
    body = {"from": plan.caller, "to": plan.line, "label": plan.title, "caller": {"talks_s": _TALKS_S, **plan.does}}
    return Placed(plan, ControlApi(simulator_url).place(body), simulator_url)


def table(rows: list[tuple[Placed, CallLife | None]]) -> Table:
    """Made for a terminal of 80 columns; below each title is the call's SID, to be copied whole."""
    made = Table(title="Where each call ended", box=None, padding=(0, 2, 1, 0), pad_edge=False)
    made.add_column("call, and its SID", width=34)
    made.add_column("outcome, mode, line", width=21)
    made.add_column("recording", width=21)
    for placed, life in rows:
        made.add_row(f"{placed.plan.title}\n{placed.call_sid}", *_cells(placed, life))
    return made


def _cells(placed: Placed, life: CallLife | None) -> tuple[str, str]:
    if life is None:
        return f"unknown here\n{placed.plan.line}", ""
    asked = f"{life.call.outcome}\n{life.call.mode} {placed.plan.line}"
    return asked, "\n".join([_recording(life), *_besides(placed, life)])


def _recording(life: CallLife) -> str:
    kept = next((recording for recording in life.recordings if recording.object_key), None)
    if kept is None:
        return "destroyed" if any(recording.destroyed_at for recording in life.recordings) else "none"
    until = f"\nuntil {kept.retain_until:%Y-%m-%d}" if kept.retain_until else ""
    return f"{kept.duration_s} s kept{until}"


def _besides(placed: Placed, life: CallLife) -> Iterator[str]:
    """Withdrawals and pauses, and copies that Twilio's side had of the call."""
    for event in life.events:
        if event["type"] == "consent.withdrawn":
            yield f"withdrawn by the {event['by']}"
        elif event["type"] == "recording.paused":
            yield f"paused at {event['at_ms'] / 1000:.0f} s"
        elif event["type"] == "recording.resumed":
            yield f"resumed at {event['at_ms'] / 1000:.0f} s"
    for text in placed.seen().texts:
        yield f"a {text.kind} of it is {'gone' if text.is_deleted else 'still there'}"
