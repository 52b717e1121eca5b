"""Twilio's other hosts, asked by Twilio's own client: voice, conversations, memory, trunking, marketplace."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from twilio.base.exceptions import TwilioException
from twilio.rest import Client

from simulator.rest_memory import STORE_ID
from tests.simulator.hosts import SPOKEN, ask, client_of, make, recorded, refused, shown, switch
from tests.simulator.office import ACCOUNT, CALLER, LINE, Office

NOWHERE = "RE" + "0" * 32


def test_batch_transcriptions_are_found_by_their_recording() -> None:
    office = Office()
    transcriptions = client_of(office).voice.v3.transcriptions
    first, second = recorded(office), recorded(office)
    sids = [make(office, kind="batch_transcript", recording_sid=each.sid) for each in (first, second)]
    assert [row.id for row in transcriptions.list()] == sids[::-1]
    (row,) = transcriptions.list(source_id=first.sid)
    assert (row.id, row.source_id, row.status) == (sids[0], first.sid, "COMPLETED")
    assert SPOKEN in transcriptions(sids[0]).fetch().transcription
    assert transcriptions.list(source_id=NOWHERE) == []
    assert transcriptions.list(status="FAILED") == []
    assert ask(office, "GET", "/v3/Transcriptions?createdAfter=2030-01-01T00:00:00Z").json()["transcriptions"] == []


@pytest.mark.parametrize("source", ["RE" + "A" * 32, "re" + "0" * 32, "CA" + "0" * 32, "all"])
def test_a_batch_transcription_is_asked_for_by_a_sid_in_small_letters(source: str) -> None:
    answer = ask(Office(), "GET", f"/v3/Transcriptions?sourceId={source}")
    assert (answer.status_code, answer.json()["code"]) == (400, 20001)


def test_a_batch_transcription_cannot_be_deleted_unless_the_account_has_a_deletion() -> None:
    office = Office()
    sid = make(office, kind="batch_transcript", recording_sid=recorded(office).sid)
    assert ask(office, "DELETE", f"/v3/Transcriptions/{sid}").status_code == 405
    assert [row["deleted"] for row in shown(office)] == [False]
    switch(office, batch_delete=True)
    assert ask(office, "DELETE", f"/v3/Transcriptions/{sid}").status_code == 204
    assert [row["deleted"] for row in shown(office)] == [True]
    assert refused(client_of(office).voice.v3.transcriptions(sid).fetch) == (404, 20404)


def test_lists_of_newer_hosts_come_in_pages() -> None:
    office = Office()
    recording = recorded(office)
    sids = [make(office, kind="batch_transcript", recording_sid=recording.sid) for _ in range(5)]
    transcriptions = client_of(office).voice.v3.transcriptions
    assert [row.id for row in transcriptions.list(page_size=2, source_id=recording.sid)] == sids[::-1]
    assert len(ask(office, "GET", "/v3/Transcriptions?pageSize=2").json()["transcriptions"]) == 2


def test_the_default_configuration_of_recordings_is_404_without_any() -> None:
    office = Office()
    configuration = client_of(office).voice.v2.recording_account_default_configuration().fetch
    assert refused(configuration) == (404, 20404)
    switch(office, default_recording={})
    assert configuration().configuration["features"] == []
    switch(office, default_recording={"channels": "dual", "features": ["transcription"]})
    shown_configuration = configuration().configuration
    assert shown_configuration["features"] == [{"type": "transcription"}]
    assert shown_configuration["compositionPolicy"] == {"channels": "dual"}


def test_a_conversation_has_the_words_of_a_call_with_their_times() -> None:
    office = Office()
    call_sid = recorded(office).call_sid
    sid = make(office, kind="conversation", call_sid=call_sid)
    conversations = client_of(office).conversations.v2.conversations
    assert [row.id for row in conversations.list(channel_id=call_sid)] == [sid]
    assert conversations.list(channel_id="CA" + "0" * 32) == []
    assert [row.id for row in conversations.list(status=["CLOSED"])] == [sid]
    assert conversations.list(status=["ACTIVE"]) == []
    assert conversations(sid).fetch().status == "CLOSED"
    communications = client_of(office).conversations.v2.communications(sid).list(page_size=2)
    spoken = next(row for row in communications if row.content["text"] == SPOKEN)
    assert (spoken.channel_id, spoken.author["address"]) == (call_sid, CALLER)
    words = spoken.content["transcription"]["words"]
    assert words[0]["text"] == "I"
    assert words[0]["startTime"] < words[0]["endTime"] <= words[1]["startTime"]
    assert len({row.id for row in communications}) == len(communications)
    participants = client_of(office).conversations.v2.participants(sid).list()
    assert [(row.type, row.addresses[0]["address"]) for row in participants] == [
        ("CUSTOMER", CALLER),
        ("HUMAN_AGENT", LINE),
    ]
    assert spoken.author["participantId"] == participants[0].id


def test_a_conversation_is_gone_when_its_operation_has_completed() -> None:
    office = Office()
    sid = make(office, kind="conversation", call_sid=recorded(office).call_sid)
    client = client_of(office)
    accepted = client.conversations.v2.conversations(sid).delete_with_http_info()
    operation_id = ask(office, "DELETE", f"/v2/Conversations/{sid}").json()["operationId"]
    assert accepted.status_code == 202
    operation = client.conversations.v2.operations(operation_id)
    assert (operation.fetch().status, operation.fetch().related) == ("PENDING", {"conversationId": sid})
    assert client.conversations.v2.conversations(sid).fetch().id == sid
    office.exchange.settle()
    assert operation.fetch().status == "COMPLETED"
    assert operation.fetch().completed_at is not None
    assert refused(client.conversations.v2.conversations(sid).fetch) == (404, 20404)
    assert ask(office, "GET", f"/v2/Conversations/{sid}/Communications").status_code == 404
    assert client.conversations.v2.conversations.list() == []
    assert refused(client.conversations.v2.operations("conv_operation_0").fetch) == (404, 20404)


def test_an_accepted_deletion_may_fail() -> None:
    office = Office()
    sid = make(office, kind="conversation", call_sid=recorded(office).call_sid)
    switch(office, refuses={"conversation": {"delete": "fails"}})
    answer = ask(office, "DELETE", f"/v2/Conversations/{sid}")
    office.exchange.settle()
    operation = client_of(office).conversations.v2.operations(answer.json()["operationId"]).fetch()
    assert (answer.status_code, operation.status, operation.error["code"]) == (202, "FAILED", 20500)
    assert [row["deleted"] for row in shown(office)] == [False]


def test_capture_rules_are_shown_by_the_configuration() -> None:
    office = Office()
    configurations = client_of(office).conversations.v2.configurations
    assert configurations.list() == []
    switch(office, capture_rules=[{"from": "*", "to": LINE}])
    (row,) = configurations.list()
    (rule,) = row.channel_settings["VOICE"]["captureRules"]
    assert (rule["from"], rule["to"]) == ("*", LINE)
    assert configurations(row.id).fetch().channel_settings == row.channel_settings
    switch(office, capture_rules=None)
    assert refused(configurations(row.id).fetch) == (404, 20404)


def test_memory_and_operators_write_texts_of_a_conversation_that_outlive_it() -> None:
    office = Office()
    switch(office, capture_rules=[{}], memory_extraction=True, operator_results=True)
    recorded(office)
    (conversation,) = [row for row in shown(office) if row["kind"] == "conversation"]
    ask(office, "DELETE", f"/v2/Conversations/{conversation['sid']}")
    office.exchange.settle()
    memory = client_of(office).memory.v1
    (store_id,) = memory.stores.list()
    (profile_id,) = memory.profiles(store_id).list()
    (summary,) = memory.conversation_summaries(store_id, profile_id).list(conversation_id=conversation["sid"])
    (observation,) = memory.observations(store_id, profile_id).list(conversation_id=conversation["sid"])
    assert SPOKEN in summary.content
    assert observation.conversation_ids == [conversation["sid"]]
    assert memory.observations(store_id, profile_id).list(conversation_id="conv_conversation_0") == []
    assert memory.conversation_summaries(store_id, profile_id, summary.id).fetch().content == summary.content
    assert memory.observations(store_id, profile_id, observation.id).fetch().id == observation.id
    assert memory.conversation_summaries(store_id, profile_id, summary.id).delete()
    assert memory.observations(store_id, profile_id, observation.id).delete()
    assert refused(memory.observations(store_id, profile_id, observation.id).fetch) == (404, 20404)
    assert [row["kind"] for row in shown(office) if not row["deleted"]] == ["operator_result"]


def test_a_profile_goes_with_its_texts() -> None:
    office = Office()
    client = client_of(office)
    conversation = make(office, kind="conversation", call_sid=recorded(office).call_sid)
    make(office, kind="observation", conversation_id=conversation)
    memory = client.memory.v1
    (store_id,) = memory.stores.list()
    (profile_id,) = memory.profiles(store_id).list()
    assert memory.profiles(store_id, profile_id).fetch().traits == {"Contact": {"phone": CALLER}}
    assert client.conversations.v2.participants(conversation).list()[0].profile_id == profile_id
    assert memory.profiles(store_id, profile_id).delete()
    assert memory.profiles(store_id).list() == []
    assert [(row["kind"], row["deleted"]) for row in shown(office)] == [("conversation", False), ("observation", True)]


def test_trunks_show_whether_they_record() -> None:
    office = Office()
    trunks = client_of(office).trunking.v1.trunks
    assert trunks.list() == []
    switch(office, trunks=[{"friendly_name": "quiet"}, {"friendly_name": "loud", "mode": "record-from-ringing-dual"}])
    rows = trunks.list()
    modes = {row.friendly_name: trunks(row.sid).recordings().fetch().mode for row in rows}
    assert modes == {"quiet": "do-not-record", "loud": "record-from-ringing-dual"}
    assert trunks(rows[1].sid).fetch().recording["mode"] == "record-from-ringing-dual"
    switch(office, trunk_recording="record-from-answer")
    assert trunks(trunks.list()[2].sid).recordings().fetch().mode == "record-from-answer"
    assert refused(trunks("TK" + "0" * 32).recordings().fetch) == (404, 20404)


def test_installed_add_ons_show_the_products_that_they_extend() -> None:
    office = Office()
    add_ons = client_of(office).marketplace.v1.installed_add_ons
    assert add_ons.list() == []
    switch(office, add_ons=[{"unique_name": "words", "enabled": False}])
    (row,) = add_ons.list()
    assert row.unique_name == "words"
    (extension,) = add_ons(row.sid).extensions.list()
    assert (extension.product_name, extension.enabled) == ("Record Call", False)
    assert add_ons(row.sid).fetch().sid == row.sid
    assert refused(add_ons("XE" + "0" * 32).fetch) == (404, 20404)


def _failed(listed: Callable[[], object]) -> tuple[int, int]:
    """The status and the code of a list that is refused, which Twilio's client leaves in the response."""
    with pytest.raises(TwilioException) as caught:
        listed()
    response = caught.value.args[1]
    return response.status_code, json.loads(response.text)["code"]


