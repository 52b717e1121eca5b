"""`onrecord doctor` against the exchange's REST API, with one dangerous setting at a time; and the daily look."""

import json
import ssl
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from functools import partial
from operator import add
from pathlib import Path
from typing import Any

import pytest

from onrecord.daily import EVERY
from onrecord.doctor.examination import Doctor
from onrecord.doctor.public_address import LEFT_MIN, findings
from onrecord.installation import open_installation
from outbound.twilio_client import Account
from outbound.twilio_settings import SettingsReader
from simulator.clock import RealClock
from simulator.server import Server
from storage.moment import utc_now
from storage.rows.incidents import open_incidents
from tests.onrecord.commands.site import Ran, Site
from tests.onrecord.tls import listening
from tests.outbound.scripted_api import Respond, ScriptedApi, raw, said, scripted_api
from tests.simulator.office import ACCOUNT, LINE, RECORD, TOKEN, Office


@pytest.fixture
def office() -> Iterator[Office]:
    """Its account has a recording, of a short call to somebody else's service."""
    office = Office(RealClock(), answer=f"{RECORD}<Pause length='1'/><Hangup/>")
    with Server(office.exchange):
        office.call()
        yield office


@pytest.fixture
def address() -> Iterator[ScriptedApi]:
    """The service's public address, at which it answers."""
    with scripted_api() as api:
        api.answers("/healthz", said())
        yield api


@pytest.fixture
def safe(connected: Site, office: Office, address: ScriptedApi) -> Site:
    """An installation and an account that are in order."""
    connected.environ["PUBLIC_BASE_URL"] = address.url
    assert connected.run("lines", "sync").code == 0
    return connected


def checks(ran: Ran) -> list[str]:
    """The names of the checks that found something."""
    return list(dict.fromkeys(finding["check"] for finding in json.loads(ran.out)["findings"]))


def test_an_account_in_order_has_no_finding(safe: Site, office: Office) -> None:
    ran = safe.run("doctor")
    assert (ran.code, ran.out.splitlines()[-1]) == (0, "14 checks, 0 findings")
    assert '"type":"doctor.done"' in safe.run("log", "show").out


SERVICES: list[tuple[str, dict[str, Any]]] = [
    ("automatic transcription", {"intelligence_services": [{"auto_transcribe": True}]}),
    ("data logging", {"intelligence_services": [{"data_logging": True}]}),
    ("capture rules", {"capture_rules": [{"from": "*", "to": "*"}]}),
    ("trunks", {"trunks": [{"mode": "record-from-answer"}]}),
    ("add-ons", {"add_ons": [{}]}),
    ("open media", {"media_auth": False}),
    ("external storage", {"external_storage": "https://bucket.example.org"}),
    ("encryption", {"encryption": True}),
]


@pytest.mark.parametrize(("check", "services"), SERVICES, ids=[check for check, _ in SERVICES])
def test_a_dangerous_setting_is_found_logged_and_raised_until_it_is_gone(
    safe: Site, office: Office, check: str, services: dict[str, Any]
) -> None:
    before = office.exchange.services
    office.exchange.services = before.changed(services)
    ran = safe.run("doctor", "--json")
    assert (ran.code, checks(ran)) == (1, [check])
    told = safe.run("incidents")
    assert told.code == 1
    assert f"account_unsafe  {check}: " in told.out
    office.exchange.services = before
    assert safe.run("doctor").code == 0
    assert safe.run("incidents").code == 0


def test_a_default_configuration_of_recordings_is_found(safe: Site, office: Office) -> None:
    office.exchange.account.change({"default_recording": {"features": ["transcription"]}})
    ran = safe.run("doctor", "--json")
    assert (ran.code, checks(ran)) == (1, ["default recording"])
    office.exchange.account.change({"default_recording": None})
    assert safe.run("doctor").code == 0


