"""Consent decisions, whole dialogues included: a dialogue answers one playing after another until it is decided."""

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.consent import (
    RECORDING_OUTCOMES,
    REFUSALS,
    REMEMBERED_DECLINE,
    REPEATS_MAX,
    Answer,
    Ask,
    Decision,
    EndCall,
    Mode,
    Outcome,
    Record,
    Standard,
    Suppress,
    after_disclosure,
    answer_of,
    before_disclosure,
    decide,
    heeding_memory,
    replaces,
)

PROMPTS = range(1, 7)
STANDARDS = [Standard(*s) for s in product(Mode, (False, True), (1, 2, 3))]
REMEMBERING = [
    Standard(Mode.OPT_IN, silence, prompts_max, remembers_decline=True)
    for silence in (False, True)
    for prompts_max in (1, 2, 3)
]
STANDARDS += REMEMBERING
standards = st.sampled_from(STANDARDS)


def dialogue(answers: list[Answer], standard: Standard) -> tuple[Decision, list[Answer]]:
    """The last decision, and the answers that were heard before it fell."""
    decision: Decision = Ask(1)
    heard: list[Answer] = []
    for answer in answers:
        if not isinstance(decision, Ask):
            break
        heard.append(answer)
        decision = decide(answer, standard, prompt=decision.prompt)
    return decision, heard


@pytest.mark.parametrize(
    ("digits", "answer"),
    [("1", Answer.ACCEPTED), ("2", Answer.DECLINED), ("9", Answer.REPEAT), ("", Answer.SILENT), (None, Answer.SILENT)],
)
def test_each_key_has_one_meaning(digits: str | None, answer: Answer) -> None:
    assert answer_of(digits) is answer


@pytest.mark.parametrize("digits", ["１", "١", "¹", " 1", "1 ", "1\n", "11", "12", "01", "*", "#", "0", "yes", "\0"])
def test_anything_but_exactly_one_known_key_is_unrecognized(digits: str) -> None:
    assert answer_of(digits) is Answer.UNRECOGNIZED


@given(st.text())
def test_only_the_key_1_is_acceptance(digits: str) -> None:
    assert (answer_of(digits) is Answer.ACCEPTED) == (digits == "1")


# Written from what is promised to callers, not from the code. "again" is one more playing of the question, "end …" ends
# the call politely; any other word but the first two is the outcome of a call that is not recorded.
TABLE = """
line               accepted   declined      silent           unrecognized       repeat
                                            first    last    first  last        first  last
notice             consented  declined      stayed   stayed  again  unclear     again  unclear
opt_out            consented  declined      again    silent  again  unclear     again  unclear
opt_out,silence    consented  declined      again    stayed  again  unclear     again  unclear
opt_in             consented  declined      again    silent  again  unclear     again  unclear
declined_before    consented  declined      again    not_asked  again  not_asked  again  not_asked
never              not_asked  not_asked     not_asked  not_asked  not_asked  not_asked  not_asked  not_asked
must_record        consented  end_declined  again    end_silent  again  end_unclear  again  end_unclear
"""
PROMISED = {line: cells for line, *cells in (row.split() for row in TABLE.splitlines()[3:])}
COLUMNS = {Answer.ACCEPTED: 0, Answer.DECLINED: 1, Answer.SILENT: 2, Answer.UNRECOGNIZED: 4, Answer.REPEAT: 6}


def promised(standard: Standard, answer: Answer, prompt: int) -> str:
    line = "declined_before" if standard.remembers_decline else str(standard.mode)
    if standard.mode is Mode.OPT_OUT and standard.silence_is_consent:
        line = "opt_out,silence"
    playings = standard.prompts_max + (2 if answer is Answer.REPEAT else 0)
    is_last = prompt >= playings and answer not in (Answer.ACCEPTED, Answer.DECLINED)
    return PROMISED[line][COLUMNS[answer] + is_last]


def in_words(decision: Decision) -> str:
    match decision:
        case Record(Outcome.CONSENTED):
            return "consented"
        case Record(Outcome.CONSENTED_BY_STAYING):
            return "stayed"
        case Suppress(outcome):
            return str(outcome)
        case EndCall(outcome):
            return f"end_{outcome}"
    return "again"


@pytest.mark.parametrize("answer", Answer)
@pytest.mark.parametrize("mode", Mode)
def test_the_whole_table_of_modes_answers_and_playings_is_as_promised(mode: Mode, answer: Answer) -> None:
    for standard, prompt in product([s for s in STANDARDS if s.mode is mode], PROMPTS):
        decision = decide(answer, standard, prompt=prompt)
        assert in_words(decision) == promised(standard, answer, prompt), (standard, prompt)


