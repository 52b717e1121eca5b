"""The phone in the browser says of each line of the demonstration who is recorded there, as its rulebook has it."""

from importlib.resources import files

from onrecord.demo.local_installation import LINES, RECORDS
from policies.jurisdiction.pack import packaged_law
from policies.rulebook.read import parse


def test_the_words_beside_a_line_are_those_of_its_rules() -> None:
    text = files("onrecord").joinpath("demo", "demo.toml").read_text(encoding="utf-8")
    rulebook = parse(text, under=packaged_law())
    assert set(RECORDS) == set(LINES) == {line.number for line in rulebook.lines}
    for line in rulebook.lines:
        words = RECORDS[line.number]
        assert ("stay on" in words) == (line.consent == "notice")
        assert ("press 1" in words) == (line.consent == "auto" and not line.silence_is_consent)
        assert ("star key" in words) == line.withdrawal_key
