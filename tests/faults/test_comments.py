"""Comments of the staff: in threads, private or shared, changed by their authors alone, and erased with the call."""

import pytest
from sqlalchemy import func, select

from policies.consent import Outcome
from policies.permissions import Role, Scope
from storage.custody import erasure
from storage.database.tables import comment
from storage.errors import Refused
from storage.rows import comments
from storage.rows.comments import AT_MS_MAX, BODY_MAX, MOST, Comment, Draft, TooMany
from storage.staff import accounts
from storage.staff.accounts import Position
from tests.faults.premises import Premises


def member(premises: Premises, name: str) -> str:
    position = Position(Role.REVIEWER, Scope(everywhere=True))
    add = lambda c: accounts.add(c, premises.moment(), name, name.title(), position, actor="root")  # noqa: E731 - short
    return premises.write(add).id


@pytest.fixture
def ann(premises: Premises) -> str:
    return member(premises, "ann")


@pytest.fixture
def bob(premises: Premises) -> str:
    return member(premises, "bob")


@pytest.fixture
def call_id(premises: Premises) -> str:
    return premises.call(Outcome.DECLINED).id


def say(premises: Premises, call_id: str, staff_id: str, body: str, **more: object) -> Comment:
    draft = Draft(body, **more)  # type: ignore[arg-type]  # fields of a draft
    premises.clock.passes(seconds=1)
    return premises.write(lambda c: comments.add(c, premises.moment(), call_id, staff_id, draft))


def remove(premises: Premises, said: Comment, staff_id: str) -> None:
    premises.write(lambda c: comments.remove(c, said.id, staff_id))


def seen(premises: Premises, call_id: str, staff_id: str) -> list[object]:
    """Each thread as its first comment's words, its author, its place, and the words of its answers."""
    with premises.shop.database.read() as connection:
        found = comments.seen_by(connection, call_id, staff_id)
    return [(each.body, each.author, each.at_ms, [answer.body for answer in each.thread]) for each in found]


def test_threads_stand_by_their_place_in_the_recording(premises: Premises, call_id: str, ann: str, bob: str) -> None:
    later = say(premises, call_id, ann, "too fast", at_ms=9_000)
    say(premises, call_id, bob, "greets well", at_ms=2_000)
    say(premises, call_id, ann, "a good call")
    say(premises, call_id, bob, "where?", answers=later.id, at_ms=1)
    say(premises, call_id, ann, "at the end", answers=later.id)
    assert seen(premises, call_id, ann) == [
        ("a good call", "Ann", None, []),
        ("greets well", "Bob", 2_000, []),
        ("too fast", "Ann", 9_000, ["where?", "at the end"]),
    ]
    assert seen(premises, premises.call().id, ann) == []


def test_a_private_thread_is_its_authors_alone(premises: Premises, call_id: str, ann: str, bob: str) -> None:
    secret = say(premises, call_id, ann, "ask the lawyer", is_private=True)
    say(premises, call_id, ann, "did that", answers=secret.id)
    assert seen(premises, call_id, bob) == []
    assert len(seen(premises, call_id, ann)) == 1
    with pytest.raises(Refused, match="no thread"):
        say(premises, call_id, bob, "what?", answers=secret.id)


def test_an_answer_belongs_to_a_thread_of_the_same_call(premises: Premises, call_id: str, ann: str) -> None:
    first = say(premises, call_id, ann, "first")
    answer = say(premises, call_id, ann, "answer", answers=first.id)
    for wrong, call in ((answer.id, call_id), ("0" * 32, call_id), (first.id, premises.call().id)):
        with pytest.raises(Refused, match="no thread"):
            say(premises, call, ann, "answer", answers=wrong)