LISTS: dict[str, tuple[str, Callable[[Client], Any]]] = {
    "transcription": ("/2010-04-01", lambda client: client.transcriptions.list),
    "transcript": ("/v2", lambda client: client.intelligence.v2.transcripts.list),
    "batch_transcript": ("/v3", lambda client: client.voice.v3.transcriptions.list),
    "conversation": ("/v2", lambda client: client.conversations.v2.conversations.list),
    "operator_result": ("/v3", lambda client: client.intelligence.v3.operator_results.list),
    "intelligence_service": ("/v2", lambda client: client.intelligence.v2.services.list),
    "configuration": ("/v2", lambda client: client.conversations.v2.configurations.list),
    "installed_add_on": ("/v1", lambda client: client.marketplace.v1.installed_add_ons.list),
    "trunk": ("/v1", lambda client: client.trunking.v1.trunks.list),
    "memory_store": ("/v1", lambda client: client.memory.v1.stores.list),
    "number": ("/2010-04-01", lambda client: client.incoming_phone_numbers.list),
}


@pytest.mark.parametrize("kind", LISTS)
def test_each_host_may_refuse_its_lists_and_a_missing_service_is_no_missing_row(kind: str) -> None:
    office = Office()
    path, asked = LISTS[kind]
    listed = asked(client_of(office))
    switch(office, refuses={kind: {"list": "no_service"}})
    assert _failed(listed) == (404, 20403)
    switch(office, refuses={kind: {"list": 403}})
    assert _failed(listed) == (403, 20003 if path == "/2010-04-01" else 70051)
    switch(office, refuses={kind: {"list": 503}})
    assert _failed(listed) == (503, 20503)
    switch(office, refuses={})
    listed()


