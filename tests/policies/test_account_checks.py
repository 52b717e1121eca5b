"""Each dangerous setting of an account is found by itself, and an account without any has no finding."""

from dataclasses import replace
from typing import Any

import pytest

from policies.account_checks import (
    ABOUT,
    AccountSettings,
    AddOn,
    Answer,
    CaptureRule,
    Expected,
    IntelligenceService,
    Number,
    Reading,
    RecordingForm,
    Trunk,
    account_findings,
)

LINE = "+14155550100"
EXPECTED = Expected((LINE,), "https://we/answer#rc=2", "https://we/fallback", "https://we/status", "api.twilio.com")
NUMBER = Number(LINE, "https://we/answer#rc=2", "POST", "https://we/fallback", "https://we/status", "", "")


def found(*rows: Any) -> Reading[Any]:
    return Reading(Answer.FOUND, rows)


def with_setting(name: str, reading: Reading[Any]) -> AccountSettings:
    changed: dict[str, Any] = {name: reading}
    return replace(SAFE, **changed)


SAFE = AccountSettings(
    default_recording=Reading(Answer.NONE),
    services=found(IntelligenceService("support", auto_transcribe=False, data_logging=False)),
    capture_rules=found(CaptureRule("voice", "*", "+19995550100")),
    trunks=found(Trunk("office", "do-not-record")),
    add_ons=found(AddOn("caller-name", ("Lookups",))),
    numbers=found(NUMBER, replace(NUMBER, e164="+19995550100", voice_url="https://others")),
    recordings=found(RecordingForm(is_encrypted=False, media_host="api.twilio.com")),
    is_media_open=Reading(Answer.FOUND, value=False),
    lists={"Calls": Reading(Answer.FOUND, value=True)},
)
DANGERS = [
    ("default recording", {"default_recording": found()}),
    ("default recording", {"default_recording": found("transcription")}),
    (
        "automatic transcription",
        {"services": found(IntelligenceService("a", True, False))},
    ),
    ("data logging", {"services": found(IntelligenceService("a", False, True))}),
    ("capture rules", {"capture_rules": found(CaptureRule("voice", "*", "*"))}),
    ("capture rules", {"capture_rules": found(CaptureRule("voice", "+19995550100", LINE))}),
    ("capture rules", {"capture_rules": found(CaptureRule("voice", LINE, "+19995550100"))}),
    ("trunks", {"trunks": found(Trunk("office", "record-from-ringing"))}),
    ("trunks", {"trunks": found(Trunk("office", ""))}),
    ("add-ons", {"add_ons": found(AddOn("transcriber", ("Record Call",)))}),
    ("numbers", {"numbers": found()}),
    *(
        ("numbers", {"numbers": found(replace(NUMBER, **changed))})
        for changed in (
            {"voice_url": "https://others/answer"},
            {"voice_url": ""},
            {"voice_method": "GET"},
            {"fallback_url": ""},
            {"status_callback": ""},
            {"application_sid": "AP1"},
            {"trunk_sid": "TK1"},
        )
    ),
    ("open media", {"is_media_open": Reading(Answer.FOUND, value=True)}),
    ("external storage", {"recordings": found(RecordingForm(is_encrypted=False, media_host="bucket.example.org"))}),
    ("encryption", {"recordings": found(RecordingForm(is_encrypted=True, media_host="api.twilio.com"))}),
]


def test_an_account_without_dangerous_settings_has_no_finding() -> None:
    assert account_findings(SAFE, EXPECTED) == []


@pytest.mark.parametrize(("check", "changed"), DANGERS)
def test_a_dangerous_setting_is_found_alone_with_its_reason_and_its_place(check: str, changed: dict[str, Any]) -> None:
    [finding] = account_findings(replace(SAFE, **changed), EXPECTED)
    assert (finding.check, finding.is_wrong) == (check, True)
    assert (finding.why, finding.where) == (ABOUT[check].why, ABOUT[check].where)


def test_every_check_of_an_account_has_a_danger_that_it_finds() -> None:
    assert {check for check, _ in DANGERS} == set(ABOUT) - {"key"}


READINGS = [name for name in AccountSettings.__dataclass_fields__ if name != "lists"]


@pytest.mark.parametrize("name", READINGS)
@pytest.mark.parametrize("answer", [Answer.NONE, Answer.NO_SERVICE])
def test_a_setting_that_is_not_there_or_whose_service_the_account_lacks_is_no_finding(
    name: str, answer: Answer
) -> None:
    assert account_findings(with_setting(name, Reading(answer)), EXPECTED) == []


@pytest.mark.parametrize("name", READINGS)
@pytest.mark.parametrize("answer", [Answer.FORBIDDEN, Answer.UNREACHED])
def test_a_setting_that_could_not_be_looked_at_is_a_finding_of_another_sort(name: str, answer: Answer) -> None:
    [finding] = account_findings(with_setting(name, Reading(answer, words="answered 403")), EXPECTED)
    assert not finding.is_wrong
    assert "answered 403" in finding.what
    assert ("permission" in finding.where) == (answer is Answer.FORBIDDEN)


@pytest.mark.parametrize("answer", [Answer.FORBIDDEN, Answer.UNREACHED])
def test_a_list_that_the_jobs_need_and_may_not_see_is_a_finding_of_the_key(answer: Answer) -> None:
    lists: dict[str, Reading[bool]] = {
        "Calls": Reading(Answer.FOUND, value=True),
        "Recordings": Reading(answer, words="answered 401"),
    }
    [finding] = account_findings(replace(SAFE, lists=lists), EXPECTED)
    assert finding.check == "key"
    assert "Recordings" in finding.what
