"""Every decision on every state of a call and every key: only a permit starts a recording, and a no never gets one."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from itertools import product

import pytest

from callflow import decide
from callflow.decide import Facts
from callflow.settlement import Settlement
from callflow.twiml import Refusal, StartOfRecording, Unrecorded
from policies.consent import RECORDING_OUTCOMES, Mode, Outcome
from policies.lifecycle import CallState, ImpossibleTransition, after
from policies.purposes import Granted
from policies.rulebook.read import parse
from storage.rows.calls import OPEN, Call
from storage.rows.terms import Terms
from tests.callflow.conftest import RULEBOOK
from tests.conftest import NOON

RULES = parse(RULEBOOK.read_text().replace('remember = "never"', 'remember = "P10D"'))
UNTIL = NOON + timedelta(days=90)
TERMS = Terms("1", (Granted("quality", UNTIL),), "quality-90d", UNTIL).written()
KEYS = ("", "1", "2", "9", "5", "22")
STATES = [
    *((state, OPEN) for state in (CallState.DISCLOSING, CallState.CHOOSING)),
    *((CallState.RECORDING, outcome) for outcome in RECORDING_OUTCOMES),
    *((CallState.SUPPRESSED, outcome) for outcome in (Outcome.DECLINED, Outcome.SILENT, Outcome.NOT_ASKED)),
    (CallState.ENDING, Outcome.DECLINED),
    (CallState.ENDED, Outcome.DECLINED),
]


def standing(state: CallState, outcome: str, mode: Mode, *, asked_again: bool = False) -> Facts:
    """A call in that state, whose question is playing for the first time in its round."""
    call = Call(
        id="c" * 32,
        call_sid="CA" + "c" * 32,
        line="+12125550100",
        mode=mode,
        silence_is_consent=mode is Mode.OPT_OUT,
        prompts_max=2,
        language="en-US",
        wording_sha256="a" * 64,
        rules_sha256="b" * 64,
        state=state,
        outcome=outcome,
        reason="",
        prompt=2 if asked_again else 1,
        events=3,
        received_at=NOON,
        disclosure_length_ms=9000,
        terms=TERMS,
        caller_hash="d" * 64,
        served_at=NOON,
        round=2 if asked_again else 1,
        asked_before=1 if asked_again else 0,
        agreed_round=1 if state is CallState.RECORDING else 0,
    )
    return Facts(call, RULES, NOON + timedelta(seconds=20), is_recording=asked_again or None)


def everything() -> Iterator[tuple[Facts, str, Settlement]]:
    for (state, outcome), mode, again, key in product(STATES, Mode, (False, True), KEYS):
        facts = standing(state, outcome, mode, asked_again=again and state is CallState.RECORDING)
        yield facts, key, decide.answered(facts, "e" * 64, facts.call.prompt, key)


def test_a_recording_starts_by_a_permit_that_is_settled_with_it_and_by_nothing_else() -> None:
    started = 0
    for facts, key, settlement in everything():
        starts = isinstance(settlement.document, StartOfRecording)
        assert starts == (settlement.permit is not None), (facts.call.state, key)
        if isinstance(settlement.document, StartOfRecording):
            started += 1
            assert settlement.document.permit == settlement.permit
            assert facts.call.outcome == OPEN
            assert key == "1" or (key == "" and facts.call.mode in (Mode.NOTICE, Mode.OPT_OUT))
    assert started > 3


def test_a_no_gets_no_permit_and_ends_whatever_records() -> None:
    for facts, key, settlement in everything():
        if key != "2":
            continue
        assert settlement.permit is None
        if facts.call.outcome in RECORDING_OUTCOMES and facts.call.mode is not Mode.NEVER:
            assert settlement.follows
            assert isinstance(settlement.document, Unrecorded | Refusal)
            assert settlement.document.stops


def test_every_settlement_is_one_that_the_state_machine_allows() -> None:
    for facts, key, settlement in everything():
        state = facts.call.state
        for move in settlement.moves:
            if move.event is None:
                continue
            try:
                state = after(state, move.event)
            except ImpossibleTransition:
                pytest.fail(f"{facts.call.state} {key!r}: {move.event} from {state}")
        assert facts.after(*settlement.moves).call.state is state


@pytest.mark.parametrize(("has_declined", "records"), [(False, True), (True, False)])
def test_staying_on_is_no_consent_of_a_number_that_declined(*, has_declined: bool, records: bool) -> None:
    facts = replace(standing(CallState.DISCLOSING, OPEN, Mode.NOTICE), has_declined=has_declined)
    settlement = decide.disclosure_played(facts, 1)
    assert (settlement.permit is not None) == records
    assert settlement.moves[-1].outcome is (Outcome.CONSENTED_BY_STAYING if records else Outcome.NOT_ASKED)


@pytest.mark.parametrize("was_remembered", [False, True])
def test_asking_to_be_recorded_forgets_a_no_where_there_was_one(*, was_remembered: bool) -> None:
    asked = standing(CallState.CHOOSING, OPEN, Mode.OPT_IN)
    facts = replace(asked, call=replace(asked.call, remembers_decline=True), has_declined=was_remembered)
    settlement = decide.answered(facts, "e" * 64, 1, "1")
    assert settlement.forgets_decline == was_remembered
    told = [event.type for event in settlement.moves[0].events]
    assert ("decline.forgotten" in told) == was_remembered


def test_a_must_record_line_remembers_no_refusal() -> None:
    facts = standing(CallState.CHOOSING, OPEN, Mode.MUST_RECORD)
    assert decide.answered(facts, "e" * 64, 1, "2").remember_until is None
    ordinary = standing(CallState.CHOOSING, OPEN, Mode.OPT_IN)
    assert decide.answered(ordinary, "e" * 64, 1, "2").remember_until == NOON + timedelta(days=10, seconds=20)


def test_agents_hear_the_lines_first_language_whatever_the_caller_speaks() -> None:
    facts = standing(CallState.RECORDING, Outcome.CONSENTED, Mode.OPT_IN)
    spanish = replace(facts, call=replace(facts.call, language="es-US"))
    assert spanish.wording.language == "es-US"
    assert spanish.whispered.language == "en-US"
