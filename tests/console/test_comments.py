"""Comments on a call in the console: whose they are, who sees them, and that words are only ever words."""

import re
from typing import Any

import pytest

from policies.permissions import Role, Scope
from storage.rows import comments
from storage.rows.comments import BODY_MAX
from storage.rows.recordings import Recording
from tests.console.conftest import Person
from tests.console.test_listening import OTHERS_LINE, Site, site
from tests.faults.conftest import premises
from tests.faults.premises import ONE_MACHINE

__all__ = ["premises", "site"]
pytestmark = ONE_MACHINE
PART = {"headers": {"HX-Request": "true"}}
EVIL = (
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    '"><svg onload=alert(1)>',
    "' autofocus onfocus='alert(1)",
    "javascript:alert(1)",
    "</textarea><script>alert(1)</script>",
    "</template><iframe srcdoc='<script>1</script>'>",
    "{{ 7 * 7 }}{% raw %}",
    "<div hx-get='/leave' hx-trigger='load'>",
    "\u202eright to left \U0001f600",
)


def say(person: Person, recording: Recording, body: str, *, part: bool = True, **form: str) -> Any:
    path, more = f"/calls/{recording.call_id}/comments", PART if part else {}
    return person.post(path, {"body": body, **form}, **more)


def ids(text: str) -> list[str]:
    return re.findall(r'<article id="comment-([0-9a-f]{32})"', text)


def test_a_comment_is_added_at_a_second_and_shared_with_all_within_reach(site: Site) -> None:
    ann, bob, recording = site.staff.somebody(), site.staff.somebody(Role.SUPERVISOR), site.premises.stored()
    answer = say(ann, recording, "greets well", at="0:01.25")
    assert answer.status_code == 200
    assert "<html" not in answer.text
    assert 'data-seek-ms="1250">0:01</a>' in answer.text
    page = bob.get(f"/calls/{recording.call_id}").text
    assert "greets well" in page
    assert ann.account.display_name in page
    [first] = ids(page)
    answered = say(bob, recording, "yes", answers=first)
    assert answered.text.index("greets well") < answered.text.index(">yes<")
    assert "greets well" not in site.staff.somebody(Role.ADMIN).get(f"/calls/{recording.call_id}").text


def test_a_private_comment_is_seen_by_its_author_alone(site: Site) -> None:
    ann, bob, recording = site.staff.somebody(), site.staff.somebody(), site.premises.stored()
    say(ann, recording, "ask the lawyer", is_private="yes")
    assert "ask the lawyer" in ann.get(f"/calls/{recording.call_id}").text
    assert "ask the lawyer" not in bob.get(f"/calls/{recording.call_id}").text
    assert "ask the lawyer" not in say(bob, recording, "mine").text


def test_without_scripts_the_page_is_loaded_again(site: Site) -> None:
    ann, recording = site.staff.somebody(), site.premises.stored()
    answer = say(ann, recording, "greets well", part=False)
    assert (answer.status_code, answer.headers["Location"]) == (303, f"/calls/{recording.call_id}#comments")
    refused = say(ann, recording, "x" * (BODY_MAX + 1), part=False, at="1:00")
    assert refused.status_code == 422
    assert "x" * (BODY_MAX + 1) in refused.text
    assert 'value="1:00"' in refused.text


@pytest.mark.parametrize(
    ("body", "form", "why"),
    [
        ("", {}, "A comment has 1 to 4000 characters; this has 0."),
        (" \r\n ", {}, "this has 0"),
        ("x" * (BODY_MAX + 1), {}, "this has 4001"),
        ("where", {"at": "soon"}, "minutes and seconds, such as 1:05"),
        ("where", {"at": "99:59:59"}, "minutes and seconds"),
        ("to whom", {"answers": "0" * 32}, "not there any more"),
    ],
)
def test_a_comment_that_is_refused_says_why_and_changes_nothing(
    site: Site, body: str, form: dict[str, str], why: str
) -> None:
    ann, recording = site.staff.somebody(), site.premises.stored()
    answer = say(ann, recording, body, part=True, **form)
    assert answer.status_code == 422
    assert why in answer.text
    assert "<html" not in answer.text
    assert ids(ann.get(f"/calls/{recording.call_id}").text) == []