@pytest.mark.parametrize("status", [403, 405, 500])
@pytest.mark.parametrize("kind", ["transcription", "add_on_result", "transcript", "conversation", "observation"])
def test_each_kind_may_refuse_its_deletion_and_keeps_its_text(kind: str, status: int) -> None:
    office = Office()
    path = _path_of(office, kind)
    switch(office, refuses={kind: {"delete": status}})
    assert ask(office, "DELETE", path).status_code == status
    office.exchange.settle()
    assert [row["deleted"] for row in shown(office) if row["kind"] == kind] == [False]
    assert ask(office, "GET", path).status_code == 200


@pytest.mark.parametrize("kind", ["transcription", "add_on_result", "transcript", "conversation", "observation"])
def test_an_answer_is_lost_after_its_deletion(kind: str) -> None:
    office = Office()
    path = _path_of(office, kind)
    switch(office, refuses={kind: {"delete": "lost"}})
    assert ask(office, "DELETE", path).status_code == 500
    office.exchange.settle()
    assert [row["deleted"] for row in shown(office) if row["kind"] == kind] == [True]
    assert ask(office, "GET", path).status_code == 404


def test_newer_hosts_answer_errors_as_problems() -> None:
    body = ask(Office(), "GET", "/v2/Conversations/conv_conversation_0").json()
    assert (body["status"], body["code"], body["title"]) == (404, 20404, body["detail"])
    assert body["type"].endswith("/20404")


def test_operations_may_refuse_to_be_asked() -> None:
    office = Office()
    operation_id = ask(office, "DELETE", _path_of(office, "conversation")).json()["operationId"]
    switch(office, refuses={"operation": {"get": 404}})
    assert ask(office, "GET", f"/v2/ControlPlane/Operations/{operation_id}").status_code == 404


def _path_of(office: Office, kind: str) -> str:
    """Where a new text of a kind is deleted."""
    recording = recorded(office)
    first = f"/2010-04-01/Accounts/{ACCOUNT}"
    if kind == "observation":
        conversation = make(office, kind="conversation", call_sid=recording.call_sid)
        sid = make(office, kind=kind, conversation_id=conversation)
        profile_id = office.exchange.texts.profiles[CALLER]
        return f"/v1/Stores/{STORE_ID}/Profiles/{profile_id}/Observations/{sid}"
    sid = make(office, kind=kind, recording_sid=recording.sid)
    return {
        "transcription": f"{first}/Transcriptions/{sid}.json",
        "add_on_result": f"{first}/Recordings/{recording.sid}/AddOnResults/{sid}.json",
        "transcript": f"/v2/Transcripts/{sid}",
        "conversation": f"/v2/Conversations/{sid}",
    }[kind]