@pytest.mark.parametrize(
    ("check", "kind"),
    [
        ("default recording", "recording_configuration"),
        ("automatic transcription", "intelligence_service"),
        ("capture rules", "configuration"),
        ("trunks", "trunk"),
        ("add-ons", "installed_add_on"),
    ],
)
def test_a_key_that_may_not_look_is_a_finding_and_a_service_that_is_not_there_is_none(
    safe: Site, office: Office, check: str, kind: str
) -> None:
    operations = ("list", "get")
    office.exchange.services = office.exchange.services.changed({"refuses": {kind: dict.fromkeys(operations, 403)}})
    ran = safe.run("doctor", "--json")
    assert (ran.code, checks(ran)) == (1, [check])
    assert [finding["is_wrong"] for finding in json.loads(ran.out)["findings"]] == [False]
    refused = {kind: dict.fromkeys(operations, "no_service")}
    office.exchange.services = office.exchange.services.changed({"refuses": refused})
    assert safe.run("doctor").code == 0


@pytest.mark.parametrize(
    "respond",
    [
        raw(404, b"<html>", "text/html"),
        said(200, {"trunks": [], "meta": {"next_page_url": "/v1/Trunks?Page=1"}}),
        said(200, {"trunks": [], "meta": {"next_page_url": "https://elsewhere.example/v1/Trunks"}}),
    ],
    ids=["another server", "a list without an end", "a list that goes on elsewhere"],
)
def test_an_answer_that_is_not_twilios_shows_nothing(safe: Site, address: ScriptedApi, respond: Respond) -> None:
    address.answers("/v1/Trunks", respond)
    safe.environ["TWILIO_TRUNKING_BASE_URL"] = address.url
    ran = safe.run("doctor", "--json")
    assert (ran.code, checks(ran)) == (1, ["trunks"])
    assert [finding["is_wrong"] for finding in json.loads(ran.out)["findings"]] == [False]


def test_a_number_on_the_second_page_of_the_accounts_list_is_read(address: ScriptedApi) -> None:
    base, key = f"/2010-04-01/Accounts/{ACCOUNT}/IncomingPhoneNumbers", "incoming_phone_numbers"
    first = {key: [{"phone_number": "+14155550999"}], "next_page_uri": f"{base}/2.json"}
    address.answers(f"{base}.json", said(200, first))
    address.answers(f"{base}/2.json", said(200, {key: [{"phone_number": LINE}], "next_page_uri": None}))
    numbers = SettingsReader(Account(ACCOUNT, ACCOUNT, TOKEN, address.url)).read().numbers
    assert [number.e164 for number in numbers.value or ()] == ["+14155550999", LINE]


def test_a_number_that_an_application_answers_is_found(safe: Site, office: Office) -> None:
    office.exchange.numbers[LINE].voice_application_sid = "AP" + "1" * 32
    ran = safe.run("doctor")
    assert ran.code == 1
    assert "WRONG    numbers: line 1: an application answers it" in ran.out


def test_an_address_at_which_nobody_answers_is_found(safe: Site, address: ScriptedApi) -> None:
    address.answers("/healthz", said(502))
    ran = safe.run("doctor", "--json")
    assert (ran.code, checks(ran)) == (1, ["public address"])


def test_a_worker_examines_once_a_day(safe: Site, office: Office) -> None:
    office.exchange.services = office.exchange.services.changed({"trunks": [{"mode": "record-from-answer"}]})
    now = utc_now()
    with safe.inside(), closing(open_installation(safe.environ)) as installation:
        for after, raised in ((timedelta(0), 0), (EVERY - timedelta(hours=1), 0), (EVERY, 1)):
            Doctor(installation, now=partial(add, now, after)).look()
            with installation.database.read() as connection:
                incidents = open_incidents(connection)
            assert len(incidents) == raised


@pytest.mark.parametrize(
    ("left", "expected"), [(LEFT_MIN + timedelta(days=1), ""), (LEFT_MIN - timedelta(days=1), "ends on")]
)
def test_a_certificate_that_ends_soon_is_found(tmp_path: Path, left: timedelta, expected: str) -> None:
    with listening(tmp_path, until=datetime.now(UTC) + left) as (url, authority):
        trusting = ssl.create_default_context(cafile=str(authority))
        found = [
            finding.what for finding in findings(url, datetime.now(UTC), trusting) if "certificate" in finding.what
        ]
        assert [expected in what for what in found] == ([True] if expected else [])


def test_a_certificate_that_nobody_trusts_is_found(tmp_path: Path) -> None:
    with listening(tmp_path, until=datetime.now(UTC) + timedelta(days=90)) as (url, _):
        [found] = [finding for finding in findings(url, datetime.now(UTC)) if "certificate" in finding.what]
    assert found.is_wrong
    assert "is not valid" in found.what