def test_only_its_author_changes_or_removes_a_comment(premises: Premises, call_id: str, ann: str, bob: str) -> None:
    mine = say(premises, call_id, ann, "mine")
    with pytest.raises(Refused, match="another's"):
        premises.write(lambda c: comments.change(c, premises.moment(), mine.id, bob, "his"))
    with pytest.raises(Refused, match="another's"):
        remove(premises, mine, bob)
    premises.clock.passes(minutes=1)
    premises.write(lambda c: comments.change(c, premises.moment(), mine.id, ann, " mine, said better "))
    with premises.shop.database.read() as connection:
        changed = comments.existing(connection, mine.id)
    assert (changed.body, changed.changed_at) == ("mine, said better", premises.clock.now)
    remove(premises, mine, ann)
    assert seen(premises, call_id, ann) == []


def test_a_removed_comment_leaves_its_place_while_it_has_answers(
    premises: Premises, call_id: str, ann: str, bob: str
) -> None:
    first = say(premises, call_id, ann, "wrong")
    answer = say(premises, call_id, bob, "it is not", answers=first.id)
    remove(premises, first, ann)
    assert seen(premises, call_id, bob) == [("", "Ann", None, ["it is not"])]
    with pytest.raises(Refused):
        premises.write(lambda c: comments.change(c, premises.moment(), first.id, ann, "again"))
    remove(premises, answer, bob)
    assert seen(premises, call_id, bob) == []
    with premises.shop.database.read() as connection:
        assert connection.scalar(select(func.count()).select_from(comment)) == 0


@pytest.mark.parametrize("body", ["", " \r\n\t ", "\0", "x" * (BODY_MAX + 1)])
def test_words_that_are_none_or_too_many_are_refused(premises: Premises, call_id: str, ann: str, body: str) -> None:
    with pytest.raises(Refused, match="1 to 4000 characters"):
        say(premises, call_id, ann, body)
    kept = say(premises, call_id, ann, "é\r\n\0" + "x" * (BODY_MAX - 2))
    assert (len(kept.body), kept.body[:3]) == (BODY_MAX, "é\nx")


@pytest.mark.parametrize("at_ms", [-1, AT_MS_MAX + 1])
def test_a_place_outside_any_recording_is_refused(premises: Premises, call_id: str, ann: str, at_ms: int) -> None:
    with pytest.raises(Refused, match="outside"):
        say(premises, call_id, ann, "where", at_ms=at_ms)
    assert say(premises, call_id, ann, "there", at_ms=AT_MS_MAX).at_ms == AT_MS_MAX


def test_an_erased_call_has_no_comments_and_takes_none(premises: Premises, ann: str) -> None:
    owner = premises.call(Outcome.DECLINED)
    premises.company.hang_up(owner.call_sid)
    for _ in range(2):  # and then it is looked at no more
        premises.clock.passes(days=2)
        premises.sweep()
    first = say(premises, owner.id, ann, "she said her name")
    say(premises, owner.id, ann, "and her street", answers=first.id)
    request = erasure.Request("gdpr-17", "root")
    premises.write(lambda c: erasure.erase(c, premises.moment(), owner.id, request, premises.jobs))
    assert seen(premises, owner.id, ann) == []
    with pytest.raises(Refused, match="erased"):
        say(premises, owner.id, ann, "her name again")


@pytest.mark.parametrize("odd", ["\0", "é" * 32, "0" * 33])
def test_what_is_no_id_is_no_thread(premises: Premises, call_id: str, ann: str, odd: str) -> None:
    with pytest.raises(Refused, match="no thread to answer in"):
        say(premises, call_id, ann, "to whom", answers=odd)
    assert seen(premises, call_id, ann) == []


def test_one_person_does_not_fill_the_page_of_a_call(premises: Premises, call_id: str, ann: str, bob: str) -> None:
    first = say(premises, call_id, ann, "first")
    for number in range(1, MOST):
        say(premises, call_id, ann, f"{number}", answers=first.id if number % 2 else None)
    with pytest.raises(TooMany):
        say(premises, call_id, ann, "one more")
    last = say(premises, call_id, bob, "another's")
    remove(premises, say(premises, call_id, bob, "removed", answers=last.id), bob)
    with pytest.raises(TooMany):
        say(premises, call_id, ann, "one more", answers=last.id)
    say(premises, premises.call(Outcome.DECLINED).id, ann, "on another call")
