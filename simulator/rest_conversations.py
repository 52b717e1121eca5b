"""REST: Conversation Orchestrator. Conversations with their words, their deletion, and the rules that capture calls."""

from datetime import timedelta
from http import HTTPStatus
from typing import Any

from flask import Response, jsonify, request

from simulator.account_services import FAILS, LOST
from simulator.account_texts import Operation
from simulator.rest import exchange, not_found
from simulator.rest_hosts import admit, date_text, find, new_host, refusal, token_page, url
from simulator.tape import CALLER
from simulator.texts import Sentence, Text

blueprint = new_host("rest_conversations", "/v2")

CONFIGURATION_ID = "conv_configuration_" + "0" * 26
_SINCE = "2026-01-05T15:00:00Z"


@blueprint.get("/Conversations")
def list_conversations() -> Response:
    """All, or by `channelId`, the sid of a call, and by `status`."""
    admit("conversation", "list")
    call_sid, states = request.args.get("channelId"), request.args.getlist("status") or ["CLOSED"]
    rows = [text for text in exchange().texts.of("conversation") if call_sid in (None, text.source.call_sid)]
    return token_page("conversations", rows if "CLOSED" in states else [], conversation)


@blueprint.get("/Conversations/<sid>")
def fetch_conversation(sid: str) -> Response:
    return jsonify(conversation(find("conversation", sid)))


@blueprint.delete("/Conversations/<sid>")
def delete_conversation(sid: str) -> tuple[Response, int]:
    """Accepted, with the operation that deletes it a while later. Its communications cannot be deleted alone."""
    text = find("conversation", sid, "delete")
    refused = exchange().services.refusal("conversation", "delete")
    operation = exchange().texts.delete_later(text, fails=refused == FAILS)
    if refused == LOST:
        raise refusal(HTTPStatus.INTERNAL_SERVER_ERROR)
    answer = jsonify(of_operation(operation))
    answer.headers["Location"] = operation_url(operation)
    return answer, HTTPStatus.ACCEPTED


@blueprint.get("/Conversations/<sid>/Communications")
def list_communications(sid: str) -> Response:
    text = find("conversation", sid)
    call_sid = request.args.get("channelId")
    rows = list(zip(text.communications, text.source.sentences, strict=True))
    rows = rows if call_sid in (None, text.source.call_sid) else []
    return token_page("communications", rows, lambda row: communication(text, *row))


@blueprint.get("/Conversations/<sid>/Participants")
def list_participants(sid: str) -> Response:
    text = find("conversation", sid)
    return token_page("participants", participants(text), lambda row: row)


@blueprint.get("/ControlPlane/Operations/<sid>")
def fetch_operation(sid: str) -> Response:
    admit("operation", "get")
    operation = exchange().texts.operations.get(sid)
    if operation is None:
        raise not_found()
    return jsonify(of_operation(operation))


@blueprint.get("/ControlPlane/Configurations")
def list_configurations() -> Response:
    """The configuration of the account, if it has capture rules, be they none."""
    admit("configuration", "list")
    return token_page("configurations", [] if exchange().services.capture_rules is None else [CONFIGURATION_ID], _shown)


@blueprint.get("/ControlPlane/Configurations/<sid>")
def fetch_configuration(sid: str) -> Response:
    admit("configuration", "get")
    if exchange().services.capture_rules is None or sid != CONFIGURATION_ID:
        raise not_found()
    return jsonify(_shown(sid))


def conversation(text: Text) -> dict[str, Any]:
    return {
        "accountId": exchange().config.account_sid,
        "configuration": _shown(CONFIGURATION_ID),
        "configurationId": CONFIGURATION_ID,
        "createdAt": date_text(text.made_at),
        "id": text.sid,
        "metadata": {},
        "name": None,
        "participants": participants(text),
        "status": "CLOSED",
        "updatedAt": date_text(text.made_at),
    }


