"""The pages on which administrators keep the accounts of the staff."""

import html
import re

import pytest
from flask import Flask

from policies.permissions import Role, Scope
from storage.database.engine import Database
from storage.log import consent_log
from tests.console.conftest import LINE, OTHER_LINE, Clock, Person, Staff
from tests.console.newcomer import Newcomer

FORM = {"name": "carol", "display_name": "Carol C.", "role": "reviewer", "line": LINE}


@pytest.fixture
def admin(staff: Staff) -> Person:
    return staff.somebody(Role.ADMIN)


def link_in(page: str) -> str:
    found = re.search(r'value="https://console\.example\.com/welcome/(.*?)"', page)
    assert found, page
    return found[1]


def change(admin: Person, account_id: str, form: dict[str, str]) -> str:
    """Through the page that shows what would change. Returns where the administrator is then."""
    shown = admin.post(f"/staff/{account_id}", form).text
    fields = re.findall(r'<input type="hidden" name="(.*?)" value="(.*?)">', shown)
    confirmed = {name: html.unescape(value) for name, value in fields if name != "csrf_token"}
    assert "changes" in confirmed, shown
    answer = admin.post(f"/staff/{account_id}", confirmed)
    return answer.headers.get("Location", answer.text)


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.ADMIN])
def test_only_administrators_see_that_there_are_such_pages(staff: Staff, admin: Person, role: Role) -> None:
    person = staff.somebody(role)
    one = f"/staff/{admin.account.id}"
    gets = [person.get(path) for path in ("/staff", "/staff/add", one)]
    posts = [
        person.post(path, FORM)
        for path in ("/staff/add", one, *(f"{one}/{act}" for act in ("disable", "enable", "link", "sessions/end")))
    ]
    nothing = person.get("/nothing")
    assert {(answer.status_code, answer.data) for answer in gets + posts} == {(404, nothing.data)}
    assert "/staff" not in person.get("/log").text
    assert admin.get("/staff").status_code == 200


def test_an_account_that_is_not_there_is_not_found(admin: Person) -> None:
    assert admin.get("/staff/" + "0" * 32).status_code == 404
    assert admin.post("/staff/" + "0" * 32 + "/disable").status_code == 404


def test_the_list_says_who_may_hear_what_and_how_they_sign_in(staff: Staff, admin: Person, app: Flask) -> None:
    staff.account("bob", Role.REVIEWER, Scope(lines=frozenset({LINE}), teams=frozenset({"billing"})))
    Newcomer(app.test_client()).set_up_passkey(staff.invite("carol", Role.AGENT))
    staff.invite("dave", Role.SUPERVISOR)
    page = " ".join(admin.get("/staff").text.split())
    assert f"Calls on {LINE}; Calls that were taken by the teams billing" in page
    for words in ("Their own calls", "1 passkey", "a link that was not used yet", "none: give a new link", "never"):
        assert words in page


def test_somebody_is_added_and_gets_a_link_that_is_shown_once(staff: Staff, admin: Person, app: Flask) -> None:
    page = admin.post("/staff/add", FORM).text
    link = link_in(page)
    newcomer = Newcomer(app.test_client())
    assert newcomer.set_up_passkey(link).status_code == 303
    account = staff.named("carol")
    assert (account.role, account.scope) == (Role.REVIEWER, Scope(lines=frozenset({LINE})))
    assert link not in admin.get(f"/staff/{account.id}").text
    assert link not in admin.get("/staff").text


def test_a_refused_form_keeps_what_was_typed(admin: Person) -> None:
    wrong = {"name": "admin!", "display_name": "", "role": "owner", "team": "x" * 65}
    for field, value in [*wrong.items(), ("name", ""), ("role", "")]:
        answer = admin.post("/staff/add", {**FORM, "addresses": "client:carol", field: value})
        assert answer.status_code == 422
        assert 'id="problem"' in answer.text
        assert "client:carol" in answer.text
        assert f'value="{LINE}" checked' in answer.text


def test_a_change_is_shown_in_words_before_it_happens(staff: Staff, admin: Person) -> None:
    bob = staff.account("bob", Role.REVIEWER, Scope(lines=frozenset({LINE})))
    shown = admin.post(f"/staff/{bob.id}", {"role": "supervisor", "line": OTHER_LINE, "team": "billing"}).text
    assert "The role changes from Reviewer to Supervisor." in shown
    assert "They may download recordings." in shown
    assert f"Calls within reach: Calls on {OTHER_LINE}." in shown
    assert staff.named("bob") == bob
    said = change(admin, bob.id, {"role": "supervisor", "line": OTHER_LINE, "team": "billing"})
    assert said == f"/staff/{bob.id}?said=changed"
    changed = staff.named("bob")
    assert (changed.role, changed.team) == (Role.SUPERVISOR, "billing")
    assert changed.scope == Scope(lines=frozenset({OTHER_LINE}))


