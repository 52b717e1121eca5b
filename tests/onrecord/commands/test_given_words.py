"""Whatever is typed or pasted after `onrecord`, no traceback and nothing that acts on a terminal comes of it."""

import click
import pytest

from onrecord.commands.main import main
from tests.evidence.test_printable import hidden
from tests.onrecord.commands.people import People
from tests.onrecord.commands.test_as_json import leaves
from tests.onrecord.commands.test_hostile_text import HOSTILE

NOT_UTF_8 = "x\udcff"
TEXTS = [
    (name, option.opts[0])
    for name, command in sorted(leaves().items())
    for option in command.params
    if not (isinstance(option, click.Option) and (option.is_flag or isinstance(option.type, click.IntRange)))
]
NUMBERS = [
    (name, param.opts[0])
    for name, command in sorted(leaves().items())
    for param in command.params
    if isinstance(param.type, click.IntRange | click.types.IntParamType) and not getattr(param, "is_flag", False)
]
# Nothing comes after these: they would be carried out, or they are what the console's page is asked for.
ENDS = {"demo", "simulate", "serve", "work", "selftest", "init", "tell", "log anchor", "lines sync"}


def words_of(name: str, wanted: str, value: str) -> list[str]:
    """A command line of that command with a value for each argument that it requires, and for one option."""
    command = leaves()[name]
    words = name.split()
    for param in command.params:
        if param.opts[0] == wanted:
            words += [param.opts[0], value] if isinstance(param, click.Option) else [value]
        elif param.required:
            choices = getattr(param.type, "choices", ["1"])
            words += [param.opts[0], choices[0]] if isinstance(param, click.Option) else ["1"]
    return words


@pytest.mark.parametrize(("name", "option"), TEXTS, ids=str)
def test_an_argument_that_is_no_text_is_refused_everywhere(name: str, option: str, people: People) -> None:
    before = people.site.files()
    ran = people.site.run(*words_of(name, option, NOT_UTF_8))
    assert (ran.code, ran.out) == (2, "")
    assert ran.err == "onrecord: x\\udcff: it is not in UTF-8; expected text\n"
    assert people.site.files() == before


@pytest.mark.parametrize(("name", "option"), [each for each in TEXTS if each[0] not in ENDS], ids=str)
def test_a_hostile_argument_is_quoted_escaped_or_not_at_all(name: str, option: str, people: People) -> None:
    ran = people.site.run(*words_of(name, option, HOSTILE))
    assert ran.code in {1, 2}
    assert hidden(ran.out + ran.err) <= {"\n"}
    assert not any(line.startswith("FORGED") for line in (ran.out + ran.err).splitlines())


@pytest.mark.parametrize(("name", "option"), NUMBERS, ids=str)
@pytest.mark.parametrize("value", ["9" * 20, "-1", "1.5", "one"])
def test_a_number_that_no_row_has_ends_no_command_with_a_traceback(
    name: str, option: str, value: str, people: People
) -> None:
    ran = people.site.run(*words_of(name, option, value))
    assert ran.code in {0, 1, 2}
    assert ran.code or name == "log tail"


def test_a_span_that_ends_before_it_begins_and_one_before_there_were_calls_are_refused(people: People) -> None:
    for command in ("calls", "recordings"):
        ran = people.site.run(command, "--from", "2026-11-02", "--to", "2026-11-01")
        assert (ran.code, ran.out) == (2, "")
        assert "--from is after --to" in ran.err
        assert people.site.run(command, "--from", "2026-11-01", "--to", "2026-11-01").code == 0
    ran = people.site.run("rules", "diff", "onrecord.toml", "onrecord.toml", "--since", "99999w")
    assert (ran.code, ran.out) == (2, "")
    assert "expected a year from 2000 to 2200" in ran.err


@pytest.mark.parametrize(
    "words",
    [
        ("rules", "diff", "TOO LONG", "onrecord.toml"),
        ("log", "export", "--all", "-o", "TOO LONG"),
        ("log", "verify", "--checkpoint", "TOO LONG"),
        ("log", "export", "--all", "--since", "TOO LONG", "-o", "case"),
        ("log", "resume", "--after-restore", "--over", "TOO LONG"),
        ("certificate", "CALL", "-o", "TOO LONG"),
        ("vcon", "CALL", "-o", "TOO LONG"),
        ("receipt", "CALL", "-o", "TOO LONG"),
        ("demo", "--in", "TOO LONG"),
    ],
    ids=lambda words: " ".join(words[:2]),
)
def test_a_name_that_no_file_can_have_is_one_sentence(words: tuple[str, ...], people: People) -> None:
    given = {"TOO LONG": "x" * 300, "CALL": next(iter(people.sids.values()))[0]}
    before = people.site.files()
    ran = people.site.run(*(given.get(word, word) for word in words))
    assert ran.code in {1, 2}
    assert (ran.out, ran.err.startswith("onrecord: ")) == ("", True)
    assert "File name too long" in ran.err or "no file" in ran.err
    assert people.site.files().keys() == before.keys()


def test_every_text_that_a_command_takes_is_tried_here() -> None:
    assert len(TEXTS) > 60
    assert main.commands.keys() - {name.split()[0] for name, _ in TEXTS} == {"init", "work", "doctor", "pauses"}