def participants(text: Text) -> list[dict[str, Any]]:
    """The caller, and the line that was called."""
    ends = (("CUSTOMER", text.source.from_number), ("HUMAN_AGENT", text.source.to_number))
    return [
        {
            "accountId": exchange().config.account_sid,
            "addresses": [{"channel": "VOICE", "address": number, "channelId": text.source.call_sid}],
            "conversationId": text.sid,
            "createdAt": date_text(text.made_at),
            "id": _participant_id(text, kind),
            "name": number,
            "profileId": exchange().texts.profiles.get(number) if kind == "CUSTOMER" else None,
            "type": kind,
            "updatedAt": date_text(text.made_at),
        }
        for kind, number in ends
    ]


def communication(text: Text, sid: str, spoken: Sentence) -> dict[str, Any]:
    """A sentence, with the times of its words and the call's sid as its channel's id."""
    began = text.source.began
    ends = [("CUSTOMER", text.source.from_number), ("HUMAN_AGENT", text.source.to_number)]
    author, recipient = ends if spoken.track == CALLER else ends[::-1]
    words = [
        {
            "text": word.text,
            "startTime": (exchange().shifted(began) + timedelta(seconds=word.start_s)).isoformat(),
            "endTime": (exchange().shifted(began) + timedelta(seconds=word.end_s)).isoformat(),
        }
        for word in spoken.words
    ]
    return {
        "accountId": exchange().config.account_sid,
        "author": _address(text, *author),
        "channelId": text.source.call_sid,
        "content": {
            "type": "TRANSCRIPTION",
            "text": spoken.text,
            "transcription": {"channel": spoken.channel - 1, "confidence": 0.97, "engine": "auto", "words": words},
        },
        "conversationId": text.sid,
        "createdAt": date_text(text.made_at),
        "id": sid,
        "occurredAt": date_text(began + timedelta(seconds=spoken.words[0].start_s)),
        "recipients": [_address(text, *recipient)],
        "resourceId": None,
        "updatedAt": date_text(text.made_at),
    }


def of_operation(operation: Operation) -> dict[str, Any]:
    has_failed = operation.status == "FAILED"
    return {
        "completedAt": date_text(operation.completed),
        "createdAt": date_text(operation.created),
        "error": {"code": 20500, "message": "The conversation could not be deleted"} if has_failed else None,
        "operationId": operation.operation_id,
        "related": {"conversationId": operation.conversation_id},
        "status": operation.status,
        "statusUrl": operation_url(operation),
    }


def operation_url(operation: Operation) -> str:
    return url(f"/v2/ControlPlane/Operations/{operation.operation_id}")


def _shown(sid: str) -> dict[str, Any]:
    services = exchange().services
    rules = [{"from": rule.from_, "to": rule.to, "metadata": {}} for rule in services.capture_rules or ()]
    return {
        "channelSettings": {"VOICE": {"captureRules": rules, "statusTimeouts": {"inactive": 10, "closed": 60}}},
        "conversationGroupingType": "GROUP_BY_PARTICIPANT_ADDRESSES",
        "conversationsV1Bridge": None,
        "createdAt": _SINCE,
        "description": "",
        "displayName": "voice",
        "id": sid,
        "intelligenceConfigurationIds": [],
        "memoryExtractionEnabled": services.memory_extraction,
        "memoryStoreId": None,
        "observationExtractionStrategyIds": [],
        "redactionConfigurationId": None,
        "statusCallbacks": [],
        "traitExtractionStrategyIds": [],
        "updatedAt": _SINCE,
        "version": 1,
    }


def _address(text: Text, kind: str, number: str) -> dict[str, str]:
    return {"address": number, "channel": "VOICE", "participantId": _participant_id(text, kind)}


def _participant_id(text: Text, kind: str) -> str:
    """The same for every request: a prefix, and the conversation's own letters, after the first of the kind."""
    return "conv_participant_" + kind[0].lower() + text.sid.rpartition("_")[2][1:]