@pytest.mark.parametrize("standard", STANDARDS, ids=str)
def test_no_path_leads_from_a_decline_to_a_recording(standard: Standard) -> None:
    """Every path of answers up to the end of the longest dialogue, not a sample of them."""
    seen = 0
    open_paths: list[tuple[Ask, bool]] = [(Ask(1), False)]
    while open_paths:
        ask, has_declined = open_paths.pop()
        for answer in Answer:
            seen += 1
            decision = decide(answer, standard, prompt=ask.prompt)
            if isinstance(decision, Ask):
                open_paths.append((decision, has_declined or answer is Answer.DECLINED))
            elif isinstance(decision, Record):
                assert answer is not Answer.DECLINED
                assert not has_declined
    assert seen >= len(Answer)


def test_a_remembered_decline_is_undone_by_the_accept_key_and_by_nothing_else() -> None:
    for standard, answer, prompt in product(REMEMBERING, Answer, PROMPTS):
        is_record = isinstance(decide(answer, standard, prompt=prompt), Record)
        assert is_record is (answer is Answer.ACCEPTED)


@pytest.mark.parametrize("mode", [mode for mode in Mode if mode is not Mode.OPT_IN])
def test_only_where_a_key_is_consent_can_a_decline_be_remembered(mode: Mode) -> None:
    with pytest.raises(ValueError, match="only the accept key is consent"):
        Standard(mode, False, 1, remembers_decline=True)


def test_a_caller_who_declined_before_and_says_nothing_was_not_asked() -> None:
    standard = Standard(Mode.OPT_IN, False, 1, remembers_decline=True)
    assert decide(Answer.SILENT, standard, prompt=1) == Suppress(Outcome.NOT_ASKED, "remembered decline")
    assert decide(Answer.DECLINED, standard, prompt=1) == Suppress(Outcome.DECLINED)


@pytest.mark.parametrize("answer", Answer)
def test_every_answer_to_every_playing_has_a_decision(answer: Answer) -> None:
    for standard, prompt in product(STANDARDS, PROMPTS):
        decision = decide(answer, standard, prompt=prompt)
        assert isinstance(decision, Record | Suppress | EndCall | Ask)
        if isinstance(decision, Ask):
            assert decision.prompt == prompt + 1
        if isinstance(decision, Suppress | EndCall):
            assert decision.outcome not in RECORDING_OUTCOMES


@given(st.lists(st.sampled_from(Answer), max_size=12), standards)
def test_no_dialogue_with_a_decline_in_it_ends_in_a_recording(answers: list[Answer], standard: Standard) -> None:
    decision, heard = dialogue(answers, standard)
    if Answer.DECLINED in heard:
        assert not isinstance(decision, Record | Ask)


@given(st.lists(st.sampled_from(Answer), max_size=12), standards)
def test_explicit_consent_needs_the_accept_key_as_the_last_answer(answers: list[Answer], standard: Standard) -> None:
    decision, heard = dialogue(answers, standard)
    if isinstance(decision, Record) and decision.outcome is Outcome.CONSENTED:
        assert heard[-1] is Answer.ACCEPTED


@given(st.lists(st.sampled_from([a for a in Answer if a is not Answer.ACCEPTED]), max_size=12), standards)
def test_without_the_accept_key_only_silence_that_counts_is_recorded(answers: list[Answer], standard: Standard) -> None:
    decision, heard = dialogue(answers, standard)
    if isinstance(decision, Record):
        assert heard[-1] is Answer.SILENT
        assert standard.mode is Mode.NOTICE or (standard.mode is Mode.OPT_OUT and standard.silence_is_consent)


@given(st.lists(st.sampled_from(Answer), min_size=12, max_size=12), standards)
def test_every_dialogue_is_decided_before_the_repeat_cap_is_passed(answers: list[Answer], standard: Standard) -> None:
    decision, heard = dialogue(answers, standard)
    assert not isinstance(decision, Ask)
    assert len(heard) <= standard.prompts_max + REPEATS_MAX


@given(st.lists(st.sampled_from(Answer), max_size=12), st.booleans(), st.integers(1, 3))
def test_a_never_line_never_records(answers: list[Answer], silence_is_consent: bool, prompts_max: int) -> None:
    never = Standard(Mode.NEVER, silence_is_consent, prompts_max)
    assert not isinstance(dialogue(answers, never)[0], Record)
    assert before_disclosure(never) == Suppress(Outcome.NOT_ASKED, "never-record line")
    assert after_disclosure(never) == Suppress(Outcome.NOT_ASKED, "never-record line")


@given(st.lists(st.sampled_from(Answer), max_size=12), st.booleans(), st.integers(1, 3))
def test_a_must_record_line_never_connects_an_unrecorded_call(answers: list[Answer], silent: bool, n: int) -> None:
    assert not isinstance(dialogue(answers, Standard(Mode.MUST_RECORD, silent, n))[0], Suppress)


