"""Listening in the console: nothing is handed out without a living lease of one's own session."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask

from console.app import Console, create_app
from console.request_forgery import HEADER, form_token
from policies.listening import AHEAD_MS, BEHIND_MS, LOST_AFTER, RANGES_MAX, RENEWED_EVERY, union
from policies.permissions import Role
from policies.rulebook.read import parse
from policies.sessions import Limits
from storage.audio.pieces import PIECE_BYTES_MAX
from storage.rows.recordings import Recording
from storage.staff import accounts, sessions
from tests.console.conftest import BASE_URL, Person, Staff, entry_of
from tests.faults.conftest import premises
from tests.faults.premises import KEK, ONE_MACHINE, Premises
from tests.faults.test_odd_audio import MU_LAW
from tests.policies.test_rulebook import GOOD
from tests.storage.wavs import quiet, stereo, tone, wav_bytes

__all__ = ["premises"]
pytestmark = ONE_MACHINE
OTHERS_LINE = "+12125550101"
LONG = wav_bytes(stereo(tone(200.0), quiet(200.0)))


@dataclass
class Site:
    premises: Premises
    app: Flask
    staff: Staff

    @classmethod
    def of(cls, premises: Premises) -> "Site":
        shop, clock = premises.shop, premises.clock
        entry = entry_of(shop.database, clock)
        console = Console(
            shop.database,
            BASE_URL,
            rulebook=parse(GOOD),
            store=shop.store,
            key_encryption_key=KEK,
            entry=entry,
            now=clock,
        )
        app = create_app(console)
        return cls(premises, app, Staff(shop.database, app, clock))  # type: ignore[arg-type]  # a clock as well

    def events(self, recording: Recording, kind: str) -> list[dict[str, Any]]:
        return [event for event in self.premises.story(recording).events if event["type"].startswith(kind)]


@pytest.fixture
def site(premises: Premises) -> Site:
    return Site.of(premises)


def ask(person: Person, path: str, body: object) -> Any:
    headers = {HEADER: form_token(person.token)}
    return person.client.post(path, base_url=BASE_URL, json=body, headers=headers)


def open_lease(person: Person, recording: Recording, purpose: str = "quality") -> Any:
    return ask(person, f"/calls/{recording.call_id}/recordings/{recording.id}/lease", {"purpose": purpose})


def report(person: Person, lease: str, number: int, position_ms: int = 0, **more: object) -> Any:
    return ask(person, f"/leases/{lease}", {"n": number, "position_ms": position_ms, **more}).get_json()


def piece(person: Person, lease: str, from_ms: int, track: str = "master") -> Any:
    return person.get(f"/leases/{lease}/piece?track={track}&from_ms={from_ms}")


def test_a_reviewer_opens_a_lease_and_gets_the_whole_recording_piece_by_piece(site: Site) -> None:
    reviewer, recording = site.staff.somebody(), site.premises.stored()
    opened = open_lease(reviewer, recording).get_json()
    assert (opened["renewed_every_ms"], opened["lost_after_ms"]) == (
        RENEWED_EVERY.total_seconds() * 1000,
        LOST_AFTER.total_seconds() * 1000,
    )
    [track] = [track for track in opened["tracks"] if track["track"] == "master"]
    assert (track["channels"], track["duration_ms"]) == (2, 1500)
    at = 0
    while (answer := piece(reviewer, opened["lease"], at)).status_code == 200:
        assert int(answer.headers["X-From-Ms"]) <= at < int(answer.headers["X-To-Ms"])
        assert 0 < len(answer.data) <= PIECE_BYTES_MAX
        assert answer.headers["Cache-Control"] == "private, no-store"
        at = int(answer.headers["X-To-Ms"])
    assert (answer.status_code, at) == (204, 1500)
    assert report(reviewer, opened["lease"], 1, 1500, ranges=[[0, 1500]], played_ms=1500) == {"go": True}
    assert report(reviewer, opened["lease"], 2, 1500, closes=True) == {"stop": "closed", "why": ""}
    assert [event["what"] for event in site.events(recording, "recording.accessed")] == ["playback"]
    assert [event["heard_ms"] for event in site.events(recording, "recording.heard")] == [1500]


def test_sound_is_handed_out_near_the_reported_position_only(site: Site) -> None:
    reviewer, recording = site.staff.somebody(), site.premises.stored(wav=LONG, duration_s=200)
    lease = open_lease(reviewer, recording).get_json()["lease"]
    assert piece(reviewer, lease, AHEAD_MS - 5000).status_code == 200
    assert piece(reviewer, lease, AHEAD_MS).status_code == 403
    assert report(reviewer, lease, 1, 150_000) == {"go": True}
    assert piece(reviewer, lease, AHEAD_MS).status_code == 403
    assert piece(reviewer, lease, 150_000 - BEHIND_MS + 3000).status_code == 200
    assert piece(reviewer, lease, 190_000).status_code == 200


def test_whoever_fetches_all_and_reports_nothing_is_in_the_log_with_all_of_it(site: Site) -> None:
    reviewer, recording = site.staff.somebody(), site.premises.stored(wav=LONG, duration_s=200)
    lease = open_lease(reviewer, recording).get_json()["lease"]
    at = number = 0
    while (answer := piece(reviewer, lease, at)).status_code != 204:
        if answer.status_code == 403:
            number += 1
            assert report(reviewer, lease, number, at) == {"go": True}
            continue
        at = int(answer.headers["X-To-Ms"])
    report(reviewer, lease, number + 1, closes=True)
    [heard] = site.events(recording, "recording.heard")
    assert (heard["ranges"], heard["handed_out"]) == ([], [[0, 200_000]])


def test_a_stolen_address_opens_nothing_and_is_on_record(site: Site) -> None:
    reviewer, recording = site.staff.somebody(), site.premises.stored()
    lease = open_lease(reviewer, recording).get_json()["lease"]
    thief, nobody = site.staff.somebody(Role.SUPERVISOR), site.app.test_client()
    path = f"/leases/{lease}/piece?track=master&from_ms=0"
    stolen = [thief.get(path), nobody.get(path, base_url=BASE_URL)]
    assert [answer.status_code for answer in stolen] == [403, 403]
    unknown = thief.get(path.replace(lease, "0" * 32))
    assert (unknown.status_code, unknown.data) == (403, stolen[0].data)
    [refused] = site.events(recording, "recording.access_refused")
    assert refused["why"] == "the lease to hear it is another's"
    assert piece(reviewer, lease, 0).status_code == 200


def test_another_sessions_lease_is_not_renewed(site: Site) -> None:
    reviewer, recording = site.staff.somebody(), site.premises.stored()
    lease = open_lease(reviewer, recording).get_json()["lease"]
    again = site.staff.sign_in(reviewer.account)
    assert report(again, lease, 1, ranges=[[0, 9]])["stop"] == "out_of_scope"
    assert report(again, "0" * 32, 1)["stop"] == "out_of_scope"
    assert report(reviewer, lease, 1) == {"go": True}


def _sign_out(_: Site, person: Person) -> None:
    person.post("/leave")


def _lose_network(site: Site, _: Person) -> None:
    site.premises.clock.passes(seconds=LOST_AFTER.total_seconds() + 1)


def _be_idle(site: Site, _: Person) -> None:
    site.premises.clock.passes(hours=1)


@pytest.mark.parametrize("happen", [_sign_out, _lose_network, _be_idle])
def test_no_piece_is_handed_out_any_more(site: Site, happen: Callable[[Site, Person], None]) -> None:
    reviewer, recording = site.staff.somebody(), site.premises.stored()
    lease = open_lease(reviewer, recording).get_json()["lease"]
    assert piece(reviewer, lease, 0).status_code == 200
    happen(site, reviewer)
    assert piece(reviewer, lease, 0).status_code == 403
    site.premises.write(lambda c: sessions.end_all(c, reviewer.account.id, site.premises.clock.now, "revoked"))
    assert ask(reviewer, f"/leases/{lease}", {"n": 1, "position_ms": 0}).status_code == 401


def _disable(site: Site, person: Person) -> None:
    site.premises.write(lambda c: accounts.disable(c, site.premises.moment(), person.account, actor="root"))


def _revoke(site: Site, person: Person) -> None:
    site.premises.write(lambda c: sessions.end_all(c, person.account.id, site.premises.clock.now, "revoked"))


@pytest.mark.parametrize("happen", [_disable, _revoke, _be_idle])
def test_what_was_heard_until_the_page_learns_that_its_session_has_ended_counts(
    site: Site, happen: Callable[[Site, Person], None]
) -> None:
    reviewer, recording = site.staff.somebody(), site.premises.stored()
    lease = open_lease(reviewer, recording).get_json()["lease"]
    piece(reviewer, lease, 0)
    assert report(reviewer, lease, 1, 300, ranges=[[0, 300]], played_ms=300) == {"go": True}
    happen(site, reviewer)
    body = {"n": 2, "position_ms": 900, "ranges": [[300, 900]], "played_ms": 600}
    unsigned = reviewer.client.post(f"/leases/{lease}", base_url=BASE_URL, json=body)
    assert unsigned.status_code == 403
    for _ in range(2):
        told = ask(reviewer, f"/leases/{lease}", body)
        assert (told.status_code, told.get_json()["stop"]) == (401, "signed_out")
    ask(reviewer, f"/leases/{lease}", {**body, "n": 3, "ranges": [[900, 1000]], "closes": True})
    heard = site.events(recording, "recording.heard")
    assert union((begin, end) for event in heard for begin, end in event["ranges"]) == ((0, 1000),)
    assert reviewer.get("/log").status_code == 303


def test_reports_without_end_keep_no_session_alive_beyond_its_whole_time(site: Site) -> None:
    reviewer, recording = site.staff.somebody(), site.premises.stored()
    lease = open_lease(reviewer, recording).get_json()["lease"]
    limits, lived = Limits(), timedelta()
    while (told := ask(reviewer, f"/leases/{lease}", {"n": 1, "position_ms": 0})).status_code == 200:
        site.premises.clock.passes(minutes=25)
        lived += timedelta(minutes=25)
        assert lived < 2 * limits.whole
    assert told.status_code == 401
    assert limits.whole <= lived <= limits.whole + timedelta(minutes=25)


def test_a_recording_that_cannot_be_read_here_says_so(site: Site) -> None:
    reviewer, recording = site.staff.somebody(), site.premises.stored(wav=MU_LAW, duration_s=6)
    answer = open_lease(reviewer, recording)
    assert (answer.status_code, answer.get_json()["stop"]) == (409, "unreadable")


@pytest.mark.parametrize("role", Role)
def test_who_may_hear_is_who_the_table_says(site: Site, role: Role) -> None:
    person, recording = site.staff.somebody(role), site.premises.stored()
    may = role in (Role.REVIEWER, Role.SUPERVISOR, Role.COMPLIANCE)  # an agent took none of these calls
    lanes = person.get(f"/calls/{recording.call_id}/recordings/{recording.id}/lanes")
    assert (open_lease(person, recording).status_code == 200, lanes.status_code == 200) == (may, may)


def test_a_call_of_another_line_is_as_if_it_were_not_there(site: Site) -> None:
    person, recording = site.staff.somebody(everywhere=False, lines=[OTHERS_LINE]), site.premises.stored()
    other = site.premises.stored()
    everybody = site.staff.somebody()
    answers = [
        open_lease(person, recording),
        ask(person, f"/calls/{'0' * 32}/recordings/{recording.id}/lease", {"purpose": "quality"}),
        ask(everybody, f"/calls/{other.call_id}/recordings/{recording.id}/lease", {"purpose": "quality"}),
        person.get(f"/calls/{recording.call_id}/recordings/{recording.id}/lanes"),
    ]
    assert {answer.status_code for answer in answers} == {404}
    assert len({answer.data for answer in answers}) == 1
    assert site.events(recording, "recording.access") == []


def test_the_picture_of_a_recording_is_no_access(site: Site) -> None:
    reviewer, recording = site.staff.somebody(), site.premises.stored()
    found = reviewer.get(f"/calls/{recording.call_id}/recordings/{recording.id}/lanes").get_json()
    assert found.keys() == {"peaks", "levels"}
    assert site.events(recording, "recording.access") == []
    site.premises.condemn(recording)
    assert reviewer.get(f"/calls/{recording.call_id}/recordings/{recording.id}/lanes").status_code == 204


@pytest.mark.parametrize(
    "body", [[], "x", {}, {"purpose": ""}, {"purpose": 1}, {"purpose": "a b"}, {"purpose": "+14155550111"}]
)
def test_a_purpose_that_is_none_opens_nothing(site: Site, body: object) -> None:
    reviewer, recording = site.staff.somebody(), site.premises.stored()
    path = f"/calls/{recording.call_id}/recordings/{recording.id}/lease"
    assert ask(reviewer, path, body).status_code == 400
    refused = open_lease(reviewer, recording, "training")
    assert (refused.status_code, refused.get_json()["why"]) == (409, "its caller did not agree to its use for training")


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"n": 0, "position_ms": 0},
        {"n": 1},
        {"n": True, "position_ms": 0},
        {"n": 1, "position_ms": -1},
        {"n": 1, "position_ms": 0, "ranges": [[1, 0]]},
        {"n": 1, "position_ms": 0, "ranges": [[0]]},
        {"n": 1, "position_ms": 0, "ranges": "x"},
        {"n": 1, "position_ms": 0, "ranges": [[0, 1]] * 201},
        {"n": 1, "position_ms": 0, "played_ms": 10**12},
        {"n": 1.5, "position_ms": 0},
    ],
)
def test_a_report_that_makes_no_sense_changes_nothing(site: Site, body: object) -> None:
    reviewer, recording = site.staff.somebody(), site.premises.stored()
    lease = open_lease(reviewer, recording).get_json()["lease"]
    assert ask(reviewer, f"/leases/{lease}", body).status_code == 400
    assert report(reviewer, lease, 1) == {"go": True}


@pytest.mark.parametrize("query", ["", "?track=master", "?track=x&from_ms=0", "?track=master&from_ms=-1", "?from_ms=1"])
def test_a_piece_that_is_none_is_refused(site: Site, query: str) -> None:
    reviewer, recording = site.staff.somebody(), site.premises.stored()
    lease = open_lease(reviewer, recording).get_json()["lease"]
    assert reviewer.get(f"/leases/{lease}/piece{query}").status_code == 400


def test_no_page_makes_the_log_keep_more_than_an_event_s_ranges(site: Site) -> None:
    """Not even one that was changed by its user, and reports a thousandth of each second."""
    reviewer, recording = site.staff.somebody(), site.premises.stored(wav=LONG, duration_s=200)
    lease = open_lease(reviewer, recording).get_json()["lease"]
    for number in range(1, 6):
        first = number * 10_000
        assert piece(reviewer, lease, first).status_code == 200
        crumbs = [[at, at + 1] for at in range(first, first + 2 * RANGES_MAX, 2)]
        assert report(reviewer, lease, number, ranges=crumbs, played_ms=RANGES_MAX) == {"go": True}
    assert report(reviewer, lease, 6, closes=True)["stop"] == "closed"
    [heard] = site.events(recording, "recording.heard")
    assert len(heard["ranges"]) == RANGES_MAX
    assert heard["played_ms"] == 5 * RANGES_MAX
