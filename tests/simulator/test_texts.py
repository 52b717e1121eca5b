"""Texts of calls and recordings: how they come to be, and how they go, asked by Twilio's own client."""

from datetime import timedelta

import pytest

from simulator.phone_call import PhoneCall
from simulator.plans import CallPlan
from tests.simulator.hosts import SPOKEN, ask, client_of, make, recorded, refused, shown, switch
from tests.simulator.office import ACCOUNT, CALLER, DIAL, LINE, Office

PLAN = CallPlan.of({"from": CALLER, "to": LINE, "caller": {"presses": ["1"], "talks_s": 30}})

ALL_ON = {
    "intelligence_services": [{"auto_transcribe": True}],
    "default_recording": {"features": ["transcription"]},
    "capture_rules": [{"from": "*", "to": "*"}],
    "add_ons": [{}],
}


def test_an_account_makes_no_texts_by_default() -> None:
    office = Office()
    recorded(office)
    assert shown(office) == []


def test_each_service_that_is_switched_on_makes_its_own_kind_of_text() -> None:
    office = Office()
    switch(office, **ALL_ON)
    recordings = office.call({"presses": ["1"], "talks_s": 30}).recorder.recordings
    texts = {row["kind"]: row for row in shown(office)}
    assert len(shown(office)) == 3 * len(recordings) + 1
    assert sorted(texts) == ["add_on_result", "batch_transcript", "conversation", "transcript"]
    assert all(SPOKEN in row["words"] for row in texts.values())
    assert {row["recording_sid"] for row in shown(office)} == {recording.sid for recording in recordings} | {None}
    assert texts["conversation"]["recording_sid"] is None


@pytest.mark.parametrize(
    "settings",
    [
        {"intelligence_services": [{"auto_transcribe": False}]},
        {"default_recording": {"features": []}},
        {"capture_rules": [{"from": "+19990000000", "to": "*"}]},
        {"add_ons": [{"enabled": False}]},
    ],
)
def test_a_service_that_takes_nothing_by_itself_makes_no_texts(settings: dict[str, object]) -> None:
    office = Office()
    switch(office, **settings)
    recorded(office)
    assert shown(office) == []


def test_a_conversation_is_made_of_a_call_that_nobody_recorded() -> None:
    office = Office(consent=DIAL)
    switch(office, **{**ALL_ON, "default_recording": None})
    call = office.call({"presses": ["1"], "talks_s": 30})
    (row,) = shown(office)
    assert (row["kind"], row["call_sid"]) == ("conversation", call.sid)
    assert SPOKEN in row["words"]


def test_a_text_has_the_words_of_the_recording_alone() -> None:
    office = Office()
    switch(office, **{**ALL_ON, "default_recording": None})
    recorded(office)
    words = {row["kind"]: row["words"] for row in shown(office)}
    assert "May we record?" in words["conversation"]
    assert "May we record?" not in words["transcript"]


def test_a_pause_leaves_its_words_out() -> None:
    office = Office()
    client = client_of(office)
    plan = {"presses": ["1"], "talks_s": 30}

    def pause(call: PhoneCall) -> None:
        client.calls(call.sid).recordings("Twilio.CURRENT").update(status="paused")

    call = office.call(plan, hooks={"in_conversation": pause})
    sid = make(office, kind="transcription", recording_sid=call.recorder.recordings[0].sid)
    assert "Does it work now?" in [entry["text"] for entry in call.journal.of("heard")]
    words = client.transcriptions(sid).fetch().transcription_text
    assert SPOKEN in words
    assert "Does it work now?" not in words


def test_texts_may_come_long_after_their_recording_and_outlive_it() -> None:
    office = Office()
    switch(office, **ALL_ON, late_s=3600)
    call = office.exchange.place_call(PLAN)
    office.clock.sleep(10)
    recording, *_ = call.recorder.recordings
    assert shown(office) == []
    for each in call.recorder.recordings:
        client_of(office).recordings(each.sid).delete()
    office.exchange.settle()
    assert {row["kind"] for row in shown(office)} == {"transcript", "batch_transcript", "add_on_result", "conversation"}
    made = office.exchange.texts.all()[0].made_at
    assert made - recording.started > timedelta(hours=1)
    assert all(SPOKEN in row["words"] for row in shown(office))


def test_a_text_can_be_made_of_a_deleted_recording() -> None:
    office = Office()
    recording = recorded(office)
    client_of(office).recordings(recording.sid).delete()
    make(office, kind="transcript", recording_sid=recording.sid)
    make(office, kind="conversation", call_sid=recording.call_sid)
    assert [SPOKEN in row["words"] for row in shown(office)] == [True, True]