@pytest.mark.parametrize(
    ("mode", "silence_is_consent", "last"),
    [
        (Mode.NOTICE, False, Record(Outcome.CONSENTED_BY_STAYING)),
        (Mode.OPT_OUT, True, Record(Outcome.CONSENTED_BY_STAYING)),
        (Mode.OPT_OUT, False, Suppress(Outcome.SILENT)),
        (Mode.OPT_IN, True, Suppress(Outcome.SILENT)),
        (Mode.OPT_IN, False, Suppress(Outcome.SILENT)),
        (Mode.MUST_RECORD, True, EndCall(Outcome.SILENT, "this line has no unrecorded calls")),
    ],
)
def test_silence_to_the_end_means_what_the_mode_says(mode: Mode, silence_is_consent: bool, last: Decision) -> None:
    assert dialogue([Answer.SILENT] * 3, Standard(mode, silence_is_consent, 3))[0] == last


def test_silence_is_asked_again_before_it_counts() -> None:
    standard = Standard(Mode.OPT_OUT, True, 2)
    assert decide(Answer.SILENT, standard, prompt=1) == Ask(2)
    assert decide(Answer.SILENT, standard, prompt=2) == Record(Outcome.CONSENTED_BY_STAYING)


@pytest.mark.parametrize("mode", [Mode.NOTICE, Mode.OPT_OUT, Mode.OPT_IN])
def test_wrong_keys_to_the_end_are_unclear(mode: Mode) -> None:
    standard = Standard(mode, True, 2)
    assert dialogue([Answer.UNRECOGNIZED] * 2, standard)[0] == Suppress(Outcome.UNCLEAR)


def test_repeats_go_past_the_prompts_but_not_past_their_own_cap() -> None:
    standard = Standard(Mode.OPT_IN, False, 1)
    assert dialogue([Answer.REPEAT] * REPEATS_MAX, standard)[0] == Ask(1 + REPEATS_MAX)
    assert dialogue([Answer.REPEAT] * (REPEATS_MAX + 1), standard)[0] == Suppress(Outcome.UNCLEAR)


def test_a_repeat_uses_up_a_playing() -> None:
    assert dialogue([Answer.REPEAT, Answer.SILENT], Standard(Mode.OPT_IN, False, 2))[0] == Suppress(Outcome.SILENT)


def test_refusing_on_a_must_record_line_ends_the_call_as_declined() -> None:
    decision = decide(Answer.DECLINED, Standard(Mode.MUST_RECORD, False, 2), prompt=1)
    assert decision == EndCall(Outcome.DECLINED, "this line has no unrecorded calls")


@pytest.mark.parametrize("mode", [m for m in Mode if m is not Mode.NEVER])
def test_only_a_notice_line_records_on_the_disclosure_alone(mode: Mode) -> None:
    standard = Standard(mode, True, 2)
    assert before_disclosure(standard) is None
    expected = Record(Outcome.CONSENTED_BY_STAYING) if mode is Mode.NOTICE else Ask(1)
    assert after_disclosure(standard) == expected


@pytest.mark.parametrize("outcome", [o for o in Outcome if o not in RECORDING_OUTCOMES])
def test_a_record_decision_cannot_carry_any_other_outcome(outcome: Outcome) -> None:
    with pytest.raises(ValueError, match="not an outcome that permits recording"):
        Record(outcome)


def test_a_standard_plays_its_question_at_least_once() -> None:
    with pytest.raises(ValueError, match="never played"):
        Standard(Mode.OPT_IN, False, 0)


@pytest.mark.parametrize("has_declined", [False, True])
@pytest.mark.parametrize(
    "decision",
    [
        Record(Outcome.CONSENTED),
        Record(Outcome.CONSENTED_BY_STAYING),
        Suppress(Outcome.SILENT),
        EndCall(Outcome.UNCLEAR, "x"),
        Ask(1),
    ],
)
def test_a_remembered_no_withholds_only_consent_by_staying(decision: Decision, *, has_declined: bool) -> None:
    withheld = has_declined and decision == Record(Outcome.CONSENTED_BY_STAYING)
    expected = Suppress(Outcome.NOT_ASKED, REMEMBERED_DECLINE) if withheld else decision
    assert heeding_memory(decision, has_declined=has_declined) == expected


@pytest.mark.parametrize("new", Outcome)
def test_the_first_outcome_of_a_call_is_taken_whatever_it_is(new: Outcome) -> None:
    assert replaces(new, None)


@pytest.mark.parametrize(("new", "old"), list(product(Outcome, Outcome)))
def test_an_outcome_is_only_ever_replaced_by_a_no(new: Outcome, old: Outcome) -> None:
    """A withdrawal replaces all others; a refusal those that are neither a consent, which is withdrawn, nor a no."""
    by_withdrawal = new is Outcome.WITHDRAWN and old is not Outcome.WITHDRAWN
    by_refusal = new is Outcome.DECLINED and old not in RECORDING_OUTCOMES and old not in REFUSALS
    assert replaces(new, old) is (by_withdrawal or by_refusal)
