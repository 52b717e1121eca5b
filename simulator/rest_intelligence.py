"""REST: Conversational Intelligence. Services, transcripts with their sentences and media, and operator results."""

from typing import Any

from flask import Blueprint, Response, jsonify, request

from simulator.account_services import IntelligenceService
from simulator.rest import exchange, not_found
from simulator.rest_hosts import admit, date_text, find, is_between, new_host, numbered_page, token_page, url
from simulator.rest_hosts import delete as delete_text
from simulator.sound import to_wav
from simulator.texts import Sentence, Text

blueprint = Blueprint("rest_intelligence", __name__, url_prefix="/v2")
operators = new_host("rest_operators", "/v3")
# The audio that a transcript keeps is behind a URL that needs no credentials.
media_store = Blueprint("rest_transcript_media", __name__, url_prefix="/media")

_SERVICES_SINCE = "2026-01-05T15:00:00Z"


@blueprint.get("/Services")
def list_services() -> Response:
    admit("intelligence_service", "list")
    return numbered_page("services", exchange().services.intelligence_services, service)


@blueprint.get("/Services/<sid:sid>")
def fetch_service(sid: str) -> Response:
    admit("intelligence_service", "get")
    found = [each for each in exchange().services.intelligence_services if each.sid == sid]
    if not found:
        raise not_found()
    return jsonify(service(found[0]))


@blueprint.get("/Transcripts")
def list_transcripts() -> Response:
    """All, or by `SourceSid`, `ServiceSid`, `LanguageCode`, `Status`, and between two dates of creation or of start."""
    admit("transcript", "list")
    rows = [text for text in exchange().texts.of("transcript") if _is_wanted(text)]
    return numbered_page("transcripts", rows, transcript)


@blueprint.get("/Transcripts/<sid:sid>")
def fetch_transcript(sid: str) -> Response:
    return jsonify(transcript(find("transcript", sid)))


@blueprint.delete("/Transcripts/<sid:sid>")
def delete_transcript(sid: str) -> tuple[str, int]:
    """The transcript, its sentences and its media."""
    return delete_text("transcript", sid)


@blueprint.get("/Transcripts/<sid:sid>/Sentences")
def list_sentences(sid: str) -> Response:
    text = find("transcript", sid)
    with_words = request.args.get("WordTimestamps", "").lower() == "true"
    numbered = list(enumerate(text.source.sentences))
    return numbered_page("sentences", numbered, lambda row: sentence(text, *row, with_words=with_words))


@blueprint.get("/Transcripts/<sid:sid>/Media")
def fetch_media(sid: str) -> Response:
    admit("transcript_media", "get")
    text = find("transcript", sid)
    return jsonify({
        "account_sid": exchange().config.account_sid,
        "media_url": url(f"/media/{sid}.wav") if text.source.recording else None,
        "service_sid": _service_sid(),
        "sid": sid,
        "url": url(f"/v2/Transcripts/{sid}/Media"),
    })  # fmt: skip


@media_store.get("/<sid:sid>.wav")
def media(sid: str) -> Response:
    """The audio of a transcript, also when its recording is deleted, as long as the transcript is not."""
    text = exchange().texts.find("transcript", sid)
    if text is None or text.source.recording is None:
        raise not_found()
    return Response(to_wav(text.source.recording.sound()), content_type="audio/x-wav")


@operators.get("/OperatorResults")
def list_results() -> Response:
    admit("operator_result", "list")
    wanted = request.args.get("conversationId")
    rows = [text for text in exchange().texts.of("operator_result") if wanted in (None, text.conversation_id)]
    return token_page("items", rows, operator_result)


@operators.get("/OperatorResults/<sid>")
def fetch_result(sid: str) -> Response:
    return jsonify(operator_result(find("operator_result", sid)))


@operators.delete("/OperatorResults/<sid>")
def delete_result(sid: str) -> tuple[str, int]:
    return delete_text("operator_result", sid)


def service(each: IntelligenceService) -> dict[str, Any]:
    return {
        "account_sid": exchange().config.account_sid,
        "auto_redaction": False,
        "media_redaction": False,
        "auto_transcribe": each.auto_transcribe,
        "data_logging": each.data_logging,
        "date_created": _SERVICES_SINCE,
        "date_updated": _SERVICES_SINCE,
        "encryption_credential_sid": None,
        "friendly_name": each.friendly_name,
        "language_code": "en-US",
        "read_only_attached_operator_sids": [],
        "sid": each.sid,
        "unique_name": each.friendly_name,
        "url": url(f"/v2/Services/{each.sid}"),
        "version": 1,
        "webhook_http_method": "POST",
        "webhook_url": None,
    }


def transcript(text: Text) -> dict[str, Any]:
    """The transcript. Its source is a recording, or the call that was transcribed live."""
    path = f"/v2/Transcripts/{text.sid}"
    parts = {"sentences": "Sentences", "media": "Media", "operator_results": "OperatorResults"}
    return {
        "account_sid": exchange().config.account_sid,
        "channel": {
            "type": "voice",
            "media_properties": {"source": "TwilioRecording", "source_sid": text.source.sid, "media_url": None},
            "participants": [
                {"channel_participant": 1, "role": "Customer", "media_participant_id": text.source.from_number},
                {"channel_participant": 2, "role": "Agent", "media_participant_id": text.source.to_number},
            ],
        },
        "customer_key": None,
        "data_logging": False,
        "date_created": date_text(text.made_at),
        "date_updated": date_text(text.made_at),
        "duration": text.source.duration_s,
        "encryption_credential_sid": None,
        "language_code": "en-US",
        "links": {name: url(f"{path}/{part}") for name, part in parts.items()},
        "media_start_time": date_text(text.source.began),
        "redaction": False,
        "service_sid": _service_sid(),
        "sid": text.sid,
        "status": "completed",
        "url": url(path),
    }


def sentence(text: Text, number: int, spoken: Sentence, *, with_words: bool) -> dict[str, Any]:
    words = [{"word": word.text, "start_time": word.start_s, "end_time": word.end_s} for word in spoken.words]
    return {
        "confidence": 0.97,
        "end_time": spoken.words[-1].end_s,
        "media_channel": spoken.channel,
        "sentence_index": number,
        "sid": "GX" + text.sid[2:30] + f"{number:04x}",
        "start_time": spoken.words[0].start_s,
        "transcript": spoken.text,
        "words": words if with_words else None,
    }


def operator_result(text: Text) -> dict[str, Any]:
    return {
        "accountId": exchange().config.account_sid,
        "conversationId": text.conversation_id,
        "dateCreated": date_text(text.made_at),
        "executionDetails": None,
        "id": text.sid,
        "intelligenceConfiguration": None,
        "metadata": {},
        "operator": {"displayName": "Summary"},
        "outputFormat": "TEXT",
        "referenceIds": [],
        "result": {"text": text.words},
    }


def _service_sid() -> str:
    services = exchange().services.intelligence_services
    return services[0].sid if services else "GA" + "0" * 32


def _is_wanted(text: Text) -> bool:
    shown = {"SourceSid": text.source.sid, "ServiceSid": _service_sid(), "Status": "completed", "LanguageCode": "en-US"}
    return (
        all(request.args.get(name, value) == value for name, value in shown.items())
        and is_between(text.made_at, "AfterDateCreated", "BeforeDateCreated")
        and is_between(text.source.began, "AfterStartTime", "BeforeStartTime")
    )
