"""What is printed fits a terminal, is whole in a pipe, and never acts on either."""

import json
import sys
from collections.abc import Callable

import click
import pytest
from click.testing import CliRunner

from onrecord.terminal import Sheet, in_words, say, say_bytes, say_document, say_hashed, say_json, show_sheet
from tests.onrecord.terminals import at_a_terminal

HOSTILE = "a\x1b[31mb\nc\u202ed\x9b2J"
SHOWN = r"a\x1b[31mb\nc\u202ed\x9b2J"
SHEET = Sheet(("line", "callers from"), [("+14155550100", "[bold]US-CA[/bold] and US-NY")], title="Lines")


def printed(show: Callable[[], object], **environ: str) -> str:
    command = click.Command("shown", callback=show)
    ran = CliRunner().invoke(command, env={"COLUMNS": "", **environ}, catch_exceptions=False)
    return ran.output


def test_a_line_is_one_line_whoever_wrote_it() -> None:
    assert printed(lambda: say(HOSTILE)) == f"{SHOWN}\n"
    assert printed(lambda: say(HOSTILE, error=True)) == f"{SHOWN}\n"


def test_a_document_keeps_its_own_line_breaks_and_nothing_else() -> None:
    assert printed(lambda: say_document("one\ntwo\x1b\n")) == "one\ntwo\\x1b\n"
    assert printed(lambda: say_document("one\r\ntwo")) == "one\\r\ntwo\n"


def test_json_holds_the_same_and_nothing_hidden() -> None:
    text = printed(lambda: say_json({"a": HOSTILE}))
    assert json.loads(text) == {"a": HOSTILE}
    assert all(letter.isprintable() for letter in text.replace("\n", ""))


def test_a_cell_is_neither_markup_nor_control() -> None:
    shown = printed(lambda: show_sheet(Sheet(("what",), [(HOSTILE,), ("[red]x[/red]",)])))
    assert SHOWN in shown
    assert "[red]x[/red]" in shown


def test_a_table_that_fits_is_a_table_and_is_whole_in_a_pipe() -> None:
    for environ in ({}, {"COLUMNS": "80"}):
        assert "│ +14155550100 │ [bold]US-CA[/bold] and US-NY │" in printed(lambda: show_sheet(SHEET), **environ)


def test_a_table_without_room_for_its_words_becomes_lines() -> None:
    shown = printed(lambda: show_sheet(SHEET), COLUMNS="35")
    assert shown.splitlines() == [
        "Lines",
        "",
        "line          +14155550100",
        "callers from  [bold]US-CA[/bold]",
        "              and US-NY",
        "",
    ]


@pytest.mark.parametrize("width", [20, 21, 60, 80])
def test_a_long_line_is_broken_between_words(width: int) -> None:
    line = f"  call CA{'0' * 32} " + "is over " * 30
    parts = printed(lambda: say(line), COLUMNS=str(width)).splitlines()
    assert " ".join(" ".join(parts).split()) == " ".join(line.split())
    assert all(len(part) <= width or len(part.split()) == 1 for part in parts[1:])
    assert parts[0].startswith("  call")
    assert all(part.startswith("    ") for part in parts[1:])
    assert printed(lambda: say(line)).splitlines() == [line]


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (None, "none"),
        ("", "none"),
        (True, "yes"),
        (False, "no"),
        (0, "0"),
        ([], "none"),
        (["a", None, True], "a, none, yes"),
        ({"a": 1, "b": [{"c": "d"}]}, "a 1; b ((c d))"),
        ([{"a": False}, {}], "(a no), none"),
    ],
)
def test_a_value_is_told_without_the_spelling_of_a_program(value: object, words: str) -> None:
    assert in_words(value) == words


PROGRAM = """
from onrecord.terminal import *
from tests.onrecord.test_terminal import HOSTILE, SHEET
say(HOSTILE)
say_document(HOSTILE)
say_json([HOSTILE])
say_hashed('["\u202e"]')
show_sheet(SHEET)
say("word " * 20)
"""


@pytest.mark.parametrize("environ", [{}, {"NO_COLOR": "1"}, {"TERM": "dumb"}], ids=str)
def test_at_a_terminal_nothing_acts_on_it_and_the_width_is_kept(environ: dict[str, str]) -> None:
    shown = at_a_terminal([sys.executable, "-c", PROGRAM], width=60, environ=environ)
    assert SHOWN in shown
    assert all(letter.isprintable() for letter in shown.replace("\n", ""))
    assert all(len(line) <= 60 for line in shown.splitlines())


def test_an_event_in_a_pipe_is_as_it_is_hashed() -> None:
    assert printed(lambda: say_hashed('["\u202e"]')) == '["\u202e"]\n'


def test_a_terminal_is_not_sent_a_file() -> None:
    program = "from onrecord.terminal import check_takes_bytes\ncheck_takes_bytes('a recording')"
    shown = at_a_terminal([sys.executable, "-c", program], width=80, errors_too=True)
    assert "Refused: a recording: a terminal does not show it" in shown


def test_a_pipe_is_sent_a_file() -> None:
    assert printed(lambda: say_bytes([b"one", b"two"])) == "onetwo"