@pytest.mark.parametrize(
    "about",
    [
        {"kind": "transcript"},
        {"kind": "fax", "call_sid": "CA" + "0" * 32},
        {"kind": "transcript", "recording_sid": "RE" + "0" * 32},
        {"kind": "observation", "recording_sid": "RE" + "0" * 32},
        {"kind": "transcript", "conversation_id": "conv_conversation_0"},
        {"recording_sid": "RE" + "0" * 32},
    ],
)
def test_no_text_is_made_of_nothing(about: dict[str, str]) -> None:
    assert ask(Office(), "POST", "/simulator/texts", about, None).status_code == 400


@pytest.mark.parametrize(
    "settings",
    [
        {"auto_transcribe": True},
        {"refuses": {"fax": {"list": 403}}},
        {"refuses": {"transcript": {"list": "lost"}}},
        {"refuses": {"transcript": {"sing": 403}}},
        {"trunks": [{"mode": "always"}]},
        {"add_ons": [{"name": "x"}]},
        {"capture_rules": "all"},
    ],
)
def test_a_misspelt_setting_is_refused(settings: dict[str, object]) -> None:
    answer = ask(Office(), "POST", "/simulator/services", settings, None)
    assert (answer.status_code, answer.json()["code"]) == (400, 20001)


def test_settings_are_shown_as_they_are_set_and_the_rest_stays() -> None:
    office = Office()
    switch(office, **ALL_ON)
    switch(office, late_s=5)
    settings = ask(office, "GET", "/simulator/services", None, None).json()
    assert settings["capture_rules"] == [{"from": "*", "to": "*"}]
    assert settings["late_s"] == 5
    assert settings["intelligence_services"][0]["auto_transcribe"] is True
    assert ask(office, "POST", "/simulator/services", settings, None).json() == settings


def test_transcriptions_are_found_by_account_and_by_recording_and_deleted() -> None:
    office = Office()
    client = client_of(office)
    first, second = recorded(office), recorded(office)
    sids = [make(office, kind="transcription", recording_sid=each.sid) for each in (first, second)]
    assert [row.sid for row in client.transcriptions.list()] == sids[::-1]
    (row,) = client.recordings(first.sid).transcriptions.list()
    assert (row.sid, row.recording_sid, row.status) == (sids[0], first.sid, "completed")
    assert SPOKEN in row.transcription_text
    assert row.date_created.tzinfo is not None
    assert refused(client.recordings(first.sid).transcriptions(sids[1]).fetch) == (404, 20404)
    assert client.transcriptions(sids[0]).delete()
    assert client.recordings(second.sid).transcriptions(sids[1]).delete()
    assert refused(client.transcriptions(sids[0]).fetch) == (404, 20404)
    assert client.transcriptions.list() == []
    assert [(row["deleted"], row["words"]) for row in shown(office)] == [(True, "")] * 2


def test_deleting_a_recording_deletes_no_text() -> None:
    office = Office()
    client = client_of(office)
    recording = recorded(office)
    for kind in ("transcription", "add_on_result", "transcript"):
        make(office, kind=kind, recording_sid=recording.sid)
    client.recordings(recording.sid).delete()
    assert len(client.recordings(recording.sid).transcriptions.list()) == 1
    assert len(client.recordings(recording.sid).add_on_results.list()) == 1
    assert len(client.intelligence.v2.transcripts.list(source_sid=recording.sid)) == 1


def test_the_results_of_add_ons_are_listed_by_recording_and_deleted() -> None:
    office = Office()
    client = client_of(office)
    recording, other = recorded(office), recorded(office)
    sid = make(office, kind="add_on_result", recording_sid=recording.sid)
    (row,) = client.recordings(recording.sid).add_on_results.list()
    assert (row.sid, row.reference_sid, row.status) == (sid, recording.sid, "completed")
    assert client.recordings(other.sid).add_on_results.list() == []
    assert refused(client.recordings(other.sid).add_on_results(sid).delete) == (404, 20404)
    assert client.recordings(recording.sid).add_on_results(sid).delete()
    assert client.recordings(recording.sid).add_on_results.list() == []
    assert refused(client.recordings(recording.sid).add_on_results(sid).fetch) == (404, 20404)


