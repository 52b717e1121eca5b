"""Settings of the account that a checker of the service looks for: numbers, media, encryption, external storage."""

import pytest

from tests.simulator.hosts import ask, client_of, recorded, switch
from tests.simulator.office import ACCOUNT, LINE, Office


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("voice_application_sid", "AP" + "0" * 32),
        ("trunk_sid", "TK" + "0" * 32),
        ("voice_url", "https://studio.example/flow"),
    ],
)
def test_a_number_may_be_answered_by_others(setting: str, value: str) -> None:
    office = Office()
    (before,) = client_of(office).incoming_phone_numbers.list()
    assert getattr(before, setting) in ("", None, "https://line.example/answer")
    assert ask(office, "POST", f"/simulator/numbers/{LINE}", {setting: value}, None).status_code == 200
    (row,) = client_of(office).incoming_phone_numbers.list()
    assert getattr(row, setting) == value


def test_rest_gives_a_number_to_an_application_too() -> None:
    office = Office()
    (row,) = client_of(office).incoming_phone_numbers.list()
    application_sid = "AP" + "0" * 32
    assert row.update(voice_application_sid=application_sid).voice_application_sid == application_sid


def test_only_settings_of_a_number_that_exist_are_changed() -> None:
    office = Office()
    assert ask(office, "POST", f"/simulator/numbers/{LINE}", {"e164": "+1"}, None).status_code == 400
    assert ask(office, "POST", "/simulator/numbers/+19990000000", {"voice_url": ""}, None).status_code == 404


def test_media_take_credentials_unless_the_account_gives_them_to_anybody() -> None:
    office = Office()
    path = f"/2010-04-01/Accounts/{ACCOUNT}/Recordings/{recorded(office).sid}"
    assert ask(office, "GET", path, auth=None).status_code == 401
    switch(office, media_auth=False)
    open_to_all = ask(office, "GET", path, auth=None)
    assert open_to_all.content[:4] == b"RIFF"
    assert ask(office, "GET", f"{path}.json", auth=None).status_code == 401


def test_recordings_show_that_they_are_encrypted() -> None:
    office = Office()
    recording = client_of(office).recordings(recorded(office).sid)
    assert recording.fetch().encryption_details is None
    switch(office, encryption=True)
    assert set(recording.fetch().encryption_details) == {"type", "public_key_sid", "encrypted_cek", "iv"}


def test_sound_in_a_bucket_of_the_owner_is_not_at_twilio() -> None:
    office = Office()
    sid = recorded(office).sid
    switch(office, external_storage="https://bucket.example/calls")
    assert client_of(office).recordings(sid).fetch().media_url == f"https://bucket.example/calls/{sid}.wav"
    assert ask(office, "GET", f"/2010-04-01/Accounts/{ACCOUNT}/Recordings/{sid}.wav").status_code == 404
