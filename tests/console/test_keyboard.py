"""The keys of the console are one table, and each person may map them or switch them off."""

from dataclasses import replace
from itertools import combinations

import pytest

from console.keyboard import ACTIONS, FIXED, Keyboard, read_key
from console.personal_settings import PersonalSettings
from storage.database.engine import Database
from storage.staff import accounts
from tests.console.conftest import Person, Staff


def mapped(**keys: str) -> Keyboard:
    return Keyboard.of(PersonalSettings(keys=keys))


def test_every_key_of_the_table_is_spelled_as_the_browser_reads_it_and_means_one_action() -> None:
    keys = [key for action in ACTIONS for key in action.keys]
    assert all(read_key(key) == key for key in keys)
    assert len({action.name for action in ACTIONS}) == len(ACTIONS)
    for one, other in combinations(keys, 2):
        assert not f"{one} ".startswith(f"{other} ")
        assert not f"{other} ".startswith(f"{one} ")
    assert {action.where for action in ACTIONS} == {"player", "call", "everywhere"}


@pytest.mark.parametrize(
    ("text", "key"),
    [("p", "P"), ("space", "Space"), ("shift+p", "Shift+P"), (" g  x ", "G X"), (";", ";"), ("+", "+"), ("f4", "F4")],
)
def test_a_key_is_read_however_it_is_written(text: str, key: str) -> None:
    assert read_key(text) == key


@pytest.mark.parametrize(
    "text", ["", " ", "pq", "Ctrl+P", "Shift+;", "Tab", "Enter", "a b c", "F1", "F12", "Shift+", "+P", "ß", "P" * 99]
)
def test_a_key_that_a_browser_or_a_person_needs_otherwise_is_none(text: str) -> None:
    assert read_key(text) is None


def test_without_own_keys_the_table_counts() -> None:
    assert Keyboard.of(PersonalSettings()).actions == ACTIONS


def test_an_own_key_takes_the_place_of_the_usual_ones_and_is_taken_from_others() -> None:
    keyboard = mapped(play="j")
    assert keyboard["play"].keys == ("J",)
    assert keyboard["back"].keys == ()
    assert keyboard["forward"].keys == ("L",)
    assert '"J": "play"' in keyboard.as_json()


def test_two_actions_never_share_a_key_or_its_beginning() -> None:
    assert mapped(play="P", back="p")["back"].keys == ("J",)
    assert mapped(play="G")["calls"].keys == ()
    assert mapped(play="G C")["calls"].keys == ()
    assert mapped(play="C X")["comment"].keys == ()
    assert mapped(play="P", back="P X")["back"].keys == ("J",)


@pytest.mark.parametrize("keys", [{"play": "Tab"}, {"play": ""}, {"nothing": "P"}, {"play": "Escape"}, {"return": "P"}])
def test_a_mapping_that_makes_no_sense_changes_nothing(keys: dict[str, str]) -> None:
    assert mapped(**keys).actions == ACTIONS


def test_a_hint_names_no_key_that_follows_another() -> None:
    keyboard = Keyboard.of(PersonalSettings())
    assert keyboard.shortcuts("play") == "Space K"
    assert keyboard.shortcuts("calls") == ""


def settings_of(database: Database, person: Person) -> PersonalSettings:
    with database.read() as connection:
        return PersonalSettings.read(accounts.existing(connection, person.account.id).settings)


def test_every_page_carries_the_keys_of_its_person_and_their_help(staff: Staff) -> None:
    person = staff.somebody()
    person.post("/keys", {"play": "P", "single_keys": "on"})
    page = person.get("/log").text
    assert "&#34;P&#34;: &#34;play&#34;" in page
    assert "<kbd>P</kbd>" in page
    assert 'data-on="true"' in page
    assert "<kbd>P</kbd>" not in staff.somebody().get("/log").text


def test_own_keys_are_saved_changed_and_given_up(staff: Staff, database: Database) -> None:
    person = staff.somebody()
    assert person.post("/keys", {"play": " p ", "back": "", "single_keys": "on"}).status_code == 303
    assert dict(settings_of(database, person).keys) == {"play": "P"}
    assert "Your keys are saved." in person.get("/keys?saved=").text
    person.post("/keys", {"play": "P"})
    assert not settings_of(database, person).single_keys
    person.post("/keys", {"play": "P", "usual": "yes"})
    assert settings_of(database, person) == replace(PersonalSettings(), single_keys=False)


def test_a_key_that_cannot_be_is_said_and_the_others_are_saved(staff: Staff, database: Database) -> None:
    person = staff.somebody()
    answer = person.post("/keys", {"play": "<b>Ctrl", "back": "X", "forward": "x", "single_keys": "on"})
    assert answer.status_code == 422
    assert "&lt;b&gt;Ctrl is no key that can be used." in answer.text
    assert "X is another action" in answer.text
    assert 'value="&lt;b&gt;Ctrl"' in answer.text
    assert settings_of(database, person).keys["back"] == "X"


def test_what_cannot_be_changed_has_no_field(staff: Staff) -> None:
    page = staff.somebody().get("/keys").text
    assert [f'name="{action.name}"' in page for action in ACTIONS] == [action.name not in FIXED for action in ACTIONS]
