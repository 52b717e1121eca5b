"""The console's Spanish is whole: every message of its sources has its translation, and a page is in one's language."""

import ast
import re
from gettext import GNUTranslations
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from babel.messages.catalog import Catalog, Message
from flask import Flask

from console import sentences
from policies.access import Audio, may_open
from policies.consent import Outcome
from policies.lifecycle import RecordingState
from policies.permissions import Role
from policies.purposes import Granted, NotGranted
from storage.errors import Refused
from tests.conftest import NOON
from tests.console import messages
from tests.console.conftest import BASE_URL, Person, Staff
from tests.source import ROOT, modules, tree_of

IN_SPANISH = {"Accept-Language": "es-MX,es;q=0.9,en;q=0.8"}
_PLACEHOLDER = re.compile(r"%\(\w+\)\w|\{\w+\}")


def texts(catalog: Catalog) -> list[Message]:
    return [message for message in catalog if message.id]


SPANISH = texts(messages.read())


def test_the_catalogue_has_exactly_the_messages_of_the_sources() -> None:
    kept, found = ({message.id for message in texts(one)} for one in (messages.read(), messages.found()))
    assert len(found) > 800
    assert {"not translated yet": found - kept, "left over": kept - found} == {
        "not translated yet": set(),
        "left over": set(),
    }


def test_a_message_without_translation_is_seen() -> None:
    catalog = messages.read()
    catalog["Sign out"].string = ""
    assert [message.id for message in messages.missing(catalog)] == ["Sign out"]
    assert messages.missing(messages.read()) == []


def test_every_translation_is_made_by_a_person_and_keeps_the_form_of_its_message() -> None:
    bad = [
        (text, said)
        for message in SPANISH
        for text, said in messages.pairs(message)
        if message.fuzzy or not said.strip() or form(text) != form(said) or re.search(r"[<>&]", said)
    ]
    assert bad == []


def form(text: str) -> tuple[object, ...]:
    """What a translation may not change: the values, white space around it, and the sign that ends a sentence."""
    begin, end = re.match(r"\s*", text), re.search(r"\s*$", text)
    assert begin
    assert end
    return sorted(_PLACEHOLDER.findall(text)), begin[0], end[0], text[-1] if text[-1:] in ".:" else ""


@pytest.mark.parametrize(("text", "said"), [("To %(at)s.", "A %(en)s."), ("Save.", "Guardar"), ("Name", " Nombre")])
def test_a_translation_of_another_form_is_seen(text: str, said: str) -> None:
    assert form(text) != form(said)


def test_what_is_compiled_is_the_catalogue() -> None:
    compiled = GNUTranslations(BytesIO((messages.FOLDER / messages.MO).read_bytes()))
    for message in SPANISH:
        found = messages.pairs(message)
        if len(found) == 1:
            assert compiled.gettext(found[0][0]) == found[0][1]
        else:
            one, several = (text for text, _ in found)
            assert [compiled.ngettext(one, several, number) for number in (1, 2)] == [said for _, said in found]
    assert compiled.gettext("no such message") == "no such message"


def test_the_catalogue_is_as_make_messages_writes_it(tmp_path: Path) -> None:
    for name in (messages.PO, messages.MO):
        (tmp_path / name).write_bytes((messages.FOLDER / name).read_bytes())
    messages.refresh(tmp_path)
    assert lines_of(tmp_path / messages.PO) == lines_of(messages.FOLDER / messages.PO)


def lines_of(path: Path) -> list[str]:
    """Without Babel's version, which it writes into the file."""
    return [line for line in path.read_text(encoding="utf-8").splitlines() if "Generated-By" not in line]


_BY_A_VARIABLE = {Path("console/sentences.py"), Path("console/language.py")}


def test_only_the_module_of_sentences_translates_what_is_no_literal() -> None:
    """Anything else would be a message that no catalogue has."""
    assert [f"{path}:{line}" for path in modules("console") for line in variable_messages(tree_of(path))] == [
        *(f"{path}:{line}" for path in sorted(_BY_A_VARIABLE) for line in variable_messages(tree_of(path)))
    ]
    templates = ROOT.glob("console/templates/**/*.html")
    odd = {path.name: found for path in templates if (found := re.findall(r"\b_\(\s*[^\s\"'].*?\)", path.read_text()))}
    assert odd == {}


def variable_messages(tree: ast.AST) -> list[int]:
    """The lines that translate what is no literal."""
    calls = (node for node in ast.walk(tree) if isinstance(node, ast.Call))
    names = {"_", "gettext", "ngettext"}
    of_ours = (call for call in calls if isinstance(call.func, ast.Name) and call.func.id in names)
    return [call.lineno for call in of_ours if not isinstance(call.args[0], ast.Constant)]


def test_a_variable_that_is_translated_is_seen() -> None:
    assert variable_messages(ast.parse("gettext('a')\ngettext(a)\n_(f'{b}')")) == [2, 3]


