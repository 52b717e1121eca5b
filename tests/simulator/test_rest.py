"""The REST API, asked by Twilio's own client for Python."""

import io
import wave
from collections.abc import Callable

import pytest
import requests
from twilio.base.exceptions import TwilioRestException
from twilio.http.http_client import TwilioHttpClient
from twilio.rest import Client

from simulator.faults import Faults
from simulator.phone_call import PhoneCall
from simulator.server import create_app
from simulator.wsgi import WsgiAdapter
from tests.simulator.office import ACCOUNT, AGENT, DIAL, LINE, ORIGIN, TOKEN, Office

API = "https://api.twilio.com"


def client_of(office: Office, user: str = ACCOUNT, password: str = TOKEN) -> Client:
    http = TwilioHttpClient()
    http.session.mount(API, WsgiAdapter(create_app(office.exchange)))
    return Client(user, password, ACCOUNT, http_client=http)


def get(office: Office, path: str, auth: tuple[str, str] | None = (ACCOUNT, TOKEN)) -> requests.Response:
    with requests.Session() as session:
        session.mount(API, WsgiAdapter(create_app(office.exchange)))
        return session.get(f"{API}/2010-04-01/Accounts/{ACCOUNT}/{path}", auth=auth)


def during(office: Office, act: Callable[[Client, str], None], plan: dict[str, object] | None = None) -> PhoneCall:
    """A call in whose conversation something is done by REST."""
    client = client_of(office)
    plan = plan or {"presses": ["1"], "talks_s": 10}
    return office.call(plan, hooks={"in_conversation": lambda call: act(client, call.sid)})


def code_of(asked: Callable[[], object]) -> tuple[int, int]:
    with pytest.raises(TwilioRestException) as caught:
        asked()
    return caught.value.status, caught.value.code


@pytest.mark.parametrize("credentials", [("SK" + "0" * 32, "secret"), (ACCOUNT, TOKEN)])
def test_the_account_and_its_api_keys_may_ask(credentials: tuple[str, str]) -> None:
    office = Office()
    office.exchange.config.api_keys["SK" + "0" * 32] = "secret"
    call = office.call()
    assert client_of(office, *credentials).calls(call.sid).fetch().status == "completed"


@pytest.mark.parametrize("credentials", [(ACCOUNT, "wrong"), ("SK" + "1" * 32, "secret"), (ACCOUNT, "")])
def test_nobody_else_may_ask(credentials: tuple[str, str]) -> None:
    office = Office()
    call = office.call({"presses": ["1"]})
    recording = call.recorder.recordings[0]
    with pytest.raises(TwilioRestException) as caught:
        client_of(office, credentials[0], credentials[1] or "-").calls(call.sid).fetch()
    assert (caught.value.status, caught.value.code) == (401, 20003)
    assert get(office, f"Recordings/{recording.sid}.wav", credentials).status_code == 401
    assert get(office, f"Recordings/{recording.sid}.wav", None).status_code == 401


def test_another_account_has_nothing_here() -> None:
    office = Office()
    other = client_of(office).api.accounts("AC" + "0" * 32)
    assert code_of(other.recordings("RE" + "0" * 32).fetch) == (404, 20404)
    assert code_of(other.fetch) == (404, 20404)
    sid = office.call({"presses": ["1"]}).recorder.recordings[0].sid
    assert code_of(other.recordings(sid).fetch) == (404, 20404)


def test_a_call_is_shown_as_the_client_expects_it() -> None:
    office = Office()
    placed = office.call({"presses": ["1"]})
    call = client_of(office).calls(placed.sid).fetch()
    assert (call.sid, call.account_sid, call.status, call.direction) == (placed.sid, ACCOUNT, "completed", "inbound")
    assert (call.from_formatted, call.to) == ("(415) 555-0199", LINE)
    assert call.duration == str(placed.leg.duration_s)
    assert call.start_time.tzinfo is not None
    assert call.end_time > call.start_time


def test_calls_are_listed_newest_first_in_pages_and_by_filter() -> None:
    office = Office(answer="<Hangup/>")
    sids = [office.call().sid for _ in range(5)]
    client = client_of(office)
    assert [call.sid for call in client.calls.list(page_size=2)] == sids[::-1]
    assert len(client.calls.list(limit=3)) == 3
    assert client.calls.list(to="+19990000000") == []
    assert len(client.calls.list(to=LINE, status="completed")) == 5


