"""Every call script, on SQLite with a directory and on Postgres with S3; after each, every promise is checked."""

import re
from pathlib import Path

import pytest

from policies.jurisdiction.pack import packaged_law
from policies.rulebook.read import parse
from simulator.phone_call import PhoneCall
from simulator.plans import CallPlan
from tests.calls.call_runner import ACCOUNT, KEY, RULEBOOK, SECRET, Ran, Town
from tests.calls.script import NUMBERS, RULEBOOKS, BadScript, ScriptedCall, read

FOLDER = Path(__file__).parent
SCRIPTS = sorted(FOLDER.glob("*.call"))


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_the_call_goes_as_its_script_says(path: Path, line_town: Town) -> None:
    for call in read(path).calls:
        ran = line_town.run(call)
        assert ran.broken == []
        assert missing(call, ran) is None
        assert [what for what in call.expected if not holds(ran, *what)] == [], found(call, ran)


def holds(ran: Ran, what: str, value: str) -> bool:
    match what:
        case "because":
            return value in ran.reasons()
        case "law_says":
            return value in ran.laws()
        case "hears_once":
            return sum(value == said for kind, said in ran.timeline() if kind == "hears") == 1
        case _:
            return ran.value_of(what) == value


def found(script: ScriptedCall, ran: Ran) -> dict[str, str]:
    whole = {"because": ran.reasons(), "hears_once": str(ran.timeline())}
    return {what: whole[what] if what in whole else ran.value_of(what) for what, _ in script.expected}


def missing(script: ScriptedCall, ran: Ran) -> tuple[str, str] | None:
    """The first thing that the script says happens and that did not, in its place."""
    timeline = iter(ran.timeline())
    for kind, what in script.happens:
        if (kind, what) == ("presses", "nothing"):
            continue
        if not any(kind == happened and what in said for happened, said in timeline):
            return kind, what
    return None


def test_there_are_scripts() -> None:
    assert len(SCRIPTS) >= 95


def test_an_expectation_that_does_not_hold_is_seen(line_town: Town) -> None:
    ran = line_town.run(read(FOLDER / "connecticut_notice_inside_the_recording.call").calls[0])
    words = {what for path in SCRIPTS for call in read(path).calls for what, _ in call.expected}
    assert [what for what in words if holds(ran, what, "of another call")] == []


def test_a_leg_that_is_ended_by_rest_is_seen(line_town: Town) -> None:
    def end_by_rest(call: PhoneCall) -> None:
        url = f"{line_town.simulator_url}/2010-04-01/Accounts/{ACCOUNT}/Calls/{call.sid}.json"
        with line_town.exchange.new_session() as session:
            session.post(url, data={"Status": "completed"}, auth=(KEY, SECRET), timeout=10).raise_for_status()

    line_town.face.start(RULEBOOK.read_text("utf-8"))
    plan = CallPlan.of({"from": "+15125550100", "to": NUMBERS["auto"], "caller": {"presses": ["1"], "talks_s": 4}})
    ran = line_town.play(plan, {"in_conversation": end_by_rest}, left_early=lambda _: False)
    assert {broken.partition(" was ")[2] for broken in ran.broken} == {"ended by REST"}


def test_no_citation_is_one_that_every_call_has(line_town: Town) -> None:
    ran = line_town.run(ScriptedCall(caller="+15125550100", number=NUMBERS["auto"]))
    cited = {
        value for path in SCRIPTS for call in read(path).calls for what, value in call.expected if what == "because"
    }
    assert [value for value in cited if holds(ran, "because", value)] == []


def test_who_says_no_in_one_script_calls_in_no_other() -> None:
    """Their no is remembered, and what the other script shows would depend on the order of the tests."""
    callers = [{call.caller for call in read(path).calls} - {"anonymous"} for path in SCRIPTS]
    declined = {call.caller for path in SCRIPTS for call in read(path).calls if ("presses", "2") in call.happens}
    assert [one for one in declined if sum(one in each for each in callers) > 1] == []


@pytest.mark.parametrize("path", sorted(RULEBOOKS.glob("*.toml")), ids=lambda path: path.stem)
def test_a_rulebook_of_the_scripts_is_one_that_the_law_lets_come_in_force(path: Path) -> None:
    text = path.read_text("utf-8")
    assert parse(text, path.name, under=packaged_law())
    assert re.match(r"# \S.*\. Not legal advice\.\n", text), "its first line says what it is for"


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("# x\nline nowhere\nexpect outcome silent", "x.call:2"),
        ("# x\nline opt_in\ndances\nexpect outcome silent", "x.call:3: 'dances' is not a word"),
        ("# x\nline opt_in\nhangs up later\nexpect outcome silent", "not a moment"),
        ("# x\nrulebook of_nobody\nline opt_in\nexpect outcome silent", "there is no rulebook"),
        ("# x\nline opt_in\nexpect outcome silent\nthen soon\nline opt_in", "no time between two calls"),
        ("# x\nline opt_in\nexpect outcome silent\nthen after 2 days\nline opt_in", "what is expected"),
        ("line opt_in\nexpect outcome silent", "says what it is about"),
    ],
)
def test_a_script_that_cannot_be_understood_is_refused_with_its_line(text: str, complaint: str, tmp_path: Path) -> None:
    path = tmp_path / "x.call"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(BadScript, match=complaint):
        read(path)
