"""Any call: random callers, agents and faults, from a seed that is printed. After each call every promise is checked.

ONRECORD_ANY_SEED and ONRECORD_ANY_CALLS try others, or more of them.
"""

import os
import secrets
from collections.abc import Iterator
from dataclasses import replace
from functools import partial

import pytest

from policies.corroboration import Differs
from policies.lifecycle import RecordingState
from simulator.faults import RestFaults
from simulator.phone_call import PhoneCall
from tests.calls import oracle
from tests.calls.call_runner import Ran, Town
from tests.calls.mischief import do_afterwards, hooks_of, rulebook
from tests.calls.random_calls import Meanwhile, RandomCall, any_call

CALLS = {"sqlite": 40, "postgresql": 15}


def test_whatever_happens_on_a_call_every_promise_is_kept(line_town: Town) -> None:
    seed = int(os.environ.get("ONRECORD_ANY_SEED") or secrets.randbelow(10**9))
    calls = int(os.environ.get("ONRECORD_ANY_CALLS") or CALLS[line_town.database.dialect])
    print(f"ONRECORD_ANY_SEED={seed} ONRECORD_ANY_CALLS={calls}")
    for number in range(calls):
        call = any_call(seed, number)
        assert list(wrongs(line_town, call)) == [], call


@pytest.mark.parametrize("edit", ["removed", "purposes", "retention", "consent"])
def test_a_call_ends_under_the_rules_it_began_with(edit: str, line_town: Town) -> None:
    restart = Meanwhile("restart", "in_disclosure", how=edit)
    call = RandomCall(edit, "opt_in", "+525512345678", is_lax=False, presses=("9", "1"), meanwhile=(restart,))
    assert list(wrongs(line_town, call)) == []
    assert len(line_town.seen[-1]["recordings"]) == 1


@pytest.mark.parametrize("source", ["StartCallRecordingAPI", ""])
@pytest.mark.parametrize("begins", ["in_disclosure", "in_conversation"])
def test_the_permit_goes_to_our_own_recording_also_where_we_hear_of_another_first(
    begins: str, source: str, line_town: Town
) -> None:
    things = (Meanwhile("rogue", begins, how=source), Meanwhile("worker", "in_conversation"))
    lost = {"recording": {"lose": True}}
    call = RandomCall("two", "opt_in", "+15125550111", is_lax=True, presses=("1",), callbacks=lost, meanwhile=things)
    assert list(wrongs(line_town, call)) == []
    assert len(line_town.seen[-1]["recordings"]) == 2


def test_a_recording_that_began_before_consent_is_not_kept_whatever_twilio_calls_it(line_town: Town) -> None:
    things = (Meanwhile("rogue", "in_disclosure"), Meanwhile("worker", "in_conversation"))
    faults = {"only": "/consent", "lost_answers": 1}  # consent is given, and record.xml never arrives
    call = RandomCall("one", "opt_in", "+15125550111", is_lax=True, presses=("1",), voice=faults, meanwhile=things)
    assert list(wrongs(line_town, call)) == []
    assert [one["source"] for one in line_town.seen[-1]["recordings"]] == [""]


@pytest.mark.parametrize("line", ["opt_in", "notice", "must_record", "silence_is_consent"])
def test_a_refusal_that_never_reached_us_counts_once_twilio_tells_of_it(line: str, line_town: Town) -> None:
    faults = {"only": "/consent", "connect_failures": 6}
    call = RandomCall("unheard", line, "+525512345678", is_lax=False, presses=("2",), voice=faults)
    assert list(wrongs(line_town, call)) == []
    assert oracle.is_refusal_unheard(call, line_town.seen[-1])
    assert oracle.allowed_outcomes(call, line_town.seen[-1]) == {"declined"}


def wrongs(town: Town, call: RandomCall) -> Iterator[str]:
    """Place the call; everything that is wrong with it, and with any call before it."""
    town.face.start(rulebook())
    call = replace(call, has_declined=call.caller in town.declined)
    ran = town.play(
        call.plan,
        hooks_of(town, call.line, call.meanwhile),
        left_early=partial(oracle.owed_nobody, call),
        afterwards=lambda placed: _afterwards(town, call, placed),
        differs=lambda seen: (Differs.OUTCOME,) if oracle.is_refusal_unheard(call, seen) else (),
    )
    yield from ran.broken
    yield from oracle.untruths(call, ran.seen)
    outcome, allowed = ran.story.call.outcome, oracle.allowed_outcomes(call, ran.seen)
    if outcome not in oracle.OUTCOMES or outcome not in allowed:
        yield f"the outcome is {outcome}, and should be {sorted(allowed)}"
    yield from _wrongly_kept(ran)
    _remember(town, call, ran)


def _remember(town: Town, call: RandomCall, ran: Ran) -> None:
    """A no is remembered where there is a number to remember, and where the caller was connected all the same."""
    if call.line == "must_record" or ran.story.call.outcome not in {*oracle.YES, "declined", "withdrawn"}:
        return
    is_number = call.is_lax or call.caller in {"+525512345678", "+18005550123"}
    if is_number and oracle.is_refusal_unheard(call, ran.seen):
        town.declined.add(call.caller)
    for step in oracle.steps_of(ran.seen):
        if step.kind == "consent" and not step.asks and step.digits == "2" and is_number:
            town.declined.add(call.caller)
        if step.kind == "consent" and not step.asks and step.digits == "1":
            town.declined.discard(call.caller)


def _afterwards(town: Town, call: RandomCall, placed: PhoneCall) -> None:
    do_afterwards(town, call.meanwhile, placed)
    town.exchange.faults.rest = RestFaults(*call.rest) if call.rest else RestFaults()


def _wrongly_kept(ran: Ran) -> Iterator[str]:
    """Kept is our own recording of a caller who agreed, for what was disclosed and as long as was said; no other."""
    outcome = ran.story.call.outcome
    ours = {one["sid"] for one in ran.seen["recordings"] if oracle.is_ours(one) and one["duration_s"]}
    kept = {one.recording_sid for one in ran.story.recordings if one.state is RecordingState.KEPT}
    if kept != (ours if outcome in oracle.YES else set()):
        yield f"{len(kept)} recordings are kept of {len(ours)} that are ours on a call that was {outcome}"
    for one in ran.story.recordings:
        if one.state not in {RecordingState.KEPT, RecordingState.ABSENT, RecordingState.DESTROYED}:
            yield f"recording {one.id} is left {one.state}"
        if one.retain_until and (one.retain_until - ran.story.call.received_at).days != 90:
            yield f"recording {one.id} is retained until {one.retain_until}"
    for event in ran.story.events:
        if event["type"] == "recording.permitted" and event["purposes"] != ["quality"]:
            yield f"the permit is for {event['purposes']}, and quality was disclosed"
