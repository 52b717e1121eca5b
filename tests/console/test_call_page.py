"""The page of a call: what it says of each kind of call, and to whom."""

import re
from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import Connection
from sqlalchemy import text as sql

from compliance.call_page.no_recording import SENTENCES, WhyNone
from console.request_forgery import form_token
from policies.consent import Outcome
from policies.lifecycle import RecordingEvent
from policies.permissions import Role
from storage.custody import erasure
from storage.rows import calls, holds
from storage.rows.calls import Call
from storage.rows.recordings import Recording
from tests.console.conftest import Person
from tests.console.test_listening import OTHERS_LINE, Site, open_lease, piece, report, site
from tests.faults.conftest import premises
from tests.faults.premises import ONE_MACHINE, Premises
from tests.faults.test_sweep import swept
from tests.faults.test_whose_recording import two

__all__ = ["premises", "site"]
pytestmark = ONE_MACHINE
PURPOSES = {"quality": timedelta(days=90), "training": timedelta(days=30)}


def page(person: Person, one: Recording | Call, query: str = "", **more: object) -> str:
    call_id = one.call_id if isinstance(one, Recording) else one.id
    answer = person.get(f"/calls/{call_id}{query}", **more)
    assert answer.status_code == 200
    return re.sub(r"\s+", " ", answer.text)


def says(why: WhyNone) -> str:
    return SENTENCES[why].replace("'", "&#39;")


def test_a_reviewer_sees_the_facts_the_strip_and_the_player(site: Site) -> None:
    reviewer, recording = site.staff.somebody(), site.premises.stored()
    text = page(reviewer, recording)
    assert f"<h1>Call {recording.call_id[:8]}</h1>" in text
    assert "22 Nov 2026, 12:00:00 UTC" in text
    assert "+12125550100" in text
    assert "the caller is asked, and only 1 is consent" in text
    assert "agreed to be recorded, by key" in text
    assert '<g class="box recording">' in text
    assert f'data-open="/calls/{recording.call_id}/recordings/{recording.id}/lease"' in text
    assert 'data-duration-ms="1500"' in text  # exact, while the provider rounds it to 3 s
    assert "data-starts-at-once" not in text


def test_only_purposes_that_were_agreed_to_and_are_not_over_can_be_chosen(site: Site) -> None:
    reviewer, recording = site.staff.somebody(), site.premises.stored(PURPOSES)
    chosen = re.findall(r'<option value="([a-z]+)" (selected)?', page(reviewer, recording))
    assert chosen[:2] == [("quality", "selected"), ("training", "")]
    reviewer.client.post(
        "/me/settings",
        base_url="https://console.example.com",
        json={"purpose": "training"},
        headers={"X-CSRF-Token": _token(reviewer)},
    )
    assert '<option value="training" selected' in page(reviewer, recording)
    site.premises.clock.passes(days=31)
    later = site.staff.sign_in(reviewer.account)
    text = page(later, recording)
    assert '<option value="quality" selected' in text
    assert 'value="training"' not in text
    assert "<strong>training</strong>: until 22 Dec 2026, 12:00:00 UTC · <em>over</em>" in text


def _token(person: Person) -> str:
    return form_token(person.token)