def test_the_legs_of_a_dial_are_calls_with_a_parent() -> None:
    office = Office()
    placed = office.call({"presses": ["1"]})
    (child,) = client_of(office).calls.list(parent_call_sid=placed.sid)
    assert (child.to, child.direction, child.status) == (AGENT, "outbound-dial", "completed")


def test_what_is_not_there_is_20404() -> None:
    client = client_of(Office())
    assert code_of(client.calls("CA" + "0" * 32).fetch) == (404, 20404)
    assert code_of(client.recordings("RE" + "0" * 32).fetch) == (404, 20404)
    assert code_of(client.calls("no-sid").fetch) == (404, 20404)
    assert code_of(client.recordings("RE" + "0" * 32).delete) == (404, 20404)


def test_a_call_is_ended_by_rest() -> None:
    office = Office()
    call = during(office, lambda client, sid: client.calls(sid).update(status="completed"))
    assert call.leg.status == "completed"
    assert office.forms("ended")[0]["CallStatus"] == "completed"
    assert code_of(lambda: client_of(office).calls(call.sid).update(status="completed")) == (400, 21220)


def test_the_agents_leg_may_be_ended_alone_and_the_caller_goes_on() -> None:
    office = Office(ended="<Say>Still here.</Say>")

    def end_child(client: Client, sid: str) -> None:
        client.calls.list(parent_call_sid=sid)[0].update(status="completed")

    call = during(office, end_child)
    assert office.forms("ended")[0]["CallStatus"] == "in-progress"
    assert int(office.forms("ended")[0]["DialCallDuration"]) < 10  # ten seconds of talk, cut half-way
    assert call.journal.of("heard")[-1]["text"] == "Still here."


def test_a_redirect_during_a_dial_asks_the_action_first_and_then_the_new_document() -> None:
    office = Office(ended="<Say>Never heard.</Say>", elsewhere="<Say>Elsewhere.</Say>")
    call = during(office, lambda client, sid: client.calls(sid).update(url=f"{ORIGIN}/elsewhere"))
    assert office.asked()[-2:] == ["ended", "elsewhere"]
    (form,) = office.forms("ended")
    assert (form["DialCallStatus"], form["CallStatus"]) == ("completed", "in-progress")
    words = [entry["text"] for entry in call.journal.of("heard")]
    assert ("Never heard." in words, words[-1]) == (False, "Elsewhere.")
    assert call.children[0].status == "completed"


def test_a_call_may_be_given_twiml_itself() -> None:
    office = Office()
    call = during(office, lambda client, sid: client.calls(sid).update(twiml="<Response><Say>So.</Say></Response>"))
    assert call.journal.of("heard")[-1]["text"] == "So."


def test_twiml_that_twilio_would_refuse_is_refused_at_once() -> None:
    codes = list[tuple[int, int]]()

    def redirect(client: Client, sid: str) -> None:
        codes.append(code_of(lambda: client.calls(sid).update(twiml="<Response><Nothing/></Response>")))

    call = during(Office(), redirect)
    assert (codes, call.leg.status) == ([(400, 12200)], "completed")


def test_relative_urls_in_twiml_that_came_by_rest_have_nothing_to_refer_to() -> None:
    document = "<Response><Redirect>/elsewhere</Redirect></Response>"
    call = during(Office(), lambda client, sid: client.calls(sid).update(twiml=document))
    assert [error["code"] for error in call.journal.of("error")] == [15004]


def test_a_call_that_is_over_can_be_neither_redirected_nor_recorded() -> None:
    office = Office()
    client, sid = client_of(office), office.call().sid
    assert code_of(lambda: client.calls(sid).update(url=f"{ORIGIN}/elsewhere")) == (400, 21220)
    assert code_of(client.calls(sid).recordings.create) == (400, 21220)


def test_a_call_is_forgotten_only_when_it_is_over() -> None:
    office = Office()
    codes = list[tuple[int, int]]()
    call = during(office, lambda client, sid: codes.append(code_of(client.calls(sid).delete)))
    assert codes == [(409, 20009)]
    client = client_of(office)
    assert client.calls(call.sid).delete()
    assert code_of(client.calls(call.sid).fetch) == (404, 20404)