def test_transcripts_are_found_by_their_source_and_by_date() -> None:
    office = Office()
    client = client_of(office)
    first, second = recorded(office), recorded(office)
    sids = [make(office, kind="transcript", recording_sid=each.sid) for each in (first, second)]
    transcripts = client.intelligence.v2.transcripts
    assert [row.sid for row in transcripts.list()] == sids[::-1]
    (row,) = transcripts.list(source_sid=first.sid)
    assert row.sid == sids[0]
    assert row.channel["media_properties"]["source_sid"] == first.sid
    assert transcripts.list(source_sid="RE" + "0" * 32) == []
    now = office.exchange.clock.now()
    later, earlier = (now + timedelta(days=1)).isoformat(), (now - timedelta(days=1)).isoformat()
    assert len(transcripts.list(after_date_created=earlier, before_date_created=later)) == 2
    assert transcripts.list(after_date_created=later) == []
    assert transcripts.list(before_date_created=earlier) == []
    assert ask(office, "GET", "/v2/Transcripts?AfterDateCreated=yesterday").status_code == 400


def test_a_transcript_keeps_sentences_and_a_second_copy_of_the_audio_until_it_is_deleted() -> None:
    office = Office()
    client = client_of(office)
    recording = recorded(office)
    sid = make(office, kind="transcript", recording_sid=recording.sid)
    audio = ask(office, "GET", f"/2010-04-01/Accounts/{ACCOUNT}/Recordings/{recording.sid}.wav").content
    client.recordings(recording.sid).delete()
    transcript = client.intelligence.v2.transcripts(sid)
    sentences = transcript.sentences.list(word_timestamps=True)
    assert SPOKEN in [row.transcript for row in sentences]
    spoken = next(row for row in sentences if row.transcript == SPOKEN)
    assert (spoken.media_channel, spoken.words[0]["word"]) == (1, "I")
    media = transcript.media().fetch()
    path = media.media_url.removeprefix("https://intelligence.twilio.com")
    assert ask(office, "GET", path, auth=None).content == audio
    assert transcript.delete()
    assert ask(office, "GET", path, auth=None).status_code == 404
    for asked in (transcript.fetch, transcript.media().fetch, transcript.delete):
        assert refused(asked) == (404, 20404)
    assert ask(office, "GET", f"/v2/Transcripts/{sid}/Sentences").status_code == 404


def test_lists_of_older_hosts_come_in_pages() -> None:
    office = Office()
    recording = recorded(office)
    sids = [make(office, kind="transcript", recording_sid=recording.sid) for _ in range(5)]
    transcripts = client_of(office).intelligence.v2.transcripts
    assert [row.sid for row in transcripts.list(page_size=2, source_sid=recording.sid)] == sids[::-1]
    page = ask(office, "GET", "/v2/Transcripts?PageSize=2").json()
    assert page["meta"]["key"] == "transcripts"
    assert len(page["transcripts"]) == 2
    assert page["meta"]["next_page_url"].endswith("/v2/Transcripts?PageSize=2&Page=1")


def test_the_other_hosts_ask_for_the_same_credentials() -> None:
    office = Office()
    client = client_of(office, "wrong")
    assert ask(office, "GET", "/v2/Transcripts", auth=None).status_code == 401
    assert refused(client.intelligence.v2.transcripts("GT" + "0" * 32).fetch) == (401, 20003)
    assert refused(client.intelligence.v3.operator_results("x").fetch) == (401, 20003)


def test_services_of_intelligence_show_whether_they_take_every_recording() -> None:
    office = Office()
    client = client_of(office)
    assert client.intelligence.v2.services.list() == []
    switch(office, intelligence_services=[{"friendly_name": "a"}, {"friendly_name": "b", "auto_transcribe": True}])
    rows = client.intelligence.v2.services.list()
    assert [(row.friendly_name, row.auto_transcribe) for row in rows] == [("a", False), ("b", True)]
    assert client.intelligence.v2.services(rows[1].sid).fetch().auto_transcribe is True
    assert refused(client.intelligence.v2.services("GA" + "0" * 32).fetch) == (404, 20404)


def test_operator_results_are_found_by_conversation_and_deleted() -> None:
    office = Office()
    client = client_of(office)
    recording = recorded(office)
    conversation = make(office, kind="conversation", call_sid=recording.call_sid)
    sid = make(office, kind="operator_result", conversation_id=conversation)
    results = client.intelligence.v3.operator_results
    assert [row.id for row in results.list(conversation_id=conversation)] == [sid]
    assert results.list(conversation_id="conv_conversation_0") == []
    assert results(sid).fetch().conversation_id == conversation
    assert results(sid).delete()
    assert results.list() == []
    assert refused(results(sid).delete) == (404, 20404)