def test_it_begins_by_itself_only_when_a_page_of_the_console_led_there(site: Site) -> None:
    reviewer, recording = site.staff.somebody(), site.premises.stored(PURPOSES)
    ours = {"headers": {"Sec-Fetch-Site": "same-origin"}}
    for headers in ({}, {"Sec-Fetch-Site": "none"}, {"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}):
        assert "data-starts-at-once" not in page(reviewer, recording, "?listen=quality", headers=headers)
    assert "data-starts-at-once" not in page(reviewer, recording, "?listen=marketing", **ours)
    text = page(reviewer, recording, "?listen=training", **ours)
    assert "data-starts-at-once" in text
    assert '<option value="training" selected' in text


@pytest.mark.parametrize(
    ("t", "start_ms", "said"),
    [("1.25", 1250, ""), ("99", 1500, "at its end, 0:01"), ("-3", 0, "before the recording"), ("NaN", 0, "no second")],
)
def test_an_address_names_the_second_to_begin_at(site: Site, t: str, start_ms: int, said: str) -> None:
    text = page(site.staff.somebody(), site.premises.stored(), f"?t={t}")
    assert f'data-start-ms="{start_ms}"' in text
    assert said in text


def test_who_may_not_listen_reads_about_the_call_and_gets_no_player(site: Site) -> None:
    recording = site.premises.stored()
    text = page(site.staff.somebody(Role.ADMIN), recording)
    assert "Your role reads about calls, and does not listen to them." in text
    assert '<g class="box recording">' in text
    assert 'id="player"' not in text
    assert 'id="comments"' not in text
    assert "/lease" not in text


@pytest.mark.parametrize("role", Role)
def test_each_role_finds_what_it_may_do(site: Site, role: Role) -> None:
    person, recording = site.staff.somebody(role), site.premises.stored()
    if role is Role.AGENT:  # took none of these calls
        assert person.get(f"/calls/{recording.call_id}").status_code == 404
        return
    text = page(person, recording)
    hears, downloads = role is not Role.ADMIN, role in (Role.SUPERVISOR, Role.COMPLIANCE)
    assert ('id="player"' in text, 'id="download"' in text) == (hears, downloads)
    assert ("/review" in text) == (role in (Role.REVIEWER, Role.SUPERVISOR))


def test_whoever_listens_just_now_is_told(site: Site) -> None:
    recording, listener = site.premises.stored(), site.staff.somebody()
    assert "Nobody so far, by the log." in page(site.staff.somebody(), recording)
    lease = open_lease(listener, recording).get_json()["lease"]
    text = page(site.staff.somebody(), recording)
    assert "Nobody so far, by the log." not in text
    assert "Heard nothing of it." in text
    piece(listener, lease, 0)
    report(listener, lease, 1, closes=True)
    assert "Handed out to the browser: 0:01.5." in page(site.staff.somebody(), recording)


def test_another_lines_call_and_no_call_are_the_same_bytes(site: Site) -> None:
    person, recording = site.staff.somebody(everywhere=False, lines=[OTHERS_LINE]), site.premises.stored()
    answers = [person.get(f"/calls/{call_id}") for call_id in (recording.call_id, "0" * 32)]
    assert [answer.status_code for answer in answers] == [404, 404]
    assert answers[0].data == answers[1].data


@pytest.mark.parametrize(
    ("outcome", "why"),
    [
        (Outcome.DECLINED, WhyNone.DECLINED),
        (Outcome.SILENT, WhyNone.SILENT),
        (Outcome.HUNG_UP_IN_CHOICE, WhyNone.LEFT_AT_QUESTION),
        (None, WhyNone.UNDECIDED),
    ],
)
def test_a_call_without_recording_says_why_there_is_none(site: Site, outcome: Outcome | None, why: WhyNone) -> None:
    text = page(site.staff.somebody(), site.premises.call(outcome))
    assert says(why) in text
    assert 'id="player"' not in text
    assert "Nothing was permitted on this call" in text
    assert 'id="comments"' in text


def arriving(premises: Premises) -> Recording:
    return premises.completed()


def running(premises: Premises) -> Recording:
    owner = premises.call()
    return premises.hears(owner, premises.company.start(owner.call_sid, b""), RecordingEvent.IN_PROGRESS)


def in_doubt(premises: Premises) -> Call:
    owner = premises.call()
    two(premises, owner, apart_s=3)
    for _ in range(30):
        swept(premises, hours=1)
    return owner


@pytest.mark.parametrize(
    ("made", "why", "next_"),
    [
        (arriving, WhyNone.NOT_FETCHED, "open it again in some minutes"),
        (running, WhyNone.RUNNING, "some minutes after the call has ended"),
        (in_doubt, WhyNone.IN_DOUBT, "there is an incident about it"),
    ],
)
def test_a_recording_that_cannot_be_heard_yet_says_so_and_what_comes_next(
    site: Site, made: Callable[[Premises], Recording | Call], why: WhyNone, next_: str
) -> None:
    one = made(site.premises)
    text = page(site.staff.somebody(), one)
    assert says(why) in text
    assert next_ in text
    assert 'id="player"' not in text


def test_a_destroyed_recording_leaves_its_page_and_shows_its_certificate(site: Site) -> None:
    premises, reviewer = site.premises, site.staff.somebody()
    recording = premises.stored()
    premises.condemn(recording)
    going = page(reviewer, recording)
    assert says(WhyNone.GOING) in going
    assert 'id="player"' not in going
    premises.work()
    text = page(reviewer, recording)
    assert says(WhyNone.DESTROYED) in text
    assert "Certificate of destruction" in text
    assert "A recording was destroyed on" in text
    assert "No API can be asked for:" in text
    assert "What happened" in text


def test_a_recording_without_copy_or_picture_says_so(site: Site) -> None:
    text = page(site.staff.somebody(), site.premises.stored())  # made without a listening copy
    assert "There is no listening copy of this recording" in text
    assert '<option value="listening"' not in text
    assert 'data-part="no-lanes" hidden' in text


def test_a_hold_and_its_reason_stand_beside_the_purposes(site: Site) -> None:
    recording = site.premises.stored()
    hold(site, recording)
    text = page(site.staff.somebody(), recording)
    assert "Legal hold 1 since 22 Nov 2026, 12:00:00 UTC: it is not destroyed while that stands." in text
    assert "case 7 &lt;b&gt;" in text


def test_a_hold_that_came_too_late_for_the_recording_does_not_say_that_it_is_there(site: Site) -> None:
    recording = site.premises.stored()
    site.premises.condemn(recording)
    site.premises.work()
    hold(site, recording)
    text = page(site.staff.somebody(), recording)
    assert "not destroyed while" not in text
    assert "Legal hold 1 since 22 Nov 2026, 12:00:00 UTC: the call is not erased while that stands." in text


def hold(site: Site, recording: Recording) -> None:
    def place(connection: Connection) -> None:
        call = calls.existing(connection, recording.call_id)
        holds.place(connection, site.premises.moment(), call, reason="case 7 <b>", actor="maria")

    site.premises.write(place)


def test_rows_that_contradict_the_log_are_said_above_all_and_nothing_is_played(site: Site) -> None:
    recording = site.premises.stored()
    site.premises.write(lambda c: c.execute(sql("UPDATE call SET language = 'xx'")))
    text = page(site.staff.somebody(), recording)
    assert text.index("something else than the consent log") < text.index("Came in")
    assert "its rows say something else than the log" in text
    assert 'id="player"' not in text


def test_an_erased_call_keeps_its_page_without_a_word_of_it(site: Site) -> None:
    premises, reviewer = site.premises, site.staff.somebody()
    owner = premises.call(Outcome.DECLINED)
    premises.company.hang_up(owner.call_sid)
    for _ in range(2):  # and then it is looked at no more
        premises.clock.passes(days=2)
        premises.sweep()
    request = erasure.Request("gdpr-17", "root")
    premises.write(lambda c: erasure.erase(c, premises.moment(), owner.id, request, premises.jobs))
    text = page(site.staff.sign_in(reviewer.account), owner)
    assert "What was personal about this call was erased on" in text
    assert 'id="comments"' not in text


def test_who_listened_before_and_to_which_seconds(site: Site) -> None:
    listener, recording = site.staff.somebody(), site.premises.stored()
    assert "Nobody so far, by the log." in page(listener, recording)
    lease = open_lease(listener, recording).get_json()["lease"]
    piece(listener, lease, 0)
    report(listener, lease, 1, 1200, ranges=[[0, 500], [700, 1200]], played_ms=1000)
    report(listener, lease, 2, 1200, closes=True)
    open_lease(listener, recording, "training")
    text = page(site.staff.somebody(Role.ADMIN), recording)
    assert f"<strong>{listener.account.name}</strong>, for quality" in text
    assert 'data-seek-ms="700">0:00–0:01</a>' in text
    assert "refused for training: its caller did not agree to its use for training" in text
    assert text.count('<g class="box heard">') == 2


def test_a_call_is_reviewed_once_and_by_whom_is_shown(site: Site) -> None:
    reviewer, recording = site.staff.somebody(), site.premises.stored()
    for _ in range(2):
        answer = reviewer.post(f"/calls/{recording.call_id}/review")
        assert answer.headers["Location"] == f"/calls/{recording.call_id}#reviewed"
    assert [event["type"] for event in site.events(recording, "call.reviewed")] == ["call.reviewed"]
    text = page(reviewer, recording)
    assert f"Reviewed by {reviewer.account.display_name} on 22 Nov 2026" in text
    assert "/review" not in text
    assert "/review" in page(site.staff.somebody(), recording)


def test_times_are_in_the_persons_zone_which_is_written_out(site: Site) -> None:
    reviewer, recording = site.staff.somebody(), site.premises.stored()
    headers = {"X-CSRF-Token": _token(reviewer)}
    wish = {"time_zone": "America/Los_Angeles"}
    reviewer.client.post("/me/settings", base_url="https://console.example.com", json=wish, headers=headers)
    assert "22 Nov 2026, 04:00:00 PST (America/Los_Angeles)" in page(reviewer, recording)


def test_no_number_and_no_name_of_the_provider_is_on_the_page(site: Site) -> None:
    recording = site.premises.stored()
    owner = site.premises.owner(recording)
    text = page(site.staff.somebody(Role.SUPERVISOR), recording)
    assert owner.call_sid not in text
    assert recording.recording_sid not in text
    assert owner.call_sid in page(site.staff.somebody(Role.COMPLIANCE), recording)