def test_who_has_written_too_many_is_told_and_keeps_what_was_typed(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(comments, "MOST", 1)
    ann, recording = site.staff.somebody(), site.premises.stored()
    assert say(ann, recording, "the first").status_code == 200
    refused = say(ann, recording, "the second")
    assert (refused.status_code, "which is the most" in refused.text) == (422, True)
    page = ann.post(f"/calls/{recording.call_id}/comments", {"body": "the third"})
    assert (page.status_code, "the third" in page.text) == (422, True)


def test_its_author_alone_changes_and_removes_a_comment(site: Site) -> None:
    ann, bob, recording = site.staff.somebody(), site.staff.somebody(), site.premises.stored()
    [mine] = ids(say(ann, recording, "mine").text)
    path = f"/calls/{recording.call_id}/comments/{mine}"
    assert path not in bob.get(f"/calls/{recording.call_id}").text
    refused = [bob.post(path, {"body": "his"}, **PART), bob.post(f"{path}/remove", **PART)]
    assert [answer.status_code for answer in refused] == [422, 422]
    assert "mine" in bob.get(f"/calls/{recording.call_id}").text
    changed = ann.post(path, {"body": "said better"}, **PART)
    assert "said better" in changed.text
    assert "changed" in changed.text
    assert ids(ann.post(f"{path}/remove", **PART).text) == []


def test_a_comment_is_reached_by_its_own_call_alone(site: Site) -> None:
    ann, one, other = site.staff.somebody(), site.premises.stored(), site.premises.stored()
    [mine] = ids(say(ann, one, "mine").text)
    wrong = f"/calls/{other.call_id}/comments/{mine}"
    assert ann.post(wrong, {"body": "moved"}, **PART).status_code == 422
    assert ann.post(f"{wrong}/remove", **PART).status_code == 422
    assert say(ann, other, "answer", answers=mine).status_code == 422
    assert ids(ann.get(f"/calls/{one.call_id}").text) == [mine]


@pytest.mark.parametrize("role", Role)
def test_who_may_comment_is_who_the_table_says(site: Site, role: Role) -> None:
    person, recording = site.staff.somebody(role), site.premises.stored()
    may = role in (Role.REVIEWER, Role.SUPERVISOR, Role.COMPLIANCE)  # an agent took none of these calls
    assert (say(person, recording, "hello").status_code == 200) == may


def test_a_call_of_another_line_takes_no_comment_and_is_as_if_it_were_not_there(site: Site) -> None:
    person, recording = site.staff.somebody(everywhere=False, lines=[OTHERS_LINE]), site.premises.stored()
    refused = say(person, recording, "hello")
    assert refused.status_code == 404
    assert refused.data == person.post(f"/calls/{'0' * 32}/comments", {"body": "hello"}, **PART).data


@pytest.mark.parametrize("words", EVIL)
def test_words_of_the_staff_are_words_wherever_they_stand(site: Site, words: str) -> None:
    recording = site.premises.stored()
    account = site.staff.account("evil", Role.REVIEWER, Scope(everywhere=True))
    ann = site.staff.sign_in(account)
    first = say(ann, recording, words)
    [mine] = ids(first.text)
    texts = [
        first.text,
        say(ann, recording, words, answers=mine).text,
        say(ann, recording, words, part=False, at=words[:12]).text,
        ann.get(f"/calls/{recording.call_id}").text,
        ann.post(f"/calls/{recording.call_id}/comments/{mine}", {"body": words + "!"}, **PART).text,
    ]
    for text in texts:
        assert "<script>" not in text
        assert "<img" not in text
        assert "<svg onload" not in text
        assert "<iframe" not in text
        assert "<div hx-get" not in text
        assert not re.search(r"<[^>]*\son[a-z]+=", text)


def test_a_long_comment_of_many_lines_is_kept_as_it_was_written(site: Site) -> None:
    ann, recording = site.staff.somebody(), site.premises.stored()
    body = "first\r\n\r\n  second " + "é" * 3000
    assert "first\n\n  second é" in say(ann, recording, body).text
