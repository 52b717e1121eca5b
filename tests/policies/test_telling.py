"""The table [[tell]] of a rulebook, who is told of which incidents, and what a message holds."""

import json
import re
from datetime import UTC, datetime

import pytest

from policies import telling
from policies.incidents import ADVICE, SEVERITY, IncidentKind, Severity
from policies.rulebook.read import RulebookRejected, parse
from policies.telling import TURNS_MAX, Command, Mail, Notice, Turn, Way, Webhook, Wellness
from tests.policies.test_rulebook import GOOD

AT = datetime(2026, 11, 22, 12, tzinfo=UTC)
CALL = "c" * 32


def ways(tables: str) -> tuple[Way, ...]:
    return parse(f"{GOOD}\n{tables}").ways


def test_a_rulebook_without_ways_tells_nobody() -> None:
    assert parse(GOOD).ways == ()


def test_a_way_is_a_webhook_a_mail_or_a_command_and_of_all_incidents_unless_it_says_otherwise() -> None:
    found = ways("""
[[tell]]
name = "on-call"
webhook = "https://hooks.example.com/onrecord?team=1"
severity = "critical"

[[tell]]
name = "team"
mail = ["team@example.com", "lead@example.com"]
all_well = true

[[tell]]
name = "syslog"
command = ["/usr/bin/logger", "-t", "-t"]
kinds = ["job_failed", "not_told"]
""")
    assert found == (
        Way("on-call", Webhook("https://hooks.example.com/onrecord?team=1"), severity=Severity.CRITICAL),
        Way("team", Mail(("team@example.com", "lead@example.com")), all_well=True),
        Way(
            "syslog",
            Command(("/usr/bin/logger", "-t", "-t")),
            frozenset({IncidentKind.JOB_FAILED, IncidentKind.NOT_TOLD}),
        ),
    )


@pytest.mark.parametrize(
    ("table", "where", "expected"),
    [
        ('webhook = "https://x.example"', "tell[1].name", "name = …"),
        ('name = "On call"\nwebhook = "https://x.example"', "tell[1].name", "such as on-call"),
        ('name = "x"', "tell[1]", "one of webhook, mail and command"),
        ('name = "x"\nwebhook = "https://x.example"\nmail = ["a@x.example"]', "tell[1]", "one of webhook"),
        ('name = "x"\nwebhook = "http://x.example/"', "tell[1].webhook", "https://HOST/PATH"),
        ('name = "x"\nwebhook = "https://u:p@x.example/"', "tell[1].webhook", "a message is signed instead"),
        ('name = "x"\nwebhook = "https://x.example:99999/"', "tell[1].webhook", "https://HOST/PATH"),
        ('name = "x"\nwebhook = 5', "tell[1].webhook", "a text in quotes"),
        ('name = "x"\nmail = []', "tell[1].mail", "a list such as"),
        ('name = "x"\nmail = ["a@x.example, b@x.example"]', "tell[1].mail[1]", "on-call@example.com"),
        ('name = "x"\nmail = ["a@x.example\\nBcc: c@x.example"]', "tell[1].mail[1]", "on-call@example.com"),
        ('name = "x"\ncommand = ["logger"]', "tell[1].command", "its whole path"),
        ('name = "x"\ncommand = "/usr/bin/logger"', "tell[1].command", "its whole path"),
        (
            'name = "x"\ncommand = ["/bin/x"]\nkinds = ["job_faild"]',
            "tell[1].kinds[1]",
            "job_failed (did you mean that?)",
        ),
        ('name = "x"\ncommand = ["/bin/x"]\nseverity = "urgent"', "tell[1].severity", "info, warning, critical"),
        ('name = "x"\ncommand = ["/bin/x"]\nall_well = "yes"', "tell[1].all_well", "true or false"),
        (
            'name = "x"\ncommand = ["/bin/x"]\n[[tell]]\nname = "x"\ncommand = ["/bin/y"]',
            "tell[2].name",
            "each name once",
        ),
    ],
)
def test_a_way_that_can_not_be_is_named_with_its_place(table: str, where: str, expected: str) -> None:
    with pytest.raises(RulebookRejected) as told:
        ways(f"[[tell]]\n{table}\n")
    assert any(mistake.where == where and expected in mistake.expected for mistake in told.value.mistakes), told.value


def test_a_table_in_place_of_the_list_is_named() -> None:
    with pytest.raises(RulebookRejected, match=r"tell: a table is not a list of ways; expected a table \[\[tell\]\]"):
        ways('[tell]\nname = "x"\n')


def test_every_kind_has_one_severity_and_each_severity_some_kinds() -> None:
    assert {*SEVERITY} == {*IncidentKind}
    assert {*SEVERITY.values()} == {*Severity}


@pytest.mark.parametrize("least", Severity)
def test_a_way_is_told_of_what_is_at_least_as_severe(least: Severity) -> None:
    way, order = Way("x", Webhook(""), severity=least), [*Severity]
    wanted = {kind for kind in IncidentKind if way.wants(kind, "x-ray")}
    severe = {kind for kind in IncidentKind if order.index(SEVERITY[kind]) >= order.index(least)}
    assert wanted == severe | {IncidentKind.NOT_TOLD}


def test_a_way_that_names_kinds_is_told_of_those_and_the_severity_still_holds() -> None:
    kinds = frozenset({IncidentKind.NOT_SIGNED, IncidentKind.RECORDING_ABSENT})
    way = Way("x", Webhook(""), kinds, Severity.WARNING)
    others = [kind for kind in IncidentKind if kind is not IncidentKind.NOT_TOLD]
    assert [kind for kind in others if way.wants(kind, "")] == [IncidentKind.NOT_SIGNED]