def test_a_recording_started_by_rest_has_rests_own_defaults() -> None:
    office = Office()
    call = during(office, lambda client, sid: client.calls(sid).recordings.create(), {"presses": ["2"], "talks_s": 8})
    api = next(r for r in call.recorder.recordings if r.terms.source == "StartCallRecordingAPI")
    assert (api.channels, api.terms.trim, api.status) == (1, "do-not-trim", "completed")
    assert len(call.recorder.recordings) == 2  # beside the one that the document started


def test_a_second_start_by_rest_answers_with_the_recording_that_runs() -> None:
    sids = list[str]()

    def start_twice(client: Client, sid: str) -> None:
        sids.extend(client.calls(sid).recordings.create(recording_channels="dual").sid for _ in range(2))

    during(Office(consent=DIAL), start_twice)
    assert sids[0] == sids[1]


def test_a_recording_started_by_rest_reports_each_event_it_was_asked_to() -> None:
    def start(client: Client, sid: str) -> None:
        client.calls(sid).recordings.create(
            recording_status_callback=f"{ORIGIN}/recording",
            recording_status_callback_event=["in-progress", "completed"],
        )

    office = Office(consent=DIAL)
    during(office, start)
    assert [form["RecordingStatus"] for form in office.forms("recording")] == ["in-progress", "completed"]


@pytest.mark.parametrize(("behavior", "seconds"), [("skip", 7), ("silence", 9)])
def test_a_pause_is_skipped_or_silent(behavior: str, seconds: int) -> None:
    office = Office(consent=DIAL)

    def pause(client: Client, sid: str) -> None:
        sid_of = client.calls(sid).recordings.create(recording_channels="dual").sid
        office.clock.later(2, lambda: update(client, sid, sid_of, "paused", pause_behavior=behavior))
        office.clock.later(4, lambda: update(client, sid, sid_of, "in-progress"))
        office.clock.later(9, lambda: update(client, sid, "Twilio.CURRENT", "stopped"))

    def update(client: Client, call_sid: str, sid: str, status: str, **more: str) -> None:
        assert client.calls(call_sid).recordings(sid).update(status=status, **more).status == status

    call = during(office, pause, {"presses": ["1"], "talks_s": 30})
    (recording,) = call.recorder.recordings
    assert recording.duration_s == seconds
    if behavior == "silence":
        assert not any(track[int(2.1 * 8000) : int(3.9 * 8000)].any() for track in recording.sound())


def test_what_is_stopped_stays_stopped() -> None:
    office = Office()
    call = office.call({"presses": ["1"]})
    recording = client_of(office).calls(call.sid).recordings(call.recorder.recordings[0].sid)
    assert code_of(lambda: recording.update(status="in-progress")) == (400, 21220)


def test_current_names_nothing_where_several_recordings_run() -> None:
    codes = list[tuple[int, int]]()

    def start_and_stop(client: Client, sid: str) -> None:
        client.calls(sid).recordings.create()
        codes.append(code_of(lambda: client.calls(sid).recordings("Twilio.CURRENT").update(status="stopped")))

    during(Office(), start_and_stop)
    assert codes == [(400, 16108)]


def test_a_recording_is_processing_to_whoever_asks_before_it_is_completed() -> None:
    seen = list[str]()

    def fetch(client: Client, sid: str) -> None:
        (recording,) = client.calls(sid).recordings.list()
        seen.append(recording.status)
        seen.append(str(get(office, f"Recordings/{recording.sid}.wav").status_code))
        assert code_of(client.recordings(recording.sid).delete) == (409, 20009)

    office = Office()
    call = during(office, fetch)
    assert seen == ["processing", "404"]
    shown = client_of(office).recordings(call.recorder.recordings[0].sid).fetch()
    assert (shown.status, shown.source, shown.channels) == ("completed", "StartCallRecordingTwiML", 2)
    assert (shown.duration, shown.call_sid) == (str(call.recorder.recordings[0].duration_s), call.sid)
    assert shown.media_url.endswith(f"/Recordings/{shown.sid}")