def test_every_reason_for_which_a_recording_is_not_opened_has_its_translation(app: Flask) -> None:
    granted = (Granted("quality", NOON),)
    reasons = [
        may_open(Audio(outcome, state, is_permitted, granted, NOON, is_in_doubt=False), purpose, NOON)
        for outcome in (Outcome.CONSENTED, Outcome.WITHDRAWN, Outcome.DECLINED)
        for state in RecordingState
        for is_permitted in (True, False)
        for purpose in ("quality", "training")
    ]
    later = NOON.replace(year=2099)
    reasons += [
        may_open(Audio(Outcome.CONSENTED, RecordingState.KEPT, True, grants, later, is_in_doubt=True), "quality", NOON)
        for grants in ((Granted("quality", NOON),), (Granted("quality", later),), ())
    ]
    said = {reason.reason for reason in reasons if isinstance(reason, NotGranted)}
    assert len(said) > 10
    with app.test_request_context(headers=IN_SPANISH):
        assert [reason for reason in said if sentences.translated(reason) == reason] == []
        assert sentences.translated("its use for training ended on 2026-12-22") == (
            "su uso para capacitación terminó el 2026-12-22"
        )


def test_every_refusal_of_an_account_has_its_translation(app: Flask, staff: Staff) -> None:
    staff.account("taken", Role.AGENT, addresses=frozenset({"client:taken"}))
    wrong: list[tuple[str, dict[str, Any]]] = [
        ("x", {}),
        ("taken", {}),
        ("teamless", {"team": "t" * 999}),
        ("nowhere", {"addresses": frozenset({"a" * 999})}),
        ("twice", {"addresses": frozenset({"client:taken"})}),
        ("n" * 63, {"addresses": frozenset({""})}),
    ]
    said = [refusal(staff, name, more) for name, more in wrong]
    with app.test_request_context(headers=IN_SPANISH):
        assert [reason for reason in said if sentences.translated(reason) == reason] == []


def refusal(staff: Staff, name: str, more: dict[str, Any]) -> str:
    with pytest.raises(Refused) as refused:
        staff.account(name, Role.AGENT, **more)
    return str(refused.value)


def test_a_sentence_without_translation_stays_and_is_marked_as_english(app: Flask) -> None:
    with app.test_request_context(headers=IN_SPANISH):
        assert sentences.marked("no <b>such</b> words") == '<span lang="en">no &lt;b&gt;such&lt;/b&gt; words</span>'
        assert sentences.marked("quality") == "calidad"
    with app.test_request_context():
        assert sentences.marked("no such words") == "no such words"


def test_a_page_is_in_the_language_that_the_browser_asks_for(app: Flask) -> None:
    page = app.test_client().get("/enter", base_url=BASE_URL, headers=IN_SPANISH).text
    assert '<html lang="es">' in page
    assert "<h1>Iniciar sesión</h1>" in page
    for other in ({}, {"Accept-Language": "fr"}, {"Accept-Language": "en-US,es;q=0.5"}):
        page = app.test_client().get("/enter", base_url=BASE_URL, headers=other).text
        assert '<html lang="en">' in page
        assert "<h1>Sign in</h1>" in page


def test_a_persons_own_setting_wins_over_the_browsers(staff: Staff) -> None:
    person = staff.somebody()
    set_language(person, "es")
    page = person.get("/me", headers={"Accept-Language": "en"}).text
    assert '<html lang="es">' in page
    assert "<h1>Su cuenta</h1>" in page
    assert "22 nov 2026" in page
    set_language(person, "en")
    page = person.get("/me", headers=IN_SPANISH).text
    assert '<html lang="en">' in page
    assert "<h1>Your account</h1>" in page


def set_language(person: Person, language: str) -> None:
    person.post("/me/settings", {"language": language, "time_zone": "UTC", "speed": "1"})


def test_not_there_and_not_yours_are_the_same_bytes_in_spanish_too(staff: Staff) -> None:
    agent, other = staff.somebody(Role.AGENT), staff.account("other", Role.AGENT)
    answers = [agent.get(path, headers=IN_SPANISH) for path in (f"/staff/{other.id}", f"/staff/{'0' * 32}", "/none")]
    assert {answer.status_code for answer in answers} == {404}
    assert len({answer.data for answer in answers}) == 1
    assert "Aquí no hay nada para usted" in answers[0].text


_SAYS = re.compile(
    r"(?:\b(?:textContent|innerText|title|placeholder|alt|ariaLabel)\s*=|\b(?:say|alarm|alert|confirm|prompt)\(|"
    r"setAttribute\(\"(?:aria-label|title|alt|placeholder)\",)\s*([\"'`])((?:(?!\1).)*)\1"
)


def words_of_script(text: str) -> list[str]:
    """The words that a script would say by itself: its sentences come with the page."""
    said = (re.sub(r"\$\{.*?\}", "", found[2]) for found in _SAYS.finditer(text))
    return [words for words in said if re.search(r"[A-Za-z]{2}", words)]


def test_no_script_has_words_of_its_own() -> None:
    scripts = list((ROOT / "console/static").glob("*.js"))
    assert len(scripts) > 15
    assert {path.name: words for path in scripts if (words := words_of_script(path.read_text()))} == {}


@pytest.mark.parametrize(
    "script", ['p.textContent = "Stopped"', "say(`at ${at}`)", "b.setAttribute(\"aria-label\", 'Play')"]
)
def test_a_script_with_words_of_its_own_is_seen(script: str) -> None:
    assert words_of_script(script)


def test_every_sentence_that_a_script_asks_for_comes_with_the_page() -> None:
    given = set(re.findall(r'^    "([\w-]+)": _\(', (ROOT / _WORDS).read_text(), re.MULTILINE))
    scripts = "\n".join(path.read_text() for path in (ROOT / "console/static").glob("*.js"))
    asked = set(re.findall(r'\bsentence\("([\w-]+)"', scripts))
    assert len(asked) > 8
    assert asked - given == set()


_WORDS = "console/templates/calls/words_of_scripts.html"
