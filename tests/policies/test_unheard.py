"""What the provider saw and our log does not know contradicts an outcome that rests on having heard all."""

from dataclasses import replace

import pytest

from policies.consent import Outcome
from policies.corroboration import Document, Logged, Request
from policies.unheard import Refusal, contradicts, refusal, went_on
from tests.policies.test_corroboration import (
    AT,
    BEGIN,
    CHOOSE,
    CONNECT,
    DISCLOSE,
    LOGGED,
    ONE,
    SILENCE,
    TWO,
    asked_for,
    chosen,
    replies,
)

IN_DISCLOSURE = Logged("aa", replies=replies(answer="disclose"), outcome=Outcome.HUNG_UP_IN_DISCLOSURE)
IN_CHOICE = replace(LOGGED, outcome=Outcome.HUNG_UP_IN_CHOICE)
NOT_ASKED = replace(LOGGED, outcome=Outcome.NOT_ASKED)


@pytest.mark.parametrize(
    "further",
    [
        asked_for("choice:1", CONNECT),
        asked_for("choice:1", None),
        asked_for("choice:1", CHOOSE),
        asked_for("fallback", CONNECT),
        asked_for("fallback", None),
        asked_for("ended", CONNECT),
        replace(asked_for("ended", CONNECT), is_over=True),
        asked_for("language", CONNECT),
    ],
)
def test_a_caller_of_whom_a_further_step_came_did_not_hang_up_in_the_disclosure(further: Request) -> None:
    assert contradicts((asked_for("answer", DISCLOSE), further), IN_DISCLOSURE)


@pytest.mark.parametrize(
    "further",
    [
        asked_for("consent:1", CONNECT, ONE),
        asked_for("consent:1", None, SILENCE),
        asked_for("consent:1", None, TWO),
        asked_for("ended", None),
        asked_for("fallback", CONNECT),
    ],
)
def test_a_caller_who_answered_did_not_hang_up_at_the_question(further: Request) -> None:
    assert contradicts((*BEGIN, further), IN_CHOICE)


@pytest.mark.parametrize("document", [None, CONNECT, Document("nothing", has_words=False)])
def test_a_request_that_the_call_was_over_bears_a_hang_up_out(document: Document | None) -> None:
    over = Request("choice:1", AT, document=document, is_over=True)
    assert not contradicts((asked_for("answer", DISCLOSE), over), IN_DISCLOSURE)
    over = Request("consent:1", AT, document=document, is_over=True)
    assert not contradicts((*BEGIN, over), IN_CHOICE)


def test_a_hang_up_of_which_all_was_heard_stands() -> None:
    assert not contradicts((asked_for("answer", DISCLOSE),), IN_DISCLOSURE)
    assert not contradicts(BEGIN, IN_CHOICE)
    heard = replace(IN_CHOICE, replies={**IN_CHOICE.replies, **replies(consent_1="nothing")})
    assert not contradicts((*BEGIN, asked_for("consent:1", Document("nothing", has_words=False), ONE)), heard)


def test_a_caller_who_got_another_answer_than_the_one_that_is_kept_went_on() -> None:
    """The transaction came through too late: the log has the question, and the caller was put through."""
    assert went_on((asked_for("answer", DISCLOSE), asked_for("choice:1", CONNECT)), IN_CHOICE)


@pytest.mark.parametrize("outcome", set(Outcome) - {Outcome.DECLINED, Outcome.WITHDRAWN})
def test_a_refusal_that_the_log_does_not_know_contradicts_every_outcome_but_a_refusal(outcome: Outcome) -> None:
    seen = (*BEGIN, asked_for("consent:1", None, TWO, after_s=9), asked_for("consent:1", None, TWO, after_s=4))
    logged = replace(NOT_ASKED, outcome=outcome)
    assert contradicts(seen, logged)
    found = refusal(seen, logged)
    assert found == Refusal(1, seen[-1].at)


def test_a_refusal_of_which_no_time_is_told_is_one() -> None:
    untimed = replace(asked_for("consent:1", None, TWO), at=None)
    timed = replace(asked_for("consent:2", None, TWO), prompt=2)
    assert refusal((*BEGIN, untimed), NOT_ASKED) == Refusal(1, None)
    assert refusal((*BEGIN, untimed, timed), NOT_ASKED) == Refusal(2, timed.at)


@pytest.mark.parametrize("outcome", [Outcome.DECLINED, Outcome.WITHDRAWN])
def test_a_call_that_is_refused_already_is_not_contradicted_by_a_refusal(outcome: Outcome) -> None:
    assert not contradicts((*BEGIN, asked_for("consent:2", None, TWO)), replace(NOT_ASKED, outcome=outcome))


def test_no_other_key_contradicts_a_call_that_was_not_asked() -> None:
    assert not contradicts((*BEGIN, asked_for("consent:1", CONNECT, ONE)), NOT_ASKED)
    assert refusal((*BEGIN, asked_for("consent:1", None, TWO)), replace(NOT_ASKED, choices=chosen({1: TWO}))) is None


@pytest.mark.parametrize("outcome", [Outcome.CONSENTED, Outcome.CONSENTED_BY_STAYING])
def test_a_withdrawal_key_that_the_log_does_not_have_contradicts_a_consent(outcome: Outcome) -> None:
    pressed = Request("withdraw:1-1", AT, withdraws=True)
    assert contradicts((pressed,), replace(LOGGED, outcome=outcome))
    assert refusal((pressed,), replace(LOGGED, outcome=outcome)) == Refusal(0, AT)
    assert not contradicts((pressed,), replace(LOGGED, outcome=Outcome.WITHDRAWN))
    assert not contradicts((replace(pressed, withdraws=False),), replace(LOGGED, outcome=outcome))
