"""Every call script, on SQLite with a directory and on Postgres with S3; after each, every promise is checked."""

from pathlib import Path

import pytest

from tests.calls.call_runner import Ran, Town
from tests.calls.script import BadScript, Script, read

SCRIPTS = sorted(Path(__file__).parent.glob("*.call"))


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_the_call_goes_as_its_script_says(path: Path, line_town: Town) -> None:
    script = read(path)
    ran = line_town.run(script)
    assert ran.broken == []
    assert missing(script, ran) is None
    assert {what: ran.value_of(what) for what, _ in script.expected} == dict(script.expected)


def missing(script: Script, ran: Ran) -> tuple[str, str] | None:
    """The first thing that the script says happens and that did not, in its place."""
    timeline = iter(ran.timeline())
    for kind, what in script.happens:
        if (kind, what) == ("presses", "nothing"):
            continue
        if not any(kind == happened and what in said for happened, said in timeline):
            return kind, what
    return None


def test_there_are_scripts() -> None:
    assert len(SCRIPTS) >= 10


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("# x\nline nowhere\nexpect outcome silent", "x.call:2"),
        ("# x\nline opt_in\ndances\nexpect outcome silent", "x.call:3: 'dances' is not a word"),
        ("# x\nline opt_in\nhangs up later\nexpect outcome silent", "not a moment"),
        ("line opt_in\nexpect outcome silent", "says what it is about"),
    ],
)
def test_a_script_that_cannot_be_understood_is_refused_with_its_line(text: str, complaint: str, tmp_path: Path) -> None:
    path = tmp_path / "x.call"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(BadScript, match=complaint):
        read(path)
