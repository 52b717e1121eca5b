"""Two accounts of one call: what is a contradiction between them, and what is only a delivery that was lost."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from policies.corroboration import Differs, Document, Key, Logged, Request, answered, differences

AT = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
TOLD, ASKED = "This call may be recorded.", "May we record it?"
ONE, TWO, NINE, SILENCE = Key.of("1"), Key.of("2"), Key.of("9"), Key.of("")

DISCLOSE = Document("disclose", disclosed=frozenset({TOLD}))
CHOOSE = Document("choose 1", asked=frozenset({ASKED}))
AGAIN = Document("choose 2", disclosed=frozenset({TOLD}), asked=frozenset({ASKED}))
RECORD = Document("record", starts_recording=True)
SUPPRESS = Document("suppress")
CONNECT = Document("connect", has_words=False)


def asked_for(step: str, document: Document | None, key: Key | None = None, *, after_s: int = 0) -> Request:
    prompt = int(step.partition(":")[2] or 0)
    return Request(step, AT + timedelta(seconds=after_s), prompt, key, document)


BEGIN = (asked_for("answer", DISCLOSE), asked_for("choice", CHOOSE))
ACCEPTED = (*BEGIN, asked_for("consent:1", AGAIN, NINE), asked_for("consent:2", RECORD, ONE))
DECLINED = (*BEGIN, asked_for("consent:1", SUPPRESS, TWO))


def replies(**bodies: str) -> dict[str, frozenset[str]]:
    return {step.replace("_", ":"): frozenset({body}) for step, body in bodies.items()}


def chosen(keys: dict[int, Key]) -> frozenset[tuple[int, Key]]:
    return frozenset(keys.items())


LOGGED = Logged("aa", TOLD, ASKED, replies=replies(answer="disclose", choice="choose 1"))
ACCEPTED_HERE = replace(
    LOGGED,
    choices=chosen({1: NINE, 2: ONE}),
    permits=True,
    replies={**LOGGED.replies, **replies(consent_1="choose 2", consent_2="record")},
)
DECLINED_HERE = replace(LOGGED, choices=chosen({1: TWO}), replies={**LOGGED.replies, **replies(consent_1="suppress")})


@pytest.mark.parametrize(
    ("seen", "logged"),
    [(ACCEPTED, ACCEPTED_HERE), (DECLINED, DECLINED_HERE), ((), Logged())],
    ids=["accepted", "declined", "a call that never reached us"],
)
def test_two_accounts_of_the_same_call_agree_in_whatever_order_they_are_told(
    seen: tuple[Request, ...], logged: Logged
) -> None:
    assert differences(seen, logged) == []
    assert differences(seen[::-1], logged) == []
    assert differences((*seen, *seen), logged) == [], "each was sent twice"


@pytest.mark.parametrize(
    ("seen", "logged", "differs"),
    [
        (DECLINED, replace(DECLINED_HERE, choices=chosen({1: ONE})), [Differs.ANSWERED]),
        (
            DECLINED,
            replace(DECLINED_HERE, choices=chosen({1: ONE}), permits=True),
            [Differs.ANSWERED, Differs.RECORDING],
        ),
        (ACCEPTED, replace(ACCEPTED_HERE, permits=False), [Differs.RECORDING]),
        (ACCEPTED, replace(ACCEPTED_HERE, choices=chosen({2: ONE})), [Differs.ANSWERED]),
        (ACCEPTED, replace(ACCEPTED_HERE, choices=chosen({1: NINE, 2: ONE, 3: ONE})), [Differs.ANSWERED]),
        (ACCEPTED, replace(ACCEPTED_HERE, disclosure="Nothing will be recorded."), [Differs.DISCLOSURE]),
        (ACCEPTED, replace(ACCEPTED_HERE, disclosure=None), [Differs.DISCLOSURE]),
        (ACCEPTED, replace(ACCEPTED_HERE, question="Shall we?"), [Differs.QUESTION]),
        (DECLINED, replace(DECLINED_HERE, replies=ACCEPTED_HERE.replies), [Differs.REPLIES]),
        (DECLINED, replace(DECLINED_HERE, replies={}), [Differs.REPLIES]),
        (BEGIN, replace(LOGGED, choices=chosen({1: ONE}), permits=True), [Differs.ANSWERED, Differs.RECORDING]),
        (BEGIN, replace(LOGGED, replies={**LOGGED.replies, **replies(ended="bye")}), [Differs.REPLIES]),
        ((asked_for("answer", DISCLOSE),), replace(LOGGED, permits=True), [Differs.RECORDING, Differs.REPLIES]),
        ((), LOGGED, [Differs.DISCLOSURE, Differs.REPLIES]),
        ((asked_for("answer", SUPPRESS),), LOGGED, [Differs.DISCLOSURE, Differs.REPLIES]),
    ],
)
def test_what_one_side_tells_otherwise_is_named(
    seen: tuple[Request, ...], logged: Logged, differs: list[Differs]
) -> None:
    assert differences(seen, logged) == differs


def test_a_permit_whose_recording_was_ordered_of_nobody_is_a_difference() -> None:
    assert differences(DECLINED, replace(DECLINED_HERE, permits=True)) == [Differs.RECORDING]


KEPT = {**LOGGED.replies, **replies(fallback="connect")}


def test_an_answer_that_was_lost_is_no_contradiction_whether_it_is_logged_or_not() -> None:
    seen = (*BEGIN, asked_for("consent:1", None, ONE), asked_for("fallback", CONNECT))
    decided = replace(LOGGED, choices=chosen({1: ONE}), permits=True, replies={**KEPT, **replies(consent_1="record")})
    assert differences(seen, decided) == []
    assert differences(seen, replace(LOGGED, replies=KEPT)) == []


def test_a_step_that_failed_is_no_contradiction_once_it_is_settled() -> None:
    seen = (*BEGIN, asked_for("consent:1", CONNECT, TWO))
    settled = replace(LOGGED, choices=chosen({1: TWO}), replies={**LOGGED.replies, **replies(consent_1="connect")})
    came_through = replace(settled, replies={**LOGGED.replies, **replies(consent_1="suppress")})
    assert differences(seen, settled) == differences(seen, came_through) == []


def test_a_step_that_was_answered_and_of_which_nothing_is_kept_is_a_difference() -> None:
    for step in ("consent:1", "ended", "fallback"):
        assert differences((*BEGIN, asked_for(step, CONNECT)), LOGGED) == [Differs.STEPS]
    assert differences((asked_for("answer", CONNECT),), Logged()) == [Differs.STEPS]


@pytest.mark.parametrize("lost", [None, CONNECT])
def test_a_disclosure_that_was_lost_is_no_contradiction(lost: Document | None) -> None:
    seen = (asked_for("answer", lost), asked_for("fallback", CONNECT))
    assert differences(seen, replace(LOGGED, replies=replies(answer="disclose", fallback="connect"))) == []
    kept = replies(answer="connect", fallback="connect") if lost else replies(fallback="connect")
    assert differences(seen, Logged(replies=kept)) == []


def test_a_lost_answer_excuses_no_other_key() -> None:
    seen = (*BEGIN, asked_for("consent:1", None, TWO))
    assert differences(seen, replace(LOGGED, choices=chosen({1: ONE}))) == [Differs.ANSWERED]


def test_a_retry_after_a_lost_answer_says_the_same() -> None:
    assert differences((asked_for("consent:1", None, TWO), *DECLINED), DECLINED_HERE) == []


def test_who_hung_up_answered_nothing() -> None:
    seen = (*BEGIN, Request("consent:1", AT, document=CONNECT, is_over=True))
    assert differences(seen, replace(LOGGED, replies={**LOGGED.replies, **replies(consent_1="nothing")})) == []
    assert answered(seen) == {}


def test_silence_is_not_the_same_as_several_keys() -> None:
    assert Key.of("12") != SILENCE
    assert differences(
        (*BEGIN, asked_for("consent:1", SUPPRESS, SILENCE)), replace(DECLINED_HERE, choices=chosen({1: Key.of("12")}))
    ) == [Differs.ANSWERED]


def test_the_first_of_several_deliveries_is_told_as_the_answer() -> None:
    seen = [asked_for("consent:1", SUPPRESS, TWO, after_s=9), asked_for("consent:1", RECORD, ONE, after_s=1)]
    assert answered(seen) == {1: ONE}
