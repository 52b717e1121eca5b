"""`onrecord lines`: Twilio is told where the calls of each line go, and what to do on the worst day."""

from collections.abc import Iterator

import pytest

from simulator.server import Server
from simulator.twiml import parse
from tests.onrecord.commands.site import Site
from tests.simulator.office import LINE, Office

ELSEWHERE = "https://static.example.org/{number}.xml"


@pytest.fixture
def office() -> Iterator[Office]:
    office = Office()
    with Server(office.exchange):
        yield office


def test_every_line_is_sent_to_this_service(connected: Site, office: Office) -> None:
    office.exchange.numbers[LINE].voice_fallback_url = ""
    for _ in range(2):
        ran = connected.run("lines", "sync")
        assert (ran.code, ran.err) == (0, "")
        assert ran.out.startswith(f"{LINE}: its calls come to https://calls.example.org; on the worst day, here too")
    number = office.exchange.numbers[LINE]
    assert [url.partition("#")[0] for url in (number.voice_url, number.voice_fallback_url, number.status_callback)] == [
        "https://calls.example.org/voice/answer",
        "https://calls.example.org/voice/fallback",
        "https://calls.example.org/callbacks/call",
    ]
    assert {number.voice_method, number.voice_fallback_method, number.status_callback_method} == {"POST"}


def test_a_line_can_fall_back_to_a_document_elsewhere(connected: Site, office: Office) -> None:
    assert connected.run("lines", "sync", "--fallback", ELSEWHERE).code == 0
    number = office.exchange.numbers[LINE]
    assert number.voice_fallback_url == ELSEWHERE.replace("{number}", LINE.removeprefix("+"))
    assert number.voice_fallback_method == "GET"


def test_a_fallback_elsewhere_is_not_forgotten_by_the_next_sync(connected: Site, office: Office) -> None:
    number = office.exchange.numbers[LINE]
    number.voice_fallback_url = "https://static.example.org/worst.xml"
    ran = connected.run("lines", "sync")
    assert (number.voice_fallback_url, number.voice_fallback_method) == ("https://static.example.org/worst.xml", "GET")
    assert "on the worst day, https://static.example.org/worst.xml" in ran.out


def test_a_number_that_the_account_does_not_have_is_a_finding(connected: Site) -> None:
    rules = connected.folder / "onrecord.toml"
    rules.write_text(rules.read_text().replace(LINE, "+14155550177"))
    ran = connected.run("lines", "sync")
    assert (ran.code, ran.out) == (1, "")
    assert ran.err.startswith("onrecord: ")
    assert len(ran.err.splitlines()) == 1
    assert "+1415" not in ran.err


def test_a_twilio_that_does_not_answer_is_a_finding(connected: Site) -> None:
    connected.environ["TWILIO_API_BASE_URL"] = "http://127.0.0.1:1"
    ran = connected.run("lines", "sync")
    assert ran.code == 1
    assert ran.err.startswith("onrecord: ")
    assert len(ran.err.splitlines()) == 1


def test_wrong_credentials_are_a_finding_and_not_shown(connected: Site) -> None:
    connected.environ["TWILIO_AUTH_TOKEN"] = "not-the-token-0123456789"
    ran = connected.run("lines", "sync")
    assert ran.code == 1
    assert "TWILIO_AUTH_TOKEN" in ran.err
    assert "not-the-token" not in ran.err


def test_the_document_for_the_worst_day_needs_the_rulebook_alone(site: Site) -> None:
    site.environ = {}
    for path in (site.folder / "var").rglob("*"):
        if path.is_file():
            path.unlink()
    before = site.files()
    ran = site.run("lines", "fallback", "+14155550100")
    assert (ran.code, ran.err) == (0, "")
    (dial,) = parse(ran.out.encode(), "text/xml")
    assert dial.name == "Dial"
    assert "<Number>+14155550123</Number>" in ran.out
    assert "Record" not in ran.out
    assert site.files() == before


def test_a_document_for_a_number_that_is_no_line_is_refused(site: Site) -> None:
    ran = site.run("lines", "fallback", "+14155550177")
    assert (ran.code, ran.out, ran.err) == (1, "", "onrecord: that number is not a line of the rulebook\n")