def test_recordings_are_listed_by_account_call_and_date() -> None:
    office = Office()
    first, second = (office.call({"presses": ["1"]}) for _ in range(2))
    client = client_of(office)
    assert [r.call_sid for r in client.recordings.list(page_size=1)] == [second.sid, first.sid]
    assert [r.call_sid for r in client.recordings.list(call_sid=first.sid)] == [first.sid]
    assert len(client.recordings.list(date_created_after=office.clock.now())) == 0
    assert len(client.recordings.list(date_created_before=office.clock.now())) == 2
    assert client.calls(first.sid).recordings.list()[0].track == "both"


def test_a_deleted_recording_is_gone_but_stays_visible_to_who_asks_for_the_deleted() -> None:
    office = Office()
    recording = office.call({"presses": ["1"]}).recorder.recordings[0]
    client, sid = client_of(office), recording.sid
    assert client.recordings(sid).delete()
    assert not any(track.any() for track in recording.sound())
    assert code_of(client.recordings(sid).fetch) == (404, 20404)
    assert code_of(client.recordings(sid).delete) == (404, 20404)
    assert get(office, f"Recordings/{sid}.wav").status_code == 404
    assert client.recordings.list() == []
    assert client.recordings(sid).fetch(include_soft_deleted=True).status == "deleted"
    assert [r.status for r in client.recordings.list(include_soft_deleted=True)] == ["deleted"]


@pytest.mark.parametrize("name", ["{}", "{}.wav"])
def test_the_media_is_a_wav_with_or_without_its_extension(name: str) -> None:
    office = Office()
    recording = office.call({"presses": ["1"]}).recorder.recordings[0]
    answer = get(office, f"Recordings/{name.format(recording.sid)}")
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "audio/x-wav")
    with wave.open(io.BytesIO(answer.content)) as file:
        assert file.getnchannels() == 2
        assert file.getnframes() == len(recording.sound()[0])


def test_the_number_of_channels_may_be_asked_for_but_not_invented() -> None:
    office = Office()
    dual = office.call({"presses": ["1"]}).recorder.recordings[0].sid
    answer = get(office, f"Recordings/{dual}.wav?RequestedChannels=1")
    with wave.open(io.BytesIO(answer.content)) as file:
        assert file.getnchannels() == 1
    office = Office(consent=DIAL)
    call = during(office, lambda client, sid: client.calls(sid).recordings.create())
    refused = get(office, f"Recordings/{call.recorder.recordings[0].sid}.wav?RequestedChannels=2")
    assert (refused.status_code, refused.json()["code"]) == (400, 16113)


def test_media_may_be_missing_for_the_first_requests() -> None:
    office = Office()
    sid = office.call({"presses": ["1"]}, faults={"media_404": 2}).recorder.recordings[0].sid
    assert [get(office, f"Recordings/{sid}.wav").status_code for _ in range(3)] == [404, 404, 200]


@pytest.mark.parametrize(("status", "code"), [(429, 20429), (500, 20500), (503, 20503)])
def test_the_next_requests_may_be_refused(status: int, code: int) -> None:
    office = Office()
    office.exchange.faults = Faults.of({"rest": {"next": 2, "status": status}})
    client = client_of(office)
    for _ in range(2):
        assert code_of(client.recordings("RE" + "0" * 32).fetch) == (status, code)
    assert client.recordings.list() == []


def test_a_number_is_found_and_its_urls_are_changed_for_the_next_call() -> None:
    office = Office()
    client = client_of(office)
    (number,) = client.incoming_phone_numbers.list(phone_number=LINE)
    assert (number.voice_url, number.voice_method) == (f"{ORIGIN}/answer", "POST")
    changed = number.update(voice_url=f"{ORIGIN}/ended", voice_fallback_url="", status_callback=f"{ORIGIN}/recording")
    assert (changed.voice_url, changed.voice_fallback_url) == (f"{ORIGIN}/ended", "")
    assert client.incoming_phone_numbers(number.sid).fetch().status_callback == f"{ORIGIN}/recording"
    office.call()
    assert office.asked() == ["ended"]
    assert client.incoming_phone_numbers.list(phone_number="+19990000000") == []


def test_a_path_of_no_resource_is_not_found_in_json() -> None:
    office = Office()
    answer = get(office, "Recordings/all.json")
    assert (answer.status_code, answer.json()["code"]) == (404, 20404)
