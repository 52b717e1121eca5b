"""A copy to take away: another permission, a purpose, an event of its own, and a name that names nobody."""

import re
from collections.abc import Callable

import pytest

from policies.permissions import Role
from storage.errors import Broken
from storage.rows.recordings import Recording
from storage.staff import accounts
from tests.console.conftest import Person
from tests.console.test_listening import Site, site
from tests.faults.conftest import premises
from tests.faults.premises import ONE_MACHINE, WAV
from tests.storage.wavs import stereo, tone, wav_bytes

__all__ = ["premises", "site"]
pytestmark = ONE_MACHINE
LONG = wav_bytes(stereo(tone(400.0), tone(400.0)))


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


def _sign_out(_: Site, person: Person, __: Recording) -> None:
    person.post("/leave")


def _disable(site: Site, person: Person, _: Recording) -> None:
    site.premises.write(lambda c: accounts.disable(c, site.premises.moment(), person.account, actor="root"))


def _change_role(site: Site, person: Person, _: Recording) -> None:
    site.staff.change(person.account.name, Role.REVIEWER)


def _take_scope(site: Site, person: Person, _: Recording) -> None:
    site.staff.change(person.account.name, Role.COMPLIANCE)


def _condemn(site: Site, _: Person, recording: Recording) -> None:
    site.premises.condemn(recording)


@pytest.mark.parametrize("happen", [_condemn, _sign_out, _disable, _change_role, _take_scope])
def test_a_download_breaks_off_when_it_may_be_opened_no_more(
    site: Site, happen: Callable[[Site, Person, Recording], None]
) -> None:
    person, recording = _streaming(site), site.premises.stored(wav=LONG, duration_s=400)
    data = {"purpose": "quality", "csrf_token": _token(person)}
    answer = person.client.post(path(recording), base_url="https://console.example.com", data=data, buffered=False)
    pieces = iter(answer.iter_encoded())
    got = [next(pieces)]
    happen(site, person, recording)
    with pytest.raises(Broken, match="broken off"):
        got.extend(pieces)
    assert 0 < sum(map(len, got)) < len(LONG)


def test_a_long_download_comes_whole(site: Site) -> None:
    person, recording = _streaming(site), site.premises.stored(wav=LONG, duration_s=400)
    assert person.post(path(recording), {"purpose": "quality"}).data == LONG


def _streaming(site: Site) -> Person:
    return site.staff.somebody(Role.COMPLIANCE)


def _token(person: Person) -> str:
    from console.request_forgery import form_token

    return form_token(person.token)
