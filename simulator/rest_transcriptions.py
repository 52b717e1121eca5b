"""REST: transcriptions of the first API, and the results of add-ons. Both outlive their recording."""

from typing import Any

from flask import Blueprint, Response, jsonify

from simulator.legs import rfc2822
from simulator.rest import PREFIX, exchange, not_found, page
from simulator.rest_hosts import admit, find
from simulator.rest_hosts import delete as delete_text
from simulator.texts import Text

blueprint = Blueprint("rest_transcriptions", __name__, url_prefix=PREFIX)


@blueprint.get("/Transcriptions.json")
def list_all(account: str) -> Response:
    admit("transcription", "list")
    return page("transcriptions", exchange().texts.of("transcription"), transcription)


@blueprint.get("/Recordings/<sid:recording_sid>/Transcriptions.json")
def list_of_recording(account: str, recording_sid: str) -> Response:
    return page("transcriptions", _of_recording("transcription", recording_sid), transcription)


@blueprint.get("/Transcriptions/<sid:sid>.json")
def fetch(account: str, sid: str) -> Response:
    return jsonify(transcription(find("transcription", sid)))


@blueprint.get("/Recordings/<sid:recording_sid>/Transcriptions/<sid:sid>.json")
def fetch_of_recording(account: str, recording_sid: str, sid: str) -> Response:
    return jsonify(transcription(_belonging(find("transcription", sid), recording_sid)))


@blueprint.delete("/Transcriptions/<sid:sid>.json")
def delete(account: str, sid: str) -> tuple[str, int]:
    return delete_text("transcription", sid)


@blueprint.delete("/Recordings/<sid:recording_sid>/Transcriptions/<sid:sid>.json")
def delete_of_recording(account: str, recording_sid: str, sid: str) -> tuple[str, int]:
    _belonging(find("transcription", sid, "delete"), recording_sid)
    return delete_text("transcription", sid)


@blueprint.get("/Recordings/<sid:recording_sid>/AddOnResults.json")
def list_results(account: str, recording_sid: str) -> Response:
    return page("add_on_results", _of_recording("add_on_result", recording_sid), result)


@blueprint.get("/Recordings/<sid:recording_sid>/AddOnResults/<sid:sid>.json")
def fetch_result(account: str, recording_sid: str, sid: str) -> Response:
    return jsonify(result(_belonging(find("add_on_result", sid), recording_sid)))


@blueprint.delete("/Recordings/<sid:recording_sid>/AddOnResults/<sid:sid>.json")
def delete_result(account: str, recording_sid: str, sid: str) -> tuple[str, int]:
    """Twilio purges the payloads too."""
    _belonging(find("add_on_result", sid, "delete"), recording_sid)
    return delete_text("add_on_result", sid)


def transcription(text: Text) -> dict[str, Any]:
    config, made = exchange().config, rfc2822(exchange().shifted(text.made_at))
    return {
        "account_sid": config.account_sid,
        "api_version": "2010-04-01",
        "date_created": made,
        "date_updated": made,
        "duration": str(text.source.duration_s),
        "price": None,
        "price_unit": "USD",
        "recording_sid": text.source.recording_sid or None,
        "sid": text.sid,
        "status": "completed",
        "transcription_text": text.words,
        "type": "fast",
        "uri": f"/2010-04-01/Accounts/{config.account_sid}/Transcriptions/{text.sid}.json",
    }


def result(text: Text) -> dict[str, Any]:
    """The result; its words are in a payload of the vendor, which is not served here."""
    config, made = exchange().config, rfc2822(exchange().shifted(text.made_at))
    path = f"/2010-04-01/Accounts/{config.account_sid}/Recordings/{text.source.recording_sid}/AddOnResults/{text.sid}"
    return {
        "account_sid": config.account_sid,
        "add_on_configuration_sid": "XE" + "0" * 32,
        "add_on_sid": "XB" + "0" * 32,
        "date_completed": made,
        "date_created": made,
        "date_updated": made,
        "reference_sid": text.source.recording_sid,
        "sid": text.sid,
        "status": "completed",
        "subresource_uris": {"payloads": f"{path}/Payloads.json"},
    }


def _of_recording(kind: str, recording_sid: str) -> list[Text]:
    """The texts of a recording, also of a deleted one."""
    admit(kind, "list")
    if recording_sid not in exchange().recordings:
        raise not_found()
    return [text for text in exchange().texts.of(kind) if text.source.recording_sid == recording_sid]


def _belonging(text: Text, recording_sid: str) -> Text:
    if text.source.recording_sid != recording_sid:
        raise not_found()
    return text
