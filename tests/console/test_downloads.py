"""A copy to take away: another permission, a purpose, an event of its own, and a name that names nobody."""

import re

import pytest

from policies.permissions import Role
from storage.errors import Broken
from tests.console.conftest import Person
from tests.console.test_listening import Site, site
from tests.faults.conftest import premises
from tests.faults.premises import ONE_MACHINE, WAV
from tests.storage.wavs import stereo, tone, wav_bytes

__all__ = ["premises", "site"]
pytestmark = ONE_MACHINE


def path(recording: object) -> str:
    return f"/calls/{recording.call_id}/recordings/{recording.id}/download"  # type: ignore[attr-defined]  # a recording


def test_a_supervisor_takes_the_wav_away_and_the_log_says_so(site: Site) -> None:
    supervisor, recording = site.staff.somebody(Role.SUPERVISOR), site.premises.stored()
    answer = supervisor.post(path(recording), {"purpose": "quality"})
    assert (answer.status_code, answer.data, answer.mimetype) == (200, WAV, "audio/wav")
    assert answer.headers["Content-Length"] == str(len(WAV))
    name = re.search(r'attachment; filename="([^"]*)"', answer.headers["Content-Disposition"])
    assert name
    assert name[1] == f"call-{recording.call_id[:8]}-2026-11-22.wav"
    assert answer.headers["Cache-Control"] == "private, no-store"
    [opened] = site.events(recording, "recording.accessed")
    assert (opened["what"], opened["purpose"]) == ("export", "quality")
    assert "took a copy for quality" in supervisor.get(f"/calls/{recording.call_id}").text


@pytest.mark.parametrize(("purpose", "status"), [("", 422), ("a b", 422), ("+14155550111", 422), ("training", 409)])
def test_without_a_purpose_that_was_agreed_to_nothing_is_taken_away(site: Site, purpose: str, status: int) -> None:
    supervisor, recording = site.staff.somebody(Role.SUPERVISOR), site.premises.stored()
    answer = supervisor.post(path(recording), {"purpose": purpose})
    assert (answer.status_code, answer.mimetype) == (status, "text/html")
    assert 'class="problem" role="alert"' in answer.text
    assert site.events(recording, "recording.accessed") == []
    assert len(site.events(recording, "recording.access_refused")) == (status == 409)


@pytest.mark.parametrize("role", [Role.REVIEWER, Role.ADMIN, Role.AGENT])
def test_who_may_listen_may_not_therefore_download(site: Site, role: Role) -> None:
    person, recording = site.staff.somebody(role), site.premises.stored()
    answer = person.post(path(recording), {"purpose": "quality"})
    assert answer.status_code == 404
    assert answer.data == person.get("/nothing").data
    assert site.events(recording, "recording.access") == []


def test_a_destroyed_recording_is_no_more_to_be_had(site: Site) -> None:
    supervisor, recording = site.staff.somebody(Role.SUPERVISOR), site.premises.stored()
    site.premises.condemn(recording)
    assert supervisor.post(path(recording), {"purpose": "quality"}).status_code == 409


def test_a_download_breaks_off_when_it_may_be_opened_no_more(site: Site) -> None:
    long = wav_bytes(stereo(tone(400.0), tone(400.0)))
    person = _streaming(site)
    recording = site.premises.stored(wav=long, duration_s=400)
    data = {"purpose": "quality", "csrf_token": _token(person)}
    answer = person.client.post(path(recording), base_url="https://console.example.com", data=data, buffered=False)
    pieces = iter(answer.iter_encoded())
    got = [next(pieces)]
    site.premises.condemn(recording)
    with pytest.raises(Broken, match="broken off"):
        got.extend(pieces)
    assert 0 < sum(map(len, got)) < len(long)


def _streaming(site: Site) -> Person:
    return site.staff.somebody(Role.COMPLIANCE)


def _token(person: Person) -> str:
    from console.request_forgery import form_token

    return form_token(person.token)