def test_that_a_way_does_not_work_is_told_by_all_others_whatever_they_are_told_of_otherwise_and_not_by_itself() -> None:
    ways = [
        Way("one", Webhook("")),
        Way("severe", Webhook(""), severity=Severity.CRITICAL),
        Way("some", Webhook(""), frozenset({IncidentKind.CALLS_MISSING})),
    ]
    for mute in ways:
        assert [way for way in ways if not way.wants(IncidentKind.NOT_TOLD, mute.name)] == [mute]


def notice(number: int, kind: IncidentKind, turn: Turn = Turn.OPENED) -> Notice:
    return Notice(number, kind, CALL, turn, AT)


@pytest.mark.parametrize("kind", IncidentKind)
def test_a_message_says_what_an_incident_means_and_what_to_do(kind: IncidentKind) -> None:
    body = telling.of_incidents(AT, "calls.example.org", [notice(7, kind)], still_open=1)
    assert json.loads(body) == {
        "type": "incidents",
        "timestamp": "2026-11-22T12:00:00+00:00",
        "data": {
            "installation": "calls.example.org",
            "turns": [
                {
                    "incident": 7,
                    "kind": kind.value,
                    "severity": SEVERITY[kind].value,
                    "turn": "opened",
                    "at": "2026-11-22T12:00:00+00:00",
                    "call": CALL,
                    "meaning": ADVICE[kind].meaning,
                    "remedy": ADVICE[kind].remedy,
                }
            ],
            "not_listed": {},
            "still_open": 1,
        },
    }
    assert telling.subject(body) == f"onrecord calls.example.org: {SEVERITY[kind]}: {kind}"
    words = telling.in_words(body)
    assert f"incident 7 opened: {kind} (call {CALL})" in words
    assert str(ADVICE[kind]) in words


def test_of_very_many_incidents_the_first_are_listed_and_the_others_counted() -> None:
    many = [notice(number, IncidentKind.RECORDING_WAITS) for number in range(TURNS_MAX)]
    more = [notice(1, IncidentKind.JOB_FAILED), notice(2, IncidentKind.JOB_FAILED), notice(3, IncidentKind.OTHER)]
    body = telling.of_incidents(AT, "x", [*many, *more], still_open=9)
    data = json.loads(body)["data"]
    assert (len(data["turns"]), data["not_listed"], data["still_open"]) == (TURNS_MAX, {"job_failed": 2, "other": 1}, 9)
    assert "and 2 more of job_failed\nand 1 more of other\n9 incidents are open" in telling.in_words(body)


def test_a_storm_hides_nothing_that_is_worse() -> None:
    def turns(kind: IncidentKind, turn: Turn = Turn.OPENED) -> list[Notice]:
        return [notice(number, kind, turn) for number in range(TURNS_MAX)]

    (worst,) = [notice(7, IncidentKind.RECORDING_WITHOUT_PERMIT)]
    small, bad = turns(IncidentKind.RECORDING_ABSENT), turns(IncidentKind.RECORDING_WAITS)
    past = turns(IncidentKind.NOT_SIGNED, Turn.CLOSED)
    for storm in ([*small, *bad, *past, worst], [worst, *past, *small, *bad]):
        body = telling.of_incidents(AT, "x", storm, still_open=9)
        data = json.loads(body)["data"]
        told = [turn["kind"] for turn in data["turns"]]
        assert sorted(told) == ["recording_waits"] * (TURNS_MAX - 1) + [worst.kind]
        assert [*data["not_listed"].values()] == [TURNS_MAX, TURNS_MAX, 1]
        assert told.index(worst.kind) == (0 if storm[0] is worst else TURNS_MAX - 1)
        assert telling.subject(body).startswith("onrecord x: critical: ")


def test_the_worst_that_is_open_is_in_the_subject_and_what_was_closed_is_not_called_severe() -> None:
    opened, closed = notice(1, IncidentKind.RECORDING_ABSENT), notice(2, IncidentKind.NOT_SIGNED, Turn.CLOSED)
    assert telling.subject(telling.of_incidents(AT, "x", [closed, opened], still_open=1)).endswith(
        ": info: recording_absent"
    )
    body = telling.of_incidents(AT, "x", [closed], still_open=0)
    assert telling.subject(body).endswith(": closed: not_signed")
    assert ADVICE[IncidentKind.NOT_SIGNED].remedy not in telling.in_words(body)


def test_the_message_of_the_day_says_that_all_is_well_or_names_what_is_not() -> None:
    well = telling.of_the_day(AT, "x", Wellness({}))
    assert (json.loads(well)["type"], telling.subject(well)) == ("all_well", "onrecord x: all is well")
    found = Wellness({IncidentKind.JOB_FAILED: 2}, ("the self-test has not run for a day",))
    body = telling.of_the_day(AT, "x", found)
    assert json.loads(body)["type"] == "not_well"
    assert json.loads(body)["data"] == {
        "installation": "x",
        "open": {"job_failed": 2},
        "unchecked": ["the self-test has not run for a day"],
    }
    assert telling.subject(body) == "onrecord x: not well: job_failed, the self-test has not run for a day"
    assert "open: 2 of job_failed\nnot checked: the self-test has not run for a day\n" in telling.in_words(body)
    assert not Wellness({}, ("x",)).is_well


def test_a_subject_is_one_short_line() -> None:
    kinds = [notice(number, kind) for number, kind in enumerate(IncidentKind)]
    said = telling.subject(telling.of_incidents(AT, "x" * 300, kinds, still_open=99))
    assert re.fullmatch(r".{1,150}", said)
