"""Twilio's clock may be any other than ours, and callbacks may be lost: the recording that a caller agreed to is kept,
and another application's is not.
"""

from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest

from policies.lifecycle import RecordingState
from simulator.phone_call import Hook, PhoneCall
from simulator.plans import CallPlan
from simulator.recordings import Terms
from tests.calls.call_runner import RULEBOOK, Ran, Town
from tests.calls.script import NUMBERS

DAY_S = 86_400
AHEAD_S = [-DAY_S, -20, -8, 0, 8, 20, DAY_S]
CALLBACKS: dict[str, dict[str, Any]] = {"arrive": {}, "lost": {"lose": True}, "late": {"delay_s": 900}}
OTHERS = ("only ours", "another before", "another after")
ONE_MACHINE = pytest.mark.parametrize("line_town", ["SQLite and a directory"], indirect=True)


def record(town: Town, begun: list[str], call: PhoneCall) -> None:
    """As another application does it, by the same verb as ours."""
    begun.append(call.recorder.start(Terms(source="StartCallRecordingTwiML", channels=2, track="both")).sid)


def look(town: Town) -> None:
    town.do_round()


def consented_call(
    town: Town, *, ahead_s: float, callbacks: str, others: str, is_looked_at: bool
) -> tuple[Ran, list[str]]:
    """A caller who agrees; the sids of the other application's recordings."""
    begun: list[str] = []

    def begins(after_s: float, call: PhoneCall) -> None:
        call.clock.intend(after_s, partial(record, town, begun, call))

    def in_conversation(call: PhoneCall) -> None:
        if others == "another after":
            begins(1, call)
        if is_looked_at:
            call.clock.intend(2, partial(look, town))

    hooks: dict[str, Hook] = {"in_conversation": in_conversation}
    if others == "another before":
        hooks["at_question"] = partial(begins, 1)
    faults = {"clock_ahead_s": ahead_s, "callbacks": {"recording": CALLBACKS[callbacks]}}
    plan = {
        "from": "+15125550111",
        "to": NUMBERS["opt_in"],
        "caller": {"presses": ["1"], "talks_s": 6},
        "faults": faults,
    }
    town.face.start(RULEBOOK.read_text("utf-8"))
    return town.play(CallPlan.of(plan), hooks, left_early=lambda _: False), begun


@pytest.fixture(scope="module", autouse=True)
def _in_time_again(line_town: Town) -> Iterator[None]:
    yield
    consented_call(line_town, ahead_s=0, callbacks="arrive", others="only ours", is_looked_at=False)


def states(ran: Ran) -> dict[str, RecordingState]:
    return {one.recording_sid: one.state for one in ran.story.recordings}


@ONE_MACHINE
@pytest.mark.parametrize("others", OTHERS)
@pytest.mark.parametrize("callbacks", CALLBACKS)
@pytest.mark.parametrize("ahead_s", AHEAD_S)
def test_ours_is_kept_and_the_others_is_not_however_far_the_clocks_are_apart(
    ahead_s: float, callbacks: str, others: str, line_town: Town
) -> None:
    for is_looked_at in (True, False) if abs(ahead_s) == 8 else (True,):
        ran, begun = consented_call(
            line_town, ahead_s=ahead_s, callbacks=callbacks, others=others, is_looked_at=is_looked_at
        )
        assert ran.broken == []
        found = states(ran)
        assert len(found) == len(begun) + 1 == (1 if others == "only ours" else 2)
        assert {sid for sid, state in found.items() if state is RecordingState.KEPT} == found.keys() - set(begun)
        assert all(found[sid] is RecordingState.DESTROYED for sid in begun)
        assert all(one["deleted"] for one in ran.seen["recordings"])
        assert "recording_in_doubt" not in {one.kind for one in ran.story.incidents}
