"""REST: the voice host. The account default configuration of recordings, and batch transcriptions."""

import re
from http import HTTPStatus
from typing import Any

from flask import Blueprint, Response, jsonify, request

from simulator.errors import RestError
from simulator.rest import UNREADABLE, exchange, not_found
from simulator.rest_hosts import (
    admit,
    date_text,
    find,
    is_between,
    new_host,
    refusal,
    token_page,
    url,
)
from simulator.rest_hosts import delete as delete_text
from simulator.texts import Text

configurations = Blueprint("rest_recording_configuration", __name__, url_prefix="/v2/AccountDefaultConfiguration")
blueprint = new_host("rest_batch_transcriptions", "/v3")

_RECORDING_SID = re.compile(r"RE[0-9a-f]{32}")
_SINCE = "2026-01-05T15:00:00Z"


@configurations.get("/Recording")
def fetch_configuration() -> Response:
    """404 without a configuration."""
    admit("recording_configuration", "get")
    default = exchange().account.default_recording
    if default is None:
        raise not_found()
    return jsonify(configuration(default))


@blueprint.get("/Transcriptions")
def list_transcriptions() -> Response:
    """All, or by `sourceId`, `status`, `languageCode`, and between `createdAfter` and `createdBefore`.

    A source is the sid of a recording with its hexadecimal digits in small letters: Twilio answers anything else 400.
    """
    admit("batch_transcript", "list")
    source = request.args.get("sourceId")
    if source is not None and not _RECORDING_SID.fullmatch(source):
        raise RestError(HTTPStatus.BAD_REQUEST, UNREADABLE, "sourceId is not the sid of a recording")
    rows = [text for text in exchange().texts.of("batch_transcript") if _is_wanted(text, source)]
    return token_page("transcriptions", rows, transcription)


@blueprint.get("/Transcriptions/<sid>")
def fetch_transcription(sid: str) -> Response:
    return jsonify(transcription(find("batch_transcript", sid)))


@blueprint.delete("/Transcriptions/<sid>")
def delete_transcription(sid: str) -> tuple[str, int]:
    """405, unless the account's services have `batch_delete`: Twilio has announced a deletion, its client has none."""
    if not exchange().services.batch_delete:
        raise refusal(HTTPStatus.METHOD_NOT_ALLOWED)
    return delete_text("batch_transcript", sid)


def configuration(default: dict[str, Any]) -> dict[str, Any]:
    """The configuration. The names within its composition policy are assumed from the parameters of a recording."""
    policy = {name: default[name] for name in ("channels", "track", "trim") if name in default}
    return {
        "account_sid": exchange().config.account_sid,
        "configuration": {
            "configurationType": "Recording",
            "compositionPolicy": policy,
            "callRecordingStatusCallback": None,
            "conferenceRecordingStatusCallback": None,
            "features": [{"type": feature} for feature in default.get("features", ())],
        },
        "date_created": _SINCE,
        "date_updated": _SINCE,
        "description": "",
    }


def transcription(text: Text) -> dict[str, Any]:
    ends = ((1, "CUSTOMER", text.source.from_number), (2, "HUMAN_AGENT", text.source.to_number))
    return {
        "accountId": exchange().config.account_sid,
        "audioStartedAt": date_text(text.source.began),
        "conversationId": None,
        "createdAt": date_text(text.made_at),
        "duration": text.source.duration_s,
        "id": text.sid,
        "links": {},
        "mediaUrl": None,
        "operationId": None,
        "participants": [
            {"audioChannelIndex": channel, "type": kind, "address": number, "name": None}
            for channel, kind, number in ends
        ],
        "resolvedConfiguration": {"language": "en-US", "transcriptionEngine": "auto"},
        "sourceId": text.source.sid,
        "status": "COMPLETED",
        "statusUrl": url(f"/v3/Transcriptions/{text.sid}"),
        "transcription": text.words,
        "transcriptionConfigurationId": None,
        "updatedAt": date_text(text.made_at),
        "url": url(f"/v3/Transcriptions/{text.sid}"),
    }


def _is_wanted(text: Text, source: str | None) -> bool:
    shown = {"status": "COMPLETED", "languageCode": "en-US"}
    return (
        source in (None, text.source.sid)
        and all(request.args.get(name, value).upper() == value.upper() for name, value in shown.items())
        and is_between(text.made_at, "createdAfter", "createdBefore")
    )