def test_a_change_that_was_shown_for_another_state_is_shown_anew(staff: Staff, admin: Person) -> None:
    bob = staff.account("bob", Role.REVIEWER)
    shown = admin.post(f"/staff/{bob.id}", {"role": "supervisor"}).text
    found = re.search(r'name="changes" value="(.*?)"', shown)
    assert found
    staff.change("bob", Role.COMPLIANCE)
    again = admin.post(f"/staff/{bob.id}", {"role": "supervisor", "changes": found[1]})
    assert "from Compliance to Supervisor" in again.text
    more = admin.post(f"/staff/{bob.id}", {"role": "supervisor", "everywhere": "on", "changes": found[1]})
    assert "Nothing was changed yet" in more.text
    assert staff.named("bob").role is Role.COMPLIANCE


def test_a_change_holds_from_the_next_request_on(staff: Staff, admin: Person) -> None:
    bob = staff.somebody(Role.ADMIN)
    change(admin, bob.account.id, {"role": "agent"})
    assert bob.get("/staff").status_code == 404


def test_an_address_of_another_account_is_refused(staff: Staff, admin: Person) -> None:
    staff.account("bob", Role.AGENT, addresses=frozenset({"client:bob"}))
    carol = staff.account("carol", Role.AGENT)
    page = change(admin, carol.id, {"role": "agent", "addresses": "client:bob"})
    assert "another account" in page


def test_a_disabled_account_is_out_at_once_and_can_be_enabled(staff: Staff, admin: Person) -> None:
    bob = staff.somebody()
    one = f"/staff/{bob.account.id}"
    assert admin.post(f"{one}/disable").headers["Location"] == f"{one}?said=disabled"
    assert bob.get("/log").status_code == 303
    assert "disabled" in admin.get("/staff").text
    assert admin.post(f"{one}/enable").headers["Location"] == f"{one}?said=enabled"
    assert staff.named(bob.account.name).is_enabled


def test_a_new_link_takes_the_place_of_all_that_was_set_up(staff: Staff, admin: Person, app: Flask) -> None:
    bob = Newcomer(app.test_client())
    bob.set_up_passkey(staff.invite("bob", Role.REVIEWER))
    page = admin.post(f"/staff/{staff.named('bob').id}/link").text
    assert not bob.is_in
    later = Newcomer(app.test_client(), bob.device)
    assert later.sign_in_by_passkey().status_code == 422
    assert later.set_up_passkey(link_in(page)).status_code == 303


def test_all_sessions_of_an_account_are_ended(staff: Staff, admin: Person) -> None:
    bob = staff.somebody()
    other = staff.sign_in(bob.account)
    admin.post(f"/staff/{bob.account.id}/sessions/end")
    assert [bob.get("/log").status_code, other.get("/log").status_code] == [303, 303]


def test_nobody_changes_their_own_account_here(staff: Staff, admin: Person) -> None:
    """Whoever hands out permissions gets theirs from somebody else; the last administrator stays one by that."""
    one, before = f"/staff/{admin.account.id}", staff.named(admin.account.name)
    assert "another administrator has to change it" in admin.get(one).text
    for path, form in ((one, {"role": "reviewer", "everywhere": "on"}), (f"{one}/disable", {}), (f"{one}/link", {})):
        answer = admin.post(path, form)
        assert answer.status_code == 422
        assert "another administrator has to do that" in answer.text
    assert staff.named(admin.account.name) == before
    assert admin.get("/log").status_code == 200


def test_an_administrator_hears_nothing(admin: Person) -> None:
    path = f"/calls/{'0' * 32}/recordings/{'0' * 32}/lease"
    assert admin.post(path, {"purpose": "quality"}).status_code == 404


def test_letting_people_in_takes_a_recent_sign_in(staff: Staff, admin: Person, clock: Clock) -> None:
    bob = staff.account("bob", Role.REVIEWER)
    shown = admin.post(f"/staff/{bob.id}", {"role": "supervisor"}).text
    found = re.search(r'name="changes" value="(.*?)"', shown)
    assert found
    clock.passes(minutes=15, seconds=1)
    assert admin.get("/staff/add").headers["Location"] == "/enter?next=%2Fstaff%2Fadd&because=again"
    for path, form in (("/staff/add", FORM), (f"/staff/{bob.id}", {"role": "supervisor", "changes": found[1]})):
        answer = admin.post(path, form)
        assert answer.status_code == 422
        assert "Sign in again, in another tab" in answer.text
    assert "carol" in admin.post("/staff/add", FORM).text  # as it was typed
    link = admin.post(f"/staff/{bob.id}/link")
    assert link.headers["Location"] == f"/enter?next=%2Fstaff%2F{bob.id}&because=again"
    assert staff.named("bob").role is Role.REVIEWER
    admin.post(f"/staff/{bob.id}/disable")
    assert not staff.named("bob").is_enabled  # keeping somebody out never waits


def test_every_change_is_in_the_log_with_its_actor(staff: Staff, admin: Person, database: Database) -> None:
    with database.read() as connection:
        before = consent_log.size(connection)
    admin.post("/staff/add", FORM)
    carol = staff.named("carol")
    change(admin, carol.id, {"role": "supervisor"})
    admin.post(f"/staff/{carol.id}/disable")
    admin.post(f"/staff/{carol.id}/enable")
    admin.post(f"/staff/{carol.id}/link")
    with database.read() as connection:
        assert consent_log.size(connection) - before >= 5
