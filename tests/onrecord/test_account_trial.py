"""Whether Twilio knows the account is found out by asking, and so is whether others can hear its recordings."""

from collections.abc import Iterator

import pytest

from onrecord.account_trial import try_account
from onrecord.settings.environment import Settings, read_settings
from outbound.bounded_http import Limits
from storage.audio.store_trial import Trial
from tests.outbound.scripted_api import Respond, ScriptedApi, dripping, raw, said, scripted_api

SID, KEY, RECORDING = "AC" + "1" * 32, "SK" + "2" * 32, "RE" + "3" * 32
BASE = f"/2010-04-01/Accounts/{SID}"
LISTED = {"recordings": [{"sid": "RE" + "4" * 32, "status": "processing"}, {"sid": RECORDING, "status": "completed"}]}
HASTY = Limits(connect_s=1, read_s=0.3, answer_s=0.3)


@pytest.fixture
def api() -> Iterator[ScriptedApi]:
    with scripted_api() as api:
        api.answers(f"{BASE}/Recordings.json", said(payload=LISTED))
        api.answers(f"{BASE}/Calls.json", said(payload={"calls": []}))
        api.answers(f"{BASE}/Recordings/{RECORDING}.wav", said(401, code=20003))
        yield api


def settings(api: ScriptedApi, **more: str) -> Settings:
    environ = {
        "PUBLIC_BASE_URL": "https://calls.example.org",
        "TWILIO_ACCOUNT_SID": SID,
        "TWILIO_AUTH_TOKEN": "t" * 32,
        "TWILIO_API_BASE_URL": api.url,
    }
    return read_settings(environ | more)


def tried(api: ScriptedApi, **more: str) -> Trial:
    return try_account(settings(api, **more), limits=HASTY)


def with_key(api: ScriptedApi) -> Trial:
    return tried(api, TWILIO_API_KEY=KEY, TWILIO_API_SECRET="s" * 32)


def test_an_account_that_is_in_order_is_fine_and_nothing_is_changed_there(api: ScriptedApi) -> None:
    assert with_key(api) == Trial()
    assert {request.method for request in api.requests} == {"GET"}
    media = next(request for request in api.requests if request.path.endswith(".wav"))
    assert "authorization" not in media.headers


@pytest.mark.parametrize("status", [401, 403])
def test_credentials_that_twilio_refuses_are_named(api: ScriptedApi, status: int) -> None:
    api.answers(f"{BASE}/Recordings.json", said(status, code=20003))
    [problem] = with_key(api).problems
    assert problem.startswith("TWILIO_API_KEY is refused by Twilio")
    [problem] = tried(api).problems
    assert problem.startswith("TWILIO_AUTH_TOKEN is refused by Twilio")


@pytest.mark.parametrize("answer", [said(404, code=20404), raw(404, b"<html>")])
def test_an_account_that_twilio_does_not_know_is_named(api: ScriptedApi, answer: Respond) -> None:
    api.answers(f"{BASE}/Recordings.json", answer)
    [problem] = tried(api).problems
    assert problem.startswith("TWILIO_ACCOUNT_SID names an account that Twilio does not know")


def test_a_key_without_the_right_to_calls_is_named(api: ScriptedApi) -> None:
    api.answers(f"{BASE}/Calls.json", said(403, code=20003))
    [problem] = with_key(api).problems
    assert "Calls.json" in problem


def test_a_token_that_is_not_the_accounts_is_found_beside_a_good_key(api: ScriptedApi) -> None:
    """It could verify no webhook, and every call would be refused at the door."""
    api.answers(f"{BASE}/Recordings.json", said(payload=LISTED), said(401, code=20003))
    [problem] = with_key(api).problems
    assert problem.startswith("TWILIO_AUTH_TOKEN is refused by Twilio")


@pytest.mark.parametrize("answer", [raw(200, b"RIFF"), raw(307, b"")])
def test_recordings_that_anybody_can_hear_are_a_problem(api: ScriptedApi, answer: Respond) -> None:
    api.answers(f"{BASE}/Recordings/{RECORDING}.wav", answer)
    [problem] = tried(api).problems
    assert "without credentials" in problem
    assert "Enforce HTTP Auth on Media URLs" in problem


@pytest.mark.parametrize("listed", [{"recordings": []}, {}, {"recordings": "none"}, {"recordings": [None]}])
def test_without_a_recording_to_try_it_is_said_that_it_could_not_be_told(api: ScriptedApi, listed: object) -> None:
    api.answers(f"{BASE}/Recordings.json", said(payload=listed))
    found = tried(api)
    assert found.problems == ()
    assert "could not be told" in found.untold[0]


@pytest.mark.parametrize("answer", [said(503, code=20500), said(429, code=20429), raw(200, b"<html>")])
def test_a_twilio_that_does_not_answer_is_no_problem_of_the_settings(api: ScriptedApi, answer: Respond) -> None:
    api.answers(f"{BASE}/Recordings.json", answer)
    found = tried(api)
    assert (found.problems, len(found.untold)) == ((), 1)


def test_a_twilio_that_drips_or_is_away_keeps_nobody_waiting(api: ScriptedApi) -> None:
    api.answers(f"{BASE}/Recordings.json", dripping(api))
    assert len(tried(api).untold) == 1
    away = settings(api)
    with scripted_api() as gone:
        away = settings(gone)
    assert "was not reached" in try_account(away, limits=HASTY).untold[0]
