"""A call without a recording says why in a sentence, whatever its outcome and the fate of its recordings."""

import re
from itertools import product

import pytest

from callflow.decide import line_of
from compliance.call_page.facts import OUTCOMES as CALL_OUTCOMES
from compliance.call_page.no_recording import SENTENCES, Fate, WhyNone, why_none
from policies import connected, consent, hanging_up
from policies.consent import Mode, Outcome, Standard
from policies.hanging_up import Served
from policies.jurisdiction.overrides import Override
from policies.jurisdiction.pack import Regime
from policies.lifecycle import CallState, RecordingState
from policies.rulebook.read import parse
from storage.errors import Refused
from tests.callflow.conftest import RULEBOOK
from tests.policies.calls import ruled

OUTCOMES = ("open", *Outcome)
STATES = (None, *RecordingState)
RULES = ("", "erased", "withdrawn", "retention", "no permit")
SERVED = Served(disclosure_s=1, question_s=1)


def test_no_sentence_says_that_nothing_was_recorded() -> None:
    for outcome, reason, other in product(OUTCOMES, [reason for reason, _ in reasons()], RecordingState):
        why = why_none(Fate(outcome, reason, others=[other]))
        assert not re.search("not recorded|without being recorded", SENTENCES[why] if why else ""), why
    assert not any("not recorded" in words for words in CALL_OUTCOMES.values())


def test_every_fate_has_its_sentence_but_that_of_a_recording_that_is_kept() -> None:
    seen = set()
    for outcome, mode, over, synthetic, covered, rule, other in product(
        OUTCOMES, Mode, (False, True), (False, True), STATES, RULES, STATES
    ):
        fate = Fate(outcome, "", mode, over, synthetic, covered, rule, () if other is None else (other,))
        why = why_none(fate)
        assert (why is None) == (covered is RecordingState.KEPT), fate
        seen.add(why)
    by_reason = {why for why in WhyNone if why.name in _OF_REASONS}
    assert seen == {None, *WhyNone} - by_reason
    assert SENTENCES.keys() == {*WhyNone}
    assert all(sentence.endswith(".") for sentence in SENTENCES.values())
    assert len({*SENTENCES.values()}) == len(WhyNone)


_OF_REASONS = {
    "NEVER_LINE",
    "FORBIDDEN",
    "REMEMBERED",
    "OUR_FAILURE",
    "END_UNKNOWN",
    "PROVIDER_ENDED",
    "PROVIDER_FAILED",
    "NO_LINE",
}


def reasons() -> list[tuple[str, WhyNone]]:
    """The reasons as the rules give them."""
    never = Standard(Mode.NEVER, silence_is_consent=False, prompts_max=1)
    opt_out = Standard(Mode.OPT_OUT, silence_is_consent=False, prompts_max=1)
    by_memory = consent.heeding_memory(consent.Record(Outcome.CONSENTED_BY_STAYING), has_declined=True)
    fallen_back = connected.fallen_back(CallState.CHOOSING, 11200)
    unasked = consent.before_disclosure(never)
    remembering = opt_out.after_a_decline()
    assert isinstance(by_memory, consent.Suppress)
    assert fallen_back
    assert unasked
    assert remembering
    silent = consent.decide(consent.Answer.SILENT, remembering, prompt=1)
    assert isinstance(silent, consent.Suppress)
    return [
        (unasked.reason, WhyNone.NEVER_LINE),
        (by_memory.reason, WhyNone.REMEMBERED),
        (silent.reason, WhyNone.REMEMBERED),
        (fallen_back.reason, WhyNone.PROVIDER_FAILED),
        (connected.UNDECIDED.reason, WhyNone.OUR_FAILURE),
        (ended("completed", 999), WhyNone.OUR_FAILURE),
        (ended("completed", None), WhyNone.END_UNKNOWN),
        (ended("failed", 1), WhyNone.PROVIDER_ENDED),
        (dialled_nowhere(), WhyNone.NO_LINE),
        (ruled("PT", purposes=("training",)).why_never, WhyNone.FORBIDDEN),
        (ruled("DE", Override(jurisdiction="DE", regime=Regime.PROHIBITED)).why_never, WhyNone.FORBIDDEN),
        ("the service did not answer", WhyNone.OUR_FAILURE),
        ("form: Digits: expected at most 32 printable characters", WhyNone.NOT_ASKED),
    ]


def ended(status: str, duration_s: int | None) -> str:
    found = hanging_up.undecided(CallState.CHOOSING, SERVED, status=status, duration_s=duration_s)
    assert found.outcome is Outcome.NOT_ASKED
    return found.reason


def dialled_nowhere() -> str:
    with pytest.raises(Refused) as refused:
        line_of(parse(RULEBOOK.read_text()), "+19995550100")
    return str(refused.value)


@pytest.mark.parametrize(("reason", "why"), reasons())
def test_the_reasons_that_the_rules_give_are_known(reason: str, why: WhyNone) -> None:
    assert why_none(Fate(Outcome.NOT_ASKED, reason)) is why


@pytest.mark.parametrize(
    ("fate", "why"),
    [
        (Fate(Outcome.CONSENTED, covered=RecordingState.STARTED, is_over=False), WhyNone.RUNNING),
        (Fate(Outcome.CONSENTED, covered=RecordingState.STARTED), WhyNone.NOT_FETCHED),
        (Fate(Outcome.CONSENTED, covered=RecordingState.DESTROYED, rule="retention"), WhyNone.EXPIRED),
        (Fate(Outcome.CONSENTED, covered=RecordingState.DESTROYED, rule="erased"), WhyNone.ERASED),
        (Fate(Outcome.WITHDRAWN, covered=RecordingState.DESTROYED, rule="withdrawn"), WhyNone.WITHDRAWN),
        (Fate(Outcome.WITHDRAWN, others=[RecordingState.DESTROYED]), WhyNone.WITHDRAWN),
        (Fate(Outcome.WITHDRAWN, others=[RecordingState.DESTROYED, RecordingState.QUARANTINED]), WhyNone.IN_DOUBT),
        (Fate(Outcome.CONSENTED, others=[RecordingState.QUARANTINED]), WhyNone.IN_DOUBT),
        *(
            (Fate(Outcome.CONSENTED, covered=gone, others=[RecordingState.QUARANTINED]), WhyNone.IN_DOUBT)
            for gone in (RecordingState.ABSENT, RecordingState.CONDEMNED, RecordingState.DESTROYED)
        ),
        (Fate(Outcome.CONSENTED, is_synthetic=True), WhyNone.SELF_TEST),
        # A recording that somebody else made of a caller who declined changes nothing.
        (Fate(Outcome.DECLINED, others=[RecordingState.DESTROYED]), WhyNone.DECLINED),
        (Fate(Outcome.DECLINED, mode=Mode.MUST_RECORD), WhyNone.DECLINED_AND_ENDED),
    ],
)
def test_the_fate_of_a_recording_decides_before_the_outcome_of_its_call(fate: Fate, why: WhyNone) -> None:
    assert why_none(fate) is why
